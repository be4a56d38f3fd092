"""Evaluate beside Send: it sees what Send has counted and charged, and counts and charges nothing itself."""

from __future__ import annotations

from typing import Any

from signalbox.v1 import state_pb2
from tests.acceptance.box import TENANT, Box
from tests.faults.waiting import until


def test_it_changes_nothing(box: Box) -> None:
    """Asked ten times whether it would go, and then it goes, and once more."""
    for _ in range(10):
        assert str(box.evaluate("few")) == "SEND push"

    assert [str(box.send("few")) for _ in range(3)] == ["SEND push", "SEND push", "DROP LIMIT_REACHED"]
    assert box.evaluated("few").assumed == []


def test_it_sees_what_send_has_counted(box: Box) -> None:
    """The same limits, live: what the next Send would answer."""
    box.send("few", at="12:00")
    assert str(box.evaluate("few")) == "SEND push"
    box.send("few")

    assert str(box.evaluate("few")) == "DROP LIMIT_REACHED"
    assert str(box.evaluate("few", at="13:00")) == "SEND push"


def test_it_sees_what_send_has_charged(box: Box) -> None:
    """And what is held for messages under way."""
    line = f"line-{box.user}"
    box.grant(f"{line}/sms/cash", 90_000)
    assert str(box.evaluate("paid", line=line)) == "SEND sms"
    box.pause(channel="sms")
    box.send("paid", line=line)

    # What is known of accounts to those who only look may be a quarter of a second old.
    until(lambda: str(box.evaluate("paid", line=line)) == "SEND mail", "the account is seen as empty")
    assert box.evaluate("paid", line=line).refusals == {"sms": "BUDGET_EXHAUSTED"}
    assert box.account(f"{line}/sms/cash") == (40_000, 50_000, 0)


def test_it_sees_users_pauses_and_breakers(box: Box) -> None:
    """Bindings, opt-outs, what operators have stopped: all as Send would see it."""
    assert str(box.evaluate(addresses={})) == "DROP NO_ADDRESS"
    box.bind("push", "phone")
    assert str(box.evaluate(addresses={})) == "SEND push"
    box.opt_out("push", "TRANSACTION")
    assert str(box.evaluate(addresses={})) == "DROP OPTED_OUT"
    box.pause(line={"tenant": TENANT, "name": "cards"})
    assert str(box.evaluate()) == "HOLD PAUSED"
    box.resume(line={"tenant": TENANT, "name": "cards"})
    box.breaker("SLOW", 0.5, channel="sms")
    assert str(box.evaluate("only-sms", category="MARKETING", at="12:00")) == "DROP CHANNEL_UNHEALTHY"
    box.breaker(channel="sms")


def test_a_part_that_is_given_replaces_that_part_whole(box: Box) -> None:
    """With an empty ledger there were no touches, with an empty list of accounts there is no account."""
    line = f"line-{box.user}"
    box.grant(f"{line}/sms/cash", 1_000_000)
    for _ in range(2):
        box.send("few")

    assert str(box.evaluate("few", state={"ledger": {}})) == "SEND push"
    assert box.evaluate("paid", line=line, state={"accounts": {}}).refusals == {"sms": "ACCOUNT_UNKNOWN"}
    assert str(box.evaluate("few", state={"accounts": {}})) == "DROP LIMIT_REACHED"


def test_a_batch_sees_what_went_before_it(box: Box) -> None:
    """Without a ledger of its own it begins with the live one, and each message sees those before it; nothing stays."""
    box.send("few", at="12:00")
    for _ in range(2):
        answers, reply = box.evaluate_batch([box.message("few") for _ in range(3)])

        assert answers == ["SEND push", "DROP LIMIT_REACHED", "DROP LIMIT_REACHED"]
        assert list(reply.assumed) == []
        (changed,) = reply.changed.ledger.users
        assert [(one.limit, one.count) for one in changed.uses] == [("few", 2)]
    assert str(box.send("few")) == "SEND push"


def test_a_batch_sees_the_money_go(box: Box) -> None:
    """Live accounts, spent in thought: two of three are paid for, and the account is as before."""
    line = f"line-{box.user}"
    box.grant(f"{line}/sms/cash", 100_000)
    answers, reply = box.evaluate_batch([box.message("paid", line=line) for _ in range(3)])

    assert answers == ["SEND sms", "SEND sms", "SEND mail"]
    assert [(one.name, one.left_micros) for one in reply.changed.accounts.accounts] == [(f"{line}/sms/cash", 0)]
    assert box.account(f"{line}/sms/cash") == (100_000, 0, 0)


def test_a_stream_keeps_what_it_has_seen(box: Box) -> None:
    """Along a stream too: the live counts first, then its own."""
    box.send("few", at="12:00")

    assert box.evaluate_stream([box.message("few") for _ in range(3)]) == [
        "SEND push",
        "DROP LIMIT_REACHED",
        "DROP LIMIT_REACHED",
    ]
    assert str(box.send("few")) == "SEND push"


def test_what_send_answers_evaluate_foretold(box: Box) -> None:
    """For messages of many kinds the two say the same, one after the other."""
    scenes: list[dict[str, Any]] = [
        {"scene": scene, "category": category}
        for scene in ("few", "patient", "everywhere-few", "paid", "push-then-sms", "forbidden")
        for category in ("TRANSACTION", "MARKETING")
        for _ in range(2)
    ]
    box.advance("21:00")
    for fields in scenes:
        foretold = str(box.evaluate(**fields))
        assert str(box.send(**fields)) == foretold, fields


def test_what_if_needs_no_state_of_the_server(box: Box) -> None:
    """Everything given inline: nothing live is looked at, and nothing is assumed."""
    state = {
        "users": {"users": [{"tenant": TENANT, "user_id": "somebody", "bindings": [{"channel": "sms", "value": "1"}]}]},
        "ledger": {},
        "accounts": {},
        "breakers": {"channels": {"sms": state_pb2.BREAKER_STATE_SLOW}},
    }
    fields = {"user": "somebody", "addresses": {}, "state": state, "at": "12:00"}

    assert str(box.evaluate("only-sms", **fields)) == "SEND sms"
    assert str(box.evaluate("only-sms", category="MARKETING", **fields)) == "DROP CHANNEL_UNHEALTHY"
    assert box.evaluated("only-sms", **fields).assumed == []
