"""`signalbox rules test`: the rule tests of a version, run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cli.console import wide_console
from cli.problems import PROBLEMS, CannotStart
from cli.rules.test_report import TestRun, run_tests, show_run
from cli.rules.versions import PathType, tests_of, versions_of
from engine.flow.folder import read_test_folder


@click.command(
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
    if tests is not None and not tests.is_dir():
        raise CannotStart(f"--tests {tests} is no folder")
    versions, issues = versions_of(folder)
    run = TestRun(issues=list(issues))
    for version in versions:
        place = tests or tests_of(version.folder)
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
