"""Pausing and resuming: a provider, a channel, a line, a campaign, everything; at Send and on the way."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.box import TENANT, Box

CARDS = {"tenant": TENANT, "name": "cards"}
SPRING = {"tenant": TENANT, "name": "spring"}


@pytest.mark.parametrize("scope", [{"channel": "push"}, {"everything": True}], ids=["channel", "everything"])
def test_what_is_paused_waits_in_its_lane(box: Box, scope: dict[str, Any]) -> None:
    """A paused channel, or everything, refuses nothing: the message is decided, queued, and goes with the resume."""
    box.pause(**scope)
    sent = box.send(at="12:00")

    assert (str(sent), box.life(sent.id).state) == ("SEND push", "QUEUED")
    assert box.queued("push") == 1
    box.advance("12:30")
    assert box.carried(sent.id) == []
    assert box.resume(**scope)
    assert (box.life(sent.id).state, box.queued("push")) == ("DELIVERED", 0)


def test_a_pause_stops_one_channel_alone(box: Box) -> None:
    """The other channels of the same message go on."""
    box.pause(channel="wechat")
    sent = box.send("everywhere")

    assert box.life(sent.id).steps == {"push": "DELIVERED", "wechat": "QUEUED", "sms": "DELIVERED"}


def test_a_paused_provider_is_passed_over(box: Box) -> None:
    """The next provider of the step takes it, with its first attempt."""
    box.pause(provider="sms-busy")
    sent = box.send("fail-over", at="12:00")

    assert box.life(sent.id).told("ATTEMPTED") == ["12:00 1 ATTEMPTED sms"]


def test_a_step_whose_only_provider_is_paused_waits(box: Box) -> None:
    """It goes to no other, and goes when its own is back."""
    box.pause(provider="push-in-30s")
    sent = box.send("push-then-sms", at="12:00")
    assert box.life(sent.id).steps == {"push": "QUEUED"}
    box.advance("12:00:30")
    box.resume(provider="push-in-30s")
    box.advance("12:00:59")

    assert box.carried(sent.id) == [("push-in-30s", f"{box.user}-push")]


@pytest.mark.parametrize(
    ("scope", "fields"),
    [({"line": CARDS}, {}), ({"campaign": SPRING}, {"campaign": "spring"})],
    ids=["line", "campaign"],
)
def test_a_paused_line_or_campaign_is_held_without_an_end(
    box: Box, scope: dict[str, Any], fields: dict[str, str]
) -> None:
    """At Send: HOLD(PAUSED), nobody knows until when; resumed, it is decided anew and goes."""
    box.pause(**scope)
    held = box.send(at="12:00", **fields)

    assert (str(held), box.life(held.id).state) == ("HOLD PAUSED", "HELD")
    assert not held.wire.HasField("until")
    box.advance("20:00")
    assert box.life(held.id).state == "HELD"
    box.resume(**scope)
    box.advance("20:00:01")
    assert box.life(held.id).story[:2] == ["12:00 DECIDED HOLD PAUSED", "20:00 DECIDED SEND push"]
    assert box.life(held.id).state == "DELIVERED"


@pytest.mark.parametrize(
    ("scope", "fields"),
    [({"line": CARDS}, {}), ({"campaign": SPRING}, {"campaign": "spring"})],
    ids=["line", "campaign"],
)
def test_a_pause_holds_what_is_queued_already(box: Box, scope: dict[str, Any], fields: dict[str, str]) -> None:
    """At the dequeue: it was decided before the pause, and is held all the same until the resume."""
    box.pause(channel="push")
    queued = box.send(at="12:00", **fields)
    box.pause(**scope)
    box.resume(channel="push")

    assert str(queued) == "SEND push"
    assert box.life(queued.id).state == "HELD"
    box.advance("13:00")
    assert box.carried(queued.id) == []
    box.resume(**scope)
    box.advance("13:00:01")
    assert box.carried(queued.id) == [("push", f"{box.user}-push")]
    assert box.life(queued.id).state == "DELIVERED"


def test_a_pause_holds_the_next_step_of_a_supplement(box: Box) -> None:
    """The line is paused during the wait: the SMS goes with the resume, not before."""
    sent = box.send("silent-then-sms", at="12:00")
    box.pause(line=CARDS)
    box.advance("12:05")
    assert box.carried(sent.id) == [("push-silent", f"{box.user}-push")]
    box.resume(line=CARDS)
    box.advance("12:05:01")

    assert box.life(sent.id).steps == {"push": "SENT", "sms": "DELIVERED"}


def test_a_pause_holds_all_steps_of_a_message_once(box: Box) -> None:
    """Three steps in three lanes, held as one message, released as one: each goes once."""
    for channel in ("push", "wechat", "sms"):
        box.pause(channel=channel)
    sent = box.send("everywhere", at="12:00")
    box.pause(line=CARDS)
    for channel in ("push", "wechat", "sms"):
        box.resume(channel=channel)
    assert set(box.life(sent.id).steps.values()) == {"HELD"}
    box.advance("12:30")
    box.resume(line=CARDS)

    assert set(box.life(sent.id).steps.values()) == {"DELIVERED"}
    assert len(box.carried(sent.id)) == 3


def test_what_a_pause_holds_keeps_its_money_and_pays_once(box: Box) -> None:
    """Charged when it was decided, held on the way, released: one SMS is paid; another, that expires, is given back."""
    line = f"line-{box.user}"
    box.grant(f"{line}/sms/cash", 100_000)
    box.pause(channel="sms")
    for expire_at in ("", "12:10"):
        box.send("paid", line=line, at="12:00", expire_at=expire_at)
    box.pause(line={"tenant": TENANT, "name": line})
    box.resume(channel="sms")
    assert box.account(f"{line}/sms/cash") == (0, 100_000, 0)
    box.advance("12:10")
    assert box.account(f"{line}/sms/cash") == (50_000, 50_000, 0)
    box.resume(line={"tenant": TENANT, "name": line})

    assert box.account(f"{line}/sms/cash") == (50_000, 0, 50_000)


def test_a_pause_holds_a_retry(box: Box) -> None:
    """Paused between two tries: the next try is made after the resume, and is the second."""
    sent = box.send("flaky", at="09:59:59")
    box.pause(line=CARDS)
    box.advance("10:30")
    assert box.life(sent.id).state == "HELD"
    box.resume(line=CARDS)

    assert box.life(sent.id).state == "DELIVERED"
    assert len(box.life(sent.id).told("ATTEMPTED")) == 2


def test_a_pause_is_of_one_tenant_and_name(box: Box) -> None:
    """Another line, the same line's name at another tenant, and a campaign of that name go on."""
    box.pause(line=CARDS)

    assert str(box.send(line="loans")) == "SEND push"
    assert str(box.send(tenant="other-bank")) == "SEND push"
    assert str(box.send(line="loans", campaign="cards")) == "SEND push"
    assert str(box.send()) == "HOLD PAUSED"


