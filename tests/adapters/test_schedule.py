"""Things planned for later, in real time and on the messages' clock."""

from __future__ import annotations

import asyncio

import pytest

from adapters.schedule import LoopSchedule, TimelineSchedule
from engine.clock import SystemClock
from tests.adapters.making import NOON, PATIENCE_S


async def test_real_time_runs_what_is_due() -> None:
    """What is past runs soon, what is called off never, and one that fails does not keep the others."""
    clock = SystemClock()
    schedule, ran = LoopSchedule(clock), []
    done = asyncio.Event()

    async def note(name: str) -> None:
        ran.append(name)
        if name == "fails":
            raise OSError("no luck")
        if name == "later":
            done.set()

    schedule.at(clock.now_ms() + 20, lambda now_ms: note("later"))
    schedule.at(clock.now_ms() + 5, lambda now_ms: note("called off"))()
    schedule.at(clock.now_ms() - 1_000, lambda now_ms: note("fails"))
    async with asyncio.timeout(PATIENCE_S):
        await done.wait()

    assert ran == ["fails", "later"]


async def test_the_timeline_runs_in_order() -> None:
    """Nothing runs by itself; what is due runs in order of time, then of planning, also what is planned meanwhile."""
    schedule, ran = TimelineSchedule(), []

    async def note(name: str) -> None:
        ran.append(name)
        if name == "b":
            schedule.at(NOON + 5, lambda now_ms: note("planned by b"))

    for due_ms, name in ((NOON + 9, "d"), (NOON + 1, "b"), (NOON, "a"), (NOON + 5, "c"), (NOON + 10, "not yet")):
        schedule.at(due_ms, lambda now_ms, name=name: note(name))
    schedule.at(NOON - 1, lambda now_ms: note("called off"))()

    assert schedule.next_due() == NOON
    assert await schedule.run_due(NOON + 9) == 5
    assert ran == ["a", "b", "c", "planned by b", "d"]
    assert schedule.next_due() == NOON + 10


async def test_a_failure_on_the_timeline_is_told() -> None:
    """What a thing raises goes to whoever moves the clock; the rest keeps its turn."""
    schedule, ran = TimelineSchedule(), []

    async def fail(now_ms: int) -> None:
        raise OSError("no luck")

    async def note(now_ms: int) -> None:
        ran.append(now_ms)

    schedule.at(NOON, fail)
    schedule.at(NOON, note)
    with pytest.raises(OSError, match="no luck"):
        await schedule.run_due(NOON)
    await schedule.run_due(NOON + 7)

    assert ran == [NOON + 7]
    assert schedule.next_due() is None
    await schedule.pause(10**9)  # and a pause takes no time
