"""Rule tests: each case is decided as a message would be, and what was expected of the decision is compared.

The command line, pytest and every load of a version run cases through here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.decision.case_compare import Difference, compare
from engine.decision.case_facts import subject_of, with_facts
from engine.decision.case_given import read_now, read_user
from engine.decision.case_names import check_names
from engine.decision.case_observer import Asked, Observer, answered
from engine.decision.case_reading import Case, read_cases
from engine.decision.case_turns import Turn, TurnSession, turns_of
from engine.decision.case_window import compare_window, time_facts, window_facts
from engine.decision.judge import Judge
from engine.decision.model import Breakers
from engine.decision.moment import iso_time
from engine.decision.session import Ask, Judgement, Session, Unknown, judge_now
from engine.decision.trace import Trace, explain
from engine.errors import InvalidInput
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import BREAKER_SCOPES, Scope
from engine.ruleset.issues import Issue, Issues, Severity
from engine.ruleset.match import Matched


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of one message of a case: of the case's own (step 0), or of a step of a sequence (from 1 on).

    `at` is the time it was judged at, as ISO 8601. `trace` explains the decision where something differs.
    """

    step: int
    at: str
    found: tuple[Difference, ...]
    trace: Trace | None = None

    @property
    def passed(self) -> bool:
        """Was everything as expected?"""
        return not self.found

    @property
    def name(self) -> str:
        """How the step is called, or an empty text."""
        at = f" (at {self.at[:19].removesuffix(':00')})" if self.at else ""
        return f"step {self.step}{at}" if self.step else ""

    @property
    def differences(self) -> tuple[str, ...]:
        """What is not as expected, a sentence each."""
        where = f"{self.name}: " if self.step else ""
        return tuple(where + one.text for one in self.found)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case; it passed when each of its steps did. `case` is what was run."""

    case: Case
    steps: tuple[StepResult, ...]

    @property
    def name(self) -> str:
        """What the case promises."""
        return self.case.name

    @property
    def file(self) -> str:
        """The file it stands in."""
        return self.case.file

    @property
    def line(self) -> int:
        """The line on which it, or its row of a table, begins."""
        return self.case.line

    @property
    def passed(self) -> bool:
        """Was everything as expected?"""
        return all(step.passed for step in self.steps)

    @property
    def differences(self) -> tuple[str, ...]:
        """What is not as expected, a sentence each; empty when it passed."""
        return tuple(text for step in self.steps for text in step.differences)


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


def interpreted(unknown: Sequence[Unknown]) -> None:
    """Match nothing, as an `Ask`: so the plain interpreter answers, which needs no durable-rules."""
    return


def sound_cases(ruleset: RuleSet, files: Mapping[str, bytes], issues: Issues) -> Iterator[Case]:
    """Read the cases that can be run against a rule set; what is wrong with the others is in `issues`."""
    for case in read_cases(files, issues):
        mine = Issues()
        check_names(case, ruleset, mine)
        issues.extend(mine.sorted())
        if not mine.has_errors:
            yield case


def run_cases(ruleset: RuleSet, files: Mapping[str, bytes], ask: Ask, observer: Observer | None = None) -> CaseReport:
    """Run every case of these files against a rule set; `ask` matches fingerprints, `observer` sees every question."""
    runner = CaseRunner(ruleset, ask, observer)
    issues = Issues()
    results = tuple(runner.run(case) for case in sound_cases(ruleset, files, issues))
    return CaseReport(results, issues.sorted(), frozenset(runner.matched))


class CaseRunner:
    """Runs cases against one rule set, sharing what it learns of matching.

    Cases that were read once may be run against any number of rule sets. An `ask` that returns None (`interpreted`)
    leaves matching to the plain interpreter. `observer` is told every question that a case asks of the rules.
    """

    def __init__(self, ruleset: RuleSet, ask: Ask, observer: Observer | None = None) -> None:
        self._ruleset = ruleset
        self._ask = ask
        self._observer = observer
        self._judge = Judge(ruleset)
        self.matched: set[str] = set()

    def run(self, case: Case) -> CaseResult:
        """Decide one case and compare. Whatever it says, it ends with a result."""
        results: list[StepResult] = []
        try:
            if subject_of(case.given) is not None:
                results.append(self._run_window(case))
            else:
                for turn in turns_of(case, self._ruleset):
                    results.append(self._run_turn(case, turn))
        except (ValueError, TypeError, AttributeError, OverflowError, InvalidInput) as error:
            sentence = f"the case cannot be judged: {error}"
            number = len(results) + 1 if case.steps else 0
            results.append(StepResult(number, "", (Difference("", "", sentence),)))
        return CaseResult(case, tuple(results))

    def _run_turn(self, case: Case, turn: Turn) -> StepResult:
        for judged in judge_now(Session(self._judge, turn.state), turn.before, self._ask):
            self._tell(case, turn, _sure(judged), before=True)
        session = TurnSession(self._judge, turn)
        judgement = _sure(judge_now(session, [(turn.message, turn.now_ms)], self._ask)[0])
        self._tell(case, turn, judgement, before=False)
        matched = self._matched(judgement)
        self.matched |= matched.keys()
        found = tuple(compare(turn.expect, judgement.decision, turn.user, matched))
        trace = explain(judgement, self._ruleset) if found else None
        return StepResult(turn.step, iso_time(turn.now_ms, turn.user.zone), found, trace)

    def _run_window(self, case: Case) -> StepResult:
        given = with_facts(case.given, self._ruleset).given
        subject = subject_of(given)
        assert subject is not None  # the caller looked
        scope = BREAKER_SCOPES[subject]
        user = read_user(given, self._ruleset)
        now_ms = read_now(given, user.zone)
        f = time_facts(self._ruleset, user.zone, now_ms)
        c = window_facts(given[subject] or {}, subject, self._ruleset, scope)
        matched = self._match_window(scope, f, c)
        if self._observer is not None:
            self._observer.asked(Asked(case, scope, f, c, matched))
        self.matched |= {self._ruleset.rules[index].id for index in matched.rules}
        found = tuple(compare_window(case.expect, matched, self._ruleset))
        return StepResult(0, iso_time(now_ms, user.zone), found)

    def _tell(self, case: Case, turn: Turn, judgement: Judgement, before: bool) -> None:
        if self._observer is not None:
            for scope, f, c, matched in answered(judgement, turn.state.breakers):
                self._observer.asked(Asked(case, scope, f, c, matched, before, turn.step))

    def _matched(self, judgement: Judgement) -> dict[str, list[str]]:
        """Return the rules that hold for a message, each with the channels that it holds for."""
        found: dict[str, list[str]] = {}
        for scope, _f, c, matched in answered(judgement, Breakers()):
            for index in matched.rules:
                found.setdefault(self._ruleset.rules[index].id, []).append(c[0] if scope is Scope.CHANNEL else "")
        return found

    def _match_window(self, scope: Scope, f: list[Any], c: list[Any]) -> Matched:
        matcher = self._judge.matcher(scope)
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
