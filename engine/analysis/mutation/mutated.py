"""A rule set with other rules in it, cheap enough to be made for every mutant.

Nothing is compiled for it: no terms, no classes, no conjunctions. Its fingerprints are the facts themselves, and the
plain interpreter answers, so what one mutant's memo holds is never another's answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from engine.ruleset.classes import Program
from engine.ruleset.compile import RuleSet
from engine.ruleset.facts_schema import Scope
from engine.ruleset.interpreter import holds
from engine.ruleset.match import Condition, Facts, Fingerprint, Matched, ScopeMatcher
from engine.ruleset.memo import Memo
from engine.ruleset.rules import Rule
from engine.ruleset.syntax import Expr

_MEMO_SIZE = 1_024
_ANSWERS_KEPT = 8_192


class _Plain(Program):
    """A program that tells all facts apart."""

    @cached_property
    def shared(self) -> None:
        """Nothing is shared: the fingerprint is not made of terms."""
        return

    @cached_property
    def fingerprint(self) -> Any:
        """(message list, subject list) -> all the facts."""
        return lambda f, c: (*f, *c)


class Conditions:
    """The conditions of a version and of its mutants as functions, each made once: mutants share nearly all."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._schema = ruleset.schema
        self._made: dict[tuple[int, Scope], tuple[Expr | None, Condition]] = {}

    def of(self, rule: Rule) -> Condition:
        """Return a rule's condition; it answers None where it has no value."""
        key = (id(rule.when), rule.scope)
        found = self._made.get(key)
        if found is None or found[0] is not rule.when:  # an id is only good for as long as the expression lives
            found = self._made[key] = (rule.when, holds(rule.when, self._schema, rule.scope))
        return found[1]


class Answers:
    """What the rules of a version answer to the facts they are asked on: each question once for all mutants."""

    def __init__(self, ruleset: RuleSet, conditions: Conditions) -> None:
        self._rules = {scope: [rule for rule in ruleset.rules if rule.scope is scope] for scope in Scope}
        self._conditions = conditions
        self._known: Memo[tuple[Scope, Fingerprint], dict[int, bool | None]] = Memo(_ANSWERS_KEPT)

    def of(self, scope: Scope, fingerprint: Fingerprint, f: Facts, c: Facts) -> dict[int, bool | None]:
        """Return by index which rules of a scope hold (True), do not (False) or have no value (None)."""
        known = self._known.get((scope, fingerprint))
        if known is None:
            of = self._conditions.of
            known = {rule.index: of(rule)(f, c) for rule in self._rules[scope]}
            self._known.put((scope, fingerprint), known)
        return known


class _MutantMatcher(ScopeMatcher):
    """Asks only the rules that were changed; what the others answer is known of the version itself."""

    def __init__(self, ruleset: MutatedRuleSet, scope: Scope) -> None:
        conditions, self._shared = ruleset.mutation.conditions, ruleset.mutation.answers
        super().__init__(ruleset.rules, (), ruleset.programs[scope], conditions.of, _MEMO_SIZE)
        self._scope, self._conditions_of = scope, conditions.of
        self._changed = ruleset.changed

    def interpret(self, fingerprint: Fingerprint, f: Facts, c: Facts) -> Matched:
        """Answer by the plain interpreter, and keep it."""
        verdicts = self._shared.of(self._scope, fingerprint, f, c)
        if self._changed:
            verdicts = {**verdicts}
            for rule in self._changed:
                verdicts.pop(rule.index, None)
                if rule.scope is self._scope:
                    verdicts[rule.index] = self._conditions_of(rule)(f, c)
        matched = tuple(sorted(index for index, verdict in verdicts.items() if verdict))
        return self._keep(fingerprint, matched, tuple(sorted(i for i, verdict in verdicts.items() if verdict is None)))


@dataclass(frozen=True)
class MutatedRuleSet(RuleSet):
    """A rule set some of whose rules were exchanged for others, the `changed` ones."""

    mutation: Mutation = field(repr=False, kw_only=True)
    changed: tuple[Rule, ...] = field(kw_only=True)

    def matcher(self, scope: Scope, memo_size: int = _MEMO_SIZE) -> ScopeMatcher:
        """Make what turns the facts of a scope into matched rules, by the plain interpreter."""
        return _MutantMatcher(self, scope)

    @cached_property
    def used_facts(self) -> frozenset[str]:
        """The paths of the facts that conditions mention, at least."""
        return self.mutation.used_facts


class Mutation:
    """Makes rule sets out of one version, with some of its rules exchanged."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._ruleset = ruleset
        self._programs = {scope: _plain(program) for scope, program in ruleset.programs.items()}
        self.used_facts = ruleset.used_facts
        self.conditions = Conditions(ruleset)
        self.answers = Answers(ruleset, self.conditions)

    def ruleset(self, changed: Sequence[Rule] = ()) -> MutatedRuleSet:
        """Return the version's rules with these in the places of those of the same index."""
        rules = list(self._ruleset.rules)
        for rule in changed:
            rules[rule.index] = rule
        old = self._ruleset
        return MutatedRuleSet(
            old.version,
            old.digest,
            old.schema,
            tuple(rules),
            old.keywords,
            self._programs,
            mutation=self,
            changed=tuple(changed),
        )


def _plain(program: Program) -> Program:
    return _Plain(
        program.scope,
        program.schema,
        program.terms,
        program.conjunctions,
        program.judgements,
        program.generated,
        program.generated_shared,
    )
