"""Parameter tables of rule tests: one case written once, with a row of values for each case that it stands for.

    table: {columns: [amount, channel], rows: [[199.99, wechat], [200, sms]]}

`$amount` as a whole value is the cell as it is written there; within a text, where `${amount}` will do too, it is the
cell's text. `$$` is a dollar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from engine.ruleset.documents import Mapping, Node, Scalar, Sequence, describe
from engine.ruleset.issues import Issues, did_you_mean
from engine.ruleset.source import Span

MAX_ROWS: Final = 1_000
"""Rows of one table."""

MAX_WRITTEN: Final = 4_000_000
"""Characters of all cases that a table stands for."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WHOLE: Final = re.compile(rf"\$({_NAME.pattern})")
_PART: Final = re.compile(rf"\$(?:(?P<dollar>\$)|{{(?P<braced>[^}}]*)}}|(?P<bare>{_NAME.pattern}))")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its cells by column, in the order of the columns."""

    cells: dict[str, Node]
    span: Span


@dataclass
class Table:
    """A table as it was read. `used` gathers the columns that the case asks for."""

    columns: dict[str, Span]
    rows: list[Row]
    used: set[str] = field(default_factory=set)
    written: int = 0
    """Characters of what has been written out so far, about."""

    def grow(self, more: int, place: Span, issues: Issues) -> bool:
        """Count what is written out; False when it is too much, of which the first place is told."""
        before, self.written = self.written, self.written + more
        if before <= MAX_WRITTEN < self.written:
            text = f"written out, the cases of this table have more than {MAX_WRITTEN:,} characters"
            issues.error("too-large", place, text, "make several smaller tables of it")
        return self.written <= MAX_WRITTEN


def _length(node: Node) -> int:
    return node.span.end - node.span.start


def read_table(node: Node, issues: Issues) -> Table | None:
    """Read `table:`; None when something is wrong with it, which is then in `issues`."""
    mine = Issues()
    fields = {key.text: value for key, value in node.entries} if isinstance(node, Mapping) else {}
    rows = fields.pop("rows", None)
    columns = _columns(fields.pop("columns", None), rows, mine)
    if not isinstance(node, Mapping) or fields or not isinstance(rows, Sequence) or not rows.items:
        text = "a table has columns and at least one row"
        mine.error("wrong-table", node.span, text, "table: {columns: [amount, channel], rows: [[200, sms]]}")
    elif len(rows.items) > MAX_ROWS:
        mine.error("too-large", rows.span, f"a table has at most {MAX_ROWS:,} rows", "make two cases of it")
    read = [_row(one, columns, mine) for one in rows.items[:MAX_ROWS]] if isinstance(rows, Sequence) else []
    issues.extend(mine.sorted())
    return None if mine.has_errors else Table(columns, read)


def _columns(node: Node | None, rows: Node | None, issues: Issues) -> dict[str, Span]:
    """Read the columns; rows that name their cells need none written."""
    if node is None and isinstance(rows, Sequence) and rows.items and isinstance(rows.items[0], Mapping):
        named: tuple[Node, ...] = tuple(key for key, _value in rows.items[0].entries)
    else:
        named = node.items if isinstance(node, Sequence) else ()
    columns: dict[str, Span] = {}
    for one in named:
        if not isinstance(one, Scalar) or not _NAME.fullmatch(one.text):
            hint = "such as amount or user_tag: letters, digits and _, no digit first"
            issues.error("wrong-table", one.span, f"a column's name is a word, this is {describe(one)}", hint)
        elif one.text in columns:
            issues.error("wrong-table", one.span, f'the column "{one.text}" stands twice', "keep one of them")
        else:
            columns[one.text] = one.span
    if node is not None and not named:
        issues.error("wrong-table", node.span, f"columns is a list of names, this is {describe(node)}")
    return columns


def _row(node: Node, columns: dict[str, Span], issues: Issues) -> Row:
    if isinstance(node, Mapping):
        cells: dict[str, Node] = {key.text: value for key, value in node.entries}
        for key, _value in node.entries:
            if key.text not in columns:
                hint = did_you_mean(key.text, columns) or "columns: " + ", ".join(columns)
                issues.error("wrong-table", key.span, f'the table has no column "{key.text[:60]}"', hint)
        lacking = [name for name in columns if name not in cells]
        if lacking:
            issues.error("wrong-table", node.span, f"the row says nothing of {', '.join(lacking)}")
        return Row({name: cells[name] for name in columns if name in cells}, node.span)
    items = node.items if isinstance(node, Sequence) else ()
    if len(items) != len(columns) or not items:
        what = f"{len(items)} cells" if isinstance(node, Sequence) else describe(node)
        text = f"a row has a cell for each of {', '.join(columns) or 'the columns'}; this one has {what}"
        issues.error("wrong-table", node.span, text, "[…] with one value for each column, in their order")
    return Row(dict(zip(columns, items, strict=False)), node.span)


def rows_of(case: Mapping, table: Table, issues: Issues) -> Iterator[tuple[Mapping, Row]]:
    """Write the case out for each row, its name too. What asks for no column, or is never asked for, is an issue."""
    rest = Mapping(tuple((key, value) for key, value in case.entries if key.text != "table"), case.span)
    length = sum(_length(value) for _key, value in rest.entries)
    for row in table.rows:
        if not table.grow(length, row.span, issues):
            return
        written = _Writer(table, row, issues).node(rest)
        assert isinstance(written, Mapping)  # a mapping stays one
        yield _named(written, rest, row), row
    for name, span in table.columns.items():
        if name not in table.used:
            hint = f"write ${name} where its values belong, or take the column away"
            issues.error("unused-column", span, f'nothing in the case uses the column "{name}"', hint)


def _named(written: Mapping, before: Mapping, row: Row) -> Mapping:
    """Put the row's values behind a name that holds none of them, so that each case can be told from the others."""
    name, first = written.get("name"), before.get("name")
    if not isinstance(name, Scalar) or not isinstance(first, Scalar) or name.text != first.text:
        return written
    values = ", ".join(f"{column} {shown(cell)}" for column, cell in row.cells.items())
    longer = Scalar(f"{name.text} [{values}]", "'", name.span)
    return Mapping(tuple((key, longer if key.text == "name" else one) for key, one in written.entries), written.span)


