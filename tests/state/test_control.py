"""Pauses and breakers, as operators set them and every process sees them."""

from __future__ import annotations

import asyncio

import pytest

from engine.decision import model
from engine.decision.change import TimerKind
from engine.state.apply import Change, Changes, SetIndex, SetTimer
from engine.state.breakers import BreakerState, Subject, SubjectKind
from engine.state.connection import Store
from engine.state.control import Control
from engine.state.pauses import OVER_AFTER_MS, Pause, PauseScope
from engine.state.timers import Timers
from tests.state.records import NOW_MS, write_record


def sms() -> Subject:
    """A channel."""
    return Subject(SubjectKind.CHANNEL, "sms")


async def hold(store: Store, user: int, priority: str, line: str = "bank/cards") -> str:
    """A message that the pause of a line holds, as admit leaves it."""
    message_id = await write_record(store, user)
    held = store.keys.held(store.keys.partition_of(message_id), "line", line)
    timer = SetTimer(priority, TimerKind.EXPIRE, 0, NOW_MS + 86_400_000)
    await Changes(store).apply([Change(message_id, 1, timers=[timer], indexes=[SetIndex(held, NOW_MS)])])
    return message_id


async def test_a_pause_is_seen_and_resumed(store: Store) -> None:
    """A pause shows with who, why and when until it is resumed; to resume twice says so."""
    control = Control(store)
    assert not (await control.view()).paused("channel", "sms")

    await control.pause(PauseScope.CHANNEL, "sms", "ann", "fire", NOW_MS)
    assert (await control.view()).paused("channel", "sms")
    assert not (await control.view()).paused("channel", "push")
    assert await control.pauses() == [Pause(PauseScope.CHANNEL, "sms", "ann", "fire", NOW_MS)]

    assert await control.resume(PauseScope.CHANNEL, "sms", NOW_MS)
    assert not await control.resume(PauseScope.CHANNEL, "sms", NOW_MS)
    assert not (await control.view()).paused("channel", "sms")
    assert await store.call("EXISTS", store.keys.pauses) == 0


async def test_a_pause_of_line_or_campaign_holds_messages(store: Store) -> None:
    """The pause of a tenant's line or campaign holds its messages and nobody else's."""
    control = Control(store)
    await control.pause(PauseScope.LINE, "bank/cards", "ann", "", NOW_MS)
    await control.pause(PauseScope.CAMPAIGN, "bank/spring", "ann", "", NOW_MS)
    view = await control.view()

    messages = (("bank", "cards", ""), ("bank", "loans", "spring"), ("bank", "loans", ""), ("shop", "cards", ""))

    holding = [view.holding(*message) for message in messages]

    assert [pause and pause.name for pause in holding] == ["bank/cards", "bank/spring", None, None]


