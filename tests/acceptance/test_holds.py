"""Holding: what must wait waits, goes when it may, is decided anew by then, and never outlives itself."""

from __future__ import annotations

from signalbox.v1 import message_service_pb2 as contract
from tests.acceptance.answers import Said, code_name
from tests.acceptance.box import Box


def test_quiet_hours_hold_until_the_morning(box: Box) -> None:
    """Marketing of the evening is held, counts as such, and goes at nine by a decision of its own."""
    held = box.send(category="MARKETING", at="22:00")

    assert str(held) == "HOLD QUIET_HOURS +1 09:00"
    assert held.decided_by == "quiet-hours"
    assert box.life(held.id).state == "HELD"
    box.advance("+1 08:59:59")
    assert box.carried(held.id) == []
    box.advance("+1 09:00")
    assert box.carried(held.id) == [("push", f"{box.user}-push")]
    assert box.life(held.id).story == [
        "22:00 DECIDED HOLD QUIET_HOURS +1 09:00",
        "+1 09:00 DECIDED SEND push",
        "+1 09:00 1 ATTEMPTED push",
        "+1 09:00 1 ANSWERED push OK",
        "+1 09:00 1 RECEIPT DELIVERED",
        "+1 09:00 1 ENDED DELIVERED",
    ]


def test_the_answer_to_the_caller_stays_the_first(box: Box) -> None:
    """A message that was held and then sent is still told as held to who asks again, and by Get."""
    message = box.message(category="MARKETING")
    first = box.send_message(message, "22:00")
    box.advance("+1 12:00")

    again = box.send_message(message)
    assert (str(again), again.repeated) == (str(first), True)
    assert box.life(first.id).wire.decision == first.wire
    assert box.life(first.id).state == "DELIVERED"


def test_quiet_hours_are_the_users_own(box: Box) -> None:
    """Nine o'clock is nine o'clock where the user is."""
    box.put(zone="Asia/Kolkata")  # two and a half hours behind China
    held = box.send(category="MARKETING", at="11:00")

    assert str(held) == "HOLD QUIET_HOURS 11:30"
    box.advance("11:30")
    assert box.life(held.id).state == "DELIVERED"


def test_send_after_waits(box: Box) -> None:
    """A message for later is held until then."""
    held = box.send(send_after="10:30")

    assert str(held) == "HOLD SCHEDULED 10:30"
    assert held.decided_by == ""
    box.advance("10:29:59")
    assert box.carried(held.id) == []
    box.advance("10:30")
    assert box.life(held.id).state == "DELIVERED"


def test_send_after_leads_into_quiet_hours(box: Box) -> None:
    """After a hold everything is decided anew: the hour has come, and it is a quiet one."""
    held = box.send(category="MARKETING", at="12:00", send_after="21:00")

    assert str(held) == "HOLD SCHEDULED 21:00"
    box.advance("+1 12:00")
    assert box.life(held.id).told("DECIDED") == [
        "12:00 DECIDED HOLD SCHEDULED 21:00",
        "21:00 DECIDED HOLD QUIET_HOURS +1 09:00",
        "+1 09:00 DECIDED SEND push",
    ]


def test_the_latest_of_two_holds_counts(box: Box) -> None:
    """Scheduled for the night and quiet at night: the morning is meant."""
    held = box.send(category="MARKETING", at="22:00", send_after="+1 10:00")

    assert str(held) == "HOLD SCHEDULED +1 10:00"


def test_a_hold_that_outlives_the_message_is_a_drop(box: Box) -> None:
    """Nobody waits for a morning that the message does not live to see."""
    dropped = box.send(category="MARKETING", at="22:00", expire_at="+1 09:00")

    assert (str(dropped), dropped.decided_by) == ("DROP EXPIRES_FIRST", "quiet-hours")
    assert box.life(dropped.id).state == "DROPPED"


