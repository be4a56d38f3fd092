"""One load of a version, from its folder to a rule set that has passed its own tests.

It reads, checks, compiles and tests; it serves nothing. It runs in a child of the rules process and for the command
line, so its result can travel between processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from engine.decision.case_observer import Observer
from engine.decision.cases import CaseReport, CaseResult, run_cases
from engine.decision.session import Unknown
from engine.errors import MatcherUnavailable
from engine.flow.durable_matcher import DurableMatcher
from engine.flow.folder import read_folder, read_test_folder
from engine.ruleset.compile import RuleSet, compile_version
from engine.ruleset.fact_types import Scope
from engine.ruleset.grammar import parse
from engine.ruleset.issues import Issue, Severity

# The parser of conditions takes 0.1 s to make; made here, every child that loads a version inherits it.
parse("true")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a version. `ruleset` is None when it may not be served; `issues` says why."""

    version: str
    ruleset: RuleSet | None
    issues: tuple[Issue, ...]


def load_version(rules_dir: str, version: str, tests_dir: str) -> Loaded:
    """Load `rules_dir/version` and run the tests in `tests_dir/version`; an empty `tests_dir` = run none."""
    return load_folder(Path(rules_dir) / version, Path(tests_dir) / version if tests_dir else None)


def load_folder(folder: Path, tests: Path | None) -> Loaded:
    """Load the version in a folder and run its tests; a test that fails keeps it from being served.

    `tests` None = they are not to be run. A version of which no test is found may serve, with a warning.
    """
    found = read_folder(folder)
    compiled = compile_version(folder.name, found.files, found.unreadable)
    issues = (*found.issues, *compiled.issues)
    if compiled.ruleset is None or found.has_errors:
        return Loaded(folder.name, None, issues)
    if tests is None:
        return Loaded(folder.name, compiled.ruleset, issues)
    report = run_rule_tests(compiled.ruleset, tests)
    told = [*report.issues, *(_failed(result) for result in report.results if not result.passed)]
    refused = any(issue.severity is Severity.ERROR for issue in told)
    if not report.results and not refused:
        told.append(no_rule_tests(tests))
    return Loaded(folder.name, None if refused else compiled.ruleset, (*issues, *told))


def run_rule_tests(ruleset: RuleSet, tests: Path, observer: Observer | None = None) -> CaseReport:
    """Run the rule tests in a folder by durable-rules; no folder, no cases. `observer` sees what they ask."""
    files, issues = read_rule_tests(tests)
    with closing(matcher_of(ruleset)) as matcher:
        report = run_cases(ruleset, files, lambda unknown: ask(matcher, unknown), observer)
    return replace(report, issues=(*issues, *report.issues))


def read_rule_tests(tests: Path) -> tuple[dict[str, bytes], tuple[Issue, ...]]:
    """Read the files of rule tests in a folder, each under the path that a person finds it by, and what is wrong."""
    found, place = read_test_folder(tests), path_of_tests(tests)
    named = (replace(i, file=place if i.file == "." else f"{place}/{i.file}") for i in found.issues)
    return {f"{place}/{name}": content for name, content in found.files.items()}, tuple(named)


def no_rule_tests(tests: Path) -> Issue:
    """Make the warning about a version of which nothing shows that it does what is meant."""
    place = path_of_tests(tests)
    text = f"no rule test was found in {place}, so nothing shows that these rules do what is meant"
    hint = f"write cases into {place}/<name>.yaml; they are read when the version is loaded"
    return Issue("no-rule-tests", Severity.WARNING, place, 1, 1, text, hint)


def path_of_tests(tests: Path) -> str:
    """Write the path of a folder of rule tests for people: from the current folder if it is below it, else whole."""
    try:
        whole, here = tests.absolute(), Path.cwd()
    except OSError:  # the current folder is gone, as when a release replaces the folder of the one before
        return str(tests)
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)


def matcher_of(ruleset: RuleSet) -> DurableMatcher:
    """Make a matcher for all scopes of a rule set; the caller closes it."""
    return DurableMatcher([ruleset.programs[scope].conjunctions for scope in Scope])


def ask(matcher: DurableMatcher, unknown: Sequence[Unknown]) -> list[tuple[int, ...]] | None:
    """Match what a session does not know; None when durable-rules reports an error."""
    try:
        return [matcher.match(one.scope.position, [one.fingerprint])[0] for one in unknown]
    except MatcherUnavailable:
        return None


def _failed(result: CaseResult) -> Issue:
    text = f'the rule test "{result.name}" fails: {"; ".join(result.differences)}'
    hint = "`signalbox rules test` shows how the decision came about"
    return Issue("rule-test-failed", Severity.ERROR, result.file, result.line, 1, text, hint)
