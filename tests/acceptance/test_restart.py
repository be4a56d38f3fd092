"""A restart in the middle of everything: all that was promised is on disk, and goes on as if nothing had been.

One server is started anew once, at 12:00, with something of every kind under way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from signalbox.v1 import message_pb2
from tests.acceptance.answers import Accepted
from tests.acceptance.box import TENANT, Box

PAUSED = {"tenant": TENANT, "name": "paused"}
VERDICTS = {"SEND push": {}, "HOLD SCHEDULED 18:00": {"send_after": "18:00"}, "DROP BLOCKED": {"scene": "forbidden"}}


@dataclass
class Before:
    """What was there before the restart."""

    box: Box
    cursor: str = ""
    requests: list[tuple[message_pb2.Message, Accepted]] = field(default_factory=list)
    lives: dict[str, Accepted] = field(default_factory=dict)


@pytest.fixture(scope="module")
def before(running_box: Box) -> Iterator[Before]:
    """The server after its restart, with what was there before."""
    box, was = running_box, Before(running_box)
    box.new_day()
    was.lives["dead"] = box.send("mornings", at="09:00")
    for _ in range(2):
        box.send("few", at="11:59")
    was.cursor = box.cursor()
    for fields in VERDICTS.values():
        message = box.message(**fields)
        was.requests.append((message, box.send_message(message, "12:00")))
    was.lives["waiting"] = box.send("silent-then-sms")
    box.pause(line=PAUSED)
    was.lives["paused"] = box.send(line="paused")
    box.breaker("SLOW", 0.5, provider="mail")
    box.pause(channel="wechat")
    was.lives["queued"] = box.send("only-wechat")
    box.grant("quota-spring/messages", 3_000_000, unit="COUNT")
    for scene in ("only-sms", "only-wechat"):
        box.send(scene, campaign="quota-spring", text=scene)
    box.bind("sms", "13811112222", user="bound")
    box.opt_out(user="bound")
    box.restart()
    yield was
    box.breaker(provider="mail")


def test_requests_are_remembered(before: Before) -> None:
    """Of every verdict the first answer again."""
    again = [before.box.send_message(message) for message, _first in before.requests]

    assert [str(one) for one in again] == list(VERDICTS)
    assert [(one.id, one.wire, one.repeated) for one in again] == [
        (first.id, first.wire, True) for _message, first in before.requests
    ]


def test_limits_are_kept(before: Before) -> None:
    """Two of two were used."""
    assert str(before.box.send("few")) == "DROP LIMIT_REACHED"


def test_money_is_kept(before: Before) -> None:
    """One is spent, one is held for what waits in its lane."""
    assert before.box.account("quota-spring/messages") == (1_000_000, 1_000_000, 1_000_000)


def test_users_are_kept(before: Before) -> None:
    """Where they are reached, and what they do not want."""
    assert before.box.bindings("sms", "bound") == [("13811112222", True)]
    assert before.box.holders("sms", "13811112222") == ["bound"]
    assert str(before.box.evaluate("only-sms", user="bound", category="MARKETING")) == "DROP OPTED_OUT"


def test_pauses_and_breakers_are_kept(before: Before) -> None:
    """What was stopped is still stopped, what was slowed is still slow."""
    box = before.box

    assert box.health("mail") == "SLOW 0.5 forced"
    assert str(box.send(line="paused", text="another")) == "HOLD PAUSED"
    assert box.life(before.lives["queued"].id).state == "QUEUED"


def test_a_stream_goes_on_at_its_cursor(before: Before) -> None:
    """Whoever was away with the server finds what happened since."""
    first = before.requests[0][1]
    watched = before.box.watch(before.cursor, 17, line="cards")

    assert {one.message_id for one in watched} >= {one.id for _message, one in before.requests}
    assert [before.box.kind(one) for one in watched if one.message_id == first.id] == [
        "DECIDED",
        "ATTEMPTED",
        "ANSWERED",
        "RECEIPT",
        "ENDED",
    ]


def test_a_wait_goes_on(before: Before) -> None:
    """The second step of a supplement goes to the second."""
    box, sent = before.box, before.lives["waiting"]
    box.advance("12:00:59")
    assert box.life(sent.id).steps == {"push": "SENT"}
    box.advance("12:01")

    assert box.life(sent.id).steps == {"push": "SENT", "sms": "DELIVERED"}


def test_what_was_stopped_goes_on(before: Before) -> None:
    """Held and queued messages are released by a resume of later."""
    box = before.box
    box.resume(line=PAUSED)
    box.resume(channel="wechat")

    assert box.life(before.lives["paused"].id).state == "DELIVERED"
    assert box.life(before.lives["queued"].id).state == "DELIVERED"
    assert box.account("quota-spring/messages") == (1_000_000, 0, 2_000_000)


def test_dead_letters_are_kept(before: Before) -> None:
    """With their messages whole: they can be sent anew."""
    box, failed = before.box, before.lives["dead"]

    assert [letter.message_id for letter in box.dead_letters()] == [failed.id]
    assert box.redrive() == (1, 0)
    assert box.life(failed.id).state == "DELIVERED"


def test_what_is_held_is_released(before: Before) -> None:
    """At its time."""
    held = before.requests[1][1]
    before.box.advance("18:00")

    assert before.box.life(held.id).state == "DELIVERED"
