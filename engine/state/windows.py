"""Breaker windows: how the calls of providers went, counted by many processes and judged by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgpack

from engine.state.breakers import Subject, unpack_subject
from engine.state.connection import Store
from engine.state.scripts import Argument, Script

KEPT_MS: Final = 3_600_000
"""A window that nobody judges is forgotten after this (by Redis' clock)."""

_COUNT: Final = Script("windows_count")


@dataclass(frozen=True, slots=True)
class Window:
    """What was measured of one subject in one window."""

    count: int
    errors: int
    timeouts: int
    consecutive_timeouts: int


@dataclass(slots=True)
class Tally:
    """Measurements of one process that Redis does not have yet. Runs are runs of time-outs, one after another."""

    count: int = 0
    errors: int = 0
    timeouts: int = 0
    longest: int = 0
    first_run: int = 0
    last_run: int = 0

    def add(self, error: bool, timeout: bool) -> None:
        """Count one call."""
        if timeout:
            self.last_run += 1
            self.longest = max(self.longest, self.last_run)
            if self.timeouts == self.count:
                self.first_run += 1
        else:
            self.last_run = 0
        self.count += 1
        self.errors += error
        self.timeouts += timeout

    def window(self) -> Window:
        """As it is judged."""
        return Window(self.count, self.errors, self.timeouts, self.longest)

    def packed(self) -> bytes:
        """As the script takes it."""
        values = (self.count, self.errors, self.timeouts, self.longest, self.first_run, self.last_run)
        packed: bytes = msgpack.packb(values)
        return packed


class Windows:
    """The windows of all subjects. A call belongs to the window in which it ended.

    What was counted and not flushed is lost with the process: these are measurements, not books.
    """

    def __init__(self, store: Store, window_ms: int) -> None:
        self._store = store
        self._window_ms = window_ms
        self._tallies: dict[int, dict[Subject, Tally]] = {}

    def add(self, subjects: Iterable[Subject], now_ms: int, *, error: bool, timeout: bool = False) -> None:
        """Count one call for its provider, its channel and the platform; a time-out is an error too."""
        tallies = self._tallies.setdefault(now_ms - now_ms % self._window_ms, {})
        for subject in subjects:
            tally = tallies.get(subject)
            if tally is None:
                tally = tallies[subject] = Tally()
            tally.add(error or timeout, timeout)

    async def flush(self) -> None:
        """Hand over what was counted. Raises StateUnavailable, and then what was handed over is given up."""
        tallies, self._tallies = self._tallies, {}
        await self._store.pipeline(
            [
                _COUNT.command(
                    (self._store.keys.windows(start_ms), self._store.keys.open_windows),
                    [start_ms, KEPT_MS, *_words(each)],
                )
                for start_ms, each in tallies.items()
            ]
        )

    # ---- without Redis, for a process that counts alone ----

    def take_closed(self, now_ms: int) -> list[tuple[int, dict[Subject, Window]]]:
        """Take the windows that are over and were not handed over, the oldest first: (start, what was measured)."""
        over = sorted(start_ms for start_ms in self._tallies if start_ms + self._window_ms <= now_ms)
        return [
            (start_ms, {one: tally.window() for one, tally in self._tallies.pop(start_ms).items()}) for start_ms in over
        ]

    def first_end(self) -> int | None:
        """When the oldest window that was not handed over is over; None when there is none."""
        return min(self._tallies) + self._window_ms if self._tallies else None

    def end_after(self, start_ms: int) -> int:
        """When the window behind the one that starts then is over."""
        return start_ms + 2 * self._window_ms

    def last_closed(self, now_ms: int) -> int:
        """The start of the last window that is over."""
        return now_ms - now_ms % self._window_ms - self._window_ms

    # ---- with the other processes ----

    async def closed(self, now_ms: int, grace_ms: int, limit: int = 100) -> list[int]:
        """Return the starts of windows that ended `grace_ms` ago or earlier and were not judged, the oldest first."""
        last_ms = now_ms - grace_ms - self._window_ms
        starts = await self._store.call(
            "ZRANGEBYSCORE", self._store.keys.open_windows, "-inf", last_ms, "LIMIT", 0, limit
        )
        return [int(start) for start in starts]

    async def read(self, start_ms: int) -> dict[Subject, Window]:
        """Return what was measured in a window."""
        reply = await self._store.call("HGETALL", self._store.keys.windows(start_ms))
        return {
            unpack_subject(field): Window(*msgpack.unpackb(packed)[1:5])
            for field, packed in zip(reply[::2], reply[1::2], strict=True)
        }

    async def judged(self, start_ms: int) -> None:
        """Forget a window."""
        keys = self._store.keys
        await self._store.pipeline([("DEL", keys.windows(start_ms)), ("ZREM", keys.open_windows, start_ms)])


def _words(tallies: dict[Subject, Tally]) -> list[Argument]:
    return [word for subject, tally in tallies.items() for word in (subject.field, tally.packed())]
