"""Decision tables: what is known of one after reading. Its rows are ordinary rules; this says which and where from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Scalar
from engine.ruleset.source import Span
from engine.ruleset.syntax import Expr, Type


class ColumnKind(Enum):
    """What the cells of a column are."""

    VALUE = "value"
    """A test of the value that the column names: a fact or another expression."""
    WHEN = "when"
    """A whole condition."""
    THEN = "then"
    """A field of the effect."""
    ID = "id"
    DOC = "doc"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading as written, and what that means.

    Of a VALUE: `value` is the typed expression and `guard` asks whether all that it reads is there, empty if it always
    is. Of a THEN: `path` leads to the field, and `is_list` tells that a cell's commas part the items of a list,
    `is_required` that the group of fields it is in cannot be without it.
    """

    kind: ColumnKind
    heading: Scalar
    value: Expr | None = None
    guard: str = ""
    path: tuple[str, ...] = ()
    is_list: bool = False
    is_required: bool = False

    @property
    def text(self) -> str:
        """The heading."""
        return self.heading.text.strip()

    @property
    def type(self) -> Type | None:
        """The type of the value that cells are compared with; None for columns of another kind."""
        return None if self.value is None else self.value.type


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text as written (of a list or a group of fields that of the file) and its place."""

    text: str
    place: Span


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number from 1, its cells in the order of the columns, and the index of the rule that it is.

    `rule` is None if the row is wrong and so no rule was made of it.
    """

    table: str
    number: int
    place: Span
    cells: tuple[Cell, ...]
    rule: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One decision table of a family.

    `place` is where its id stands, `file` where its rows do. `guard` is the `when:` that all rows share, typed, and
    `condition` its text; both None without one. `hit` is `first`, `unique` or None (the family's own way), `complete`
    whether there must be a row for every message that the guard lets through; None = it does not say.
    """

    id: str
    family: str
    place: Span
    file: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    guard: Expr | None = None
    condition: ConditionText | None = None
    hit: str | None = None
    complete: bool | None = None
