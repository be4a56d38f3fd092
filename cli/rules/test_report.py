"""What became of rule tests, told to people: what differs, side by side, and how such a decision came about."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.markup import escape

from cli.console import SafeConsole
from cli.evaluation.explain import show_trace
from cli.rules.test_run import Ran, TestRun
from engine.decision.case_compare import Difference
from engine.ruleset.issues import render
from engine.service.translate_decision import write_trace

_PLAIN_WIDTH = 120


def show_run(console: Console, run: TestRun) -> None:
    """Print what failed, with the trace, and the counts."""
    if run.issues:
        console.print(escape(render(run.issues, False)), highlight=False, soft_wrap=True)
    for ran in run.results:
        if not ran.result.passed:
            show_failure(console, ran)
            console.print()
    colour = "red" if run.failed else "green"
    left_out = f", {run.left_out:,} not run" if run.left_out else ""
    console.print(f"[{colour}]{run.passed:,} passed, {run.failed:,} failed{left_out}[/]", highlight=False)


def show_failure(console: Console, ran: Ran) -> None:
    """Print a case that failed: its place, and for each step what differs and how the decision came about."""
    result = ran.result
    where = f"{result.file}:{result.line}"
    console.print(f"[red]failed[/] [bold]{escape(result.name)}[/] ({escape(where)})", highlight=False, soft_wrap=True)
    for number, step in enumerate(step for step in result.steps if not step.passed):
        if number:
            console.print()
        if step.name:
            console.print(f"  [bold]{escape(step.name)}[/]", highlight=False)
        width = max(len(one.key) for one in step.found)
        for one in step.found:
            for line in _lines(one, width):
                console.print(line, highlight=False, soft_wrap=True)
        if step.trace is not None:
            show_trace(console, write_trace(step.trace, ran.ruleset))


def _lines(one: Difference, width: int) -> list[str]:
    if not one.key:
        return [f"    {escape(one.found)}"]
    note = f"  ({escape(one.note)})" if one.note else ""
    return [
        f"    {escape(one.key):<{width}}  expected  [green]{escape(one.expected)}[/]",
        f"    {'':<{width}}  found     [red]{escape(one.found)}[/]{note}",
    ]


def failure_text(ran: Ran) -> str:
    """Return the same without colours, for files and for pytest."""
    text = StringIO()
    show_failure(SafeConsole(file=text, width=_PLAIN_WIDTH, color_system=None, emoji=False), ran)
    return text.getvalue().rstrip("\n")