def test_what_is_over_is_dropped_at_once(box: Box) -> None:
    """A message whose life has ended before it came is not sent."""
    dropped = box.send(at="12:00", expire_at="11:00")

    assert str(dropped) == "DROP EXPIRED"
    assert box.life(dropped.id).state == "EXPIRED"


def test_the_default_life_counts_from_send_after(box: Box) -> None:
    """A one-time password lives five minutes, from the time for which it was meant."""
    held = box.send(category="ONE_TIME_PASSWORD", send_after="12:00")

    assert box.days.text(box.life(held.id).wire.record.expire_at.ToMilliseconds()) == "12:05"
    box.advance("12:00")
    assert box.life(held.id).state == "DELIVERED"


def test_a_life_can_end_while_it_is_held(box: Box) -> None:
    """What an operator holds without an end expires at its own."""
    box.pause(line={"tenant": "bank", "name": "cards"})
    held = box.send(at="12:00", expire_at="13:00")

    assert str(held) == "HOLD PAUSED"
    box.advance("12:59:59")
    assert box.life(held.id).state == "HELD"
    box.advance("13:00")
    assert box.life(held.id).state == "EXPIRED"
    assert box.life(held.id).story == ["12:00 DECIDED HOLD PAUSED", "13:00 ENDED EXPIRED EXPIRED"]
    box.resume(line={"tenant": "bank", "name": "cards"})
    box.advance("14:00")
    assert (box.life(held.id).state, box.carried(held.id)) == ("EXPIRED", [])


def test_a_life_can_end_in_a_lane(box: Box) -> None:
    """What waited for a paused channel too long is not sent when the channel goes on."""
    box.pause(channel="push")
    queued = box.send(at="12:00", expire_at="13:00")

    assert str(queued) == "SEND push"
    box.advance("13:00")
    box.resume(channel="push")
    box.advance("13:01")
    assert (box.life(queued.id).state, box.carried(queued.id)) == ("EXPIRED", [])


def test_the_urgent_go_first(box: Box) -> None:
    """Of what falls due at one moment P0 is sent before P3, whatever came first."""
    ranks = ("P3", "P2", "P1", "P0", "P3", "P2", "P1", "P0")
    ids = [box.send(at="12:00", send_after="13:00", priority=f"PRIORITY_{rank}").id for rank in ranks]
    box.advance("13:00")

    assert [ranks[ids.index(one)] for one in box.carried_in_order("push")[-8:]] == sorted(ranks)


def test_what_is_held_counts_and_charges_nothing(box: Box) -> None:
    """Two may go in an hour; ten that are held do not use them up."""
    for _ in range(10):
        assert str(box.send("few", category="MARKETING", at="22:00", expire_at="+3 12:00")).startswith("HOLD")
    assert [str(box.send("few", category="SERVICE")) for _ in range(3)] == [
        "SEND push",
        "SEND push",
        "DROP LIMIT_REACHED",
    ]


def test_messages_of_a_batch_come_at_their_own_times(box: Box) -> None:
    """A batch over a night: what falls due between two of its messages happens between them."""
    requests = [
        box.request(box.message("patient"), "12:00"),
        box.request(box.message("patient"), "12:10"),
        box.request(box.message("patient"), "12:45"),
    ]
    reply = box.messages.SendBatch(contract.SendBatchRequest(requests=requests))
    answers = [str(Said(reply.decisions[one.decision], box.days)) for one in reply.results]

    assert answers == ["SEND push", "HOLD LIMIT_REACHED 12:30", "HOLD LIMIT_REACHED 13:00"]


def test_a_stream_is_answered_in_order(box: Box) -> None:
    """One answer a request; a bad one fails alone, and the stream goes on."""
    requests = [box.request(message) for message in (box.message(), box.message(tenant=""), box.message("forbidden"))]
    stream = box.messages.SendStream(contract.SendStreamRequest(request=one) for one in requests)
    answers = [
        code_name(one.error.code) if one.HasField("error") else str(Said(one.decision, box.days)) for one in stream
    ]

    assert answers == ["SEND push", "INVALID_ARGUMENT", "DROP BLOCKED"]
