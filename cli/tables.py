"""Lists for people: a table, or a sentence where there is nothing to list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from cli.console import WIDTH


def show_table(
    console: Console, headings: Sequence[str], rows: Iterable[Sequence[str]], nothing: str, right: Sequence[str] = ()
) -> None:
    """Print rows of plain texts; the columns in `right` hold numbers. Without any row the sentence is printed.

    On a narrow terminal its lines run on, since an id that is cut off cannot be copied; from then on the console is as
    wide as that.
    """
    found = [[escape(cell) for cell in row] for row in rows]
    if not found:
        console.print(nothing, highlight=False)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", no_wrap=True)
    for cells in found:
        table.add_row(*cells)
    wide = console.options.update(max_width=WIDTH)
    console.width = max(console.width, Measurement.get(console, wide, table).maximum)
    console.print(table, crop=False)
