"""What is told of messages afterwards: Get at once and for ever, List page by page, Watch from where one left off."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.answers import Refused
from tests.acceptance.box import Box

# ---- Get ----


def test_get_right_after_send_tells_all(box: Box) -> None:
    """The message as it was sent, its decision, its steps and the trace so far; recorded or not."""
    message = box.message("push-then-sms", params={"amount": 5.0}, campaign="spring", owner="risk-team")
    sent = box.send_message(message, "12:00")
    got = box.life(sent.id).wire

    message.priority = got.record.priority  # one that is left out is the category's
    assert got.message == message
    assert got.decision == sent.wire
    assert [event.number for event in got.events] == [1, 2, 3]
    record = got.record
    assert (record.tenant, record.line, record.user_id, record.request_id) == (
        "bank",
        "cards",
        box.user,
        message.request_id,
    )
    assert (record.scene, record.campaign, record.version, record.decided_by) == (
        "push-then-sms",
        "spring",
        "v1",
        "push-then-sms",
    )
    assert box.days.text(record.accepted_at.ToMilliseconds()) == "12:00"
    assert box.days.text(record.expire_at.ToMilliseconds()) == "+1 12:00"


def test_get_is_the_same_after_the_record_was_closed(box: Box) -> None:
    """Final and recorded, its body leaves the state, and days later all of it; what is told stays."""
    sent = box.send("silent-then-sms", params={"amount": 5.0}, at="12:00")
    box.advance("13:00:01")
    open_still = box.life(sent.id).wire
    box.advance("14:00")
    closed = box.life(sent.id).wire
    box.advance("+4 12:00")

    assert open_still == closed == box.life(sent.id).wire
    assert closed.message.params["amount"] == 5.0


def test_get_tells_of_an_event_after_the_close(box: Box) -> None:
    """A late receipt is one more line behind those that only the records hold."""
    sent = box.send(at="12:00")
    box.advance("13:00")
    before = box.life(sent.id).story
    box.receipt(sent.id, "READ")

    assert box.life(sent.id).story == [*before, "13:00 1 RECEIPT READ"]


def test_an_unknown_message_is_not_found(box: Box) -> None:
    """An id that is well made and names nothing; one that is none is the caller's fault."""
    sent = box.send()
    for message_id, code in ((sent.id[:-4] + "0000", "NOT_FOUND"), ("p99-0", "INVALID_ARGUMENT")):
        with pytest.raises(Refused) as caught:
            box.life(message_id)
        assert caught.value.code == code


# ---- List ----


KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "campaign": {"campaign": "spring-{user}"},
    "other user": {"user": "{user}-other"},
    "held": {"send_after": "20:00"},
    "dropped": {"scene": "forbidden"},
    "failed": {"scene": "refused-or-sms"},
}
"""Six messages by what is special about them; they are sent five minutes apart, from 12:00 on."""

LISTS: list[tuple[dict[str, str], str]] = [
    ({}, "plain|campaign|other user|held|dropped|failed"),
    ({"campaign": "spring-{user}"}, "campaign"),
    ({"user_id": "{user}-other"}, "other user"),
    ({"verdict": "VERDICT_HOLD"}, "held"),
    ({"verdict": "VERDICT_DROP"}, "dropped"),
    ({"state": "MESSAGE_STATE_DELIVERED"}, "plain|campaign|other user"),
    ({"state": "MESSAGE_STATE_HELD"}, "held"),
    ({"state": "MESSAGE_STATE_FAILED", "verdict": "VERDICT_SEND"}, "failed"),
    ({"since": "12:10"}, "other user|held|dropped|failed"),
    ({"until": "12:10"}, "plain|campaign"),
    ({"since": "12:05", "until": "12:15", "user_id": "{user}"}, "campaign"),
]


def test_lists_hold_what_is_wanted(box: Box) -> None:
    """By user, campaign, time, verdict, state, all within a line; the newest first; and they tell what Get tells."""
    line = f"line-{box.user}"
    kinds = {}
    for place, (kind, fields) in enumerate(KINDS.items()):
        fields = {name: value.format(user=box.user) for name, value in fields.items()}
        kinds[box.send(line=line, at=f"12:{5 * place:02d}", **fields).id] = kind
    box.advance("13:00")

    for wanted, found in LISTS:
        wanted = {name: value.format(user=box.user) for name, value in wanted.items()}
        records = box.list(line=line, **wanted)
        assert [kinds[record.message_id] for record in records] == found.split("|")[::-1], wanted
        assert all(record == box.life(record.message_id).wire.record for record in records)


def test_pages_hold_each_message_once(box: Box) -> None:
    """Also of messages that were accepted at one moment, and whatever the page's size."""
    line = f"line-{box.user}"
    sent = box.send_batch([box.message(line=line, user=f"{box.user}-{n}") for n in range(50)], "12:00")
    box.advance("12:01")

    for size in (1, 7, 50, 100):
        ids = [record.message_id for record in box.list(line=line, page_size=size)]
        assert sorted(ids) == sorted(one.id for one in sent), size


def test_messages_that_come_meanwhile_move_no_page(box: Box) -> None:
    """Between two pages ten more are sent: the second page goes on behind the first."""
    line = f"line-{box.user}"
    old = [box.send(line=line, at=f"12:00:{n:02d}").id for n in range(10)]
    box.advance("12:01")
    first, token = box.page(line=line, page_size=5)
    for _ in range(10):
        box.send(line=line)
    box.advance("12:02")
    second, token = box.page(line=line, page_size=5, page_token=token)

    assert [one.message_id for one in (*first, *second)] == old[::-1]
    assert token == ""


# ---- Watch ----


def test_watch_goes_on_where_it_was_left(box: Box) -> None:
    """Event by event with a cursor each; taken up at any of them, the rest comes, once and in order."""
    line = f"line-{box.user}"
    cursor = box.cursor()
    sent = [box.send(line=line).id for _ in range(3)]
    other = box.send(line="loans")
    box.advance(box.now)  # all is recorded then: an event tells its message's state as it is by now
    watched = box.watch(cursor, 15, line=line)

    assert {one.message_id for one in watched} == set(sent) - {other.id}
    for message_id in sent:
        events = [one.event for one in watched if one.message_id == message_id]
        assert events == list(box.life(message_id).wire.events)
    assert len({one.cursor for one in watched}) == 15
    for place in (0, 7, 13):
        assert box.watch(watched[place].cursor, 14 - place, line=line) == watched[place + 1 :]


def test_watch_tells_as_it_happens(box: Box) -> None:
    """A stream that is open hears of what comes later, with the state that follows."""
    line = f"line-{box.user}"
    cursor = box.cursor()
    held = box.send(line=line, at="12:00", send_after="13:00")
    box.watch(cursor, 1, line=line)
    box.advance("13:00")
    watched = box.watch(cursor, 6, line=line)

    assert [box.kind(one) for one in watched] == [
        "DECIDED",
        "DECIDED",
        "ATTEMPTED",
        "ANSWERED",
        "RECEIPT",
        "ENDED",
    ]
    assert {one.message_id for one in watched} == {held.id}
    assert watched[0].event.decision == held.wire


def test_a_cursor_that_is_none_is_refused(box: Box) -> None:
    """Rather than beginning somewhere."""
    with pytest.raises(Refused) as caught:
        box.watch("yesterday", 1)

    assert (caught.value.code, caught.value.fields) == ("INVALID_ARGUMENT", ["cursor"])
