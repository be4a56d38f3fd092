"""What rule tests notice of small mistakes in the rules, told: a table, survivors, JSON, and whether it is enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import yaml
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.problems import CannotStart
from engine.analysis.coverage import Share
from engine.analysis.mutation.score import Score, Step, score
from engine.analysis.mutation.survivors import MOST_JUDGED, Survivor
from engine.ruleset.issues import did_you_mean

if TYPE_CHECKING:
    from cli.rules.test_run import TestRun
    from cli.rules.versions import Version

_ALL: Final = Fraction(1)
_UNLIMITED: Final = 1 << 20


@dataclass(frozen=True)
class Mutated:
    """One version with what became of its mutants."""

    version: Version
    score: Score


def mutate(versions: Sequence[Version], run: TestRun, only: str | None) -> list[Mutated]:
    """Try the mutants of versions by the cases that were run; a version with errors has none.

    `only`: those of the rule of this id. Raises CannotStart when no version has it.
    """
    _check_rule(versions, only)
    found: list[Mutated] = []
    for version in versions:
        ruleset = version.compiled.ruleset if version.compiled is not None else None
        if ruleset is None or version.errors or version.parsed is None:
            continue
        cases = [ran.result.case for ran in run.results if ran.ruleset is ruleset]
        with _progress() as step:
            found.append(Mutated(version, score(ruleset, version.parsed, cases, only, step)))
    return found


def _check_rule(versions: Sequence[Version], rule_id: str | None) -> None:
    known = [rule.id for version in versions if version.parsed is not None for rule in version.parsed.rules]
    if rule_id is not None and known and rule_id not in known:
        raise CannotStart(f'--mutate-only: there is no rule "{rule_id}"', did_you_mean(rule_id, known))


@contextmanager
def _progress() -> Iterator[Step]:
    """Give what is told how far it is; it shows a bar on a terminal, on standard error, and else nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (TextColumn("mutants"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("mutants", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def falls_below(mutated: Sequence[Mutated], least: Fraction) -> list[str]:
    """Say of which version less is killed than asked for; exactly so much is enough."""
    wanted = f"{float(least * 100):.10g}"
    return [
        f"{_share(one.score).percent} % of the mutants of {one.version.folder.name} were noticed "
        f"({len(one.score.killed):,} of {one.score.mutants:,}), and {wanted} % are asked for"
        for one in mutated
        if one.score.share < least
    ]


def mutation_json(mutated: Sequence[Mutated]) -> dict[str, Any]:
    """Return what `--json` adds."""
    return {
        "mutants": sum(one.score.mutants for one in mutated),
        "killed": sum(len(one.score.killed) for one in mutated),
        "equivalent": sum(len(one.score.equivalent) for one in mutated),
        "survivors": [_survivor_json(survivor) for one in mutated for survivor in one.score.survivors],
    }


def _survivor_json(survivor: Survivor) -> dict[str, Any]:
    mutant = survivor.mutant
    return {
        "rule": mutant.rule.id,
        "file": mutant.place.source.name,
        "line": mutant.place.line,
        "column": mutant.place.column,
        "kind": mutant.kind,
        "before": mutant.before,
        "after": mutant.after,
        "text": mutant.text,
        "message": survivor.given,
        "expect": survivor.expect,
    }


def show_mutation(console: Console, mutated: Mutated) -> None:
    """Print the score of each rule, the survivors with what would notice them, and what was left out."""
    console.print()
    console.print(_table(mutated))
    if mutated.score.survivors:
        console.print("\n[bold]Survivors[/]: mistakes that no case notices", highlight=False)
    for survivor in mutated.score.survivors:
        for line in survivor_lines(survivor):
            console.print(line, highlight=False, soft_wrap=True)
    if mutated.score.equivalent:
        text = "Equivalent, and not counted: no message is decided otherwise"
        console.print(f"\n[bold]{text}[/]", highlight=False)
    for mutant in mutated.score.equivalent:
        console.print(f"  {escape(mutant.text)}", highlight=False, soft_wrap=True)


def _table(mutated: Mutated) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(f"mutants of {escape(mutated.version.folder.name)}", no_wrap=True, overflow="fold")
    for heading in ("mutants", "killed", "score"):
        table.add_column(heading, justify="right", no_wrap=True)
    assert mutated.version.parsed is not None  # its rules were mutated
    for file, rules in groupby(mutated.version.parsed.rules, key=lambda rule: rule.file):
        own = [(rule.id, mutated.score.of(rule)) for rule in rules]
        shown = [(name, found) for name, found in own if found.mutants]
        if shown:
            table.add_row(f"[bold]{escape(file)}[/]")
        for name, found in shown:
            table.add_row(f"  {escape(name)}", *_cells(found))
    table.add_row("[bold]all[/]", *_cells(mutated.score))
    return table


def _cells(found: Score) -> tuple[str, str, str]:
    colour = "green" if found.share == _ALL else "yellow" if found.killed else "red"
    return f"{found.mutants:,}", f"{len(found.killed):,}", f"[{colour}]{_share(found).percent} %[/]"


def _share(found: Score) -> Share:
    return Share(len(found.killed), found.mutants)


def survivor_lines(survivor: Survivor) -> Iterator[str]:
    """Give a survivor as lines with markup: the mistake, and the case that would notice it."""
    yield f"  [red]{escape(survivor.mutant.text)}[/]"
    unseen = survivor.unseen
    if unseen is not None:
        where = f'"{unseen.name}" ({unseen.file}:{unseen.line})'
        yield f"    decided otherwise in {escape(where)}, which expects nothing that shows it; this would:"
    elif survivor.given is not None:
        yield "    this case would notice it:"
    else:
        most = f"; only {MOST_JUDGED:,} are judged" if not survivor.searched else ""
        yield f"    no message was {'found' if survivor.searched else 'looked for'} that would show it{most}"
        return
    yield "      given:" + ("" if survivor.given else " {}")
    for name, part in (survivor.given or {}).items():
        yield f"        {escape(name)}: {escape(_flow(part))}"
    yield f"      expect: {escape(_flow(survivor.expect))}"


def _flow(value: Any) -> str:
    """Write a value as YAML in one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=_UNLIMITED)
    return text.removesuffix("\n").removesuffix("\n...")
