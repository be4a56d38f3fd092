"""One load of a version, from its folder to a rule set that has passed its own tests.

It reads, checks, compiles and tests; it serves nothing. It runs in a child of the rules process and for the command
line, so its result can travel between processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

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
    """Load `rules_dir/version` and run the tests in `tests_dir/version`, if there are any."""
    return load_folder(Path(rules_dir) / version, Path(tests_dir) / version)


def load_folder(folder: Path, tests: Path) -> Loaded:
    """Load the version in a folder and run its tests; a test that fails keeps it from being served."""
    found = read_folder(folder)
    compiled = compile_version(folder.name, found.files, found.unreadable)
    issues = (*found.issues, *compiled.issues)
    if compiled.ruleset is None or found.has_errors:
        return Loaded(folder.name, None, issues)
    report = test_ruleset(compiled.ruleset, tests)
    issues += (*report.issues, *(_failed(result) for result in report.results if not result.passed))
    return Loaded(folder.name, None if report.failed else compiled.ruleset, issues)


def test_ruleset(ruleset: RuleSet, tests: Path) -> CaseReport:
    """Run the rule tests in a folder by durable-rules; no folder, no cases."""
    found = read_test_folder(tests) if tests.is_dir() else None
    files = {f"{tests.parent.name}/{tests.name}/{name}": text for name, text in found.files.items()} if found else {}
    with closing(matcher_of(ruleset)) as matcher:
        report = run_cases(ruleset, files, lambda unknown: ask(matcher, unknown))
    return replace(report, issues=(*(found.issues if found else ()), *report.issues))


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
    return Issue("rule-test-failed", Severity.ERROR, result.file, result.line, 1, text, "see `signalbox rules test`")
