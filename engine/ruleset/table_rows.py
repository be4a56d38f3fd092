"""From a decision table to its rows, each the parts of an ordinary rule: a tree of its fields and a condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Mapping, Node, Scalar
from engine.ruleset.drafts import Condition
from engine.ruleset.expressions import Names, roots_of
from engine.ruleset.issues import Issues
from engine.ruleset.reading import key_span, point
from engine.ruleset.rule_parts import read_condition
from engine.ruleset.source import Span
from engine.ruleset.table_cells import is_empty, value_condition, whole_condition
from engine.ruleset.table_columns import read_columns
from engine.ruleset.table_effects import check_effects, row_effect
from engine.ruleset.table_form import Grid, GridRow, OverrideTable, ReadCsv, TableForm, read_grid, read_head
from engine.ruleset.table_typing import Typing, bracketed
from engine.ruleset.tables import Cell, Column, ColumnKind, Row, Table


@dataclass(frozen=True, slots=True)
class RowRule:
    """A row as the rule that it is.

    `node` has the fields of a rule but `when`, each standing where the row says it; `when` is its condition, None if it
    always holds.
    `is_good` is False if a cell is wrong, so that no rule can be made of it; `is_said` if the cells of its effect are
    not, so that there is sense in reading that.
    """

    row: Row
    node: Mapping
    when: Condition | None
    is_good: bool
    is_said: bool


@dataclass(frozen=True, slots=True)
class TableRules:
    """A table that was read, with its rows in order.

    `of_channels`: all of them are asked once for each channel. `replaces`: the common rule in whose place they stand.
    """

    table: Table
    rows: tuple[RowRule, ...]
    of_channels: bool
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """What a table is read in: its family, what may be named, the CSV files, and how many more rows there may be.

    `names` None: facts.yaml is broken, and conditions are not looked at. `special`: the table stands in an override.
    """

    family: str
    names: Names | None
    csv: ReadCsv
    room: int
    special: bool = False


def read_table(entry: Mapping, around: Around, issues: Issues) -> TableRules | None:
    """Read a table; None (and an issue) if its rows cannot be told apart. A wrong cell spoils no other row."""
    head = read_head(entry, around.special, issues)
    if head is not None:
        _check_hit(entry, head, around.family, issues)
    grid = read_grid(entry, around.csv, issues)
    guard = _guard(entry, around.names, issues)
    if grid is None or not _has_room(entry, grid, around, issues):
        return None
    columns = read_columns(grid.columns, around.family, around.names, issues)
    fits = check_effects(entry, columns, issues)
    known = [column for column in columns if column is not None]
    if head is None or not fits or len(known) < len(columns):
        return None
    return _Reader(entry, head, around, known, guard, issues).read(grid)


def _has_room(entry: Mapping, grid: Grid, around: Around, issues: Issues) -> bool:
    if len(grid.rows) > around.room:
        text = f"{len(grid.rows):,} rows, and there is room for {max(around.room, 0):,} more rules of this family"
        issues.error("too-many-rules", point(entry, ("table",), key_span(entry, "table")), text)
    return len(grid.rows) <= around.room


def _check_hit(entry: Mapping, head: TableForm, family: str, issues: Issues) -> None:
    if head.hit == "first" and family != "routing":
        text = f"only routing takes the first row that matches; of {family} rules all that match apply"
        hint = "make the rows exclude each other and write hit: unique, or leave it away"
        issues.error("wrong-value", point(entry, ("hit",)), text, hint)


@dataclass(frozen=True, slots=True)
class _Guard:
    """The `when:` that all rows share, and the same in brackets; `is_good` is False if it is wrong."""

    read: Condition | None = None
    part: Condition | None = None
    is_good: bool = True


def _guard(entry: Mapping, names: Names | None, issues: Issues) -> _Guard:
    node = entry.get("when")
    if node is None or names is None:
        return _Guard(is_good=names is not None)
    found = Issues()
    condition = read_condition(entry, names, found)
    # What a breaker rule judges may be said by the rows.
    others = [issue for issue in found.sorted() if issue.code != "breaker-subject"]
    issues.extend(others)
    if (others and condition is None) or not isinstance(node, Scalar):
        return _Guard(is_good=False)
    read = condition or Typing(names).condition(ConditionText.of(node), Issues())
    return _Guard(read, None if read is None else bracketed(read, node), read is not None)


@dataclass(slots=True)
class _Reader:
    """Makes the rows of one table into rules."""

    entry: Mapping
    head: TableForm
    around: Around
    columns: Sequence[Column]
    guard: _Guard
    issues: Issues
    typing: Typing | None = None

    def read(self, grid: Grid) -> TableRules:
        """Read all rows."""
        self.typing = None if self.around.names is None else Typing(self.around.names)
        rows = tuple(self._row(number, cells) for number, cells in enumerate(grid.rows, 1))
        table = Table(
            id=self.head.id,
            family=self.around.family,
            place=point(self.entry, ("id",)),
            file=grid.columns[0].span.source.name,
            columns=tuple(self.columns),
            rows=tuple(one.row for one in rows),
            guard=None if self.guard.read is None else self.guard.read.expr,
            condition=None if self.guard.read is None else self.guard.read.text,
            hit=self.head.hit,
            complete=self.head.complete,
        )
        asked = [column.value for column in self.columns if column.value is not None]
        asked += [self.guard.read.expr] if self.guard.read is not None else []
        of_channels = self.around.family != "breaker" and any("channel" in roots_of(expr) for expr in asked)
        replaces = self.head.replaces if isinstance(self.head, OverrideTable) else None
        return TableRules(table, rows, of_channels, replaces or "")

    def _row(self, number: int, row: GridRow) -> RowRule:
        found = Issues()
        cells = list(zip(self.columns, row.cells, strict=True))
        filled = [node for _, node in cells if not is_empty(node)]
        place = point(filled[0]) if filled else row.place
        node = self._node(number, cells, row.place, found)
        said = not found.has_errors
        when = self._condition(cells, place, found)
        self.issues.extend(found.sorted())
        shown = tuple(Cell(_text(cell), point(cell)) for cell in row.cells)
        good = self.guard.is_good and not found.has_errors
        return RowRule(Row(self.head.id, number, place, shown), node, when, good, said)

    def _node(self, number: int, cells: list[tuple[Column, Node]], place: Span, issues: Issues) -> Mapping:
        """Make the fields of the rule; what is not in the row is in the table."""
        given = {column.kind: node for column, node in cells if not is_empty(node)}
        own = given.get(ColumnKind.ID)
        if own is None:
            own = Scalar(str(number), "", place)
        elif not isinstance(own, Scalar):
            issues.error("wrong-type", own.span, "the id of a row is a word", "write small letters, digits and dashes")
            own = Scalar(str(number), "", place)
        entries: list[tuple[Scalar, Node]] = [
            (Scalar("id", "", own.span), Scalar(f"{self.head.id}-{own.text.strip()}", "", own.span))
        ]
        for kind in (ColumnKind.DOC, ColumnKind.OWNER):
            node = given.get(kind, self.entry.get(kind.value))
            if node is not None:
                entries.append((Scalar(kind.value, "", point(node)), node))
        setting = [(column, node) for column, node in cells if column.kind is ColumnKind.THEN]
        entries.append(row_effect(self.entry, setting, place, issues))
        return Mapping(tuple(entries), place)

    def _condition(self, cells: list[tuple[Column, Node]], place: Span, issues: Issues) -> Condition | None:
        """Put together what the table and the cells of a row ask; None if that is nothing, or is wrong."""
        typing, guard = self.typing, self.guard
        if typing is None or not guard.is_good:
            return None
        asked = [guard.part]
        for column, node in cells:
            if column.kind is ColumnKind.WHEN:
                asked.append(whole_condition(node, typing, issues))
            elif column.kind is ColumnKind.VALUE:
                asked.append(value_condition(node, column, typing, issues))
        parts = [read for read in asked if read is not None]
        if issues.has_errors:
            return None
        if parts:
            return typing.all_of(parts, place, issues)
        if self.around.family == "breaker":
            hint = "fill a cell of a column such as provider.window.error_rate"
            issues.error("breaker-subject", place, "this row does not say what it judges", hint)
        return None


def _text(node: Node) -> str:
    """Return what stands in a cell; of a list or a group of fields, the text of the file."""
    return node.text if isinstance(node, Scalar) else node.span.source.text[node.span.start : node.span.end]
