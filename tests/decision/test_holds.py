"""Holds: what may go later, and how that is told from what may not go."""

from __future__ import annotations

from engine.decision.model import Breakers, Reason, Verdict
from engine.decision.moment import parse_local
from tests.decision.rulesets import HOUR, MINUTE, NOON, ZONE, channels, decide, message, refusals, ruleset, session

PUSH_THEN_SMS = "- {id: route, then: {supplement: [{channel: push, wait: 2h}, {channel: sms}]}}"
SMS_LATER = '- {id: later, when: channel.name == "sms", then: {hold: {until: "13:00", reason: QUIET_HOURS}}}'
ILL = '- {id: ill, when: channel.state != "NORMAL", then: {exclude: {reason: CHANNEL_UNHEALTHY}}}'
NEVER = '- {id: out, when: channel.name == "sms", then: {exclude: {reason: OPTED_OUT}}}'
TWO_HOLDS = """
- {id: short, then: {limit: {name: short, per: [user], max: 1, window: 10m, otherwise: hold}}}
- {id: long, then: {limit: {name: long, per: [user], max: 1, window: 1h, otherwise: hold}}}
"""
HOLD_AND_DROP = """
- {id: holds, then: {limit: {name: holds, per: [user], max: 1, window: 10m, otherwise: hold}}}
- {id: drops, then: {limit: {name: drops, per: [user], max: 1, window: 1h}}}
"""


def test_a_later_step_that_is_only_held_now_stays_in_the_plan() -> None:
    """At its turn, two hours on, it may go; only then is it decided."""
    decision = decide(session(ruleset(routing=PUSH_THEN_SMS, interception=SMS_LATER)), message())

    assert (channels(decision), refusals(decision)) == (["push", "(sms)"], {})
    assert [step.number for step in decision.plan.steps] == [1, 2]


def test_a_later_step_whose_channel_is_unhealthy_now_stays_too() -> None:
    """The channel may have recovered by then."""
    where = session(ruleset(routing=PUSH_THEN_SMS, interception=ILL), breakers=Breakers(channels={"sms": "PAUSED"}))

    assert channels(decide(where, message())) == ["push", "(sms)"]


def test_a_later_step_that_is_refused_for_good_leaves_the_plan() -> None:
    """And is told among the refusals; the steps that stay keep their numbers."""
    rules = ruleset(routing=PUSH_THEN_SMS, interception=NEVER)

    assert refusals(decide(session(rules), message())) == {"sms": "OPTED_OUT"}


def test_of_several_limits_that_hold_the_latest_counts() -> None:
    """Until is when the touch would pass all of them."""
    where = session(ruleset(fatigue=TWO_HOLDS))
    decide(where, message())

    held = decide(where, message(), NOON + MINUTE)

    assert (held.verdict, held.until_ms, held.decided_by) == (Verdict.HOLD, NOON + HOUR, "long")
    assert decide(where, message(), held.until_ms).verdict is Verdict.SEND


def test_a_limit_that_drops_wins_over_one_that_holds() -> None:
    """Nobody waits for what would then be dropped."""
    where = session(ruleset(fatigue=HOLD_AND_DROP))
    decide(where, message())

    dropped = decide(where, message(), NOON + MINUTE)

    assert (dropped.verdict, dropped.reason, dropped.decided_by) == (Verdict.DROP, Reason.LIMIT_REACHED, "drops")


def test_a_hold_is_marked_as_one() -> None:
    """Of the candidates of a held message, too."""
    held = '- {id: a, when: channel.name == "push", then: {hold: {until: "18:00", reason: COMPLIANCE}}}'
    decision = decide(session(ruleset(interception=held)), message())

    assert [(refusal.held, refusal.until_ms) for refusal in decision.refusals] == [
        (True, parse_local("2026-01-05T18:00", ZONE))
    ]
