"""Supplement (补发): the next step only if the one before was not confirmed in its wait."""

from __future__ import annotations

from tests.acceptance.box import Box


def test_confirmed_in_time_the_second_is_never_sent(box: Box) -> None:
    """The push is delivered after 30 of 60 seconds: the SMS is not needed, and nothing is left to wait for."""
    sent = box.send("push-then-sms", at="12:00")

    assert (str(sent), sent.strategy) == ("SEND push+sms", "SUPPLEMENT")
    assert [step.admitted for step in sent.wire.plan.steps] == [True, False]
    box.advance("12:05")
    assert box.carried(sent.id) == [("push-in-30s", f"{box.user}-push")]
    assert box.life(sent.id).state == "DELIVERED"
    assert box.life(sent.id).story == [
        "12:00 DECIDED SEND push+sms",
        "12:00 1 ATTEMPTED push-in-30s",
        "12:00 1 ANSWERED push-in-30s OK",
        "12:00:30 1 RECEIPT DELIVERED",
        "12:00:30 1 ENDED DELIVERED",
    ]
    assert box.advance() == 0


def test_unconfirmed_the_second_is_sent_after_the_wait(box: Box) -> None:
    """No receipt in 60 seconds: the SMS goes, to the second."""
    sent = box.send("silent-then-sms", at="12:00")
    box.advance("12:00:59")
    assert box.carried(sent.id) == [("push-silent", f"{box.user}-push")]
    assert box.life(sent.id).state == "SENT"
    box.advance("12:01")

    assert box.carried(sent.id) == [("push-silent", f"{box.user}-push"), ("sms", f"{box.user}-sms")]
    assert box.life(sent.id).state == "DELIVERED"
    assert box.life(sent.id).steps == {"push": "SENT", "sms": "DELIVERED"}
    assert "12:01 DECIDED SEND sms" in box.life(sent.id).story
    box.advance("13:01")
    assert box.life(sent.id).steps == {"push": "UNCONFIRMED", "sms": "DELIVERED"}


def test_a_sure_failure_sends_the_second_at_once(box: Box) -> None:
    """Refused for good: nobody waits for the 60 seconds to be over."""
    sent = box.send("refused-then-sms", at="12:00")

    assert box.carried(sent.id) == [("sms", f"{box.user}-sms")]
    assert box.life(sent.id).steps == {"push": "FAILED", "sms": "DELIVERED"}
    assert {line.split()[0] for line in box.life(sent.id).story} == {"12:00"}


def test_a_receipt_of_failure_sends_the_second_at_once(box: Box) -> None:
    """Taken, but not delivered, as a receipt tells after 5 seconds."""
    sent = box.send("undelivered-then-sms", at="12:00")
    box.advance("12:00:05")

    assert box.carried(sent.id) == [("push-undelivered", f"{box.user}-push"), ("sms", f"{box.user}-sms")]
    assert box.life(sent.id).steps == {"push": "FAILED", "sms": "DELIVERED"}


def test_delivered_is_not_read(box: Box) -> None:
    """A step that is to be read waits on after its delivery; a read in time ends the wait."""
    unread, read = box.send("read-then-sms", at="12:00"), box.send("read-then-sms", at="12:00", text="other")
    assert box.life(read.id).steps == {"push": "DELIVERED"}
    box.advance("12:00:30")
    assert box.receipt(read.id, "READ") == "NOTED"
    box.advance("12:01")

    assert box.life(unread.id).steps == {"push": "DELIVERED", "sms": "DELIVERED"}
    assert box.life(read.id).steps == {"push": "DELIVERED"}


def test_a_late_receipt_stops_what_is_still_unsent(box: Box) -> None:
    """The push arrives after ten minutes, while the second step waits in its lane: it is called off."""
    box.pause(channel="wechat")
    sent = box.send("late-then-wechat", at="12:00")
    box.advance("12:01")
    assert box.life(sent.id).steps == {"push": "SENT", "wechat": "QUEUED"}
    box.advance("12:10")

    assert box.life(sent.id).steps == {"push": "DELIVERED", "wechat": "CANCELLED"}
    box.resume(channel="wechat")
    box.advance("12:20")
    assert box.carried(sent.id) == [("push-in-10min", f"{box.user}-push")]


def test_a_late_receipt_stops_a_third_step(box: Box) -> None:
    """The second has gone when the first turns out to have arrived; the third does not go any more."""
    sent = box.send("late-then-three", at="12:00")
    box.advance("13:00")

    assert box.carried(sent.id) == [("push-in-10min", f"{box.user}-push"), ("wechat", f"{box.user}-wechat")]
    assert box.life(sent.id).state == "DELIVERED"


def test_a_step_that_may_not_be_used_is_left_out(box: Box) -> None:
    """Without a push address the SMS is the first step, at once, and the plan says so."""
    sent = box.send("push-then-sms", addresses={"sms": "1"})

    assert (str(sent), sent.refusals) == ("SEND sms", {"push": "NO_ADDRESS"})
    assert box.life(sent.id).steps == {"sms": "DELIVERED"}


def test_the_second_step_is_decided_when_its_turn_comes(box: Box) -> None:
    """Who declines SMS during the wait gets none; the first step stays as it is."""
    sent = box.send("silent-then-sms", at="12:00")
    box.advance("12:00:30")
    box.opt_out("sms", "TRANSACTION")
    box.advance("12:05")

    assert box.carried(sent.id) == [("push-silent", f"{box.user}-push")]
    assert "12:01 DECIDED DROP OPTED_OUT" in box.life(sent.id).story
    assert box.life(sent.id).state == "SENT"
    box.advance("13:00")
    assert box.life(sent.id).state == "UNCONFIRMED"


def test_the_second_step_keeps_quiet_hours(box: Box) -> None:
    """Its turn comes after eight in the evening: it waits for the morning, while the first step ends as it ends."""
    sent = box.send("silent-then-sms", category="MARKETING", at="19:59:30")
    box.advance("21:30")
    assert box.life(sent.id).told("DECIDED")[1:] == ["20:00:30 DECIDED HOLD QUIET_HOURS +1 09:00"]
    assert box.life(sent.id).steps == {"push": "UNCONFIRMED"}
    assert box.life(sent.id).state == "HELD"
    box.advance("+1 09:00")

    assert box.carried(sent.id)[1:] == [("sms", f"{box.user}-sms")]
    assert box.life(sent.id).state == "DELIVERED"


def test_a_late_receipt_stops_a_held_second_step(box: Box) -> None:
    """The push turns out to have arrived in the evening: no SMS in the morning."""
    sent = box.send("silent-then-sms", category="MARKETING", at="19:59:30")
    box.advance("20:05")
    assert box.receipt(sent.id, "DELIVERED") == "NOTED"

    assert box.life(sent.id).state == "DELIVERED"
    box.advance("+1 12:00")
    assert box.carried(sent.id) == [("push-silent", f"{box.user}-push")]
