"""What becomes of a message: strategies, interception, addresses, budgets, life, wishes."""

from __future__ import annotations

import pytest

from engine.decision.ledger_model import Balance, LedgerModel
from engine.decision.model import Breakers, Content, Reason, Verdict
from engine.decision.moment import parse_local
from engine.errors import InvalidInput
from tests.decision.rulesets import DAY, HOUR, NOON, ZONE, channels, decide, message, refusals, ruleset, session, user

SUPPLEMENT = (
    "- {id: route, then: {supplement: [{channel: push, wait: 60s}, {channel: wechat, wait: 5m}, {channel: sms}]}}"
)
DISTRIBUTE = "- {id: route, then: {distribute: {to: sms, otherwise: [wechat, push]}}}"
CONCURRENT = "- {id: route, then: {concurrent: [push, wechat, sms]}}"
NIGHT = """
- id: night
  when: now.local_hour >= 20 || now.local_hour < 9
  then: {hold: {until: "09:00", reason: QUIET_HOURS}}
"""
CHARGE = (
    "- {id: cost, then: {charge: {account: '{line}/sms', amount: 0.045, unit: CNY, times: segments, channel: sms}}}"
)


def accounts(**left: int) -> LedgerModel:
    """Accounts of line cards in millionths of CNY: accounts(sms=90_000)."""
    return LedgerModel(accounts={("t", f"cards/{name}"): Balance("CNY", micros) for name, micros in left.items()})


def test_concurrent_keeps_all_that_pass() -> None:
    """A candidate without an address falls away, the others all go at once."""
    decision = decide(session(ruleset(routing=CONCURRENT), user("push", "sms")), message())

    assert (decision.verdict, channels(decision)) == (Verdict.SEND, ["push", "sms"])
    assert refusals(decision) == {"wechat": "NO_ADDRESS"}


def test_supplement_admits_its_first_step_only() -> None:
    """The later steps are planned, not counted; what cannot be reached is left out; the last step waits for nobody."""
    decision = decide(session(ruleset(routing=SUPPLEMENT), user("push", "wechat")), message())

    assert channels(decision) == ["push", "(wechat)"]
    assert [step.wait_ms for step in decision.plan.steps] == [60_000, 0]
    assert [step.until for step in decision.plan.steps] == ["DELIVERED", ""]


def test_supplement_begins_with_the_first_that_passes() -> None:
    """What stands before it is refused and does not come back."""
    decision = decide(session(ruleset(routing=SUPPLEMENT), user("wechat", "sms")), message())

    assert (channels(decision), refusals(decision)) == (["wechat", "(sms)"], {"push": "NO_ADDRESS"})


def test_distribution_takes_exactly_one() -> None:
    """`otherwise` answers refusals at decision."""
    assert channels(decide(session(ruleset(routing=DISTRIBUTE)), message())) == ["sms"]
    assert channels(decide(session(ruleset(routing=DISTRIBUTE), user("push")), message())) == ["push"]


def test_nobody_to_reach_drops_with_the_first_candidates_reason() -> None:
    """The routing rule that named the channel is the deciding one, since no rule refused."""
    decision = decide(session(ruleset(routing=DISTRIBUTE), user("mail")), message())

    assert (decision.verdict, decision.reason, decision.decided_by) == (Verdict.DROP, Reason.NO_ADDRESS, "route")


def test_a_message_brings_its_own_address() -> None:
    """It overrides that the user has none on the channel; nobody knows the user otherwise."""
    where = session(ruleset(routing=DISTRIBUTE), user("mail"))

    assert channels(decide(where, message(addresses=(("wechat", "openid"),)))) == ["wechat"]


def test_no_route_drops() -> None:
    """Where no routing rule matches, nothing is sent."""
    rules = ruleset(routing='- {id: r, when: message.category == "MARKETING", then: {distribute: {to: sms}}}')

    decision = decide(session(rules), message())

    assert (decision.verdict, decision.reason, decision.decided_by) == (Verdict.DROP, Reason.NO_ROUTE, "")


def test_the_first_routing_rule_wins() -> None:
    """In file order, whatever else matches."""
    routing = (
        "- {id: one, when: user.known, then: {distribute: {to: mail}}}\n- {id: two, then: {distribute: {to: push}}}"
    )

    assert decide(session(ruleset(routing=routing)), message()).decided_by == "one"


def test_a_wish_only_restricts() -> None:
    """Channels that the caller leaves out are refused, and a wish for a channel no rule routes to opens nothing."""
    where = session(ruleset(routing=DISTRIBUTE))

    assert channels(decide(where, message(wished_channels=("push", "mail")))) == ["push"]
    assert decide(where, message(wished_channels=("mail",))).reason is Reason.NOT_WISHED


