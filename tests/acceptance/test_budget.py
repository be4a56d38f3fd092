"""Budgets: a charge is held with the decision, spent with success, given back with a sure failure, never doubled."""

from __future__ import annotations

import pytest

from tests.acceptance.answers import Refused
from tests.acceptance.box import Box


@pytest.fixture
def line(box: Box) -> str:
    """A line of the test's own, so that its accounts are new."""
    return f"line-{box.user}"


def test_what_went_out_is_spent(box: Box, line: str) -> None:
    """An SMS costs 0.05: the account says so, and so does the answer."""
    box.grant(f"{line}/sms/cash", 1_000_000)
    sent = box.send("paid", line=line)

    (charge,) = sent.wire.plan.steps[0].charges
    assert (charge.account, charge.micros, charge.unit) == (f"{line}/sms/cash", 50_000, "CNY")
    assert box.account(f"{line}/sms/cash") == (950_000, 0, 50_000)


def test_what_is_under_way_is_held(box: Box, line: str) -> None:
    """Decided and not sent: the money is neither there nor spent."""
    box.grant(f"{line}/sms/cash", 1_000_000)
    box.pause(channel="sms")
    sent = box.send("paid", line=line)
    assert box.account(f"{line}/sms/cash") == (950_000, 50_000, 0)

    box.resume(channel="sms")
    assert box.life(sent.id).state == "DELIVERED"
    assert box.account(f"{line}/sms/cash") == (950_000, 0, 50_000)


def test_exhausted_is_refused_to_the_last_cent(box: Box, line: str) -> None:
    """0.12 pays two SMS; the third takes the route's other channel, which costs nothing."""
    box.grant(f"{line}/sms/cash", 120_000)
    answers = [box.send("paid", line=line) for _ in range(3)]

    assert [str(one) for one in answers] == ["SEND sms", "SEND sms", "SEND mail"]
    assert answers[2].refusals == {"sms": "BUDGET_EXHAUSTED"}
    assert box.account(f"{line}/sms/cash") == (20_000, 0, 100_000)


def test_exactly_enough_is_enough(box: Box, line: str) -> None:
    """The last 0.05 pays an SMS."""
    box.grant(f"{line}/sms/cash", 50_000)

    assert [str(box.send("paid", line=line, addresses={"sms": "1"})) for _ in range(2)] == [
        "SEND sms",
        "DROP BUDGET_EXHAUSTED",
    ]


def test_users_everywhere_share_what_is_left(box: Box, line: str) -> None:
    """Twenty users, who live in all partitions, spend an account of twenty to nothing, and the next gets nothing."""
    box.grant(f"{line}/sms/cash", 20 * 50_000)
    addresses = {"sms": "1"}
    batch = [box.message("paid", line=line, user=f"{box.user}-{n}", addresses=addresses) for n in range(21)]
    answers = [str(one) for one in box.send_batch(batch)]

    assert sorted(answers) == ["DROP BUDGET_EXHAUSTED"] + ["SEND sms"] * 20
    assert box.account(f"{line}/sms/cash") == (0, 0, 1_000_000)


def test_a_top_up_goes_on_in_the_middle(box: Box, line: str) -> None:
    """Exhausted, filled up, and at once there is money again."""
    addresses = {"sms": "1"}
    box.grant(f"{line}/sms/cash", 50_000)
    before = [str(box.send("paid", line=line, addresses=addresses)) for _ in range(2)]
    box.grant(f"{line}/sms/cash", 50_000)
    after = [str(box.send("paid", line=line, addresses=addresses)) for _ in range(2)]

    assert before == after == ["SEND sms", "DROP BUDGET_EXHAUSTED"]
    assert box.account(f"{line}/sms/cash") == (0, 0, 100_000)


def test_a_top_up_counts_once(box: Box, line: str) -> None:
    """The same entry again changes nothing; with another amount it is refused by name."""
    account = f"{line}/sms/cash"
    first, again = (box.grant(account, 1_000, entry="e1") for _ in range(2))

    assert (first.repeated, again.repeated) == (False, True)
    assert again.account.total_micros == 1_000
    with pytest.raises(Refused) as caught:
        box.grant(account, 2_000, entry="e1")
    assert caught.value.code == "ALREADY_EXISTS"


def test_a_sure_failure_gives_the_money_back(box: Box, line: str) -> None:
    """Refused for good: nothing was spent."""
    box.grant(f"{line}/push/cash", 10_000)
    sent = box.send("paid-and-refused", line=line)

    assert (str(sent), box.life(sent.id).state) == ("SEND push", "FAILED")
    assert box.account(f"{line}/push/cash") == (10_000, 0, 0)
    assert str(box.send("paid-and-refused", line=line)) == "SEND push"


def test_fail_over_pays_once(box: Box, line: str) -> None:
    """Four attempts over two providers are one SMS."""
    box.grant(f"{line}/sms/cash", 1_000_000)
    sent = box.send("paid-fail-over", line=line, at="12:00")
    box.advance("13:00")

    assert box.life(sent.id).wire.record.steps[0].attempts == 4
    assert box.account(f"{line}/sms/cash") == (950_000, 0, 50_000)


