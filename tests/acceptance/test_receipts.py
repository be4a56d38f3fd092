"""Receipts: what is reported of an attempt, in any order, any number of times, early or late."""

from __future__ import annotations

from itertools import permutations

from tests.acceptance.box import Box


def test_a_receipt_delivers(box: Box) -> None:
    """A client reports by our reference; told once more it says nothing new."""
    sent = box.send("silent", at="12:00")
    assert box.life(sent.id).state == "SENT"

    assert [box.receipt(sent.id, "DELIVERED"), box.receipt(sent.id, "DELIVERED")] == ["NOTED", "REPEATED"]
    assert box.life(sent.id).story[-2:] == ["12:00 1 RECEIPT DELIVERED", "12:00 1 ENDED DELIVERED"]


def test_what_a_carrier_tells_twice_counts_once(box: Box) -> None:
    """The second telling leaves no trace."""
    sent = box.send("told-twice", at="12:00")
    box.advance("12:05")

    assert len(box.life(sent.id).told("RECEIPT")) == 1


def test_any_order_gives_the_same_state(box: Box) -> None:
    """Delivered, read and clicked, however they overtake each other: DELIVERED, with three lines in the trace."""
    for order in permutations(("DELIVERED", "READ", "CLICKED")):
        sent = box.send("silent", text=" ".join(order))
        assert [box.receipt(sent.id, kind) for kind in order] == ["NOTED"] * 3
        assert box.life(sent.id).state == "DELIVERED"
        assert len(box.life(sent.id).told("RECEIPT")) == 3
        assert len(box.life(sent.id).told("ENDED")) == 1


def test_a_read_alone_says_that_it_arrived(box: Box) -> None:
    """Who has read it has got it."""
    sent = box.send("silent")
    box.receipt(sent.id, "READ")

    assert box.life(sent.id).state == "DELIVERED"


def test_a_failure_reported_ends_the_step(box: Box) -> None:
    """And sends the next one of a supplement at once."""
    sent = box.send("silent-then-sms", at="12:00")
    assert box.receipt(sent.id, "FAILED") == "NOTED"

    assert box.life(sent.id).steps == {"push": "FAILED", "sms": "DELIVERED"}
    assert {line.split()[0] for line in box.life(sent.id).story} == {"12:00"}


def test_a_final_state_stays(box: Box) -> None:
    """Failed first and delivered later, or the other way round: the later one is an event, no other state."""
    one, other = box.send("silent"), box.send("silent", text="other")
    for message, kinds in ((one, ("FAILED", "DELIVERED")), (other, ("DELIVERED", "FAILED"))):
        assert [box.receipt(message.id, kind) for kind in kinds] == ["NOTED", "NOTED"]

    assert (box.life(one.id).state, box.life(other.id).state) == ("FAILED", "DELIVERED")
    assert len(box.life(one.id).told("RECEIPT")) == 2


def test_a_receipt_after_the_wait_is_an_event(box: Box) -> None:
    """UNCONFIRMED after an hour; what comes later is noted, though the message's body has gone from the state."""
    sent = box.send("silent", at="12:00")
    box.advance("13:00")
    assert box.life(sent.id).state == "UNCONFIRMED"
    box.advance("15:00")

    assert box.receipt(sent.id, "READ") == "NOTED"
    assert box.life(sent.id).state == "UNCONFIRMED"
    assert box.life(sent.id).story[-1] == "15:00 1 RECEIPT READ"
    assert box.receipt(sent.id, "READ") == "REPEATED"


def test_a_receipt_by_the_providers_own_id(box: Box) -> None:
    """The carrier knows nothing of our references."""
    sent = box.send("silent")
    (answered,) = [event for event in box.life(sent.id).wire.events if "provider_id" in event.detail]
    own_id = answered.detail["provider_id"]

    assert box.receipt("", "DELIVERED", provider="push-silent", provider_message_id=own_id) == "NOTED"
    assert box.life(sent.id).state == "DELIVERED"


def test_a_receipt_for_nobody_yet_is_kept(box: Box) -> None:
    """It may be quicker than the answer that tells the id."""
    assert box.receipt("", "DELIVERED", provider="push", provider_message_id="not-yet") == "KEPT"


def test_what_names_no_attempt_is_rejected_alone(box: Box) -> None:
    """Of a batch of reports the readable ones count."""
    sent = box.send("silent")
    outcomes = [
        box.receipt(sent.id, "DELIVERED", attempt="1.2"),
        box.receipt(sent.id, "DELIVERED", attempt="2.1"),
        box.receipt("nonsense", "DELIVERED"),
        box.receipt(sent.id, "DELIVERED", provider="sms"),
        box.receipt(sent.id, "UNSPECIFIED"),
    ]

    assert outcomes == ["REJECTED"] * 5
    assert box.receipt(sent.id, "DELIVERED") == "NOTED"


def test_a_receipt_between_two_tries_stops_the_second(box: Box) -> None:
    """Nobody knew whether the first attempt arrived and a second was planned: it did, and the second is not made."""
    sent = box.send("unanswered-silent", category="ONE_TIME_PASSWORD", at="12:00")
    attempts = len(box.life(sent.id).told("ATTEMPTED"))
    assert box.life(sent.id).state == "QUEUED"
    box.receipt(sent.id, "DELIVERED")
    box.advance("12:10")

    assert box.life(sent.id).state == "DELIVERED"
    assert len(box.life(sent.id).told("ATTEMPTED")) == attempts == len(box.carried(sent.id))
