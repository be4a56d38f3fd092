"""The progress bar: on a terminal it tells how far the rows have come and which day it is among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.evaluation.batches import Batch
from cli.mapping.messages import MessageStream


@contextmanager
def progress_on(console: Console, rows: int, stream: MessageStream) -> Iterator[Callable[[Batch], None]]:
    """Give what is to be called after each batch; off a terminal it does nothing."""
    if not console.is_terminal:
        yield lambda batch: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=rows)

        def show(batch: Batch) -> None:
            day = datetime.fromtimestamp(batch.messages[-1].at_ms / 1000, UTC).date()
            bar.update(task, completed=stream.rows, description=day.isoformat())

        yield show
