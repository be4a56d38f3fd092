"""A decision table as its author writes it: the entry in a rule file, and its grid from YAML or from a CSV file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple, TypeGuard

from pydantic import BeforeValidator, Field, WithJsonSchema

from engine.ruleset.documents import Mapping, Node, Scalar, Sequence
from engine.ruleset.effects import EFFECTS
from engine.ruleset.files import TABLES, is_table_file
from engine.ruleset.issues import Issues
from engine.ruleset.reading import as_value, key_span, point, read
from engine.ruleset.scalars import Name, Text, Written, describe, one_of, shorten, wrong
from engine.ruleset.source import Span
from engine.ruleset.table_csv import Record
from engine.ruleset.written import Form

MOST_COLUMNS: Final = 64
LONGEST_CELL: Final = 4_000
"""As long as a condition may be."""

_GRID: Final = ("columns", "rows")
_FILE_HINT: Final = f"write the grid as columns: and rows:, or name a file such as {TABLES}/change-by-amount.csv"


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, Written) or value not in ("true", "false") or value.quoted:
        raise wrong(value, "true or false", code="wrong-type")
    return value == "true"


Hit = Annotated[str, one_of("first", "unique"), WithJsonSchema({"enum": ["first", "unique"]})]
YesOrNo = Annotated[bool, BeforeValidator(_yes_or_no), WithJsonSchema({"type": "boolean"})]


class TableForm(Form):
    """One decision table. `when`, `then` and `table` are read apart."""

    id: Name = Field(description="a name of small letters, digits and dashes, unique in the version")
    doc: Text = Field("", description="what the table is for, for people")
    owner: Text = Field("", description="who answers for it, for people")
    when: Any = Field(None, description="a condition that holds for every row")
    then: Any = Field(None, description="what all rows share; columns such as then.distribute.to are laid over it")
    hit: Hit | None = Field(None, description="what two rows for one message are: unique, a mistake; first, meant so")
    complete: YesOrNo | None = Field(
        None, description="whether there is a row for every message that when: lets through"
    )
    table: Any = Field(description="the grid as columns: and rows:, or the name of a file tables/<name>.csv")


class OverrideTable(TableForm):
    """A table of an override; `replaces` names the common rule in whose place its rows stand."""

    replaces: Name | None = Field(None, description="the id of the common rule in whose place the rows stand")


class GridForm(Form):
    """The grid written in the rule file."""

    columns: Any = Field(description="the list of what the cells are compared with or set")
    rows: Any = Field(description="the list of rows, each a list with a cell for every column")


class GridRow(NamedTuple):
    """The cells of a row, and the place that stands for the row as such."""

    cells: tuple[Node, ...]
    place: Span


@dataclass(frozen=True, slots=True)
class Grid:
    """A table before its cells are understood; every row has as many cells as there are columns."""

    columns: tuple[Scalar, ...]
    rows: tuple[GridRow, ...]
    place: Span
    """Where the grid as such begins."""


ReadCsv = Callable[[Scalar, Issues], tuple[Record, ...] | None]
"""Gives the lines of the CSV file that a table names, or None (and an issue) if there is none to work with."""


def is_table(node: Node) -> TypeGuard[Mapping]:
    """Tell whether an entry of `rules:` is a table, or is meant to be one."""
    return isinstance(node, Mapping) and any(key.text in ("table", *_GRID) for key, _ in node.entries)


def read_head(entry: Mapping, special: bool, issues: Issues) -> TableForm | None:
    """Read the fields of a table's entry; None (and an issue) if one is wrong. `special`: it is in an override."""
    found = Issues()
    kept = tuple((key, value) for key, value in entry.entries if not _is_misplaced(key, found))
    head = read(Mapping(kept, entry.span), OverrideTable if special else TableForm, "a table", found)
    if found.has_errors and (entry.get("table") is not None or len(kept) == len(entry.entries)):
        issues.extend(found.sorted())
    else:  # that `table:` is missing only follows from where its parts stand
        issues.extend(issue for issue in found.sorted() if issue.code != "missing-field" or '"id"' in issue.message)
    return None if found.has_errors else head


def _is_misplaced(key: Scalar, issues: Issues) -> bool:
    """Refuse what belongs inside `table:` or `then:` with a better hint than a list of fields."""
    name = key.text
    if name in _GRID:
        text, hint = f'"{name}" stands beside table:, not in it', "indent columns: and rows: under table:"
    elif any(name in effects for effects in EFFECTS.values()) or name == "priority":
        text = f'"{name}" cannot stand beside table:'
        hint = f"put it under then: if all rows share it, or make columns of it, such as then.{name}"
        hint += _FIELD_OF.get(name, "")
    else:
        return False
    issues.error("unknown-field", key.span, text, hint)
    return True


_FIELD_OF: Final = {
    "distribute": ".to", "drop": ".reason", "hold": ".until", "exclude": ".reason", "limit": ".max",
    "charge": ".amount", "set": ".state",
}  # fmt: skip


