"""The rule tests of a version, run: what became of each, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.decision.case_observer import Observer
from engine.decision.case_reading import Case
from engine.decision.cases import CaseResult, CaseRunner, sound_cases
from engine.flow.loading import ask, matcher_of, read_rule_tests
from engine.ruleset.compile import RuleSet
from engine.ruleset.issues import Issue, Issues, Severity

if TYPE_CHECKING:
    from cli.rules.versions import Version


class Ran(NamedTuple):
    """A case that was run against a rule set, and the seconds it took."""

    result: CaseResult
    ruleset: RuleSet
    seconds: float


@dataclass(frozen=True)
class Choice:
    """Which cases are to be run: those whose name holds one of the texts (none = all), up to the first that fails."""

    only: Sequence[str] = ()
    fail_fast: bool = False

    @property
    def is_everything(self) -> bool:
        """Will every case be run, whatever becomes of it?"""
        return not self.only and not self.fail_fast

    def takes(self, case: Case) -> bool:
        """Is this case to be run? Capitals are as good as small letters."""
        name = case.name.casefold()
        return not self.only or any(text.casefold() in name for text in self.only)


@dataclass
class TestRun:
    """What became of all cases; an error in the rules or in a test file counts as failed."""

    issues: list[Issue] = field(default_factory=list)
    results: list[Ran] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    """The rules, by id, that no case made match; known only when every case was run."""
    left_out: int = 0
    """The cases that were not to be run."""

    @property
    def errors(self) -> list[Issue]:
        """What kept rules or cases from being read."""
        return [issue for issue in self.issues if issue.severity is Severity.ERROR]

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(ran.result.passed for ran in self.results)

    @property
    def failed(self) -> int:
        """How many cases failed or could not be run."""
        return len(self.results) - self.passed + len(self.errors)

    def as_json(self) -> dict[str, Any]:
        """Return the results as `--json` prints them."""
        cases = [case_json(ran.result) for ran in self.results]
        cases += [
            {
                "name": issue.code,
                "file": issue.file,
                "line": issue.line,
                "passed": False,
                "differences": [issue.message],
            }
            for issue in self.errors
        ]
        return {"passed": self.passed, "failed": self.failed, "cases": cases, "unmatched": self.unmatched}


def case_json(result: CaseResult) -> dict[str, Any]:
    """Return one case; a row of a table with its values, a sequence with its steps."""
    told: dict[str, Any] = {
        "name": result.name,
        "file": result.file,
        "line": result.line,
        "passed": result.passed,
        "differences": list(result.differences),
    }
    if result.case.row:
        told["row"] = dict(result.case.row)
    if result.case.steps:
        told["steps"] = [
            {
                "step": step.step,
                "at": step.at,
                "passed": step.passed,
                "differences": [one.text for one in step.found],
            }
            for step in result.steps
        ]
    return told


_EVERYTHING = Choice()


def run_tests(
    version: Version, tests: Path, run: TestRun, observer: Observer | None = None, choice: Choice = _EVERYTHING
) -> None:
    """Run a version's cases by durable-rules, as every load of it does; `observer` sees what they ask of the rules."""
    ruleset = version.compiled.ruleset if version.compiled is not None else None
    if ruleset is None or version.errors:
        run.issues += version.issues
        return
    files, unread = read_rule_tests(tests)
    issues = Issues()
    with closing(matcher_of(ruleset)) as matcher:
        runner = CaseRunner(ruleset, lambda unknown: ask(matcher, unknown), observer)
        cases = list(sound_cases(ruleset, files, issues))
        chosen = [case for case in cases if choice.takes(case)]
        run.left_out += len(cases) - len(chosen)
        run.results += _run(runner, ruleset, chosen, choice)
    run.issues += (*unread, *issues.sorted())
    if cases and choice.is_everything:
        run.unmatched += [rule.id for rule in ruleset.rules if rule.id not in runner.matched]


def _run(runner: CaseRunner, ruleset: RuleSet, cases: Sequence[Case], choice: Choice) -> Iterator[Ran]:
    for case in cases:
        began = perf_counter()
        result = runner.run(case)
        yield Ran(result, ruleset, perf_counter() - began)
        if choice.fail_fast and not result.passed:
            return