def test_quiet_hours_hold_until_the_users_morning() -> None:
    """The hour is the user's; at nine sharp the message goes."""
    where = session(ruleset(interception=NIGHT), user(zone="Europe/Prague"))
    evening = parse_local("2026-01-05T20:00", "Europe/Prague")

    held = decide(where, message(), evening)

    assert (held.verdict, held.reason, held.decided_by) == (Verdict.HOLD, Reason.QUIET_HOURS, "night")
    assert held.until_ms == parse_local("2026-01-06T09:00", "Europe/Prague")
    assert decide(where, message(), held.until_ms).verdict is Verdict.SEND


def test_a_hold_beyond_the_messages_life_drops_it() -> None:
    """EXPIRES_FIRST, decided by the rule that would have held it."""
    where = session(ruleset(interception=NIGHT))
    evening = parse_local("2026-01-05T20:00", ZONE)

    decision = decide(where, message(expire_at_ms=evening + HOUR), evening)

    assert (decision.verdict, decision.reason, decision.decided_by) == (Verdict.DROP, Reason.EXPIRES_FIRST, "night")


def test_of_several_holds_the_latest_counts() -> None:
    """A scheduled message that falls into the night now waits for what comes later."""
    where = session(ruleset(interception=NIGHT))
    evening = parse_local("2026-01-05T20:00", ZONE)

    assert decide(where, message(send_after_ms=evening + HOUR), evening).reason is Reason.QUIET_HOURS
    assert decide(where, message(send_after_ms=evening + 14 * HOUR), evening).reason is Reason.SCHEDULED


def test_the_strictest_interception_wins() -> None:
    """Drop before hold before exclude."""
    drop = '- {id: no, when: has(message.scene) && message.scene == "x", then: {drop: {reason: BLOCKED}}}'
    out = "- {id: out, when: channel.opted_out, then: {exclude: {reason: OPTED_OUT}}}"
    late = '- {id: late, when: channel.name == "push", then: {hold: {until: "09:00", reason: COMPLIANCE}}}'
    where = session(
        ruleset(interception=f"{NIGHT}\n{drop}\n{out}\n{late}"), user(opt_outs=frozenset({("", "SERVICE")}))
    )
    evening = parse_local("2026-01-05T20:00", ZONE)

    assert decide(where, message(scene="x"), evening).reason is Reason.BLOCKED
    assert decide(where, message(), evening).reason is Reason.QUIET_HOURS
    assert decide(where, message(), NOON).reason is Reason.COMPLIANCE


def test_a_held_candidate_counts_as_refused_while_another_passes() -> None:
    """Only when nothing may go at once does the message wait, for the earliest."""
    holds = """
    - {id: a, when: 'channel.name == "push"', then: {hold: {until: "18:00", reason: COMPLIANCE}}}
    - {id: b, when: 'channel.name == "sms"', then: {hold: {until: "15:00", reason: COMPLIANCE}}}
    """
    where = session(ruleset(routing="- {id: r, then: {concurrent: [push, sms, mail]}}", interception=holds))

    assert channels(decide(where, message())) == ["mail"]
    held = decide(where, message(wished_channels=("push", "sms")))
    assert (held.verdict, held.until_ms, held.decided_by) == (Verdict.HOLD, NOON + 3 * HOUR, "b")


def test_an_opt_out_is_about_a_channel_and_a_category() -> None:
    """Another category still comes, and so does another channel."""
    rules = ruleset(
        routing=DISTRIBUTE, interception="- {id: out, when: channel.opted_out, then: {exclude: {reason: OPTED_OUT}}}"
    )
    where = session(rules, user(opt_outs=frozenset({("sms", "MARKETING")})))

    assert channels(decide(where, message("MARKETING"))) == ["wechat"]
    assert channels(decide(where, message("SERVICE"))) == ["sms"]


def test_a_life_ends_at_its_default_or_at_expire_at() -> None:
    """A one-time password of five minutes ago is of no use; a message in its last millisecond still goes."""
    where = session(ruleset())

    assert decide(where, message(expire_at_ms=NOON)).reason is Reason.EXPIRED
    assert decide(where, message(expire_at_ms=NOON + 1)).verdict is Verdict.SEND
    otp = message("ONE_TIME_PASSWORD", send_after_ms=NOON - 5 * 60_000)
    assert decide(where, otp).reason is Reason.EXPIRED
    assert decide(where, otp, NOON - 1).verdict is Verdict.SEND


def test_a_charge_is_taken_from_the_account_of_the_line() -> None:
    """Each SMS part costs; when too little is left, the next candidate is taken, and nothing was charged."""
    ledger = accounts(sms=90_000)
    where = session(ruleset(routing=DISTRIBUTE, budget=CHARGE), ledger=ledger)

    two_parts = decide(where, message(content=Content("", "a" * 200, "", "")))
    assert [(c.account, c.micros) for c in two_parts.plan.steps[0].charges] == [("cards/sms", 90_000)]
    third = decide(where, message())
    assert (channels(third), refusals(third)) == (["wechat"], {"sms": "BUDGET_EXHAUSTED"})
    assert ledger.accounts["t", "cards/sms"].left_micros == 0