async def test_another_process_sees_it_within_a_moment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture is kept for 200 ms, then looked at anew; one that is the same stays one object."""
    monkeypatch.setattr("engine.state.control.LOOK_EVERY_S", 3_600)
    here, there = Control(store), Control(store)
    before = await there.view()
    await here.pause(PauseScope.PLATFORM, "", "ann", "", NOW_MS)
    assert (await here.view()).paused("platform")
    assert await there.view() is before

    monkeypatch.setattr("engine.state.control.LOOK_EVERY_S", 0)

    after = await there.view()
    assert after.paused("platform")
    assert await there.view() is after


async def test_first_views_are_true(store: Store) -> None:
    """Callers who ask for the very first picture at once all get a true one."""
    await Control(store).pause(PauseScope.PLATFORM, "", "ann", "", NOW_MS)
    control = Control(store)

    views = await asyncio.gather(*(control.view() for _ in range(20)))

    assert all(view.paused("platform") for view in views)


async def test_speed_is_that_of_the_slowest(store: Store) -> None:
    """Provider, channel and platform all count; a pause is no speed at all."""
    control = Control(store)
    provider = Subject(SubjectKind.PROVIDER, "acme")
    await control.swap_breaker(provider, None, BreakerState("SLOW", 0.5))
    assert (await control.view()).speed("acme", "sms") == 0.5
    assert (await control.view()).speed("other", "sms") == 1.0

    await control.force_breaker(sms(), BreakerState("SLOW", 0.2, by="ann"))
    assert (await control.view()).speed("acme", "sms") == 0.2

    await control.pause(PauseScope.PROVIDER, "acme", "ann", "", NOW_MS)
    assert (await control.view()).speed("acme", "push") == 0.0
    await control.force_breaker(Subject(SubjectKind.PLATFORM, ""), BreakerState("PAUSED"))
    assert (await control.view()).speed("other", "push") == 0.0


async def test_rules_see_states(store: Store) -> None:
    """Rules see the states that are not NORMAL; what an operator paused is PAUSED."""
    control = Control(store)
    await control.swap_breaker(sms(), None, BreakerState("SLOW", 0.5))
    await control.force_breaker(Subject(SubjectKind.CHANNEL, "wechat"), BreakerState("NORMAL", by="ann"))
    await control.pause(PauseScope.CHANNEL, "push", "ann", "", NOW_MS)
    await control.force_breaker(Subject(SubjectKind.PLATFORM, ""), BreakerState("SLOW", 0.9))

    assert (await control.view()).facts == model.Breakers("SLOW", {"sms": "SLOW", "push": "PAUSED"})


async def test_one_judge_of_many_sets_a_state(store: Store) -> None:
    """Of 100 who judge the same state one sets the next, and none overrules an operator it has not seen."""
    control = Control(store)
    states = [BreakerState("SLOW", 0.5, by=f"judge-{number}", since_ms=NOW_MS) for number in range(100)]

    won = await asyncio.gather(*(control.swap_breaker(sms(), None, state) for state in states))

    winner = states[won.index(True)]
    assert won.count(True) == 1
    assert await control.breakers() == {sms(): winner}
    await control.force_breaker(sms(), BreakerState("NORMAL", by="ann"))
    assert not await control.swap_breaker(sms(), winner, None)
    assert await control.breakers() == {sms(): BreakerState("NORMAL", forced=True, by="ann")}
    await control.force_breaker(sms(), None)
    assert await control.breakers() == {}


async def test_a_resume_makes_held_messages_due(store: Store) -> None:
    """Every message that the pause held falls due, with its own priority; what others hold stays."""
    control, timers = Control(store), Timers(store)
    await control.pause(PauseScope.LINE, "bank/cards", "ann", "", NOW_MS)
    held = {await hold(store, user, f"P{user % 4}"): f"P{user % 4}" for user in range(20)}
    await hold(store, 99, "P0", "bank/loans")
    assert await control.held.count("line", "bank/cards") == 20

    assert await control.held.release_resumed(NOW_MS) == 0
    await control.resume(PauseScope.LINE, "bank/cards", NOW_MS)
    assert await control.held.release_resumed(NOW_MS + 1) == 20

    due = await timers.due(NOW_MS + 1, 100)
    assert {timer.message_id: timer.priority for timer in due} == held
    assert {(timer.kind, timer.step, timer.due_ms) for timer in due} == {(TimerKind.HOLD, 0, NOW_MS + 1)}
    assert await control.held.count("line", "bank/cards") == 0
    assert await control.held.count("line", "bank/loans") == 1


async def test_a_message_held_too_late_is_released_too(store: Store) -> None:
    """What a process still held just after the resume falls due as well; then the resume is over."""
    control = Control(store)
    await control.pause(PauseScope.LINE, "bank/cards", "ann", "", NOW_MS)
    await control.resume(PauseScope.LINE, "bank/cards", NOW_MS)
    assert await control.pauses() == []
    assert not await control.resume(PauseScope.LINE, "bank/cards", NOW_MS)
    assert await control.held.release_resumed(NOW_MS) == 0

    await hold(store, 1, "P1")
    assert await control.held.release_resumed(NOW_MS + OVER_AFTER_MS) == 1
    assert await control.held.release_resumed(NOW_MS + OVER_AFTER_MS) == 0

    assert await store.call("EXISTS", store.keys.pauses) == 0


async def test_a_new_pause_ends_the_release(store: Store) -> None:
    """Paused again, a line keeps what it holds."""
    control = Control(store)
    await control.pause(PauseScope.LINE, "bank/cards", "ann", "", NOW_MS)
    await control.resume(PauseScope.LINE, "bank/cards", NOW_MS)
    await control.pause(PauseScope.LINE, "bank/cards", "bob", "", NOW_MS + 1)
    await hold(store, 1, "P1")

    assert await control.held.release_resumed(NOW_MS + 2) == 0

    assert (await control.view()).paused("line", "bank/cards")
    assert await control.held.count("line", "bank/cards") == 1
