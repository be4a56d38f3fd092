"""What a `define:` gives names to: constants, lists, lists from files, and conditions.

define:
  large: 200.0
  security_scenes: [security, fraud]
  vip_lines: {from: values/vip_lines.txt}
  is_large: {when: 'has(message.params.amount) && message.params.amount >= large'}
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from pydantic import Field

from engine.ruleset.documents import Mapping, Node, Scalar
from engine.ruleset.expressions import walk
from engine.ruleset.facts_document import is_definable, read_literal
from engine.ruleset.issues import Issue, Issues
from engine.ruleset.names import NamedCondition, Names
from engine.ruleset.reading import key_span, point, read
from engine.ruleset.rule_parts import condition_text, describe_node, parse_text
from engine.ruleset.scalars import Text, closest, shorten
from engine.ruleset.source import Span
from engine.ruleset.syntax import Expr, Fact, Literal
from engine.ruleset.value_files import ValueFiles
from engine.ruleset.written import Form
from engine.ruleset.written_out import uses_of

MOST_DEFINED: Final = 1_000
"""Definitions of one file."""

_LIKE_EXPRESSION: Final = re.compile(
    r"\b(message|user|content|now|channels?|budget|platform|provider)\.[a-z]|[=!<>]=|&&|\|\||\S [-+*/%<>] \S|\w\("
)
_LIKE_CONDITION: Final = re.compile(r"[=!<>]=|&&|\|\||\S [<>] \S|\bhas\(|^!")
_OF_BREAKERS: Final = re.compile(r"\b(?:provider|platform)\.|\.window\.")


class ConditionDefinition(Form):
    """A named condition of a `define:`."""

    when: Any = Field(description="the condition that the name stands for")
    doc: Text = Field("", description="what it means, for people")


@dataclass(slots=True)
class Definitions:
    """What a `define:` holds, as far as it is right: constants and lists, conditions as written, all names' places."""

    constants: dict[str, Literal] = field(default_factory=dict)
    conditions: dict[str, NamedCondition] = field(default_factory=dict)
    places: dict[str, Span] = field(default_factory=dict)


def read_define(node: Node, values: ValueFiles, taken: MappingType[str, Span], issues: Issues) -> Definitions:
    """Read a `define:`; `taken` are the names that other files have defined for this one too."""
    made = Definitions()
    if not isinstance(node, Mapping):
        if not (isinstance(node, Scalar) and node.value() is None):
            text = f"definitions are names with a value each; this is {describe_node(node)}"
            issues.error("wrong-type", node.span, text, "write large: 200.0, one a line")
        return made
    if len(node.entries) > MOST_DEFINED:
        text = f"{len(node.entries):,} definitions where at most {MOST_DEFINED:,} are allowed"
        issues.error("too-large", point(node), text, "is this the right file?")
        return made
    for key, value in node.entries:
        if is_definable(key, issues) and _is_free(key, taken, issues):
            made.places[key.text] = key.span
            _read_definition(key, value, values, made, issues)
    return made


def _is_free(key: Scalar, taken: MappingType[str, Span], issues: Issues) -> bool:
    first = taken.get(key.text)
    if first is None:
        return True
    text = f'"{key.text}" is already defined in {first.source.name}, on line {first.line}'
    issues.error("duplicate-name", key.span, text, "choose another")
    return False


def _read_definition(key: Scalar, value: Node, values: ValueFiles, made: Definitions, issues: Issues) -> None:
    literal: Literal | None = None
    if isinstance(value, Mapping) and value.get("when") is not None:
        _read_condition(key, value, made, issues)
    elif isinstance(value, Mapping) and value.get("from") is not None:
        literal = values.definition(key.text, value, issues)
    elif isinstance(value, Mapping):
        _unknown_kind(key, value, issues)
    elif not _is_expression(key, value, issues):
        literal = read_literal(key.text, value, issues)
    if literal is not None:
        made.constants[key.text] = literal