def read_grid(entry: Mapping, csv: ReadCsv, issues: Issues) -> Grid | None:
    """Read the grid of a table, from the rule file or from the CSV file that it names; None (and an issue) if wrong."""
    node = entry.get("table")
    key = key_span(entry, "table")
    if node is None or key is None:
        return None
    if isinstance(node, Mapping):
        return _yaml_grid(node, key, issues)
    if isinstance(node, Scalar) and is_table_file(node.text):
        records = csv(node, issues)
        return None if records is None else _csv_grid(records, issues)
    if not isinstance(node, Scalar) or not node.text:
        text = f'"table": found {describe(as_value(node))}; expected columns and rows, or the name of a CSV file'
        issues.error("wrong-type", point(node, (), key), text, _FILE_HINT)
    else:
        text = f'"{shorten(node.text)}" cannot be the name of a table\'s file'
        stem = node.text.rpartition("/")[2].rpartition(".")[0] or node.text
        near = f"{TABLES}/{shorten(stem)}.csv"
        hint = f"tables are files {TABLES}/<name>.csv of the version's folder"
        issues.error("bad-name", node.span, text, f"{hint}, such as {near}" if is_table_file(near) else hint)
    return None


def _csv_grid(records: tuple[Record, ...], issues: Issues) -> Grid | None:
    columns, *rows = records
    kept = len(columns)
    while kept and all(not cell.text.strip() for record in records for cell in record[kept - 1 : kept]):
        kept -= 1  # a spreadsheet saves columns that were once touched
    trimmed = [GridRow((*row[:kept], *row[len(columns) :]), _first(row)) for row in rows]
    return _checked(Grid(columns[:kept], tuple(trimmed), columns[0].span), issues)


def _first(cells: tuple[Scalar, ...]) -> Span:
    return next((cell.span for cell in cells if cell.text.strip()), cells[0].span)


def _yaml_grid(node: Mapping, key: Span, issues: Issues) -> Grid | None:
    form = read(node, GridForm, "table", issues, key)
    columns, rows = node.get("columns"), node.get("rows")
    if form is None or columns is None or rows is None:
        return None
    headings = _headings(columns, key_span(node, "columns"), issues)
    place = point(rows, (), key_span(node, "rows"))
    if not isinstance(rows, Sequence):
        hint = "put a dash before each row: - [a cell, a cell]"
        issues.error("wrong-type", place, f'"rows": found {describe(as_value(rows))}; expected a list of rows', hint)
        return None
    if headings is None:
        return None
    found = [row for item in rows.items if (row := _yaml_row(item, headings, issues)) is not None]
    if len(found) < len(rows.items):
        return None
    return _checked(Grid(headings, tuple(found), key_span(node, "columns") or key), issues)


def _headings(columns: Node, key: Span | None, issues: Issues) -> tuple[Scalar, ...] | None:
    if not isinstance(columns, Sequence):
        text = f'"columns": found {describe(as_value(columns))}; expected a list'
        issues.error("wrong-type", point(columns, (), key), text, "write columns: [message.line, then.distribute.to]")
        return None
    names = tuple(item for item in columns.items if isinstance(item, Scalar))
    for item in columns.items:
        if not isinstance(item, Scalar):
            hint = "put it in quotes if it is an expression"
            text = f"a column is named by a text, not by {describe(as_value(item))}"
            issues.error("wrong-type", item.span, text, hint)
    return names if len(names) == len(columns.items) else None


def _yaml_row(node: Node, columns: tuple[Scalar, ...], issues: Issues) -> GridRow | None:
    if isinstance(node, Sequence):
        return GridRow(node.items, point(node.items[0]) if node.items else node.span)
    count = f"{len(columns)} cell{'s' * (len(columns) != 1)}"
    hint = f"write the cells in brackets: [{', '.join(['…'] * min(len(columns), 5))}]"
    issues.error("wrong-type", point(node), f"a row is a list of {count}, found {describe(as_value(node))}", hint)
    return None


def _checked(grid: Grid, issues: Issues) -> Grid | None:
    """Refuse what is no rectangle; None if what is left cannot be read row by row."""
    if not grid.columns:
        hint = "the columns are facts such as message.line, and then.<field>"
        issues.error("empty-table", grid.place, "the table has no columns", hint)
        return None
    if not grid.rows:
        issues.error("empty-table", grid.place, "the table has no rows", "add one, or remove the table")
        return None
    if len(grid.columns) > MOST_COLUMNS:
        text = f"{len(grid.columns)} columns; at most {MOST_COLUMNS} are allowed"
        issues.error("too-large", grid.place, text, "is this the right file?")
        return None
    ragged = [row for row in grid.rows if not _fits(row, len(grid.columns), issues)]
    return None if ragged else grid


def _fits(row: GridRow, columns: int, issues: Issues) -> bool:
    """Tell whether a row has a bearable cell for every column."""
    found = len(row.cells)
    if found != columns:
        place = point(row.cells[columns]) if found > columns else point(row.cells[-1]) if found else row.place
        text = f"this row has {found} cell{'s' * (found != 1)}, and the table {columns} column{'s' * (columns != 1)}"
        hint = "a cell for anything is written -" if found < columns else "put a cell with a separator in it in quotes"
        issues.error("ragged-row", place, text, hint)
        return False
    for cell in row.cells:
        if isinstance(cell, Scalar) and len(cell.text) > LONGEST_CELL:
            text = f"a cell of {len(cell.text):,} characters; at most {LONGEST_CELL:,} are allowed"
            issues.error("too-large", cell.span, text, "put a list into define:")
            return False
    return True
