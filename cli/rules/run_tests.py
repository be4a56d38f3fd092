"""`signalbox rules test`: the rule tests of a version, run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from cli.console import wide_console
from cli.private_server import rules_root
from cli.problems import PROBLEMS, BrokenOff, CannotStart
from cli.rules.coverage_html import page_file, write_page
from cli.rules.coverage_report import Covered, coverage_json, falls_short, look_further, show_coverage, watched
from cli.rules.junit import check_place, write_junit
from cli.rules.mutation_report import Mutated, falls_below, mutate, mutation_json, show_mutation
from cli.rules.percentage import Percentage
from cli.rules.test_report import show_run
from cli.rules.test_run import Choice, TestRun, run_tests
from cli.rules.versions import PathType, tests_of, versions_of
from cli.rules.watch import repeat
from engine.flow.folder import read_rollout, read_test_folder
from engine.flow.rules_status import ROLLOUT

MOST_NAMED: Final = 12
"""Rules that a warning names."""


@dataclass(frozen=True)
class Options:
    """What the command was asked to do."""

    folder: Path | None
    tests: Path | None
    as_json: bool
    choice: Choice
    watch: bool
    junit: Path | None
    coverage: bool
    html: Path | None
    fail_under: Fraction | None
    mutate: bool
    mutate_only: str | None
    mutate_under: Fraction | None

    def check(self) -> None:
        """Refuse what cannot begin, before anything is run."""
        if self.tests is not None and not self.tests.is_dir():
            raise CannotStart(f"--tests {self.tests} is no folder")
        if not self.coverage and (self.html is not None or self.fail_under is not None):
            raise CannotStart("--html and --fail-under tell of the coverage", "add --coverage")
        if not self.mutate and (self.mutate_only is not None or self.mutate_under is not None):
            raise CannotStart("--mutate-only and --mutate-under tell of the mutants", "add --mutate")
        if self.watch and self.as_json:
            raise CannotStart(
                "--watch prints for people, again and again, and --json one object", "leave one of them out"
            )
        if self.junit is not None:
            check_place(self.junit)
        if self.html is not None:
            page_file(self.html)


@click.command(
    epilog="""\b
Examples:
  signalbox rules test
  signalbox rules test rules/2026.12.0 --tests rule_tests/2026.12.0 --json
  signalbox rules test rules/2026.12.0 -k "by sms" --fail-fast
  signalbox rules test rules/2026.12.0 --watch
  signalbox rules test --junit results.xml
  signalbox rules test --coverage --html coverage.html --fail-under 100
  signalbox rules test --mutate --mutate-under 95
  signalbox rules test --mutate --mutate-only quiet-hours

