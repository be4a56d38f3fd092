"""`signalbox rules fmt`: one layout for rule files and their tests."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from cli.private_server import rules_root
from cli.problems import PROBLEMS, CannotStart
from cli.rules.problem_report import json_text
from cli.rules.rule_paths import RuleFile, files_below, is_served
from cli.rules.versions import PathType, tests_of
from engine.flow.folder import read_rollout
from engine.flow.rules_status import ROLLOUT
from engine.ruleset.files import decode
from engine.ruleset.formatting import Unsafe, formatted
from engine.ruleset.issues import Issue, Issues, render

_SERVED = "a version that serves is known by its content, and an edit of it is refused"


@dataclass
class Outcome:
    """What became of the files: those that are otherwise in their layout, with both texts, and what is wrong."""

    changed: list[tuple[RuleFile, str, str]] = field(default_factory=list)
    unchanged: int = 0
    issues: list[Issue] = field(default_factory=list)
    unsafe: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def left(self) -> bool:
        """Whether a file could not be looked at to the end."""
        return bool(self.issues or self.unsafe)


@click.command(
    epilog="""\b
Examples:
  signalbox rules fmt rules/2026.12.0 rule_tests/2026.12.0
  signalbox rules fmt rules/2026.12.0/routing.yaml --diff
  signalbox rules fmt --check

\b
Exit codes: 0 every file is in its layout now (with --check: was already), 1 a file would change (--check), or cannot be
formatted and is left as it is, 2 could not begin, as for the version that serves."""
)
@click.argument("paths", nargs=-1, type=PathType, metavar="[PATH]...")
@click.option("--check", is_flag=True, help="Change nothing; list the files that would change, and end with 1 if any.")
@click.option("--diff", is_flag=True, help="Change nothing; show what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of the files as one JSON object.")
def fmt(paths: tuple[Path, ...], check: bool, diff: bool, as_json: bool) -> None:
    """Put rule files, facts, rule tests and rollout.yaml into their one layout.

    PATH is a file or a folder; without one the version that rollout.yaml names and its tests are meant. Only blanks,
    line breaks and the order of a rule's fields change; comments stay where they are, and nothing changes its meaning.
    CSV files and word lists are left alone. The version that serves can only be looked at, with --check or --diff.
    """
    if diff and as_json:
        raise click.UsageError("--diff and --json both print to standard output; choose one")
    files = [one for path in paths or _usual() for one in files_below(path)]
    if not (check or diff):
        _refuse_served(files)
    outcome = Outcome()
    for file in dict.fromkeys(files):
        _look_at(file, outcome)
    if not (check or diff):
        for file, _, made in outcome.changed:
            file.write(made)
    _tell(outcome, check, diff, as_json)
    if outcome.left or (check and outcome.changed):
        click.get_current_context().exit(PROBLEMS)


def _usual() -> list[Path]:
    """Return the folder of the version that rollout.yaml names and that of its tests."""
    root = rules_root(None)
    stable = read_rollout(root / ROLLOUT).stable
    if stable is None:
        raise CannotStart(f"{root / ROLLOUT} names no version", "name the files: signalbox rules fmt rules/2026.12.0")
    tests = tests_of(root / stable)
    here = Path.cwd()
    return [
        one.relative_to(here) if one.is_relative_to(here) else one for one in (root / stable, tests) if one.is_dir()
    ]


def _refuse_served(files: list[RuleFile]) -> None:
    served = next((file for file in files if is_served(file)), None)
    if served is not None:
        hint = "format a copy with a name of its own, or look only: --check or --diff"
        raise CannotStart(f"{served.path} belongs to the version that serves; {_SERVED}", hint)


def _look_at(file: RuleFile, outcome: Outcome) -> None:
    """Format one file in memory."""
    issues = Issues()
    source = decode(str(file.path), file.content, issues)
    try:
        made = None if source is None else formatted(source, file.kind, issues)
    except Unsafe as problem:
        outcome.unsafe.append((file.path, str(problem)))
        return
    outcome.issues += issues.sorted()
    if source is None or made is None:
        return
    if made.encode() == file.content:
        outcome.unchanged += 1
    else:
        outcome.changed.append((file, source.text, made))


# ---- what is told ----


def _tell(outcome: Outcome, check: bool, diff: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json_text(_as_json(outcome)))
        return
    if outcome.issues:
        click.echo(render(outcome.issues, color=False), err=True)
    for path, why in outcome.unsafe:
        click.echo(f"signalbox: {path} cannot be formatted safely and is left as it is: {why}", err=True)
    if diff:
        for file, before, after in outcome.changed:
            click.echo("\n".join(_diff(file, before, after)))
        return
    for file, _, _ in outcome.changed:
        click.echo(f"{'would change' if check else 'formatted'} {file.path}")
    click.echo(_count(outcome, check))


def _count(outcome: Outcome, check: bool) -> str:
    changed, left = len(outcome.changed), len({issue.file for issue in outcome.issues}) + len(outcome.unsafe)
    parts = [f"{_files(changed)} {'would change' if check else 'formatted'}", f"{outcome.unchanged} in layout already"]
    return ", ".join(parts + ([f"{left} cannot be formatted"] if left else []))


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"


def _diff(file: RuleFile, before: str, after: str) -> Iterator[str]:
    """Give the lines of a unified diff; click takes the colours away off a terminal."""
    name = str(file.path)
    colours = {"-": "red", "+": "green", "@": "cyan"}
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, f"{name} (formatted)", lineterm="")
    for at, line in enumerate(lines):
        yield click.style(line, bold=True) if at < 2 else click.style(line, fg=colours.get(line[:1]))


def _as_json(outcome: Outcome) -> dict[str, object]:
    unsafe = [{"file": str(path), "message": why} for path, why in outcome.unsafe]
    told = [
        {"file": one.file, "line": one.line, "column": one.column, "message": one.message} for one in outcome.issues
    ]
    return {
        "changed": [str(file.path) for file, _, _ in outcome.changed],
        "unchanged": outcome.unchanged,
        "problems": [*told, *unsafe],
    }