def test_each_channel_pays_its_own(box: Box, line: str) -> None:
    """One account is empty: its channel is left out, the other goes and pays."""
    box.grant(f"{line}/sms/cash", 10_000)
    box.grant(f"{line}/push/cash", 10_000)
    sent = box.send("paid-everywhere", line=line)

    assert (str(sent), sent.refusals) == ("SEND push", {"sms": "BUDGET_EXHAUSTED"})
    assert box.account(f"{line}/push/cash") == (0, 0, 10_000)
    assert box.account(f"{line}/sms/cash") == (10_000, 0, 0)


def test_a_charge_per_message_is_taken_once(box: Box) -> None:
    """A quota of two messages is enough for two on three channels each; one of which nothing arrives counts none."""
    campaign = f"quota-{box.user}"
    box.grant(f"{campaign}/messages", 2_000_000, unit="COUNT")
    box.send("refused-or-sms", campaign=campaign)
    assert box.account(f"{campaign}/messages") == (2_000_000, 0, 0)
    answers = [str(box.send("everywhere", campaign=campaign)) for _ in range(3)]

    assert answers == ["SEND push+wechat+sms"] * 2 + ["DROP BUDGET_EXHAUSTED"]
    assert box.account(f"{campaign}/messages") == (0, 0, 2_000_000)


def test_a_charge_per_message_is_spent_when_one_step_went(box: Box) -> None:
    """The first of three channels fails, the others go: it was a message all the same."""
    campaign = f"quota-{box.user}"
    box.grant(f"{campaign}/messages", 1_000_000, unit="COUNT")
    sent = box.send("everywhere-mixed", campaign=campaign)

    assert box.life(sent.id).steps == {"push": "FAILED", "wechat": "DELIVERED", "sms": "SENT"}
    assert box.account(f"{campaign}/messages") == (0, 0, 1_000_000)


def test_deciding_again_pays_once(box: Box, line: str) -> None:
    """What waited in its lane for long is decided again: it has paid already."""
    box.grant(f"{line}/sms/cash", 1_000_000)
    box.pause(channel="sms")
    sent = box.send("paid", line=line, at="12:00")
    box.advance("12:05")
    assert box.account(f"{line}/sms/cash") == (950_000, 50_000, 0)
    box.resume(channel="sms")

    assert len(box.life(sent.id).told("DECIDED")) == 2
    assert box.account(f"{line}/sms/cash") == (950_000, 0, 50_000)


def test_a_later_step_is_charged_when_its_turn_comes(box: Box, line: str) -> None:
    """While the first step's wait lasts, the second costs nothing; and it is dropped if the money has gone by then."""
    box.grant(f"{line}/sms/cash", 50_000)
    first = box.send("paid-later", line=line, at="12:00")
    box.advance("12:00:30")
    assert box.account(f"{line}/sms/cash") == (50_000, 0, 0)
    second = box.send("paid-later", line=line)
    box.advance("12:05")

    assert box.life(first.id).steps == {"push": "SENT", "sms": "DELIVERED"}
    assert box.life(second.id).steps == {"push": "SENT"}
    assert "12:01:30 DECIDED DROP BUDGET_EXHAUSTED" in box.life(second.id).story
    assert box.account(f"{line}/sms/cash") == (0, 0, 50_000)


def test_an_unknown_account_is_refused(box: Box, line: str) -> None:
    """Nobody has put anything into it, ever."""
    dropped = box.send("paid", line=line, addresses={"sms": "1"})

    assert (str(dropped), dropped.decided_by) == ("DROP ACCOUNT_UNKNOWN", "sms-cash")


def test_another_unit_is_refused(box: Box, line: str) -> None:
    """An account in CNY pays no points."""
    box.grant(f"{line}/sms/points", 1_000_000_000)
    dropped = box.send("paid-in-points", line=line, addresses={"sms": "1"})

    assert (str(dropped), dropped.decided_by) == ("DROP ACCOUNT_UNIT", "sms-points")
    with pytest.raises(Refused) as caught:
        box.grant(f"{line}/sms/points", 1_000_000, unit="COUNT")
    assert (caught.value.code, caught.value.fields) == ("INVALID_ARGUMENT", ["unit"])


def test_taking_back_gives_the_money_back(box: Box, line: str) -> None:
    """Cancelled in its lane: nothing was spent."""
    box.grant(f"{line}/sms/cash", 1_000_000)
    box.pause(channel="sms")
    sent = box.send("paid", line=line)

    assert box.cancel(message_id=sent.id) == (1, 0)
    assert box.account(f"{line}/sms/cash") == (1_000_000, 0, 0)


def test_expiring_gives_the_money_back(box: Box, line: str) -> None:
    """Its life ended in the lane: nothing was spent."""
    box.grant(f"{line}/sms/cash", 1_000_000)
    box.pause(channel="sms")
    sent = box.send("paid", line=line, at="12:00", expire_at="13:00")
    box.advance("13:30")
    box.resume(channel="sms")

    assert box.life(sent.id).state == "EXPIRED"
    assert box.account(f"{line}/sms/cash") == (1_000_000, 0, 0)


def test_refused_at_the_second_decision_gives_the_money_back(box: Box, line: str) -> None:
    """Declined while it waited in the lane: the step is dropped, the money is there again."""
    box.grant(f"{line}/sms/cash", 1_000_000)
    box.pause(channel="sms")
    sent = box.send("paid", line=line, at="12:00")
    box.advance("12:00:10")
    box.opt_out("sms", "TRANSACTION")
    box.resume(channel="sms")

    assert box.life(sent.id).state == "DROPPED"
    assert box.carried(sent.id) == []
    assert box.account(f"{line}/sms/cash") == (1_000_000, 0, 0)
