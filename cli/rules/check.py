"""`signalbox rules check`: everything that is wrong in a version of the rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from cli.console import wide_console
from cli.problems import PROBLEMS, CannotStart
from cli.rules.codes_pages import explain
from cli.rules.problem_report import Report, json_text
from cli.rules.providers import Providers, check_providers, providers_of
from cli.rules.sarif import sarif_log
from cli.rules.versions import PathType, Version, tests_of, versions_of
from engine.analysis.findings.find import find, without_guesses
from engine.decision.case_reading import read_cases
from engine.ruleset.issues import Issue, Issues


@click.command(
    epilog="""\b
Examples:
  signalbox rules check
  signalbox rules check rules/2026.12.0 --json
  signalbox rules check rules/2026.12.0 --strict --config signalbox.toml --sarif problems.sarif
  signalbox rules check --explain may-err

\b
Exit codes: 0 no errors (warnings and notes are no errors), 1 errors, or with --strict warnings, 2 could not begin."""
)
@click.argument("folder", type=PathType, required=False, metavar="[DIR]")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as a JSON list.")
@click.option("--sarif", metavar="FILE", help="Write the problems as SARIF 2.1.0 too; - prints them, and nothing else.")
@click.option("--strict", is_flag=True, help="End with 1 for warnings too.")
@click.option("--notes", is_flag=True, help="Show notes too: what is good to know and need not be mended.")
@click.option(
    "--config",
    type=PathType,
    metavar="FILE",
    help="The settings of the server, whose providers the routes are held against. Default: as `serve` finds them.",
)
@click.option(
    "--explain",
    metavar="CODE",
    is_eager=True,
    expose_value=False,
    callback=explain,
    help="Print what a code means, with an example, and end.",
)
def check(
    folder: Path | None, as_json: bool, sarif: str | None, strict: bool, notes: bool, config: Path | None
) -> None:
    """Look for everything that is wrong in a version of the rules.

    DIR is one version's folder; without it the version that rollout.yaml names is checked.
    """
    if as_json and sarif == "-":
        raise click.UsageError("--json and --sarif - both print to standard output; choose one, or name a file")
    providers, whose = providers_of(config)
    versions, issues = versions_of(folder)
    report = Report(issues, whose)
    for version in versions:
        report.add(version.folder, problems_of(version, providers))
    if sarif is not None:
        _write_sarif(report, sarif)
    if as_json:
        click.echo(json_text(report.as_json()))
    elif sarif != "-":
        report.show(wide_console(), notes)
    if report.errors or (strict and report.warnings):
        click.get_current_context().exit(PROBLEMS)


def problems_of(version: Version, providers: Providers) -> Iterator[Issue]:
    """Gather what every source has to say of one version; those after the first need one without errors."""
    ruleset = version.compiled.ruleset if version.compiled is not None else None
    if version.errors or version.parsed is None or ruleset is None:
        yield from version.issues
        return
    yield from without_guesses(version.issues)
    yield from find(version.parsed, ruleset)
    yield from _without_tests(version)
    yield from check_providers(version.parsed, providers)


def _without_tests(version: Version) -> Iterator[Issue]:
    """Warn, as every load does, of a good version for which no case is found."""
    from engine.flow.loading import no_rule_tests, read_rule_tests

    tests = tests_of(version.folder)
    files, _ = read_rule_tests(tests)
    if not any(read_cases(files, Issues())):
        yield no_rule_tests(tests)


def _write_sarif(report: Report, target: str) -> None:
    text = json_text(sarif_log(report.problems, report.providers))
    if target == "-":
        click.echo(text)
        return
    try:
        Path(target).write_text(text + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CannotStart(f"--sarif {target} cannot be written: {getattr(error, 'strerror', None) or error}") from error
