"""From the files of a version to its rules: each file is read as far as it can be, so that one run tells all mistakes.

    bytes -> text -> YAML tree -> forms and conditions -> Rule

What rules say about each other, and whether what they say makes sense, is `check.py`'s question.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeGuard

from engine.ruleset.check_channels import check_channels
from engine.ruleset.definitions import Definitions, read_define, resolved
from engine.ruleset.documents import Mapping as Group
from engine.ruleset.documents import Node, Scalar, Sequence
from engine.ruleset.drafts import Condition, Draft, Guard
from engine.ruleset.effects import FAMILIES, Effect
from engine.ruleset.expressions import Names
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.files import (
    DEFINE,
    FACTS,
    LISTS,
    OVERRIDES,
    decode,
    digest_of,
    file_issue,
    in_folder,
    is_known,
    is_list_name,
    is_version_name,
    unknown_file,
)
from engine.ruleset.issues import Issues
from engine.ruleset.lists import check_name, list_name, parse_list
from engine.ruleset.names import NamedCondition, Room
from engine.ruleset.override_form import (
    OVERRIDABLE,
    OverrideFile,
    OverrideRule,
    Overrides,
    read_guard,
    refuse_breakers,
)
from engine.ruleset.overrides import guard_tables, put_together
from engine.ruleset.reading import key_span, point, read
from engine.ruleset.rule_parts import describe_node, read_condition, read_effect
from engine.ruleset.rules import Constant, Parsed, Rule
from engine.ruleset.scalars import listing, shorten
from engine.ruleset.source import Span
from engine.ruleset.table_drafts import Tables
from engine.ruleset.table_files import TableFiles
from engine.ruleset.table_form import is_table
from engine.ruleset.value_files import ValueFiles
from engine.ruleset.written import RuleForm, RulesFile
from engine.ruleset.yaml_hints import read_document

__all__ = ["Parsed", "Rule", "parse_version"]

MOST_RULES: Final = 2_000
"""Rules in one file, and rows of the tables of one family; the engine is measured with 500 in a version."""
MOST_DECLARED: Final = {"channels": 64, "budgets": 200, "define": 1_000}
"""Entries of the parts of facts.yaml; conditions may ask for each of them."""


@dataclass(slots=True)
class _Version:
    """A version under construction."""

    files: Mapping[str, bytes]
    unreadable: Collection[str]
    values: ValueFiles
    issues: Issues = field(default_factory=Issues)
    schema: FactsSchema | None = None
    lists: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    overrides: Overrides = field(default_factory=Overrides)
    ids: dict[str, Span] = field(default_factory=dict)
    defined: dict[tuple[str, str], Span] = field(default_factory=dict)
    common: dict[str, Span] = field(default_factory=dict)
    conditions: dict[str, NamedCondition] = field(default_factory=dict)
    used: dict[str, set[str]] = field(default_factory=dict)
    room: Room = field(default_factory=Room)
    declared: dict[tuple[str, str], Span] = field(default_factory=dict)
    tables: Tables = field(init=False)

    def __post_init__(self) -> None:
        self.tables = Tables(TableFiles(self.files, self.unreadable), partial(_note_id, self))

    def note_declared(self, facts: Node) -> None:
        """Remember where facts.yaml declares what, so that what is unused can be told."""
        for part in ("channels", "facts", "budgets"):
            group = facts.get(part) if isinstance(facts, Group) else None
            for key, _ in group.entries if isinstance(group, Group) else ():
                self.declared[part, key.text] = key.span

    def note_defined(self, file: str, places: Mapping[str, Span]) -> None:
        """Remember what a file defines, so that what is not used can be told."""
        self.defined.update({(file, name): place for name, place in places.items()})

    def constants(self) -> tuple[Constant, ...]:
        """Give the definitions with whether a condition names them; the common ones are seen by every file."""
        everywhere = set().union(*self.used.values())
        return tuple(
            Constant(name, place, name in (everywhere if name in self.common else self.used.get(file, ())))
            for (file, name), place in self.defined.items()
        )


def parse_version(name: str, files: Mapping[str, bytes], unreadable: Collection[str] = ()) -> Parsed:
    """Read a version's files; every mistake becomes an issue and nothing is raised.

    `files` maps a name relative to the version's folder (`routing.yaml`, `lists/forbidden.txt`) to its content.
    `unreadable` are files that are there but could not be read: they are not called missing again.
    """
    version = _Version(files, unreadable, ValueFiles(files, unreadable))
    if not is_version_name(name):
        hint = "use letters, digits, dots and dashes, at most 64, beginning with a letter or digit"
        version.issues.add(file_issue(".", "bad-version", f'"{shorten(name)}" cannot be the name of a version', hint))
    for unknown in sorted(file for file in files if not is_known(file)):
        version.issues.add(unknown_file(unknown))
    _read_lists(version)
    _read_facts(version)
    for family in FAMILIES:
        _read_family(version, family)
    for file in in_folder(OVERRIDES, files):
        _read_override(version, file)
    drafts = put_together(version.drafts, version.overrides, version.ids, version.issues)
    places = {index: draft.placed(index) for index, draft in enumerate(drafts)}
    if not version.issues.has_errors:
        version.values.warn_of_unused(version.issues)
    tables = version.tables.finished((placed.row for placed in places.values()), version.ids, version.issues)
    return Parsed(
        version=name,
        digest=digest_of(files),
        schema=version.schema,
        rules=tuple(draft.rule(index) for index, draft in enumerate(drafts)),
        lists=version.lists,
        issues=version.issues.sorted(),
        places=places,
        constants=version.constants(),
        declared=version.declared,
        tables=guard_tables(tables, drafts),
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
    if file.startswith(DEFINE + "/"):
        return "write a definition, such as large: 200.0, or remove the file"
    if file.startswith(OVERRIDES + "/"):
        return "write for: {line: …} and at least one rule, or remove the file"
    rules = "at least one rule" if file == "routing.yaml" else "rules: [] if there are none"
    return f"every version has it: write family: {file.removesuffix('.yaml')} and {rules}"


def _read_facts(version: _Version) -> None:
    tree = _read_tree(version, FACTS)
    if tree is None:
        return
    if not _is_bearable(tree, version.issues):
        return
    defined = _common_definitions(version, tree)
    schema = FactsSchema.build(tree, version.issues)
    if schema is not None and defined is not None:
        schema = schema.with_lists(name for name in version.lists if is_list_name(name))
        version.schema = replace(schema, definitions=defined.constants)
        names = Names(version.schema, "interception", defined.constants, version.used.setdefault(FACTS, set()))
        names = replace(names, room=version.room)
        version.conditions = resolved(defined.conditions, names, ("interception", "breaker"), version.issues)
        version.note_declared(tree)


def _common_definitions(version: _Version, facts: Node) -> Definitions | None:
    """Read what facts.yaml and the files of define/ define for all files; None if it is too broken to tell."""
    whole, found = Definitions(), Issues()
    broken = any(file.startswith(DEFINE + "/") for file in version.unreadable)
    define = facts.get("define") if isinstance(facts, Group) else None
    nodes = {} if define is None else {FACTS: define}
    for file in in_folder(DEFINE, version.files):
        tree = _read_tree(version, file)
        if tree is None:
            broken = True
        else:
            nodes[file] = tree
    for file, node in nodes.items():
        made = read_define(node, version.values, whole.places, found)
        whole.constants |= made.constants
        whole.conditions |= made.conditions
        whole.places |= made.places
        version.note_defined(file, made.places)
    version.common = whole.places
    version.issues.extend(found.sorted())
    return None if broken or found.has_errors else whole


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
        names = _names(version, family, f"{family}.yaml", tree)
        for node in rules.items:
            _read_entry(version, family, node, names)


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


def _is_rule_list(
    rules: Node, family: str, key: Span | None, issues: Issues, field_name: str = "rules"
) -> TypeGuard[Sequence]:
    """Tell whether `rules:` is a list that can be read rule by rule."""
    place = point(rules, (), key)
    if not isinstance(rules, Sequence):
        hint = f"put a dash before each rule, or write {field_name}: [] if there is none"
        issues.error("wrong-type", place, f'"{field_name}": found {describe_node(rules)}; expected a list', hint)
        return False
    if len(rules.items) > MOST_RULES:
        issues.error("too-many-rules", place, f"{len(rules.items):,} rules; a file may have {MOST_RULES:,}")
        return False
    if family == "routing" and not rules.items and field_name == "rules":
        hint = "add at least one, such as {id: default, then: {distribute: {to: push}}}"
        issues.error("empty-routing", place, "no rule says where messages go", hint)
        return False
    return True


def _names(version: _Version, family: str, file: str, tree: Group) -> Names | None:
    """What the conditions of a file may name; None if facts.yaml or its own `define:` is too broken to tell.

    `family` is that of the file; of an override any that judges messages.
    """
    schema = version.schema
    if schema is None:
        return None
    define = tree.get("define")
    found = Issues()
    own = Definitions() if define is None else read_define(define, version.values, version.common, found)
    version.issues.extend(found.sorted())
    if found.has_errors:
        return None
    version.note_defined(file, own.places)
    used = version.used.setdefault(file, set())
    constants = {**schema.definitions, **own.constants}
    names = Names(schema, family, constants, used, version.conditions, version.room)
    families = ("breaker", "interception") if family == "breaker" else (family,)  # a breaker may ask for the time alone
    return replace(names, conditions=resolved(own.conditions, names, families, version.issues))


def _read_override(version: _Version, file: str) -> None:
    """Read what one line or tenant has instead of the common rules, or besides."""
    tree = _read_tree(version, file)
    if tree is None:
        return
    if not isinstance(tree, Group):
        text = f"the file holds {describe_node(tree)}; expected the field for: and rules by their family"
        version.issues.error("wrong-type", point(tree), text, "begin it with for: {line: cards}")
        return
    if refuse_breakers(tree, version.issues):
        return
    form = read(tree, OverrideFile, "an override", version.issues)
    guard = read_guard(tree, file, version.issues)
    names = _names(version, "interception", file, tree)
    lists = [(family, rules) for family in OVERRIDABLE if (rules := tree.get(family)) is not None]
    if not lists and form is not None:
        text = "the override has no rules"
        version.issues.error("no-rules", point(tree), text, f"add {listing(f'{family}:' for family in OVERRIDABLE)}")
    for family, rules in lists:
        if _is_rule_list(rules, family, key_span(tree, family), version.issues, family):
            for node in rules.items:
                _read_entry(version, family, node, names and replace(names, family=family), guard or _NOBODY)


_NOBODY: Final = Guard("", frozenset(), frozenset(), {})
"""The guard of an override that does not say which messages it is for; its version is never served."""


def _read_entry(version: _Version, family: str, node: Node, names: Names | None, guard: Guard | None = None) -> None:
    """Read one entry of a list of rules; `guard` is that of the override that the list stands in."""
    if guard is None:
        version.overrides.note_common(node)
    else:
        version.overrides.note(family, node, guard)
        if isinstance(node, Group) and node.get("remove") is not None:
            version.overrides.read_removal(node, version.issues)
            return
    if is_table(node):
        version.drafts += version.tables.drafts(node, family, names, guard, MOST_RULES, version.issues)
    else:
        _read_rule(version, family, node, names, guard)


def _read_rule(version: _Version, family: str, node: Node, names: Names | None, guard: Guard | None = None) -> None:
    """Read one rule, all its parts even if one is wrong, and keep it if none is."""
    found = Issues()
    head = read(node, RuleForm if guard is None else OverrideRule, "a rule", found)
    if isinstance(node, Group):
        _note_id(version, node, found)
        effect = read_effect(node, family, found)
        condition = None if names is None else read_condition(node, names, found)
        if head is not None and effect is not None and not found.has_errors and names is not None:
            _keep(version, family, node, head, condition, effect, names, guard)
        elif effect is not None and version.schema is not None:
            check_channels(node, version.schema, found)  # of a rule that is kept they are checked with the rest of it
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


def _keep(
    version: _Version,
    family: str,
    node: Group,
    head: RuleForm,
    condition: Condition | None,
    effect: Effect,
    names: Names,
    guard: Guard | None,
) -> None:
    """Keep a rule that was read; its number comes once all are in their order."""
    place = node.span if (at := node.get("id")) is None else at.span
    replaces = (head.replaces or "") if isinstance(head, OverrideRule) else ""
    draft = Draft(family, head.id, head.doc, head.owner, condition, effect, place, node, names, guard, replaces)
    version.drafts.append(draft)
