"""`signalbox rules check`: everything that is wrong in a version of the rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from cli.console import wide_console
from cli.problems import PROBLEMS
from cli.rules.versions import PathType, Version, tests_of, versions_of
from engine.decision.case_reading import read_cases
from engine.ruleset.issues import Issue, Issues, Severity, render


@click.command(
    epilog="""\b
Examples:
  signalbox rules check
  signalbox rules check rules/2026.12.0 --json

\b
Exit codes: 0 no errors (warnings are no errors), 1 errors, 2 could not begin."""
)
@click.argument("folder", type=PathType, required=False, metavar="[DIR]")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as a JSON list.")
def check(folder: Path | None, as_json: bool) -> None:
    """Look for everything that is wrong in a version of the rules.

    DIR is one version's folder; without it the version that rollout.yaml names is checked.
    """
    versions, issues = versions_of(folder)
    for version in versions:
        issues = (*issues, *version.issues, *_without_tests(version))
    errors = sum(issue.severity is Severity.ERROR for issue in issues)
    if as_json:
        click.echo(json.dumps([_as_json(issue) for issue in issues], ensure_ascii=False, indent=2))
    else:
        console = wide_console()
        if issues:
            click.echo(render(issues, console.is_terminal), color=console.is_terminal)
        names = ", ".join(str(version.folder) for version in versions)
        console.print(_summary(names, errors, len(issues) - errors), highlight=False, soft_wrap=True)
    if errors:
        click.get_current_context().exit(PROBLEMS)


def _without_tests(version: Version) -> list[Issue]:
    """Warn, as every load does, of a good version for which no case is found."""
    if version.errors:
        return []
    from engine.flow.loading import no_rule_tests, read_rule_tests

    tests = tests_of(version.folder)
    files, _ = read_rule_tests(tests)
    return [] if any(read_cases(files, Issues())) else [no_rule_tests(tests)]


def _as_json(issue: Issue) -> dict[str, Any]:
    return {
        "code": issue.code,
        "severity": issue.severity.value,
        "file": issue.file,
        "line": issue.line,
        "column": issue.column,
        "message": issue.message,
        "hint": issue.hint,
    }


def _summary(names: str, errors: int, warnings: int) -> str:
    counts = [
        f"{count} {word}{'s' * (count != 1)}" for count, word in ((errors, "error"), (warnings, "warning")) if count
    ]
    colour = "red" if errors else "yellow" if warnings else "green"
    return f"{escape(names) or 'no version'}: [{colour}]{', '.join(counts) or 'no problems'}[/]"
