"""Limits: windows from the first touch, least intervals, calendar days, and who shares a counter."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decision.ledger_model import LedgerModel
from engine.decision.model import Content, Reason, Verdict
from engine.decision.moment import parse_local
from tests.decision.rulesets import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    ZONE,
    channels,
    decide,
    message,
    refusals,
    ruleset,
    session,
)

BLOCKED = '- {id: no, when: has(message.scene) && message.scene == "x", then: {drop: {reason: BLOCKED}}}'


def limit(**fields: object) -> str:
    """A fatigue rule with one limit that always applies."""
    written = {"name": "some", "per": "[user]", "max": 2, "window": "1h", **fields}
    return "- {id: rule, then: {limit: {" + ", ".join(f"{k}: {v}" for k, v in written.items()) + "}}}"


def test_a_window_begins_with_the_first_touch() -> None:
    """Two touches on adjacent days stay in one window, and the quota comes back one window after the first."""
    where = session(ruleset(fatigue=limit(max=2, window="1d")))

    assert decide(where, message(), NOON).verdict is Verdict.SEND
    assert decide(where, message(), NOON + 13 * HOUR).verdict is Verdict.SEND
    assert decide(where, message(), NOON + DAY - 1).reason is Reason.LIMIT_REACHED
    assert decide(where, message(), NOON + DAY).verdict is Verdict.SEND


def test_exactly_the_least_interval_passes() -> None:
    """Elapsed < t is refused, elapsed = t goes; a refused touch does not push the interval on."""
    where = session(ruleset(fatigue=limit(max="unlimited", min_interval="10m")))

    assert decide(where, message(), NOON).verdict is Verdict.SEND
    assert decide(where, message(), NOON + 10 * MINUTE - 1).reason is Reason.TOO_SOON
    assert decide(where, message(), NOON + 10 * MINUTE).verdict is Verdict.SEND


def test_a_day_ends_at_the_users_midnight() -> None:
    """`window: day` is the calendar day of the user's zone, not 24 hours."""
    where = session(ruleset(fatigue=limit(max=1, window="day")))
    evening = parse_local("2026-01-05T23:59:59", ZONE)

    assert decide(where, message(), evening).verdict is Verdict.SEND
    assert decide(where, message(), evening + 999).reason is Reason.LIMIT_REACHED
    assert decide(where, message(), evening + SECOND).verdict is Verdict.SEND


def test_an_edited_rule_neither_frees_nor_punishes_twice() -> None:
    """A running window keeps its end under a rule with another window; the new window is the next one's."""
    ledger = LedgerModel()
    decide(session(ruleset(fatigue=limit(max=1, window="1h")), ledger=ledger), message(), NOON)

    shorter = session(ruleset(fatigue=limit(max=1, window="1m")), ledger=ledger)
    longer = session(ruleset(fatigue=limit(max=1, window="7d")), ledger=ledger)

    assert decide(shorter, message(), NOON + 30 * MINUTE).reason is Reason.LIMIT_REACHED
    assert decide(longer, message(), NOON + HOUR).verdict is Verdict.SEND
    assert decide(shorter, message(), NOON + 6 * DAY).reason is Reason.LIMIT_REACHED


def test_a_limit_of_none_lets_nothing_through() -> None:
    """0 is none, and unlimited is written out."""
    assert decide(session(ruleset(fatigue=limit(max=0))), message()).reason is Reason.LIMIT_REACHED
    assert decide(session(ruleset(fatigue=limit(max="unlimited"))), message()).verdict is Verdict.SEND


def test_a_limit_can_hold_until_the_touch_would_pass() -> None:
    """With `otherwise: hold` the message waits for the later of the window's end and the interval's."""
    where = session(ruleset(fatigue=limit(max=1, window="1h", min_interval="2h", otherwise="hold")))
    decide(where, message(), NOON)

    held = decide(where, message(), NOON + MINUTE)

    assert (held.verdict, held.reason, held.until_ms) == (Verdict.HOLD, Reason.LIMIT_REACHED, NOON + 2 * HOUR)
    assert decide(where, message(), held.until_ms).verdict is Verdict.SEND


def test_a_hold_that_would_outlive_the_message_drops_it() -> None:
    """EXPIRES_FIRST, at the latest when the window ends exactly with the message's life."""
    where = session(ruleset(fatigue=limit(max=1, window="1h", otherwise="hold")))
    decide(where, message(), NOON)

    assert decide(where, message(expire_at_ms=NOON + HOUR), NOON + 1).reason is Reason.EXPIRES_FIRST
    assert decide(where, message(expire_at_ms=NOON + HOUR + 1), NOON + 1).verdict is Verdict.HOLD


def test_rules_that_share_a_name_share_its_counter() -> None:
    """If several match, the touch counts once, with the smallest max and the longest interval."""
    rules = """
    - {id: wide, then: {limit: {name: some, per: [user], max: 3, window: 1h}}}
    - {id: narrow, when: message.category == "MARKETING", then: {limit: {name: some, per: [user], max: 2, window: 1h}}}
    """
    where = session(ruleset(fatigue=rules))

    assert [decide(where, message("MARKETING")).verdict.name for _ in range(3)] == ["SEND", "SEND", "DROP"]
    assert decide(where, message("MARKETING")).decided_by == "narrow"
    assert [decide(where, message()).verdict.name for _ in range(2)] == ["SEND", "DROP"]
    assert decide(where, message()).decided_by == "wide"


