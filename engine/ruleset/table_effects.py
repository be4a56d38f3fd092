"""The effect of a row: what the table's `then:` says for all rows, with the row's cells laid over it."""

from __future__ import annotations

from collections.abc import Sequence as SequenceType
from itertools import combinations

from engine.ruleset.documents import Mapping, Node, Scalar, Sequence
from engine.ruleset.issues import Issues
from engine.ruleset.reading import key_span, point
from engine.ruleset.source import Span
from engine.ruleset.table_cells import is_empty, items_of, part
from engine.ruleset.tables import Column, ColumnKind

Cells = SequenceType[tuple[Column, Node]]


def check_effects(entry: Mapping, columns: SequenceType[Column | None], issues: Issues) -> bool:
    """Tell whether the columns have room beside each other and in the table's `then:`; all wrong ones are issues."""
    setting = [column for column in columns if column is not None and column.kind is ColumnKind.THEN]
    shared = entry.get("then")
    clashes = [
        longer
        for one, other in combinations(setting, 2)
        for longer, shorter in ((one, other) if len(one.path) > len(other.path) else (other, one),)
        if longer.path[: len(shorter.path)] == shorter.path
    ]
    for column in clashes:
        text = "another column sets the whole of which this one sets a part"
        issues.error("duplicate-column", column.heading.span, text, "keep one of them")
    blocked = [column for column in setting if shared is not None and _is_blocked(shared, column, issues)]
    if shared is None and not setting and all(columns):
        hint = "add then: for all rows, or a column such as then.distribute.to"
        issues.error("missing-field", point(entry, ("id",)), "nothing says what the rows of this table ask for", hint)
        return False
    return not clashes and not blocked


def _is_blocked(shared: Node, column: Column, issues: Issues) -> bool:
    """Report a column that sets a part of what the table's `then:` has as a single value."""
    node: Node | None = shared
    for depth, word in enumerate(column.path):
        if not isinstance(node, Mapping):
            above = ".".join(("then", *column.path[:depth]))
            text = f"{above} is a single value in this table, so it has no field to set"
            issues.error("duplicate-column", column.heading.span, text, f"write {above} of the table with its fields")
            return True
        node = node.get(word)
        if node is None:
            return False
    return False


def row_effect(entry: Mapping, cells: Cells, place: Span, issues: Issues) -> tuple[Scalar, Node]:
    """Return the field `then` of a row's rule; what is wrong with it by itself, the reading of effects tells.

    `place` stands for the row.
    """
    shared = entry.get("then")
    then: Node = Mapping((), place) if shared is None else shared
    filled = [(column, node) for column, node in cells if not is_empty(node)]
    for column, node in filled:
        value = _value(column, node, issues)
        then = _laid(then, column.path, value, point(node))
    if isinstance(then, Mapping):
        for column, node in cells:
            _check_required(then, column, node, issues)
    first = key_span(entry, "then") or next((point(node) for _, node in cells), place)
    return Scalar("then", "", first), then


def _value(column: Column, node: Node, issues: Issues) -> Node:
    """Return what a cell sets: a list if the field is one."""
    if not isinstance(node, Scalar):
        return node
    cell = part(node, 0, len(node.text)) if node.is_plain else node
    if not column.is_list:
        return cell
    items = tuple(items_of(cell))
    if any(not item.text for item in items):
        issues.error("bad-cell", cell.span, "a value is missing before or after a comma", "write a, b")
    return Sequence(items, cell.span)


def _laid(group: Node, path: SequenceType[str], value: Node, place: Span) -> Node:
    """Return a group of fields with the one at `path` set; what it is called stands at `place`."""
    first, *rest = path
    entries = list(group.entries) if isinstance(group, Mapping) else []
    at = next((index for index, (key, _) in enumerate(entries) if key.text == first), len(entries))
    if rest:
        below = entries[at][1] if at < len(entries) else Mapping((), place)
        value = _laid(below, rest, value, place)
    entries[at : at + 1] = [(Scalar(first, "", place), value)]
    return Mapping(tuple(entries), group.span)


def _check_required(then: Mapping, column: Column, cell: Node, issues: Issues) -> None:
    """Report an empty cell of a field that the row's effect needs."""
    if not column.is_required or not is_empty(cell):
        return
    node: Node | None = then
    for word in column.path[:-1]:
        node = node.get(word) if isinstance(node, Mapping) else None
    if isinstance(node, Mapping) and node.get(column.path[-1]) is None:
        hint = "fill the cell, or write it under then: of the table"
        issues.error("missing-field", point(cell), f'this row does not say "{column.path[-1]}"', hint)
