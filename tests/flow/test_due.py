"""What falls due, when something is wrong with one of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from engine.decision.change import TimerKind
from engine.decision.life import State
from engine.flow.deciding import Decider, Job, Outcome
from engine.flow.due import PUT_OFF_MS
from engine.flow.lives import read_life
from engine.state.apply import Change, SetTimer
from engine.state.connection import Store
from engine.state.timers import Timer
from tests.adapters.rig import HOUR, NOON, Rig


async def due_again(rig: Rig, message_id: str, at_ms: int) -> None:
    """A step waits for a second attempt."""
    timer = SetTimer("P2", TimerKind.RETRY, 1, at_ms)
    assert await rig.changes.apply_one(Change(message_id, 1, timers=[timer]))


async def test_a_record_that_cannot_be_read_keeps_nobody_waiting(store: Store, caplog: Any) -> None:
    """It is told of and put off, and what is due behind it happens."""
    rig = Rig(store)
    broken, fine = [await rig.accept(), await rig.accept()]
    await due_again(rig, broken, NOON + 1)
    await due_again(rig, fine, NOON + 2)
    await store.call("HSET", store.keys.message(broken), "l", b"\xc1")

    await rig.pass_time(1_000)

    left = await rig.timers.due(NOON + HOUR, 10)
    assert [(timer.message_id, timer.due_ms) for timer in left] == [(broken, NOON + 1_000 + PUT_OFF_MS)]
    assert len(await rig.trace(fine)) == 1
    assert broken in caplog.text


async def test_a_message_that_cannot_be_decided_keeps_nobody_waiting(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Of those that are decided together it alone is put off."""
    rig = Rig(store)
    jobs, timers = [], []
    for _ in range(5):
        message_id = await rig.accept()
        record = await rig.messages.read_one(message_id)
        assert record is not None
        lived = read_life(record)
        assert lived is not None
        timers.append(Timer(message_id, TimerKind.HOLD, 0, NOON, "P2"))
        jobs.append(Job(lived, timer=timers[-1]))

    async def decide(decider: Decider, some: Sequence[Job], now_ms: int) -> list[Outcome]:
        if jobs[3] in some:
            raise KeyError("a fault of ours")
        return [Outcome.MOVED] * len(some)

    monkeypatch.setattr(Decider, "_decide", decide)
    nothing: Any = None
    decider = Decider(nothing, nothing, nothing, rig.messages, rig.changes, store.keys)

    assert await decider.again(jobs, NOON) == [Outcome.MOVED] * 3 + [Outcome.LATER, Outcome.MOVED]
    (put_off,) = await rig.timers.due(NOON + HOUR, 10)
    assert (put_off.message_id, put_off.due_ms > NOON) == (jobs[3].lived.record.id, True)
    assert (await rig.step(put_off.message_id)).state is State.QUEUED
    assert "cannot be decided again" in caplog.text
