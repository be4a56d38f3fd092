"""New rules in the middle: what was decided stays, what is decided again is decided by the version then serving."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.answers import Refused
from tests.acceptance.box import Box
from tests.acceptance.rules import FACTS, FATIGUE, ROUTING


@pytest.fixture
def box(running_box: Box) -> Iterator[Box]:
    """The server on a new day, serving v1."""
    running_box.new_day()
    yield running_box
    running_box.serve("v1")


def test_a_held_message_is_decided_by_the_version_then_serving(box: Box) -> None:
    """Held by v1 for push, released by v2, whose route is another."""
    held = box.send(category="MARKETING", at="22:00")
    box.serve("v2-by-sms", routing=ROUTING.replace("{to: push, otherwise: [sms]}", "{to: sms}"))
    box.advance("+1 09:00")

    assert box.carried(held.id) == [("sms", f"{box.user}-sms")]
    assert [event.decision.version for event in box.life(held.id).wire.events if event.HasField("decision")] == [
        "v1",
        "v2-by-sms",
    ]


def test_a_hold_that_is_no_more_lasts_until_its_time(box: Box) -> None:
    """v2 knows no quiet hours: new messages go at once, the held one when its time has come."""
    held = box.send(category="MARKETING", at="22:00")
    box.serve("v2-no-quiet-hours", interception="family: interception\nrules: []\n")
    at_once = box.send(category="MARKETING", at="22:30")

    assert str(at_once) == "SEND push"
    assert box.life(held.id).state == "HELD"
    box.advance("+1 09:00")
    assert box.life(held.id).state == "DELIVERED"


def test_remaining_steps_are_those_of_the_first_route(box: Box) -> None:
    """A supplement begun under v1 goes on with its own second step, whatever v2's route would be."""
    sent = box.send("silent-then-sms", at="12:00")
    box.serve("v2-by-wechat", routing="family: routing\nrules: [{id: all, then: {distribute: {to: wechat}}}]\n")
    box.advance("12:01")

    assert str(box.send("silent-then-sms")) == "SEND wechat"
    assert box.life(sent.id).steps == {"push": "SENT", "sms": "DELIVERED"}


def test_a_step_is_judged_by_the_new_interception(box: Box) -> None:
    """Decided and queued under v1; v2 forbids the channel, and by then it is old enough to be asked about."""
    box.pause(channel="push")
    sent = box.send(at="12:00")
    box.serve(
        "v2-no-push",
        interception="family: interception\nrules:\n"
        '  - {id: no-push, when: channel.name == "push", then: {exclude: {reason: COMPLIANCE}}}\n',
    )
    box.advance("12:02")
    box.resume(channel="push")

    assert box.life(sent.id).state == "DROPPED"
    assert box.life(sent.id).told("DECIDED")[1] == "12:02 DECIDED DROP COMPLIANCE"
    assert box.carried(sent.id) == []


def test_a_limit_keeps_its_window_and_takes_the_new_number(box: Box) -> None:
    """Two of two are used up under v1; v2 allows three in the running window, whose end stays."""
    for _ in range(2):
        box.send("few", at="12:00")
    box.serve("v2-three", fatigue=FATIGUE.replace("max: 2, window: 1h", "max: 3, window: 4h"))

    assert [str(box.send("few", at=at)) for at in ("12:30", "12:31", "13:00")] == [
        "SEND push",
        "DROP LIMIT_REACHED",
        "SEND push",
    ]


def test_a_repeat_is_answered_by_the_version_of_old(box: Box) -> None:
    """The first answer stands, with the version that gave it."""
    message = box.message()
    first = box.send_message(message, "12:00")
    box.serve("v2-by-sms-too", routing=ROUTING.replace("{to: push, otherwise: [sms]}", "{to: sms}"))

    again = box.send_message(message)
    assert (again.wire, again.wire.version) == (first.wire, "v1")
    assert str(box.send()) == "SEND sms"


STRICTER = FACTS.replace("{type: double}", "{type: string}")


def test_a_held_message_that_the_new_rules_cannot_read_ends(box: Box) -> None:
    """Its amount is a number, and v2 wants a text: it is dropped, and the trace says why."""
    held = box.send(category="MARKETING", at="22:00", params={"amount": 5.0})
    box.serve("v2-stricter", facts=STRICTER)
    box.advance("+1 09:00")
    life = box.life(held.id)

    assert (life.state, box.carried(held.id)) == ("DROPPED", [])
    assert life.story[-1].startswith("+1 09:00 ENDED DROPPED")
    assert "message.params.amount" in life.story[-1]


def test_a_queued_message_that_the_new_rules_cannot_read_ends(box: Box) -> None:
    """What is sent stays sent; the step in its lane ends, and gives its money back."""
    line = f"line-{box.user}"
    box.grant(f"{line}/sms/cash", 50_000)
    box.grant(f"{line}/push/cash", 50_000)
    box.pause(channel="sms")
    sent = box.send("paid-everywhere", line=line, at="12:00", params={"amount": 5.0})
    box.serve("v2-stricter", facts=STRICTER)
    box.advance("12:02")
    box.resume(channel="sms")

    assert box.life(sent.id).steps == {"push": "DELIVERED", "sms": "DROPPED"}
    assert box.account(f"{line}/sms/cash") == (50_000, 0, 0)


def test_a_repeat_that_the_new_rules_cannot_read_is_answered(box: Box) -> None:
    """It was accepted, and that is what is told; a new one like it is refused by its field."""
    message = box.message(params={"amount": 5.0})
    first = box.send_message(message, "12:00")
    box.serve("v2-stricter", facts=STRICTER)

    assert box.send_message(message).wire == first.wire
    with pytest.raises(Refused) as caught:
        box.send(params={"amount": 5.0})
    assert (caught.value.code, caught.value.fields) == ("INVALID_ARGUMENT", ["message.params.amount"])