def test_an_account_that_is_not_there_pays_nothing() -> None:
    """Unlisted is ACCOUNT_UNKNOWN, another unit ACCOUNT_UNIT; without any accounts there is enough."""
    rules = ruleset(routing=DISTRIBUTE, budget=CHARGE)

    assert refusals(decide(session(rules, ledger=accounts()), message())) == {"sms": "ACCOUNT_UNKNOWN"}
    other = LedgerModel(accounts={("t", "cards/sms"): Balance("COUNT", 10**9)})
    assert refusals(decide(session(rules, ledger=other), message())) == {"sms": "ACCOUNT_UNIT"}
    assert channels(decide(session(rules), message())) == ["sms"]


def test_a_candidates_charges_succeed_together_or_not_at_all() -> None:
    """The first account is not charged when the second has too little, and two charges on one account add up."""
    both = """
    - {id: a, then: {charge: {account: "{line}/sms", amount: 1, unit: CNY, channel: sms}}}
    - {id: b, then: {charge: {account: "{line}/all", amount: 1, unit: CNY, channel: sms}}}
    - {id: c, then: {charge: {account: "{line}/all", amount: 1, unit: CNY, channel: sms}}}
    """
    rules = ruleset(routing=DISTRIBUTE, budget=both)
    ledger = accounts(sms=5_000_000, all=1_999_999)

    decision = decide(session(rules, ledger=ledger), message())

    assert (channels(decision), decision.refusals[0].rule_id) == (["wechat"], "c")
    assert [balance.left_micros for balance in ledger.accounts.values()] == [5_000_000, 1_999_999]


def test_limits_and_charges_of_one_candidate_go_together() -> None:
    """A touch that the budget refuses is not counted."""
    limit = "- {id: one, then: {limit: {name: some, per: [user], channel: sms, max: 1, window: 1h}}}"
    where = session(ruleset(routing=DISTRIBUTE, budget=CHARGE, fatigue=limit), ledger=accounts(sms=0))

    decide(where, message())

    assert not where.state.ledger.uses


def test_breakers_are_facts_and_refuse_nothing_themselves() -> None:
    """A paused channel still takes a message, unless a rule says otherwise."""
    rule = '- {id: ill, when: channel.state != "NORMAL", then: {exclude: {reason: CHANNEL_UNHEALTHY}}}'
    paused = Breakers(channels={"sms": "PAUSED"})

    assert channels(decide(session(ruleset(routing=DISTRIBUTE), breakers=paused), message())) == ["sms"]
    guarded = session(ruleset(routing=DISTRIBUTE, interception=rule), breakers=paused)
    assert refusals(decide(guarded, message())) == {"sms": "CHANNEL_UNHEALTHY"}


def test_each_message_of_a_batch_sees_what_those_before_it_charged() -> None:
    """Also as a fact: a rule may look at what is left in an account."""
    routing = """
    - {id: rich, when: has(budget.sms_cash.left) && budget.sms_cash.left >= 0.09, then: {distribute: {to: sms}}}
    - {id: poor, then: {distribute: {to: mail}}}
    """
    where = session(ruleset(routing=routing, budget=CHARGE), ledger=accounts(sms=135_000))

    assert [channels(decide(where, message())) for _ in range(4)] == [["sms"], ["sms"], ["mail"], ["mail"]]


def test_the_rule_may_raise_the_priority() -> None:
    """The plan has the routing rule's priority, else the message's."""
    routing = (
        '- {id: otp, when: message.category == "ONE_TIME_PASSWORD", then: {distribute: {to: sms}, priority: P0}}\n'
        "- {id: rest, then: {distribute: {to: sms}}}"
    )
    where = session(ruleset(routing=routing))

    assert decide(where, message("ONE_TIME_PASSWORD", priority="P3")).plan.priority == "P0"
    assert decide(where, message(priority="P3")).plan.priority == "P3"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"params": {"amount": "200"}}, "message.params.amount"),
        ({"params": {"amount": True}}, "message.params.amount"),
        ({"params": {"amount": float("nan")}}, "message.params.amount"),
        ({"params": {"amount": [1.0]}}, "message.params.amount"),
    ],
)
def test_a_declared_value_of_another_type_is_a_field_violation(fields: dict[str, object], path: str) -> None:
    """Rules never see it, and nothing is counted."""
    with pytest.raises(InvalidInput) as caught:
        decide(session(ruleset()), message(**fields))

    assert [violation.field for violation in caught.value.violations] == [path]


def test_a_message_may_wait_longer_than_a_day() -> None:
    """send_after counts the default life from then on."""
    decision = decide(session(ruleset()), message(send_after_ms=NOON + 10 * DAY))

    assert (decision.verdict, decision.until_ms) == (Verdict.HOLD, NOON + 10 * DAY)
