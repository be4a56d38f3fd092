"""When something that an adapter has planned comes due, in real time or on the messages' clock.

In real time the event loop's timers wait. On the messages' clock nothing waits: whoever moves that clock asks
`next_due()`, moves it there, and calls `run_due()`.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from engine.clock import Clock

log = logging.getLogger(__name__)

Callback = Callable[[int], Awaitable[None]]
"""Called with the time it is then, in milliseconds."""

_LONGEST_WAIT_MS = 3_600_000


class Schedule(Protocol):
    """Has things done later."""

    def at(self, due_ms: int, callback: Callback) -> Callable[[], None]:
        """Have `callback` run once it is `due_ms`, soon if that is past; returns what calls it off.

        It may run early when the machine's clock is set back, so it looks at the time itself.
        """
        ...

    async def pause(self, for_ms: int) -> None:
        """Let a simulated answer take its time."""
        ...


class LoopSchedule:
    """Real time: the timers of the running event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()

    def at(self, due_ms: int, callback: Callback) -> Callable[[], None]:
        """Have `callback` run once it is `due_ms`, but in an hour at the latest: the clock may be set ahead."""
        delay_ms = min(max(0, due_ms - self._clock.now_ms()), _LONGEST_WAIT_MS)
        return asyncio.get_running_loop().call_later(delay_ms / 1000, self._start, callback).cancel

    async def pause(self, for_ms: int) -> None:
        """Sleep."""
        if for_ms > 0:
            await asyncio.sleep(for_ms / 1000)

    def _start(self, callback: Callback) -> None:
        task = asyncio.ensure_future(self._run(callback))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, callback: Callback) -> None:
        try:
            await callback(self._clock.now_ms())
        except Exception:
            log.exception("something planned failed")


class TimelineSchedule:
    """The messages' clock: what is planned waits until it is asked for.

    Things due at the same time run in the order in which they were planned. A call under way keeps that clock standing,
    so an answer takes no time on it.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._callbacks: dict[int, Callback] = {}
        self._numbers = itertools.count()

    def at(self, due_ms: int, callback: Callback) -> Callable[[], None]:
        """Have `callback` run in the first `run_due` from `due_ms` on."""
        number = next(self._numbers)
        self._callbacks[number] = callback
        heapq.heappush(self._heap, (due_ms, number))

        def call_off() -> None:
            self._callbacks.pop(number, None)

        return call_off

    async def pause(self, for_ms: int) -> None:
        """Return at once."""

    def next_due(self) -> int | None:
        """When the next thing is due, in milliseconds; it can be past. None when nothing is planned."""
        while self._heap and self._heap[0][1] not in self._callbacks:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    async def run_due(self, now_ms: int) -> int:
        """Run everything due by `now_ms`, also what comes due by it meanwhile; returns how many things ran.

        What one of them raises goes to the caller; the others keep their turn.
        """
        ran = 0
        while (due_ms := self.next_due()) is not None and due_ms <= now_ms:
            _, number = heapq.heappop(self._heap)
            await self._callbacks.pop(number)(now_ms)
            ran += 1
        return ran
