"""The gate: how many calls at once and when, the most urgent first, by a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from adapters.gate import CLOSED_MS, PATIENCE_MS, Gate
from engine.clock import HandClock
from tests.adapters.rig import NOON


class Alarms:
    """What a gate wants to be woken for; time passes when it is told to."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self._set: list[Alarms.One] = []

    class One:
        """One of them."""

        def __init__(self, due_ms: float, callback: Callable[[], None]) -> None:
            self.due_ms = due_ms
            self.callback = callback
            self.off = False

        def cancel(self) -> None:
            """Call it off."""
            self.off = True

    def later(self, after_s: float, callback: Callable[[], None]) -> Alarms.One:
        """Set one."""
        self._set.append(self.One(self._clock.now_ms() + after_s * 1000, callback))
        return self._set[-1]

    async def pass_time(self, by_ms: int) -> None:
        """Let time pass, a millisecond at a time."""
        for _ in range(by_ms):
            now_ms = self._clock.advance(1)
            for one in [one for one in self._set if one.due_ms <= now_ms]:
                self._set.remove(one)
                if not one.off:
                    one.callback()
                    await asyncio.sleep(0)
        await asyncio.sleep(0)


class Door:
    """A gate with its clock, and who came in when."""

    def __init__(self, per_second: float | None, concurrency: int, timeless: bool = False) -> None:
        self.clock = HandClock(NOON)
        self.alarms = Alarms(self.clock)
        self.gate = Gate(per_second, concurrency, self.clock, timeless, self.alarms.later)
        self.inside: list[tuple[str, int]] = []
        self.away: list[int] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def comes(self, *priorities: str) -> None:
        """Steps come to the door."""
        self.tasks += [asyncio.ensure_future(self._enter(priority)) for priority in priorities]
        for _ in range(3):
            await asyncio.sleep(0)

    async def _enter(self, priority: str) -> None:
        wait_ms = await self.gate.enter(priority)
        if wait_ms:
            self.away.append(wait_ms)
        else:
            self.inside.append((priority, self.clock.now_ms() - NOON))

    async def pass_time(self, by_ms: int) -> None:
        """Let time pass."""
        await self.alarms.pass_time(by_ms)


async def test_so_many_at_once() -> None:
    """Inside are as many as allowed; when one leaves the next comes in."""
    door = Door(None, 2)
    await door.comes("P2", "P2", "P2")

    assert (len(door.inside), door.gate.inside) == (2, 2)
    door.gate.leave()
    await door.pass_time(0)
    assert (len(door.inside), door.gate.inside) == (3, 2)


async def test_the_most_urgent_first() -> None:
    """Who waits goes by priority, and among equals by arrival."""
    door = Door(None, 1)
    await door.comes("P3", "P3", "P1", "P0")
    for _ in range(3):
        door.gate.leave()
        await door.pass_time(0)

    assert [priority for priority, _ in door.inside] == ["P3", "P0", "P1", "P3"]


async def test_so_many_a_second() -> None:
    """Calls begin at the rate, without anybody having to leave first."""
    door = Door(10, 100)
    await door.comes(*["P2"] * 30)
    await door.pass_time(1_000)

    assert len(door.inside) == 11
    await door.pass_time(1_000)
    assert len(door.inside) == 21


async def test_slow() -> None:
    """SLOW is a share of the rate at fixed intervals, from now on, also for those who wait already."""
    door = Door(10, 100)
    await door.comes(*["P2"] * 30)
    door.gate.set_speed(0.5)
    await door.pass_time(2_000)
    slow = [at_ms for _, at_ms in door.inside if at_ms]

    assert {later - sooner for sooner, later in pairwise(slow)} == {200}
    door.gate.set_speed(1)
    await door.pass_time(1_000)
    assert len([at_ms for _, at_ms in door.inside if at_ms > 2_000]) == 10


async def test_slow_without_a_rate() -> None:
    """Where there is no rate SLOW is a share of the calls at once, at least one."""
    door = Door(None, 10)
    door.gate.set_speed(0.25)
    await door.comes(*["P2"] * 10)
    assert len(door.inside) == 2

    door.gate.set_speed(0.01)
    door.gate.leave()
    door.gate.leave()
    await door.pass_time(0)
    assert len(door.inside) == 3


async def test_closed() -> None:
    """A paused provider sends everybody away at once."""
    door = Door(None, 1)
    await door.comes("P2", "P2")
    door.gate.set_speed(0)
    await door.comes("P0")

    assert (len(door.inside), door.away) == (1, [CLOSED_MS] * 2)
    assert door.gate.appetite() == 1


async def test_a_rest() -> None:
    """A short rest is waited for at the door, a long one elsewhere; after it somebody comes in."""
    door = Door(None, 5)
    door.gate.rest(PATIENCE_MS)
    await door.comes("P2")
    await door.pass_time(PATIENCE_MS - 1)
    assert (door.inside, door.away) == ([], [])
    await door.pass_time(1)
    assert len(door.inside) == 1

    door.gate.rest(60_000)
    door.gate.rest(10)
    await door.comes("P2")
    assert door.away == [60_000]


async def test_no_time_on_the_messages_clock() -> None:
    """On the messages' clock nobody waits for a time: rates do not count, and a rest sends away."""
    door = Door(1, 5, timeless=True)
    await door.comes("P2", "P2", "P2")
    assert len(door.inside) == 3

    door.gate.rest(10)
    await door.comes("P2")
    assert door.away == [10]


@pytest.mark.parametrize("inside", [True, False])
async def test_who_gives_up_leaves_no_trace(inside: bool) -> None:
    """A step that is cancelled at the door, even at the moment it came in, does not take a place."""
    door = Door(None, 1)
    if not inside:
        await door.comes("P2")
    door.tasks.append(asyncio.ensure_future(door.gate.enter("P2")))  # type: ignore[arg-type]  # its answer is not looked at
    await asyncio.sleep(0)
    door.tasks[-1].cancel()
    await asyncio.wait([door.tasks[-1]])
    if not inside:
        door.gate.leave()

    await door.comes("P2")
    assert door.gate.inside == 1
