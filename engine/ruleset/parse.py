"""From the files of a version to its rules: each file is read as far as it can be, so that one run tells all mistakes.

    bytes -> text -> YAML tree -> forms and conditions -> Rule

What rules say about each other, and whether what they say makes sense, is `check.py`'s question.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeGuard

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Mapping as Group
from engine.ruleset.documents import Node, Scalar, Sequence
from engine.ruleset.effects import FAMILIES, Effect, is_per_step
from engine.ruleset.expressions import Names, scope_of
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.files import (
    FACTS,
    LISTS,
    decode,
    digest_of,
    file_issue,
    is_known,
    is_list_name,
    is_version_name,
    unknown_file,
)
from engine.ruleset.issues import Issues
from engine.ruleset.lists import check_name, list_name, parse_list
from engine.ruleset.reading import key_span, point, read
from engine.ruleset.rule_parts import describe_node, read_condition, read_define, read_effect, refuse_expressions
from engine.ruleset.rules import Constant, Parsed, Placed, Rule
from engine.ruleset.scalars import shorten
from engine.ruleset.source import Span
from engine.ruleset.syntax import Expr, Literal
from engine.ruleset.written import RuleForm, RulesFile
from engine.ruleset.yaml_hints import read_document

__all__ = ["Parsed", "Rule", "parse_version"]

MOST_RULES: Final = 2_000
"""Rules in one file; the engine is measured with 500 in a version."""
MOST_DECLARED: Final = {"channels": 64, "budgets": 200, "define": 1_000}
"""Entries of the parts of facts.yaml; conditions may ask for each of them."""


@dataclass(slots=True)
class _Version:
    """A version under construction."""

    files: Mapping[str, bytes]
    unreadable: Collection[str]
    issues: Issues = field(default_factory=Issues)
    schema: FactsSchema | None = None
    lists: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    places: dict[int, Placed] = field(default_factory=dict)
    ids: dict[str, Span] = field(default_factory=dict)
    defined: dict[tuple[str, str], Span] = field(default_factory=dict)
    used: dict[str, set[str]] = field(default_factory=dict)

    def note_constants(self, define: Node | None, constants: Mapping[str, Literal]) -> None:
        """Remember where constants are defined, so that unused ones can be told."""
        for key, _ in define.entries if isinstance(define, Group) else ():
            if key.text in constants:
                self.defined[key.span.source.name, key.text] = key.span

    def constants(self) -> tuple[Constant, ...]:
        """Give the constants with whether a condition names them; those of facts.yaml are seen by every file."""
        used = {f"{family}.yaml": names for family, names in self.used.items()}
        used[FACTS] = set().union(*self.used.values())
        return tuple(Constant(name, place, name in used.get(file, ())) for (file, name), place in self.defined.items())


def parse_version(name: str, files: Mapping[str, bytes], unreadable: Collection[str] = ()) -> Parsed:
    """Read a version's files; every mistake becomes an issue and nothing is raised.

    `files` maps a name relative to the version's folder (`routing.yaml`, `lists/forbidden.txt`) to its content.
    `unreadable` are files that are there but could not be read: they are not called missing again.
    """
    version = _Version(files, unreadable)
    if not is_version_name(name):
        hint = "use letters, digits, dots and dashes, at most 64, beginning with a letter or digit"
        version.issues.add(file_issue(".", "bad-version", f'"{shorten(name)}" cannot be the name of a version', hint))
    for unknown in sorted(file for file in files if not is_known(file)):
        version.issues.add(unknown_file(unknown))
    _read_lists(version)
    _read_facts(version)
    for family in FAMILIES:
        _read_family(version, family)
    return Parsed(
        version=name,
        digest=digest_of(files),
        schema=version.schema,
        rules=tuple(version.rules),
        lists=version.lists,
        issues=version.issues.sorted(),
        places=version.places,
        constants=version.constants(),
    )


def _read_lists(version: _Version) -> None:
    for file in sorted(version.files):
        if is_known(file) and file.startswith(LISTS + "/"):
            source = decode(file, version.files[file], version.issues)
            if source is not None and check_name(source, version.issues):
                version.lists[list_name(file)] = parse_list(source, version.issues)
            else:
                version.lists[list_name(file)] = ()  # broken, not missing: rules that read it are right


def _read_tree(version: _Version, file: str) -> Node | None:
    if file not in version.files:
        if file not in version.unreadable:
            version.issues.add(file_issue(file, "missing-file", f"{file} is missing", _least(file)))
        return None
    found = Issues()
    source = decode(file, version.files[file], found)
    node = None if source is None else read_document(source, found)
    version.issues.extend(
        replace(issue, hint=_least(file)) if issue.code == "empty-file" else issue for issue in found.sorted()
    )
    return node


def _least(file: str) -> str:
    """Say what a file holds at least, for one that holds nothing."""
    if file == FACTS:
        return "every version has it: it declares the channels, and the facts that rules may read"
    rules = "at least one rule" if file == "routing.yaml" else "rules: [] if there are none"
    return f"every version has it: write family: {file.removesuffix('.yaml')} and {rules}"


def _read_facts(version: _Version) -> None:
    tree = _read_tree(version, FACTS)
    if tree is None:
        return
    if not _is_bearable(tree, version.issues):
        return
    define = tree.get("define") if isinstance(tree, Group) else None
    broken = define is not None and refuse_expressions(define, version.issues)
    schema = FactsSchema.build(tree, version.issues)
    if schema is not None and not broken:
        version.schema = schema.with_lists(name for name in version.lists if is_list_name(name))
        version.note_constants(define, schema.definitions)


def _is_bearable(facts: Node, issues: Issues) -> bool:
    """Refuse a facts.yaml that declares more than any set of rules could use."""
    for name, most in MOST_DECLARED.items():
        part = facts.get(name) if isinstance(facts, Group) else None
        if isinstance(part, Group) and len(part.entries) > most:
            text = f"{len(part.entries):,} entries under {name}: where at most {most:,} are allowed"
            issues.error("too-large", point(part, (), key_span(facts, name)), text, "is this the right file?")
            return False
    return True


def _read_family(version: _Version, family: str) -> None:
    tree = _read_tree(version, f"{family}.yaml")
    if tree is None:
        return
    if not isinstance(tree, Group):
        text = f"the file holds {describe_node(tree)}; expected the fields family: and rules:"
        hint = f"begin it with family: {family} and put the rules, each with a dash, under rules:"
        version.issues.error("wrong-type", point(tree), text, hint)
        return
    read(tree, RulesFile, f"{family}.yaml", version.issues)
    if not _is_family(tree, family, version.issues):
        return
    rules = tree.get("rules")
    if rules is not None and _is_rule_list(rules, family, key_span(tree, "rules"), version.issues):
        names = _names(version, family, tree)
        for node in rules.items:
            _read_rule(version, family, node, names)


def _is_family(tree: Group, family: str, issues: Issues) -> bool:
    """Tell whether a file holds the rules that its name says."""
    node = tree.get("family")
    if node is None or (isinstance(node, Scalar) and node.text == family):
        return True
    if isinstance(node, Scalar) and node.text in FAMILIES:
        text = f"{family}.yaml says that it holds the {node.text} rules"
        hint = f"move them to {node.text}.yaml, or write family: {family}"
    else:
        text, hint = f'"family": found {describe_node(node)}; expected {family}', f"write family: {family}"
    issues.error("wrong-family", point(node, (), key_span(tree, "family")), text, hint)
    return False


def _is_rule_list(rules: Node, family: str, key: Span | None, issues: Issues) -> TypeGuard[Sequence]:
    """Tell whether `rules:` is a list that can be read rule by rule."""
    place = point(rules, (), key)
    if not isinstance(rules, Sequence):
        hint = "put a dash before each rule, or write rules: [] if there is none"
        issues.error("wrong-type", place, f'"rules": found {describe_node(rules)}; expected a list', hint)
        return False
    if len(rules.items) > MOST_RULES:
        issues.error("too-many-rules", place, f"{len(rules.items):,} rules; a file may have {MOST_RULES:,}")
        return False
    if family == "routing" and not rules.items:
        hint = "add at least one, such as {id: default, then: {distribute: {to: push}}}"
        issues.error("empty-routing", place, "no rule says where messages go", hint)
    return True


def _names(version: _Version, family: str, tree: Group) -> Names | None:
    """What the conditions of a file may name; None if facts.yaml or its own `define:` is too broken to tell."""
    schema = version.schema
    if schema is None:
        return None
    define = tree.get("define")
    found = Issues()
    own = {} if define is None else read_define(define, found, schema.definitions)
    version.issues.extend(found.sorted())
    if found.has_errors:
        return None
    version.note_constants(define, own)
    return Names(schema, family, {**schema.definitions, **own}, version.used.setdefault(family, set()))


def _read_rule(version: _Version, family: str, node: Node, names: Names | None) -> None:
    """Read one rule, all its parts even if one is wrong, and keep it if none is."""
    found = Issues()
    head = read(node, RuleForm, "a rule", found)
    if isinstance(node, Group):
        _note_id(version, node, found)
        effect = read_effect(node, family, found)
        when = None if names is None else read_condition(node, names, found)
        if head is not None and effect is not None and not found.has_errors and names is not None:
            _keep(version, family, node, head, when, effect)
    version.issues.extend(found.sorted())


def _note_id(version: _Version, rule: Group, issues: Issues) -> None:
    node = rule.get("id")
    if not isinstance(node, Scalar) or not node.text:
        return
    first = version.ids.setdefault(node.text, node.span)
    if first is not node.span:
        where = f"line {first.line}" if first.source is node.span.source else f"{first.source.name}:{first.line}"
        text = f'another rule is called "{shorten(node.text)}", at {where}'
        issues.error("duplicate-id", node.span, text, "give one of them another id; ids are unique in a version")


def _keep(version: _Version, family: str, node: Group, head: RuleForm, when: Expr | None, effect: Effect) -> None:
    index = len(version.rules)
    scope = scope_of(when, family)
    place = node.span if (at := node.get("id")) is None else at.span
    version.rules.append(
        Rule(
            index=index,
            id=head.id,
            doc=head.doc,
            owner=head.owner,
            family=family,
            scope=scope,
            when=when,
            effect=effect,
            per_step=is_per_step(effect, scope is Scope.CHANNEL),
            can_err=False,
            file=place.source.name,
            line=place.line,
        )
    )
    condition = node.get("when")
    version.places[index] = Placed(place, ConditionText.of(condition) if isinstance(condition, Scalar) else None, node)
