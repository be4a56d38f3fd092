"""The door to one provider: so many calls at once, so many a second, none while it rests; the most urgent go first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Final, Protocol

from adapters.pace import Pace
from engine.clock import Clock

PATIENCE_MS: Final = 1_000
"""A rest longer than this sends those who wait at the door away, so that they do not take the room of others."""

CLOSED_MS: Final = 5_000
"""How long to stay away from a provider that is paused, at the least: nobody knows when it goes on."""

assert CLOSED_MS > PATIENCE_MS  # a pause sends away


class Alarm(Protocol):
    """Something that was to happen later."""

    def cancel(self) -> None:
        """Call it off."""
        ...


Later = Callable[[float, Callable[[], None]], Alarm]
"""Has something done in so many seconds, such as the event loop's `call_later`."""


class Gate:
    """Lets calls begin. `enter`, make the call, `leave`.

    With `timeless` nothing waits for a time, as on the messages' clock, where a moment has no length: only the rests
    and the number of calls at once are kept.
    """

    def __init__(
        self,
        per_second: float | None,
        concurrency: int,
        clock: Clock,
        timeless: bool = False,
        later: Later | None = None,
    ) -> None:
        self._pace = Pace(None if timeless else per_second)
        self._concurrency = concurrency
        self._clock = clock
        self._timeless = timeless
        self._inside = 0
        self._rest_until_ms = 0
        self._waiting: list[tuple[str, int, asyncio.Future[int]]] = []
        self._numbers = itertools.count()
        self._later = later
        self._alarm: Alarm | None = None

    # ---- what others decide ----

    def set_speed(self, speed: float) -> None:
        """The share of the usual rate, from 0 (closed) to 1; without a rate it is the share of the calls at once."""
        if speed != self._pace.speed:
            self._pace.speed = speed
            self._let_in()

    def rest(self, for_ms: int) -> None:
        """The provider asks for a pause."""
        self._rest_until_ms = max(self._rest_until_ms, self._clock.now_ms() + for_ms)
        self._let_in()

    # ---- what can be asked ----

    @property
    def paused(self) -> bool:
        """Is it closed without anybody knowing until when?"""
        return self._pace.speed <= 0

    def closed_ms(self) -> int:
        """For how long nobody gets in, 0 when somebody may; while it is paused an arbitrary time."""
        if self.paused:
            return CLOSED_MS
        return max(0, self._rest_until_ms - self._clock.now_ms())

    def appetite(self) -> int:
        """How many calls may be on their way to it or inside: what is inside, and what could begin within a second."""
        if self.closed_ms() > (0 if self._timeless else PATIENCE_MS):
            return self._inside
        soon = self._pace.in_a_second()
        return self._inside + (self._most() if soon is None else min(self._most(), soon))

    @property
    def inside(self) -> int:
        """How many calls are under way."""
        return self._inside

    @property
    def waiting(self) -> int:
        """How many wait at the door."""
        return sum(not future.done() for _, _, future in self._waiting)

    # ---- the door ----

    async def enter(self, priority: str) -> int:
        """Wait for a turn; 0 when it has come, else for how many milliseconds nobody gets in."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._numbers), future))
        self._let_in()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.result() == 0:
                self.leave()
            raise

    def leave(self) -> None:
        """A call is over, or was not made after all."""
        self._inside -= 1
        self._let_in()

    def send_away(self) -> None:
        """Whoever waits shall not wait any longer."""
        while self._waiting:
            self._answer(CLOSED_MS)

    def _most(self) -> int:
        if self._pace.per_second is not None or self._pace.speed >= 1:
            return self._concurrency
        return max(1, int(self._concurrency * self._pace.speed))

    def _let_in(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._waiting:
            if self._waiting[0][2].done():  # it was cancelled
                heapq.heappop(self._waiting)
                continue
            closed_ms = self.closed_ms()
            if closed_ms > (0 if self._timeless else PATIENCE_MS):
                self._answer(closed_ms)
                continue
            if self._inside >= self._most():
                return
            now_ms = self._clock.now_ms()
            wait_ms = max(closed_ms, self._pace.wait_ms(now_ms))
            if wait_ms:
                later = self._later or asyncio.get_running_loop().call_later
                self._alarm = later(wait_ms / 1000, self._let_in)
                return
            self._pace.take(now_ms)
            self._inside += 1
            self._answer(0)

    def _answer(self, wait_ms: int) -> None:
        future = heapq.heappop(self._waiting)[2]
        if not future.done():
            future.set_result(wait_ms)
