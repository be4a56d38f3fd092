"""What came out of a run, as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from cli.evaluation.run import Run
from cli.evaluation.tally import Tally
from cli.mapping.model import EventMap
from signalbox.v1 import state_pb2

_MICROS = 1_000_000
_BAR = 20


def show_report(console: Console, run: Run, seconds: float, event_map: EventMap, remarks: Iterable[str] = ()) -> None:
    """Print the counts of a run, and remarks on it; a section that would be empty is left out."""
    tally = run.tally
    rate = f"{tally.decided / seconds:,.0f}" if seconds > 0 else "-"
    console.print(
        f"[bold]{tally.read:,} messages[/]: {tally.decided:,} decided, {tally.rejected:,} rejected, "
        f"in {seconds:.1f} s ({rate} a second), by the rules {', '.join(sorted(run.versions)) or '-'}",
        highlight=False,
        soft_wrap=True,
    )
    if run.assumed:
        parts = ", ".join(sorted(part.lower() for part in run.assumed))
        console.print(f"[yellow]assumed[/] (the map gives no such section and the server holds none): {parts}")
    for remark in remarks:
        console.print(escape(remark), highlight=False)
    if not tally.decided:
        return
    more = [count_table("Deciding rules", tally.rules, tally.decided, bars=True)]
    if event_map.accounts:
        more.append(_accounts(event_map.accounts, run))
    show_counts(console, tally, more)


def show_counts(console: Console, tally: Tally, more: Iterable[Table]) -> None:
    """Print what was decided, and more tables; those without rows are left out."""
    sends = tally.verdicts["SEND"]
    counted = [
        count_table("Verdicts", tally.verdicts, tally.decided),
        count_table("Strategies (of SEND)", tally.strategies, sends),
        count_table("Channels (steps admitted)", tally.channels, tally.channels.total()),
    ]
    reasons = count_table("Reasons (of HOLD and DROP)", tally.reasons, tally.decided - sends, bars=True)
    sections: list[RenderableType] = [Columns([table for table in counted if table.rows], padding=(0, 3))]
    for section in sections + [table for table in (reasons, *more) if table.rows]:
        console.print()
        console.print(section)


def count_table(title: str, counts: Mapping[str, int], total: int, bars: bool = False) -> Table:
    """Return a table of counts with their shares of `total`, the most frequent first."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        show_header=False,
        padding=(0, 2, 0, 0),
        min_width=len(title),
    )
    most = max(counts.values(), default=0)
    for name, count in sorted(counts.items(), key=lambda item: -item[1]):
        share = f"{100 * count / total:.1f} %" if total else ""
        bar = "█" * max(1, round(_BAR * count / most)) if bars and count else ""
        cells = [name, f"{count:>9,}", f"{share:>7}"]
        table.add_row(*cells, bar) if bars else table.add_row(*cells)
    return table


def _accounts(before: Mapping[str, state_pb2.Account], run: Run) -> Table:
    table = Table(title="Accounts", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for heading in ("", "before", "used", "left"):
        table.add_column(heading, justify="left" if not heading else "right")
    for account in run.state.accounts():
        first = before[account.name].left_micros
        amounts = (first, first - account.left_micros, account.left_micros)
        table.add_row(account.name, *(_amount(micros, account.unit) for micros in amounts))
    return table


def _amount(micros: int, unit: str) -> str:
    if unit == "COUNT":
        return f"{micros // _MICROS:,}"
    return f"{micros / _MICROS:,.3f} {unit}"