def test_what_ends_a_message_outranks_a_pause(box: Box) -> None:
    """What may not go at all is dropped, paused or not."""
    box.pause(line=CARDS)

    assert str(box.send("forbidden")) == "DROP BLOCKED"


def test_a_hold_that_is_over_leads_into_a_pause(box: Box) -> None:
    """Held for the morning, and in the morning the line is paused: it goes with the resume."""
    held = box.send(category="MARKETING", at="22:00")
    box.pause(line=CARDS)
    box.advance("+1 12:00")
    assert box.life(held.id).told("DECIDED")[1:] == ["+1 09:00 DECIDED HOLD PAUSED"]
    box.resume(line=CARDS)

    assert box.life(held.id).state == "DELIVERED"


def test_resume_leads_into_quiet_hours(box: Box) -> None:
    """Resumed at night: marketing goes on waiting, for the morning."""
    box.pause(line=CARDS)
    held = box.send(category="MARKETING", at="12:00")
    box.advance("22:00")
    box.resume(line=CARDS)
    box.advance("22:00:01")

    assert box.life(held.id).told("DECIDED")[1:] == ["22:00 DECIDED HOLD QUIET_HOURS +1 09:00"]
    box.advance("+1 09:00")
    assert box.life(held.id).state == "DELIVERED"


def test_what_is_paused_is_told(box: Box) -> None:
    """Who, what, and since when; a second pause changes nothing, a second resume finds nothing."""
    box.pause(line=CARDS)
    box.advance("12:00")
    box.pause(line=CARDS)
    (told,) = box.pauses()

    assert (told.scope.line.name, told.by, box.days.text(told.since.ToMilliseconds())) == ("cards", "test", "08:00")
    assert [box.resume(line=CARDS), box.resume(line=CARDS)] == [True, False]
    assert box.pauses() == []
