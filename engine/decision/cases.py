"""Rule tests: each case is decided as a message would be, and what was expected of the decision is compared.

The command line, pytest and every load of a version run cases through here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.decision.case_compare import compare
from engine.decision.case_given import read_items, read_now, read_state, read_user
from engine.decision.case_reading import Case, read_cases
from engine.decision.case_window import compare_window, time_facts, window_facts
from engine.decision.judge import Judge
from engine.decision.session import Ask, Judgement, Session, Unknown, judge_now
from engine.decision.trace import Trace, explain
from engine.errors import InvalidInput
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import BREAKER_SCOPES, Scope
from engine.ruleset.issues import Issue, Issues, Severity
from engine.ruleset.match import Matched


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case: `differences` is empty when it passed; `trace` explains a decision."""

    name: str
    file: str
    line: int
    differences: tuple[str, ...]
    trace: Trace | None = None

    @property
    def passed(self) -> bool:
        """Was everything as expected?"""
        return not self.differences


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What became of all cases; `matched` are the ids of the rules that some case made match."""

    results: tuple[CaseResult, ...]
    issues: tuple[Issue, ...]
    matched: frozenset[str] = field(default_factory=frozenset)

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(result.passed for result in self.results)

    @property
    def failed(self) -> int:
        """How many did not, counting each error that kept cases from being read."""
        errors = sum(issue.severity is Severity.ERROR for issue in self.issues)
        return len(self.results) - self.passed + errors


def run_cases(ruleset: RuleSet, files: Mapping[str, bytes], ask: Ask) -> CaseReport:
    """Run every case of these files against a rule set; `ask` matches fingerprints."""
    runner = CaseRunner(ruleset, ask)
    issues = Issues()
    results = tuple(runner.run(case) for case in read_cases(files, issues))
    return CaseReport(results, issues.sorted(), frozenset(runner.matched))


class CaseRunner:
    """Runs cases against one rule set, sharing what it learns of matching."""

    def __init__(self, ruleset: RuleSet, ask: Ask) -> None:
        self._ruleset = ruleset
        self._ask = ask
        self._judge = Judge(ruleset)
        self._windows = {scope: ruleset.matcher(scope) for scope in BREAKER_SCOPES.values()}
        self.matched: set[str] = set()

    def run(self, case: Case) -> CaseResult:
        """Decide one case and compare."""
        subjects = [name for name in BREAKER_SCOPES if name in case.given]
        try:
            if subjects:
                return self._run_window(case, subjects[0])
            return self._run_message(case)
        except (ValueError, TypeError, AttributeError, InvalidInput) as error:
            return CaseResult(case.name, case.file, case.line, (f"the case cannot be judged: {error}",))

    def _run_message(self, case: Case) -> CaseResult:
        user = read_user(case.given, self._ruleset)
        *before, item = read_items(case.given, user, self._ruleset)
        message, now_ms = item[:2]
        state = read_state(case.given, message, user, now_ms, self._ruleset)
        session = Session(self._judge, state, explain=True)
        for judged in judge_now(session, before, self._ask):
            _sure(judged)
        judgement = _sure(judge_now(session, [item], self._ask)[0])
        trace = explain(judgement, self._ruleset)
        self.matched |= {one.rule.id for one in trace.rules if not one.erred}
        differences = compare(case.expect, judgement.decision, user, trace)
        return CaseResult(case.name, case.file, case.line, tuple(differences), trace)

    def _run_window(self, case: Case, subject: str) -> CaseResult:
        scope = BREAKER_SCOPES[subject]
        user = read_user(case.given, self._ruleset)
        f = time_facts(self._ruleset, user.zone, read_now(case.given, user.zone))
        c = window_facts(case.given[subject] or {}, subject, self._ruleset, scope)
        matched = self._match_window(scope, f, c)
        self.matched |= {self._ruleset.rules[index].id for index in matched.rules}
        differences = compare_window(case.expect, matched, self._ruleset)
        return CaseResult(case.name, case.file, case.line, tuple(differences))

    def _match_window(self, scope: Scope, f: list[Any], c: list[Any]) -> Matched:
        matcher = self._windows[scope]
        fingerprint = matcher.fingerprint(f, c)
        known = matcher.memo.get(fingerprint)
        if known is not None:
            return known
        answers = self._ask([Unknown(scope, fingerprint, f, c)])
        if answers is None:
            return matcher.interpret(fingerprint, f, c)
        return matcher.learn(fingerprint, answers[0], f, c)


def _sure(judgement: Judgement) -> Judgement:
    if judgement.error is not None:
        raise judgement.error
    return judgement
