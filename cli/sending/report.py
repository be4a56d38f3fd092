"""What a sending has led to, as tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from cli.evaluation.report import count_table, show_counts
from cli.sending.fates import Fates
from cli.sending.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Sent:
    """A run that is over: its counts, the states of its messages, and how long sending and waiting took."""

    outcome: Outcome
    fates: Fates
    seconds: float
    waited_s: float

    @property
    def telling(self) -> str:
        """The id of the message that has most to tell; empty when nothing was accepted."""
        return self.fates.supplement or self.outcome.first_id or self.fates.newest


def show_sent(console: Console, sent: Sent, remarks: Iterable[str] = ()) -> None:
    """Print the counts of a run, and remarks on it; a section that would be empty is left out."""
    outcome, tally = sent.outcome, sent.outcome.tally
    console.print(_headline(sent), highlight=False, soft_wrap=True)
    for remark in remarks:
        console.print(escape(remark), highlight=False)
    if not outcome.accepted:
        return
    show_counts(console, tally, [count_table("States", sent.fates.states, sent.fates.states.total(), bars=True)])
    if sent.fates.missing:
        console.print(f"[yellow]{sent.fates.missing:,} messages are not recorded yet[/]", highlight=False)
    console.print()
    console.print(
        f"One of them in full: [bold]signalbox trace {escape(sent.telling)}[/]", highlight=False, soft_wrap=True
    )


def _headline(sent: Sent) -> str:
    outcome = sent.outcome
    parts = [f"{outcome.accepted:,} accepted"]
    if outcome.repeated:
        parts.append(f"{outcome.repeated:,} of them not for the first time")
    if outcome.resumed:
        parts.append(f"{outcome.resumed:,} dealt with by an earlier run")
    rate = f"{outcome.per_second(sent.seconds):,.0f} a second"
    waited = f", then {sent.waited_s:.1f} s until all were final" if sent.waited_s else ""
    return (
        f"[bold]{outcome.read:,} messages[/]: {', '.join(parts)}, {outcome.tally.rejected:,} rejected, "
        f"in {sent.seconds:.1f} s ({rate}){waited}"
    )