def _read_condition(key: Scalar, value: Mapping, made: Definitions, issues: Issues) -> None:
    form = read(value, ConditionDefinition, f'"{key.text}"', issues)
    node = value.get("when")
    text = None if node is None else condition_text(node, key_span(value, "when"), issues)
    if form is not None and text is not None:
        made.conditions[key.text] = NamedCondition(key.text, key.span, text)


def _unknown_kind(key: Scalar, value: Mapping, issues: Issues) -> None:
    near = [(name, kind) for name, _ in value.entries if (kind := closest(name.text, ("when", "from")))]
    text = f'"{key.text}" is nothing that can be defined: a value, a list, {{when: a condition}} or {{from: a file}}'
    place = near[0][0].span if near else point(value, (), key.span)
    hint = f'did you mean "{near[0][1]}"?' if near else ""
    if key.text == "define":
        hint = "leave the word define: away, and begin with the names"
    issues.error("wrong-type", place, text, hint)


def _is_expression(key: Scalar, value: Node, issues: Issues) -> bool:
    """Refuse a constant that looks like an expression: constants calculate nothing."""
    if not isinstance(value, Scalar) or not value.is_plain or not _LIKE_EXPRESSION.search(value.text):
        return False
    text = f'"{shorten(key.text)}" is an expression, and here stands a constant or a list of constants'
    if _LIKE_CONDITION.search(value.text):
        hint = f"name a condition by {shorten(key.text)}: {{when: …}}; a text that looks like one stands in quotes"
    else:
        hint = "write the expression in the when: of each rule; or put it in quotes if it is meant as a text"
    issues.error("define-expression", value.span, text, hint)
    return True


def resolved(
    written: MappingType[str, NamedCondition], names: Names, families: Sequence[str], issues: Issues
) -> dict[str, NamedCondition]:
    """Write conditions out in terms of each other and check each by itself.

    `names` are what they may name beside each other. Each must make sense to rules of one of `families`.
    """
    graph = {
        name: {use.name for use in uses_of(named.text.text, written.keys()) if not use.asked}
        for name, named in written.items()
    }
    ready = {**names.conditions, **_cycles(graph, written, issues)}
    for name in TopologicalSorter(graph).static_order():
        ready[name] = _checked(written[name], replace(names, conditions=ready), families, issues)
    return ready


def _cycles(
    graph: dict[str, set[str]], written: MappingType[str, NamedCondition], issues: Issues
) -> dict[str, NamedCondition]:
    """Take the conditions that lead back to themselves out of the graph, and tell the way that each goes."""
    found: dict[str, NamedCondition] = {}
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as problem:
            way = list(problem.args[1])[:0:-1]
            first = way.index(min(way, key=list(written).index))
            way = [*way[first:], *way[:first]]
            found |= _cycle(way, written, issues)
            for name in way:
                del graph[name]
            for uses in graph.values():
                uses -= set(way)
            continue
        return found


def _cycle(way: list[str], written: MappingType[str, NamedCondition], issues: Issues) -> dict[str, NamedCondition]:
    mine = Issues()
    shown = " → ".join([*way[:8], *(["…"] if len(way) > 8 else []), way[0]])
    text = f'"{way[0]}" is defined by itself: {shown}'
    mine.error("define-cycle", written[way[0]].place, text, "write one of them without the others")
    issues.extend(mine.sorted())
    return {name: replace(written[name], problems=mine.sorted()) for name in way}


def _checked(named: NamedCondition, names: Names, families: Sequence[str], issues: Issues) -> NamedCondition:
    """Check a condition by itself, as a rule of each family would read it until one can."""
    problems: tuple[Issue, ...] = ()
    for family in families:
        found = Issues()
        condition = parse_text(named.text, replace(names, family=family), found)
        if condition is not None:
            return replace(named, text=condition.text, reads=_reads(condition.expr))
        if not problems or (family == "breaker" and _OF_BREAKERS.search(named.text.text)):
            problems = found.sorted()
    issues.extend(problems)
    return replace(named, problems=problems)


def _reads(expr: Expr) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node.path for node in walk(expr) if isinstance(node, Fact)))