def shown(node: Node) -> str:
    """Write a cell as its author would."""
    if isinstance(node, Mapping):
        return "{" + ", ".join(f"{key.text}: {shown(value)}" for key, value in node.entries) + "}"
    if isinstance(node, Sequence):
        return "[" + ", ".join(map(shown, node.items)) + "]"
    return node.text if node.text or not node.is_plain else "null"


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes a case out for one row; what holds no dollar stays the very node that it was."""

    table: Table
    row: Row
    issues: Issues

    def node(self, node: Node) -> Node:
        if isinstance(node, Scalar):
            return self._scalar(node)
        if isinstance(node, Sequence):
            return Sequence(tuple(map(self.node, node.items)), node.span)
        return Mapping(tuple((self._key(key), self.node(value)) for key, value in node.entries), node.span)

    def _key(self, key: Scalar) -> Scalar:
        made = self._scalar(key)
        if isinstance(made, Scalar):
            return made
        self.issues.error("wrong-table", key.span, f"the name of a field is a word, this is {describe(made)}")
        return key

    def _scalar(self, node: Scalar) -> Node:
        if "$" not in node.text:
            return node
        whole = _WHOLE.fullmatch(node.text)
        if whole is not None:
            return self._cell(whole[1], node.span) or node
        return replace(node, text=_PART.sub(lambda found: self._part(node, found), node.text))

    def _part(self, node: Scalar, found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        name = found["bare"] if found["braced"] is None else found["braced"]
        place = node.place(*found.span())
        cell = self._cell(name, place)
        if cell is not None and not isinstance(cell, Scalar):
            text = f'"{name}" is {describe(cell)}, which cannot be put into a text'
            self.issues.error("wrong-table", place, text, f"${name} as a whole value takes any cell")
        text = cell.text if isinstance(cell, Scalar) else found[0]
        return text

    def _cell(self, name: str, place: Span) -> Node | None:
        self.table.used.add(name)
        if name not in self.table.columns:
            hint = did_you_mean(name, self.table.columns) or "columns: " + ", ".join(self.table.columns)
            text = f'the table has no column "{name[:60]}"'
            self.issues.error("unknown-parameter", place, text, f"{hint}; a dollar sign is written $$")
            return None
        cell = self.row.cells[name]
        return cell if self.table.grow(_length(cell), place, self.issues) else None
