"""`signalbox rules`: check a version of the rules, run its tests, ask a server which one it follows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from cli.client import DEFAULT_SERVER, connected, explain_error
from cli.console import wide_console
from cli.private_server import ROOT, rules_root
from cli.problems import PROBLEMS, CannotStart
from engine.decision.case_reading import read_cases
from engine.flow.folder import Folder, read_folder, read_rollout, read_test_folder
from engine.ruleset.check import check as check_version
from engine.ruleset.compile import Compiled, compile_version
from engine.ruleset.issues import Issue, Issues, Severity, render
from engine.ruleset.parse import parse_version

PathType = click.Path(path_type=Path)


@dataclass(frozen=True)
class Version:
    """A version of the rules, read and compiled. `issues` are those of the folder and of what is in it."""

    folder: Path
    compiled: Compiled | None
    issues: tuple[Issue, ...]

    @property
    def errors(self) -> int:
        """How many problems keep it from being served."""
        return sum(issue.severity is Severity.ERROR for issue in self.issues)


@click.group(epilog="Example: signalbox rules check rules/2026.11.1")
def rules() -> None:
    """Check, test and look after the rules."""


@rules.command(
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
    versions, issues = _versions(folder)
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


@rules.command(
    epilog="""\b
Examples:
  signalbox rules test
  signalbox rules test rules/2026.12.0 --tests rule_tests/2026.12.0 --json

\b
Exit codes: 0 every case passed (or there are none: a warning), 1 a case failed or the rules have errors,
2 could not begin."""
)
@click.argument("folder", type=PathType, required=False, metavar="[DIR]")
@click.option("--tests", type=PathType, help="The folder of the cases. Default: rule_tests/<name of DIR>.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object.")
def test(folder: Path | None, tests: Path | None, as_json: bool) -> None:
    """Run the rule tests of a version.

    DIR is one version's folder; without it the version that rollout.yaml names is tested. A case that fails is shown
    with what differs and how the decision came about.
    """
    from cli.rule_tests import TestRun, run_tests, show_run

    if tests is not None and not tests.is_dir():
        raise CannotStart(f"--tests {tests} is no folder")
    versions, issues = _versions(folder)
    run = TestRun(issues=list(issues))
    for version in versions:
        place = tests or _tests_of(version.folder)
        if not place.is_dir() or not read_test_folder(place).files:
            click.echo(f"signalbox: warning: {version.folder.name} has no rule tests in {place}", err=True)
        run_tests(version, place, run)
    if run.unmatched:
        click.echo(f"signalbox: warning: no case made these rules match: {', '.join(run.unmatched)}", err=True)
    if as_json:
        click.echo(json.dumps(run.as_json(), ensure_ascii=False, indent=2))
    else:
        show_run(wide_console(), run)
    if run.failed:
        click.get_current_context().exit(PROBLEMS)


@rules.command(
    epilog="""\b
Examples:
  signalbox rules status
  signalbox rules status --server 127.0.0.1:50051 --json

\b
Exit codes: 0 the newest version decides, 1 it could not be loaded and an older one decides, 2 no server answers."""
)
@click.option(
    "--server", default=DEFAULT_SERVER, show_default=True, metavar="ADDR", help="The server to ask (host:port)."
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
def status(server: str, as_json: bool) -> None:
    """Ask a server which version of the rules decides, and what is wrong with a newer one."""
    import grpc

    from cli.rule_status import show_status, status_json
    from signalbox.v1 import rule_service_pb2, rule_service_pb2_grpc

    with connected(server) as channel:
        try:
            answer = rule_service_pb2_grpc.RuleServiceStub(channel).Status(rule_service_pb2.StatusRequest(), timeout=10)
        except grpc.RpcError as error:
            raise CannotStart(f"{server} did not tell: {explain_error(error)}") from error
    if as_json:
        click.echo(json.dumps(status_json(answer), ensure_ascii=False, indent=2))
    else:
        show_status(wide_console(), answer)
    if any(problem.severity == Severity.ERROR.name for problem in answer.problems):
        click.get_current_context().exit(PROBLEMS)


def _versions(folder: Path | None) -> tuple[list[Version], tuple[Issue, ...]]:
    """Read the version in a folder, or those that rollout.yaml names; with it the problems of rollout.yaml."""
    if folder is not None:
        return [_version(folder)], ()
    root = rules_root(None)
    rollout = read_rollout(root / "rollout.yaml")
    names: Iterable[str] = () if rollout.stable is None else (rollout.stable,)
    return [_version(root / name) for name in names], rollout.issues


def _version(folder: Path) -> Version:
    """Read and compile a version; where the folder itself has errors, what can be read is checked all the same."""
    found: Folder = read_folder(folder.resolve() if folder.name in ("", "..") else folder)
    if found.has_errors and not found.files:
        return Version(folder, None, found.issues)
    if found.has_errors:
        parsed = check_version(parse_version(found.name, found.files, found.unreadable))
        return Version(folder, None, tuple(sorted({*found.issues, *parsed.issues})))
    compiled = compile_version(found.name, found.files)
    return Version(folder, compiled, tuple(sorted({*found.issues, *compiled.issues})))


def _tests_of(folder: Path) -> Path:
    """Return where the tests of a version are: beside the rules folder, or in this folder, or in the checkout."""
    name = folder.resolve().name
    places = [base / "rule_tests" / name for base in (folder.resolve().parent.parent, Path(), ROOT)]
    return next((place for place in places if place.is_dir()), places[0])


def _without_tests(version: Version) -> list[Issue]:
    """Warn, as every load does, of a good version for which no case is found."""
    if version.errors:
        return []
    from engine.flow.loading import no_rule_tests, read_rule_tests

    tests = _tests_of(version.folder)
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
