"""When the next call may begin: so many a second, evenly, by a clock that is handed in."""

from __future__ import annotations

from typing import Final

CATCH_UP_MS: Final = 50
"""By how much a call may be ahead of its even place: timers are late by some milliseconds, and this makes up for it.
So of any second's calls there are at most 5 % and one more than the rate says."""


class Pace:
    """Places in time for the calls of one provider (the virtual scheduling of ATM's generic cell rate algorithm,
    ITU-T I.371: each call moves the time from which the next one is due by an interval).

    `per_second` None: there is no bound. Below full speed the intervals are kept exactly.
    """

    def __init__(self, per_second: float | None) -> None:
        self.per_second = per_second
        self.speed = 1.0
        self._due_us = 0

    def wait_ms(self, now_ms: int) -> int:
        """In how many milliseconds a call may begin, 0 for now."""
        if self.per_second is None:
            return 0
        early_us = CATCH_UP_MS * 1000 if self.speed >= 1 else 0
        wait_us = min(self._due_us - early_us - now_ms * 1000, self._interval_us() + early_us)
        return max(0, -(-wait_us // 1000))

    def take(self, now_ms: int) -> None:
        """A call begins."""
        if self.per_second is not None:
            now_us = now_ms * 1000
            # A clock that was set back leaves the place far ahead: then it starts anew from here.
            late_or_lost = self._due_us < now_us or self._due_us > now_us + self._interval_us() + CATCH_UP_MS * 1000
            self._due_us = (now_us if late_or_lost else self._due_us) + self._interval_us()

    def in_a_second(self) -> int | None:
        """How many calls may begin within a second, None for any number."""
        return None if self.per_second is None else int(self.per_second * self.speed) + 1

    def _interval_us(self) -> int:
        assert self.per_second is not None
        return int(1_000_000 / (self.per_second * self.speed)) if self.speed > 0 else 1_000_000_000
