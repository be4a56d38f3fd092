"""When a row's messages happen: its date, and a time of day drawn from its key so that everybody draws the same.

    seconds after the spread's beginning = crc32(UTF-8 of "<spread>:<key>") modulo the spread's length in seconds

CRC-32 is zlib's (ISO 3309). The time of day is the wall clock's in the map's zone: one that the change to summer time
skips is an hour later, of one that comes twice the first is meant. A share is drawn alike: crc32("<share>:<key>")
modulo 100.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zlib import crc32
from zoneinfo import ZoneInfo

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Spread:
    """A part of the day over which messages are spread: seconds after midnight, the end excluded."""

    name: str
    start: int
    end: int

    def second_of_day(self, key: str) -> int:
        """Return the second after midnight drawn for a key."""
        return self.start + crc32(f"{self.name}:{key}".encode()) % (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Clock:
    """The map's `time:` section; `date_slot` and `key_slot` say where in a row's values the date and the key are."""

    zone: str
    date_slot: int
    key_slot: int
    spreads: Mapping[str, Spread]

    def instant(self, day: str, second_of_day: int) -> int:
        """Return the milliseconds since the Unix epoch of a wall-clock time of a day."""
        midnight, even = _day(self.zone, day)
        if even:
            return midnight + second_of_day * 1000
        start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(self.zone))
        return int((start + timedelta(seconds=second_of_day)).timestamp()) * 1000

    def midnight(self, day: str) -> int:
        """Return the milliseconds since the Unix epoch at which a day begins."""
        return _day(self.zone, day)[0]


@lru_cache(maxsize=4096)
def _day(zone: str, day: str) -> tuple[int, bool]:
    """Return when a day begins, in milliseconds since the epoch, and whether it has no change of the clock."""
    here = ZoneInfo(zone)
    today = date.fromisoformat(day)
    begin = datetime(today.year, today.month, today.day, tzinfo=here)
    following = begin + timedelta(days=1)  # a wall-clock day on, whatever its length
    return int(begin.timestamp()) * 1000, following.timestamp() - begin.timestamp() == DAY_SECONDS


def salted(name: str) -> int:
    """Return the CRC-32 of `<name>:`, from which that of `<name>:<key>` goes on."""
    return crc32(f"{name}:".encode())


def share_of(salt: int, key: bytes) -> int:
    """Return the share of a key, 0 to 99; `salt` is `salted(<share>)`."""
    return crc32(key, salt) % 100
