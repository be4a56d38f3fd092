"""From the text of a rule-test file to cases; what cannot be read is an issue at its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.decision.case_shape import CASE, MESSAGE_KEYS, WINDOW_KEYS, check_shape
from engine.decision.case_table import MAX_WRITTEN, read_table, rows_of
from engine.ruleset.documents import Mapping as MappingNode
from engine.ruleset.documents import Node, Scalar, Sequence, describe
from engine.ruleset.issues import Issues
from engine.ruleset.source import Source, Span
from engine.ruleset.yaml_hints import read_document

__all__ = ["MESSAGE_KEYS", "WINDOW_KEYS", "Case", "CaseStep", "read_cases", "to_plain"]

_SUBJECTS = ("provider", "channel", "platform")

HELD_ON: Final = ("user", "breakers")
"""What a step says of these holds from it on."""


@dataclass(frozen=True, slots=True, eq=False)
class CaseStep:
    """One step of a sequence: what is given beside the case's own, and what is expected, perhaps nothing.

    `number` counts from 1.
    """

    number: int
    line: int
    given: Mapping[str, Any]
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One rule test: what is given, and what of the decision is expected; keys as docs/rules.md lists them.

    A case of a parameter table is one row of it: `row` holds the row's values, and its place is the row's. A sequence
    has `steps`, and then expects nothing itself. `node` is the case as it was written, the row's values put in.
    """

    name: str
    file: str
    line: int
    span: Span
    given: Mapping[str, Any]
    expect: Mapping[str, Any]
    steps: tuple[CaseStep, ...] = ()
    row: Mapping[str, Any] = field(default_factory=dict)
    node: MappingNode | None = field(default=None, repr=False)


def read_cases(files: Mapping[str, bytes], issues: Issues) -> Iterator[Case]:
    """Read the cases of all files, in the files' order. `files` maps a name, as shown to people, to the content."""
    for name in sorted(files):
        try:
            source = Source(name, files[name].decode("utf-8-sig"))
        except UnicodeDecodeError:
            issues.error("not-utf8", Source(name, "").whole, "the file is not UTF-8 text", "save it as UTF-8")
            continue
        document = read_document(source, issues)
        if isinstance(document, Sequence):
            for node in document.items:
                yield from _cases(node, issues)
        elif document is not None:
            text = (
                f"a rule-test file is a list of cases, each with name, given and expect; this is {describe(document)}"
            )
            issues.error("wrong-type", document.span, text, "- name: …")


def _cases(node: Node, issues: Issues) -> Iterator[Case]:
    if not isinstance(node, MappingNode):
        issues.error("wrong-type", node.span, f"a case holds fields, this is {describe(node)}", "- name: …")
        return
    written = node.get("table")
    if written is None:
        case = _case(node, node.span, {}, issues)
        if case is not None:
            yield case
        return
    table = read_table(written, issues)
    if table is None:
        return
    mine = Issues()
    cases = [
        _case(one, row.span, {column: to_plain(cell) for column, cell in row.cells.items()}, mine)
        for one, row in rows_of(node, table, mine)
    ]
    issues.extend(mine.sorted())
    if not mine.has_errors:
        yield from (case for case in cases if case is not None)


def _case(node: MappingNode, place: Span, row: Mapping[str, Any], issues: Issues) -> Case | None:
    mine = Issues()
    check_shape(node, CASE, "a case", mine)
    if not mine.has_errors:
        _check_parts(node, mine)
    issues.extend(mine.sorted())
    if mine.has_errors:
        return None
    case, steps, name = to_plain(node), node.get("steps"), node.get("name")
    assert isinstance(name, Scalar)  # its parts were checked
    nodes = steps.items if isinstance(steps, Sequence) else ()
    return Case(
        name=name.text,
        file=place.source.name,
        line=place.line,
        span=place,
        given=case.get("given") or {},
        expect=case.get("expect") or {},
        steps=tuple(_step(number, one) for number, one in enumerate(nodes, 1)),
        row=row,
        node=node,
    )


def _step(number: int, node: Node) -> CaseStep:
    given = to_plain(node) or {}
    expect = given.pop("expect", None) or {}
    return CaseStep(number, node.span.line, given, expect)


def _check_parts(node: MappingNode, issues: Issues) -> None:
    """Has it a name, and something that is expected, of itself or of its steps?"""
    name = node.get("name")
    if not isinstance(name, Scalar) or not name.text or name.value() is None:
        issues.error("missing-field", node.span, "the case has no name", "name: say what is promised, in a sentence")
    steps, given, expect = node.get("steps"), node.get("given"), node.get("expect")
    if _written_out(given, steps) > MAX_WRITTEN:
        text = f"written out, the messages of this case have more than {MAX_WRITTEN:,} characters"
        hint = "each is judged with all that is given: give less, or make several cases of it"
        issues.error("too-large", node.span, text, hint)
    if not isinstance(steps, Sequence):
        if not isinstance(expect, MappingNode) or not expect.entries:
            hint = "expect: {verdict: SEND, channels: [sms]}"
            issues.error("missing-field", node.span, "the case expects nothing", hint)
        return
    if isinstance(expect, MappingNode):
        hint = "write expect: into the steps, each for its own"
        issues.error("wrong-steps", expect.span, "a case with steps expects nothing beside them", hint)
    if not any(isinstance(one, MappingNode) and one.get("expect") is not None for one in steps.items):
        issues.error("missing-field", steps.span, "no step expects anything", "- {at: …, expect: {verdict: SEND}}")
    subject = next((name for name in _SUBJECTS if isinstance(given, MappingNode) and given.get(name)), None)
    if subject is not None:
        hint = "write a case for each window"
        issues.error("wrong-steps", steps.span, f"a case of a window, with given.{subject}, has no steps", hint)


def _written_out(given: Node | None, steps: Node | None) -> int:
    """How many characters are judged, at most: of the user with each message before, of all that holds in each step."""
    given = given if isinstance(given, MappingNode) else None
    before, user = (given.get("before"), given.get("user")) if given is not None else (None, None)
    ahead = len(before.items) if isinstance(before, Sequence) else 0
    told = [one for one in steps.items if isinstance(one, MappingNode)] if isinstance(steps, Sequence) else []
    held = max((sum(_length(step.get(part)) for part in HELD_ON) for step in told), default=0)
    return ahead * _length(user) + len(told) * (_length(given) - _length(before) + held)


def _length(node: Node | None) -> int:
    if isinstance(node, MappingNode):
        return sum(len(key.text) + _length(value) for key, value in node.entries)
    if isinstance(node, Sequence):
        return sum(map(_length, node.items))
    return 0 if node is None else len(node.text) + 1


def to_plain(node: Node) -> Any:
    """Return a node as dicts, lists and scalars."""
    if isinstance(node, MappingNode):
        return {key.text: to_plain(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [to_plain(item) for item in node.items]
    return node.value()