\b
Exit codes: 0 every case passed (or there are none: a warning), 1 a case failed, the rules have errors, or less is
covered than --fail-under or noticed than --mutate-under asks for, 2 could not begin."""
)
@click.argument("folder", type=PathType, required=False, metavar="[DIR]")
@click.option("--tests", type=PathType, help="The folder of the cases. Default: rule_tests/<name of DIR>.")
@click.option(
    "--only", "-k", multiple=True, metavar="TEXT", help="Run the cases whose name holds TEXT; may be given repeatedly."
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first case that fails.")
@click.option("--watch", is_flag=True, help="Run again whenever a file of the version or of its tests changes.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object.")
@click.option("--junit", type=PathType, metavar="FILE", help="Write the results as JUnit XML to this file too.")
@click.option("--coverage", is_flag=True, help="Show which rules and conditions the cases reach, and which not.")
@click.option("--html", type=PathType, metavar="PATH", help="Write the coverage as a page, to this file or folder.")
@click.option(
    "--fail-under",
    type=Percentage(),
    help="End with 1 if less than N % of the condition outcomes, or of the rules, are covered.",
)
@click.option(
    "--mutate", is_flag=True, help="Make small mistakes in the rules, one at a time, and show which no case notices."
)
@click.option("--mutate-only", metavar="RULE", help="Make mistakes in the rule of this id only.")
@click.option("--mutate-under", type=Percentage(), help="End with 1 if less than N % of the mistakes are noticed.")
def test(only: tuple[str, ...], fail_fast: bool, **given: Any) -> None:
    """Run the rule tests of a version.

    DIR is one version's folder; without it the version that rollout.yaml names is tested. A case that fails is shown
    with what differs and how the decision came about.
    """
    options = Options(choice=Choice(only, fail_fast), **given)
    options.check()
    if options.watch:
        _watch(options)
    if not _run(options):
        click.get_current_context().exit(PROBLEMS)


def _run(options: Options) -> bool:
    """Run the tests once and tell of them; True when nothing is wrong."""
    covered: list[Covered] = []
    versions, issues = versions_of(options.folder)
    run = TestRun(issues=list(issues))
    for version in versions:
        place = options.tests or tests_of(version.folder)
        if not place.is_dir() or not read_test_folder(place).files:
            click.echo(f"signalbox: warning: {version.folder.name} has no rule tests in {place}", err=True)
        observer = watched(version, covered) if options.coverage else None
        run_tests(version, place, run, observer, options.choice)
    look_further(covered)
    mutated = mutate(versions, run, options.mutate_only) if options.mutate else []
    _tell(options, run, covered, mutated)
    short = [] if options.fail_under is None else falls_short(covered, options.fail_under)
    short += [] if options.mutate_under is None else falls_below(mutated, options.mutate_under)
    for sentence in short:
        click.echo(f"signalbox: {sentence}", err=True)
    return not (run.failed or short)


def _tell(options: Options, run: TestRun, covered: Sequence[Covered], mutated: Sequence[Mutated]) -> None:
    if run.left_out and not run.results:
        texts = ", ".join(f'"{text}"' for text in options.choice.only)
        raise CannotStart(f"no case's name holds {texts}; {run.left_out:,} were looked at")
    if run.unmatched and not options.coverage:
        shown, rest = run.unmatched[:MOST_NAMED], len(run.unmatched) - MOST_NAMED
        more = f" and {rest:,} more, which --coverage lists" * (rest > 0)
        click.echo(f"signalbox: warning: no case made these rules match: {', '.join(shown)}{more}", err=True)
    if options.as_json:
        told = {**run.as_json(), **(coverage_json(covered) if options.coverage else {})}
        told |= mutation_json(mutated) if options.mutate else {}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        show_run(wide_console(), run)
        for one in covered:
            show_coverage(wide_console(), one)
        for each in mutated:
            show_mutation(wide_console(), each)
    if options.junit is not None:
        write_junit(run, options.junit)
    if options.html is not None:
        file = page_file(options.html)
        write_page(covered, file)
        if not options.as_json:
            click.echo(f"wrote {file}")


def _watch(options: Options) -> NoReturn:
    """Run the tests again and again, whatever the files hold meanwhile; ends by Ctrl-C."""

    def work(changed: Sequence[Path]) -> None:
        if changed:
            names = ", ".join(path.name for path in changed[:3]) + (" and more" if len(changed) > 3 else "")
            click.echo(f"\n---- {datetime.now().astimezone():%H:%M:%S} changed: {names} ----")
        try:
            _run(options)
        except (CannotStart, BrokenOff) as problem:
            click.echo(f"signalbox: {problem.message}", err=True)
        click.echo("watching; Ctrl-C ends")

    repeat(lambda: _places(options), work)


def _places(options: Options) -> list[Path]:
    """Return what the results depend on: the version's folder, its tests, and rollout.yaml where that names it."""
    if options.folder is not None:
        return [options.folder, options.tests or tests_of(options.folder)]
    rollout = rules_root(None) / ROLLOUT
    stable = read_rollout(rollout).stable
    folder = None if stable is None else rollout.parent / stable
    return [rollout] if folder is None else [rollout, folder, options.tests or tests_of(folder)]
