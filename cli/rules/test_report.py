"""The rule tests of a version, run and told: what passed, what did not, and how such a decision came about."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from cli.evaluation.explain import show_trace
from engine.decision.cases import CaseResult
from engine.flow.loading import run_rule_tests
from engine.ruleset.compile import RuleSet
from engine.ruleset.issues import Issue, Severity, render
from engine.service.translate_decision import write_trace

if TYPE_CHECKING:
    from cli.rules.versions import Version


@dataclass
class TestRun:
    """What became of all cases; an error in the rules or in a test file counts as failed."""

    issues: list[Issue] = field(default_factory=list)
    results: list[tuple[CaseResult, RuleSet]] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    """The rules, by id, that no case made match."""

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(result.passed for result, _ in self.results)

    @property
    def failed(self) -> int:
        """How many cases failed or could not be run."""
        errors = sum(issue.severity is Severity.ERROR for issue in self.issues)
        return len(self.results) - self.passed + errors

    def as_json(self) -> dict[str, Any]:
        """Return the results as `--json` prints them."""
        cases = [
            {
                "name": result.name,
                "file": result.file,
                "line": result.line,
                "passed": result.passed,
                "differences": list(result.differences),
            }
            for result, _ in self.results
        ]
        cases += [
            {
                "name": issue.code,
                "file": issue.file,
                "line": issue.line,
                "passed": False,
                "differences": [issue.message],
            }
            for issue in self.issues
            if issue.severity is Severity.ERROR
        ]
        return {"passed": self.passed, "failed": self.failed, "cases": cases, "unmatched": self.unmatched}


def run_tests(version: Version, tests: Path, run: TestRun) -> None:
    """Run a version's cases by durable-rules, as every load of it does."""
    ruleset = version.compiled.ruleset if version.compiled is not None else None
    if ruleset is None or version.errors:
        run.issues += version.issues
        return
    report = run_rule_tests(ruleset, tests)
    run.issues += report.issues
    run.results += [(result, ruleset) for result in report.results]
    if report.results:
        run.unmatched += [rule.id for rule in ruleset.rules if rule.id not in report.matched]


def show_run(console: Console, run: TestRun) -> None:
    """Print what failed, with the trace, and the counts."""
    if run.issues:
        console.print(escape(render(run.issues, False)), highlight=False, soft_wrap=True)
    for result, ruleset in run.results:
        if not result.passed:
            _show_failure(console, result, ruleset)
    colour = "red" if run.failed else "green"
    console.print(f"[{colour}]{run.passed:,} passed, {run.failed:,} failed[/]", highlight=False)


def _show_failure(console: Console, result: CaseResult, ruleset: RuleSet) -> None:
    where = f"{result.file}:{result.line}"
    console.print(f"[red]failed[/] [bold]{escape(result.name)}[/] ({escape(where)})", highlight=False)
    for difference in result.differences:
        console.print(f"    {escape(difference)}", highlight=False)
    if result.trace is not None:
        show_trace(console, write_trace(result.trace, ruleset))
    console.print()
