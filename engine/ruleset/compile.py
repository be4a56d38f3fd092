"""From a version's files to a RuleSet: the immutable thing that decides, ready to travel between processes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from engine.ruleset.check import check
from engine.ruleset.classes import Program, build_program
from engine.ruleset.effects import Route
from engine.ruleset.expressions import walk
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.interpreter import holds
from engine.ruleset.issues import Issue
from engine.ruleset.keywords import KeywordLists
from engine.ruleset.match import Condition, Facts, ScopeMatcher
from engine.ruleset.parse import parse_version
from engine.ruleset.rules import Parsed, Rule
from engine.ruleset.syntax import Fact

MEMO_SIZE = 131_072
"""Answers kept per scope; about 200 bytes each."""


@dataclass(frozen=True)
class RuleSet:
    """One immutable version of all rules.

    `digest` is the SHA-256 of its files; `programs` turn facts into fingerprints and say what a matcher must know, per
    scope, in the order of `Scope`.
    """

    version: str
    digest: str
    schema: FactsSchema
    rules: tuple[Rule, ...]
    keywords: KeywordLists
    programs: Mapping[Scope, Program]

    @cached_property
    def used_facts(self) -> frozenset[str]:
        """The paths of the facts that conditions mention."""
        conditions = (rule.when for rule in self.rules if rule.when is not None)
        return frozenset(node.path for when in conditions for node in walk(when) if isinstance(node, Fact))

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that facts.yaml declares, in its order."""
        return tuple(channel.name for channel in self.schema.channels)

    def matcher(self, scope: Scope, memo_size: int = MEMO_SIZE) -> ScopeMatcher:
        """Make what turns the facts of a scope into matched rules, with an empty memo."""
        mine = [rule for rule in self.rules if rule.scope is scope]

        def condition(rule: Rule) -> Condition:
            return _always if rule.when is None else holds(rule.when, self.schema, scope)

        return ScopeMatcher(self.rules, mine, self.programs[scope], condition, memo_size)


@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of a version's files; `ruleset` is None when an issue is an error."""

    ruleset: RuleSet | None
    issues: tuple[Issue, ...]


def compile_version(version: str, files: Mapping[str, bytes], unreadable: Collection[str] = ()) -> Compiled:
    """Parse, check and compile one version.

    `files` maps a path within its folder to the content; `unreadable` names files that are there but could not be read.
    """
    return compile_parsed(check(parse_version(version, files, unreadable)))


def compile_parsed(parsed: Parsed) -> Compiled:
    """Compile a version that is parsed and checked; one with errors gives no rule set."""
    if parsed.has_errors or parsed.schema is None:
        return Compiled(None, parsed.issues)
    programs = {scope: _program(parsed.rules, parsed.schema, scope) for scope in Scope}
    ruleset = RuleSet(parsed.version, parsed.digest, parsed.schema, parsed.rules, KeywordLists(parsed.lists), programs)
    return Compiled(ruleset, parsed.issues)


def _program(rules: tuple[Rule, ...], schema: FactsSchema, scope: Scope) -> Program:
    mine = [rule for rule in rules if rule.scope is scope]
    erring = [rule.index for rule in mine if rule.can_err]
    return build_program([(rule.index, rule.when) for rule in mine], schema, scope, erring)


def _always(f: Facts, c: Facts) -> bool:
    return True


def named_providers(ruleset: RuleSet) -> set[tuple[str, str]]:
    """Return the providers that routing rules name, each with its channel."""
    routes = [rule.effect for rule in ruleset.rules if isinstance(rule.effect, Route)]
    return {(name, choice.channel) for route in routes for choice in route.choices for name in choice.providers}
