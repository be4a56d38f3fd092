"""Limits: so many touches of one user in a window, counted once each, whatever becomes of the touch."""

from __future__ import annotations

from tests.acceptance.box import Box


def test_the_third_of_two_is_dropped(box: Box) -> None:
    """Two an hour, the hour begins with the first; another user has two of their own."""
    answers = [str(box.send("few", at=at)) for at in ("12:00", "12:59", "12:59:59", "13:00")]

    assert answers == ["SEND push", "SEND push", "DROP LIMIT_REACHED", "SEND push"]
    assert str(box.send("few", user=f"{box.user}-other")) == "SEND push"


def test_a_refusal_names_its_rule(box: Box) -> None:
    """Who asks why it did not go finds the rule."""
    for _ in range(2):
        box.send("few")
    dropped = box.send("few")

    assert dropped.decided_by == "two-an-hour"
    assert (box.life(dropped.id).state, box.carried(dropped.id)) == ("DROPPED", [])


def test_otherwise_hold_waits_until_the_touch_would_pass(box: Box) -> None:
    """One in half an hour: the second goes when the half hour is over, the third half an hour later."""
    first, second, third = (box.send("patient", at="12:00") for _ in range(3))

    assert [str(one) for one in (first, second, third)] == [
        "SEND push",
        "HOLD LIMIT_REACHED 12:30",
        "HOLD LIMIT_REACHED 12:30",
    ]
    box.advance("12:30")
    assert sorted(box.life(one.id).state for one in (second, third)) == ["DELIVERED", "HELD"]
    box.advance("13:00")
    assert {box.life(one.id).state for one in (second, third)} == {"DELIVERED"}


def test_otherwise_hold_does_not_wait_beyond_the_life(box: Box) -> None:
    """The touch would pass when the message is over: dropped at once."""
    box.send("patient", at="12:00")

    assert str(box.send("patient", expire_at="12:30")) == "DROP EXPIRES_FIRST"


def test_per_step_limits_take_away_one_channel(box: Box) -> None:
    """One SMS a day, counted for its channel: the second message goes without it."""
    answers = [str(box.send("everywhere-few")) for _ in range(2)]

    assert answers == ["SEND push+wechat+sms", "SEND push+wechat"]


def test_per_message_limits_count_once_however_many_channels(box: Box) -> None:
    """Three messages a day on three channels are three touches, not nine; the fourth is refused as a whole."""
    answers = [str(box.send("everywhere-few")) for _ in range(4)]

    assert answers[1:] == ["SEND push+wechat", "SEND push+wechat", "DROP LIMIT_REACHED"]


def test_retries_and_fail_over_count_once(box: Box) -> None:
    """Four attempts over two providers are one touch, per message and per step."""
    first = box.send("fail-over", at="12:00")
    box.advance("13:00")
    assert box.life(first.id).wire.record.steps[0].attempts == 4

    assert [str(box.send("fail-over")) for _ in range(2)] == ["SEND sms", "DROP LIMIT_REACHED"]


def test_deciding_again_counts_once(box: Box) -> None:
    """What waited in its lane for long is decided again when it is taken out: it holds its touch already."""
    box.pause(channel="push")
    waiting = [box.send("few", at="12:00") for _ in range(2)]
    box.advance("12:05")
    box.resume(channel="push")

    assert [box.life(one.id).told("DECIDED") for one in waiting] == [
        ["12:00 DECIDED SEND push", "12:05 DECIDED SEND push"]
    ] * 2
    assert [box.life(one.id).state for one in waiting] == ["DELIVERED"] * 2
    assert str(box.send("few")) == "DROP LIMIT_REACHED"


def test_a_failure_keeps_its_touch(box: Box) -> None:
    """The attempt was made: what the user may get does not grow by its failing."""
    first = box.send("mornings", at="08:30")
    assert box.life(first.id).state == "FAILED"

    assert [str(box.send("mornings", at="11:00")) for _ in range(2)] == ["SEND sms", "DROP LIMIT_REACHED"]


def test_touches_are_so_far_apart(box: Box) -> None:
    """Half an hour between two: exactly that is far enough."""
    answers = [str(box.send("spaced", at=at)) for at in ("12:00", "12:29:59", "12:30", "13:00", "13:30")]

    assert answers == ["SEND push", "DROP TOO_SOON", "SEND push", "SEND push", "DROP LIMIT_REACHED"]


def test_a_day_is_the_users_own(box: Box) -> None:
    """One a calendar day: it ends at the user's midnight, in India two and a half hours after China's."""
    box.put(zone="Asia/Kolkata")
    answers = [str(box.send("daily", at=at)) for at in ("12:00", "+1 02:29:59", "+1 02:30", "+2 02:00")]

    assert answers == ["SEND push", "DROP LIMIT_REACHED", "SEND push", "DROP LIMIT_REACHED"]


def test_a_batch_counts_in_order(box: Box) -> None:
    """Of five in one batch the first two go, as if they had come one by one."""
    batch = box.send_batch([box.message("few") for _ in range(5)])

    assert [str(one) for one in batch] == ["SEND push"] * 2 + ["DROP LIMIT_REACHED"] * 3
