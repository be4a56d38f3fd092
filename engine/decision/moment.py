"""Local time: what the clock on a user's wall shows, and when it will show something else.

Everything here is a pure function of a zone's name and an instant. Answers are kept in bounded caches, since the users
of a batch share a few zones and a few minutes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
MINUTE_MS = 60_000
LONGEST_ZONE = 64


class LocalTime(NamedTuple):
    """One minute on a wall clock: the facts `now.local_*`."""

    hour: int
    minute: int
    weekday: int
    day: int
    date: str


def is_zone(name: str) -> bool:
    """Is this the IANA name of a time zone?"""
    # The cache keeps bad names too, so a caller must not choose how large they are; the longest real one has 32.
    return len(name) <= LONGEST_ZONE and _is_zone(name)


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # ZoneInfo answers a bad name with any of the three: unknown, malformed, a folder.
        return False
    return True


def local_time(zone: str, now_ms: int) -> LocalTime:
    """Return the wall clock in a zone at an instant. Weekday 1 is Monday."""
    return local_minute(zone, now_ms // MINUTE_MS)


@lru_cache(maxsize=8192)
def local_minute(zone: str, minute: int) -> LocalTime:
    """Return the wall clock in a zone at a minute since the Unix epoch."""
    local = datetime.fromtimestamp(minute * 60, ZoneInfo(zone))
    return LocalTime(local.hour, local.minute, local.isoweekday(), local.day, local.date().isoformat())


def next_time_of_day(zone: str, now_ms: int, minute_of_day: int) -> int:
    """Return the first instant after `now_ms` at which the zone's wall clock shows this minute of the day.

    A time that a change to summer time skips counts as that much later on that day; of a time that comes twice the
    first is meant.
    """
    local = local_time(zone, now_ms)
    today = _instant(zone, local.date, minute_of_day)
    if today > now_ms:
        return today
    return _instant(zone, _next_date(local.date), minute_of_day)


def next_midnight(zone: str, now_ms: int) -> int:
    """Return the end of the calendar day that `now_ms` falls into in this zone."""
    return _instant(zone, _next_date(local_time(zone, now_ms).date), 0)


@lru_cache(maxsize=8192)
def _instant(zone: str, day: str, minute_of_day: int) -> int:
    hour, minute = divmod(minute_of_day, 60)
    start = date.fromisoformat(day)
    wall = datetime(start.year, start.month, start.day, hour, minute, tzinfo=ZoneInfo(zone))
    return int(wall.timestamp()) * 1000


@lru_cache(maxsize=1024)
def _next_date(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def parse_local(text: str, zone: str) -> int:
    """Read "2026-01-05T12:00[:30]" as wall-clock time in the zone, or with an offset or Z as that instant.

    Raises ValueError when it is no such time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return int(moment.timestamp() * 1000)


def iso_time(at_ms: int, zone: str | None = None) -> str:
    """Write an instant as ISO 8601, to the second: on the wall clock of a zone with its offset, or in UTC with Z."""
    if zone is None:
        return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return datetime.fromtimestamp(at_ms // 1000, ZoneInfo(zone)).isoformat()