def test_what_a_limit_counts_apart_has_its_own_window() -> None:
    """Per user and line: another line and another user begin anew, and an absent scene is a key of its own."""
    where = session(ruleset(fatigue=limit(max=1, per="[user, line, scene]")))

    assert decide(where, message(line="cards")).verdict is Verdict.SEND
    assert decide(where, message(line="loans")).verdict is Verdict.SEND
    assert decide(where, message(line="cards", scene="trade")).verdict is Verdict.SEND
    assert decide(where, message(line="cards", user_id="v")).verdict is Verdict.SEND
    assert decide(where, message(line="cards")).verdict is Verdict.DROP
    assert decide(where, message(line="cards", scene="trade")).verdict is Verdict.DROP


def test_keys_cannot_be_confused_by_their_separator() -> None:
    """A line that holds a slash is not another line with a scene."""
    where = session(ruleset(fatigue=limit(max=1, per="[user, line, scene]")))

    assert decide(where, message(line="a/b", scene="c")).verdict is Verdict.SEND
    assert decide(where, message(line="a", scene="b/c")).verdict is Verdict.SEND


def test_the_same_content_is_told_by_every_field() -> None:
    """Duplicate suppression is a limit per content."""
    where = session(ruleset(fatigue=limit(max=1, per="[user, content]", window="300s")))

    assert decide(where, message()).verdict is Verdict.SEND
    assert decide(where, message(content=Content("", "hello", "", "https://x.example"))).verdict is Verdict.SEND
    assert decide(where, message(), NOON + 299_999).reason is Reason.LIMIT_REACHED
    assert decide(where, message(), NOON + 300_000).verdict is Verdict.SEND


def test_a_limit_per_step_takes_away_only_its_channel() -> None:
    """A limit of the SMS channel leaves the others of a concurrent plan; each step of its own counts."""
    where = session(
        ruleset(routing="- {id: all, then: {concurrent: [push, sms]}}", fatigue=limit(max=1, channel="sms"))
    )

    assert channels(decide(where, message())) == ["push", "sms"]
    second = decide(where, message())
    assert (channels(second), refusals(second)) == (["push"], {"sms": "LIMIT_REACHED"})


def test_a_limit_per_message_counts_once_however_many_channels() -> None:
    """Three channels at once are one touch; refused, it takes away all of them."""
    where = session(ruleset(routing="- {id: all, then: {concurrent: [push, sms, wechat]}}", fatigue=limit(max=2)))

    assert [channels(decide(where, message())) for _ in range(3)] == [["push", "sms", "wechat"]] * 2 + [[]]


def test_a_limit_whose_rule_mentions_the_channel_counts_each_step() -> None:
    """Its counter is shared by all channels it applies to, unless `channel` is among `per`."""
    rule = '- {id: rule, when: channel.name != "mail", then: {limit: {name: some, per: [user], max: 3, window: 1h}}}'
    where = session(ruleset(routing="- {id: all, then: {concurrent: [push, sms, mail]}}", fatigue=rule))

    assert channels(decide(where, message())) == ["push", "sms", "mail"]
    assert channels(decide(where, message())) == ["push", "mail"]


def test_held_and_dropped_messages_count_nothing() -> None:
    """A message that another rule refuses uses up no limit."""
    where = session(
        ruleset(
            fatigue=limit(max=1),
            interception=BLOCKED,
        )
    )

    assert decide(where, message(scene="x")).reason is Reason.BLOCKED
    assert decide(where, message(send_after_ms=NOON + HOUR)).reason is Reason.SCHEDULED
    assert decide(where, message()).verdict is Verdict.SEND


@dataclass
class Reference:
    """A limit told by the whole history of touches, as slowly and plainly as possible."""

    most: int
    window: int
    interval: int
    touches: list[int] = field(default_factory=list)

    def passes(self, now: int) -> bool:
        """Would a touch now pass? If so it is one."""
        window: list[int] = []
        for touch in self.touches:
            if not window or touch >= window[0] + self.window:
                window = [touch]
            else:
                window.append(touch)
        running = window if window and now < window[0] + self.window else []
        soon = bool(self.touches) and now - self.touches[-1] < self.interval
        if len(running) >= self.most or soon:
            return False
        self.touches.append(now)
        return True


@given(
    most=st.integers(1, 4),
    window=st.integers(1, 40),
    interval=st.integers(0, 60),
    steps=st.lists(st.integers(0, 30), max_size=40),
)
@pytest.mark.filterwarnings("ignore")
def test_a_limit_does_what_the_whole_history_says(most: int, window: int, interval: int, steps: list[int]) -> None:
    """The four numbers kept per key decide every touch as the list of all touches would."""
    gap = {"min_interval": f"{interval}s"} if interval else {}
    where = session(_cached(limit(max=most, window=f"{window}s", **gap)))
    reference, now = Reference(most, window * SECOND, interval * SECOND), NOON

    for step in steps:
        now += step * SECOND
        expected = reference.passes(now)
        assert expected == (decide(where, message(), now).verdict is Verdict.SEND)


_RULESETS: dict[str, object] = {}


def _cached(fatigue: str):  # type: ignore[no-untyped-def]  # a RuleSet; compiling one takes 20 ms
    if fatigue not in _RULESETS:
        _RULESETS[fatigue] = ruleset(fatigue=fatigue)
    return _RULESETS[fatigue]
