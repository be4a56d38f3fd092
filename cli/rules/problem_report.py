"""The problems of a check, gathered from all sources: as JSON, and for people."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from cli.private_server import rules_root
from engine.ruleset.files import is_known
from engine.ruleset.issues import Issue, Issues, Severity, render
from engine.ruleset.scalars import shorten


class Report:
    """What was found in the versions that were looked at.

    `of_rollout` are the problems of rollout.yaml; `providers` says whose providers the routes were held against.
    """

    def __init__(self, of_rollout: Iterable[Issue], providers: str) -> None:
        self.providers = providers
        self.folders: list[Path] = []
        self.problems: list[tuple[Issue, Path]] = [(issue, rules_root(None) / issue.file) for issue in of_rollout]

    def add(self, folder: Path, issues: Iterable[Issue]) -> None:
        """Take in what is wrong with a version; each problem once, in the order of their places, the gravest 100."""
        found = Issues()
        found.extend(issues)
        self.folders.append(folder)
        self.problems += [(issue, _path(folder, issue.file)) for issue in found.sorted()]

    def _count(self, severity: Severity) -> int:
        return sum(issue.severity is severity for issue, _ in self.problems)

    @property
    def errors(self) -> int:
        """How many problems keep a version from being served."""
        return self._count(Severity.ERROR)

    @property
    def warnings(self) -> int:
        """How many things are probably not meant."""
        return self._count(Severity.WARNING)

    def as_json(self) -> list[dict[str, Any]]:
        """Return the problems, as plain data."""
        return [_as_json(issue) for issue, _ in self.problems]

    def show(self, console: Console, notes: bool) -> None:
        """Print the problems and the counts."""
        issues = [issue for issue, _ in self.problems]
        text = render(issues, console.is_terminal, notes)
        if text:
            click.echo(text, color=console.is_terminal)
            click.echo("more on a code: signalbox rules check --explain CODE")
        console.print(f"providers: {escape(_safe(self.providers))}", highlight=False, soft_wrap=True, style="dim")
        console.print(self._summary(notes), highlight=False, soft_wrap=True)

    def _summary(self, notes: bool) -> str:
        told = [(self.errors, "error"), (self.warnings, "warning")]
        counts = [_counted(count, word) for count, word in told if count]
        colour = "red" if self.errors else "yellow" if self.warnings else "green"
        names = ", ".join(_safe(str(folder)) for folder in self.folders)
        line = f"{escape(names) or 'no version'}: [{colour}]{', '.join(counts) or 'no problems'}[/]"
        count = self._count(Severity.NOTE)
        if count:
            line += f"; {_counted(count, 'note')}" + ("" if notes else " (--notes shows them)")
        return line


def json_text(value: Any) -> str:
    """Write plain data as JSON for people, whatever bytes the name of a folder has."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # `\\udcff` is an escape of JSON too


def _safe(text: str) -> str:
    """Make the name of a folder safe to print: what a terminal could obey, and bytes that are no text, as escapes."""
    return shorten(text.encode("utf-8", "backslashreplace").decode("utf-8"), 4_096)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _path(folder: Path, file: str) -> Path:
    """Where a file is: a version's own have a bare name, or are known below its folder; others come with theirs."""
    if file == ".":
        return folder
    return folder / file if is_known(file) or "/" not in file else Path(file)


def _as_json(issue: Issue) -> dict[str, Any]:
    return {
        "code": issue.code,
        "severity": issue.severity.value,
        "file": issue.file,
        "line": issue.line,
        "column": issue.column,
        "message": issue.message,
        "hint": issue.hint,
        "witness": issue.given,
        "related": [
            {"file": other.file, "line": other.line, "column": other.column, "text": other.text}
            for other in issue.related
        ],
    }
