"""Lists for people: a table, or a sentence where there is nothing to list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def show_table(
    console: Console, headings: Sequence[str], rows: Iterable[Sequence[str]], nothing: str, right: Sequence[str] = ()
) -> None:
    """Print rows of plain texts; the columns in `right` hold numbers. Without any row the sentence is printed."""
    found = [[escape(cell) for cell in row] for row in rows]
    if not found:
        console.print(nothing, highlight=False)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        # An id that is cut off or broken into lines cannot be copied.
        table.add_column(heading, justify="right" if heading in right else "left", no_wrap=True, overflow="fold")
    for cells in found:
        table.add_row(*cells)
    console.print(table)
