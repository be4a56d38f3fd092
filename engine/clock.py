"""Time comes in here and nowhere else: whoever needs "now" is handed a clock.

A clock answers in milliseconds since the Unix epoch. Rules, decisions and state never ask for the time; it is an
argument they receive.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Protocol

OnTime = Callable[[], Awaitable[None]]
"""Raises ClockDiffers when nothing may end, or be forgotten, by this machine's clock as it is."""


async def always_on_time() -> None:
    """A clock that nothing else is measured by, such as the messages' own, is right by itself."""


class Clock(Protocol):
    """Says what time it is."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        ...


class SystemClock:
    """The machine's clock; it can step when the machine is set right."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, by the machine."""
        return time.time_ns() // 1_000_000


class HandClock:
    """A clock that moves only when it is told to, for tests and for trying things out."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The time it was last set to."""
        return self._now_ms

    def set(self, now_ms: int) -> None:
        """Move on to a time; raises ValueError rather than go back."""
        if now_ms < self._now_ms:
            raise ValueError(f"a clock does not go back: from {self._now_ms} to {now_ms}")
        self._now_ms = now_ms

    def advance(self, by_ms: int) -> int:
        """Move on by `by_ms` and return the new time; raises ValueError rather than go back."""
        if by_ms < 0:
            raise ValueError(f"a clock does not go back: {by_ms} ms")
        self._now_ms += by_ms
        return self._now_ms
