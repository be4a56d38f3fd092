"""Taking back: a message, a campaign, a line, as far as nothing of it is under way."""

from __future__ import annotations

import pytest

from tests.acceptance.answers import Refused
from tests.acceptance.box import TENANT, Box


def test_a_held_message_is_taken_back(box: Box) -> None:
    """It never goes, and a second call is too late."""
    held = box.send(at="12:00", send_after="13:00")

    assert box.cancel(message_id=held.id) == (1, 0)
    assert box.life(held.id).story == ["12:00 DECIDED HOLD SCHEDULED 13:00", "12:00 ENDED CANCELLED"]
    box.advance("14:00")
    assert (box.life(held.id).state, box.carried(held.id)) == ("CANCELLED", [])
    assert box.cancel(message_id=held.id) == (0, 1)


def test_a_queued_message_is_taken_back(box: Box) -> None:
    """Out of its lane, before the channel goes on."""
    box.pause(channel="push")
    queued = box.send()

    assert box.cancel(message_id=queued.id) == (1, 0)
    box.resume(channel="push")
    assert (box.life(queued.id).state, box.carried(queued.id)) == ("CANCELLED", [])


def test_a_message_that_waits_for_its_retry_is_taken_back(box: Box) -> None:
    """No further attempt is made."""
    sent = box.send("flaky", at="09:00")
    assert box.cancel(message_id=sent.id) == (1, 0)
    attempts = len(box.life(sent.id).told("ATTEMPTED"))
    box.advance("12:00")

    assert box.life(sent.id).state == "CANCELLED"
    assert len(box.life(sent.id).told("ATTEMPTED")) == attempts


def test_what_is_sent_is_not_taken_back_and_the_rest_is(box: Box) -> None:
    """The first step is with its provider; the second will never go."""
    sent = box.send("silent-then-sms", at="12:00")

    assert box.cancel(message_id=sent.id) == (1, 0)
    box.advance("14:00")
    assert box.carried(sent.id) == [("push-silent", f"{box.user}-push")]
    assert box.life(sent.id).state == "UNCONFIRMED"


def test_what_has_arrived_is_too_late(box: Box) -> None:
    """Delivered is delivered."""
    sent = box.send()

    assert box.cancel(message_id=sent.id) == (0, 1)
    assert box.life(sent.id).state == "DELIVERED"


def test_an_unknown_message_is_not_found(box: Box) -> None:
    """An id that is well made and names nothing."""
    sent = box.send()
    with pytest.raises(Refused) as caught:
        box.cancel(message_id=sent.id[:-4] + "0000")

    assert caught.value.code == "NOT_FOUND"


def test_a_campaign_is_taken_back(box: Box) -> None:
    """Of four, one is delivered; the held and the queued ones are stopped, other campaigns and tenants are not."""
    name = f"spring-{box.user}"
    done = box.send(at="12:00", campaign=name)
    held = [box.send(send_after="13:00", campaign=name) for _ in range(2)]
    box.pause(channel="push")
    queued = box.send(campaign=name)
    others = [box.send(campaign="summer"), box.send(campaign=name, tenant="other-bank")]

    assert box.cancel(campaign={"tenant": TENANT, "campaign": name}) == (3, 1)
    box.resume(channel="push")
    box.advance("14:00")
    assert [box.life(one.id).state for one in (done, *held, queued, *others)] == [
        "DELIVERED",
        "CANCELLED",
        "CANCELLED",
        "CANCELLED",
        "DELIVERED",
        "DELIVERED",
    ]


def test_a_line_is_taken_back(box: Box) -> None:
    """Everything unfinished of the line, whatever its campaign; also what a pause of the line holds."""
    line = f"line-{box.user}"
    box.pause(line={"tenant": TENANT, "name": line})
    paused = box.send(line=line, at="12:00")
    other = box.send(line="loans", send_after="13:00")

    assert box.cancel(line={"tenant": TENANT, "line": line}) == (1, 0)
    box.resume(line={"tenant": TENANT, "name": line})
    box.advance("14:00")
    assert (box.life(paused.id).state, box.life(other.id).state) == ("CANCELLED", "DELIVERED")


def test_a_campaign_of_hundreds_is_taken_back(box: Box) -> None:
    """All of them, though they are recorded a little later than they are accepted."""
    name = f"many-{box.user}"
    messages = [box.message(campaign=name, send_after="13:00", user=f"{box.user}-{n}") for n in range(400)]
    held = box.send_batch(messages, "12:00")

    assert {str(one) for one in held} == {"HOLD SCHEDULED 13:00"}
    assert box.cancel(campaign={"tenant": TENANT, "campaign": name}) == (400, 0)
    box.advance("14:00")
    assert not set(box.carried_in_order("push")) & {one.id for one in held}
