"""What becomes of a case, in the words in which a case expects it: to compare a mutant with the rules as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.decision.case_compare import said_of_step
from engine.decision.case_facts import subject_of, with_facts
from engine.decision.case_given import read_now, read_user
from engine.decision.case_reading import Case
from engine.decision.case_turns import Turn, TurnSession, turns_of
from engine.decision.case_window import asked_state, time_facts, window_facts
from engine.decision.cases import CaseRunner, interpreted
from engine.decision.judge import Judge
from engine.decision.model import Decision, Plan, Verdict
from engine.decision.moment import iso_time
from engine.decision.session import Session, judge_now
from engine.errors import InvalidInput
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import BREAKER_SCOPES
from engine.ruleset.scalars import show_duration
from engine.ruleset.source import Source

_MICROS = 1_000_000
_PLAINEST = (
    "verdict", "state", "channels", "reason", "until", "strategy", "priority", "charges", "waits", "waits_for",
    "providers", "addresses", "speed", "back", "decided_by", "refused",
)  # fmt: skip
"""The fields of an `expect:`, those first that say most of what becomes of a message."""

_NOWHERE = Source("", "").whole

Expected = dict[str, Any]
"""What an `expect:` may hold, as a decision has it."""


def case_of(given: Mapping[str, Any], expect: Mapping[str, Any]) -> Case:
    """Make a case that stands in no file."""
    return Case("", "", 1, _NOWHERE, given, expect)


class Outcomes:
    """Decides what is given under one rule set."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._ruleset, self._judge = ruleset, Judge(ruleset)
        self._runner = CaseRunner(ruleset, interpreted)

    def passes(self, given: Mapping[str, Any], expect: Mapping[str, Any]) -> bool:
        """Tell whether a case would pass."""
        return self._runner.run(case_of(given, expect)).passed

    def of(self, given: Mapping[str, Any]) -> Expected | None:
        """Return all that could be expected; None when what is given cannot be judged."""
        try:
            if subject_of(given) is not None:
                return self._window(given)
            (turn,) = turns_of(case_of(given, {}), self._ruleset)
            return self._message(turn)
        except (ValueError, TypeError, AttributeError, OverflowError, InvalidInput):
            return None

    def _message(self, turn: Turn) -> Expected | None:
        judge_now(Session(self._judge, turn.state), turn.before, interpreted)
        judgement = judge_now(TurnSession(self._judge, turn), [(turn.message, turn.now_ms)], interpreted)[0]
        return None if judgement.error is not None else expected(judgement.decision, turn.user.zone)

    def _window(self, written: Mapping[str, Any]) -> Expected:
        given = with_facts(written, self._ruleset).given
        subject = subject_of(given)
        assert subject is not None  # the caller looked
        scope, user = BREAKER_SCOPES[subject], read_user(given, self._ruleset)
        f = time_facts(self._ruleset, user.zone, read_now(given, user.zone))
        c = window_facts(given[subject] or {}, subject, self._ruleset, scope)
        matcher = self._judge.matcher(scope)
        return asked_state(matcher.interpret(matcher.fingerprint(f, c), f, c), self._ruleset)


def expected(decision: Decision, zone: str) -> Expected:
    """Write a decision as what a case could expect of it."""
    found: Expected = {"verdict": decision.verdict.name}
    if decision.verdict is not Verdict.SEND:
        found["reason"] = decision.reason.name
    found["decided_by"] = decision.decided_by
    if decision.until_ms:
        found["until"] = iso_time(decision.until_ms, zone)[:19].removesuffix(":00")
    if decision.plan is not None:
        found |= _plan(decision.plan)
    if decision.refusals:
        found["refused"] = {
            one.channel: {"reason": one.reason.name, "rule": one.rule_id} if one.rule_id else one.reason.name
            for one in decision.refusals
        }
    return found


def _plan(plan: Plan) -> Expected:
    charges: dict[str, int] = {}
    for step in plan.steps:
        for charge in step.charges:
            charges[charge.account] = charges.get(charge.account, 0) + charge.micros
    return {
        "strategy": plan.strategy.name,
        "channels": [step.channel for step in plan.steps],
        "priority": plan.priority,
        "charges": {account: _amount(micros) for account, micros in charges.items()},
        "waits": {step.channel: show_duration(step.wait_ms) for step in plan.steps if step.wait_ms},
        **{
            key: {step.channel: said for step in plan.steps if (said := said_of_step(key, step))}
            for key in ("waits_for", "providers", "addresses")
        },
    }


def _amount(micros: int) -> int | float:
    return micros / _MICROS if micros % _MICROS else micros // _MICROS


def tellings(original: Expected, mutated: Expected) -> Iterator[Expected]:
    """Give what a case may expect to see a difference, as it is on the original; the plainest first.

    A mutant that ends in another verdict is seen by that; else by one of the other fields.
    """
    verdict = {key: original[key] for key in ("verdict", "state") if key in original}
    if any(mutated.get(key) != found for key, found in verdict.items()):
        more = {key: original[key] for key in ("reason", "decided_by", "channels") if key in original}
        yield verdict | {key: found for key, found in more.items() if found}
        return
    for key in sorted({*original, *mutated}, key=_PLAINEST.index):
        if original.get(key) != mutated.get(key):
            yield verdict | {key: original.get(key)}
