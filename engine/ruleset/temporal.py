"""Timestamps and durations as whole microseconds, read from the two textual forms CEL knows.

Nanoseconds are refused rather than cut, because a cut value would compare equal where CEL says it differs.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MIN_TIMESTAMP = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
MAX_TIMESTAMP = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - EPOCH) // MICROSECOND
MAX_DURATION = 315_576_000_000 * 1_000_000
"""About 10,000 years to either side, the bound of google.protobuf.Duration."""

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_DURATION = re.compile(r"[-+]?(?:0|(?:(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:h|ms|m|s|us|ns))+)", re.ASCII)
_DURATION_PART = re.compile(r"(\d*)(?:\.(\d*))?(h|ms|m|s|us|ns)", re.ASCII)
_NANOSECONDS = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


def parse_timestamp(text: str) -> int:
    """Microseconds since the Unix epoch of an RFC 3339 text, years 1 to 9999. Raises ValueError with a sentence."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise ValueError("a timestamp is written like 2026-01-05T12:00:00Z or 2026-01-05T12:00:00+08:00")
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = found.groups()
    fraction = (fraction or "").ljust(9, "0")
    if int(fraction) % 1000:
        raise ValueError("a timestamp has at most microseconds")
    if sign and (int(zone_hours) > 23 or int(zone_minutes) > 59):
        raise ValueError("the offset from UTC is at most 23:59")
    offset = (int(zone_hours or 0) * 60 + int(zone_minutes or 0)) * 60_000_000 * (-1 if sign == "-" else 1)
    at = datetime(*map(int, (year, month, day, hour, minute, second)), tzinfo=UTC)  # type: ignore[arg-type,misc]  # six ints
    return in_timestamp_range((at - EPOCH) // MICROSECOND + int(fraction) // 1000 - offset)


def parse_duration(text: str) -> int:
    """Microseconds of a duration such as `1h30m` or `-1.5s`. Raises ValueError with a sentence."""
    if not _DURATION.fullmatch(text):
        raise ValueError("a duration is written like 90s, 1.5h or 1h30m (units h m s ms us)")
    nanoseconds, remainder = 0, 0
    for whole, fraction, unit in _DURATION_PART.findall(text):
        scaled, left = divmod(int(whole + fraction) * _NANOSECONDS[unit], 10 ** len(fraction))
        nanoseconds, remainder = nanoseconds + scaled, remainder + left
    if remainder or nanoseconds % 1000:
        raise ValueError("a duration has at most microseconds")
    return in_duration_range(nanoseconds // 1000 * (-1 if text.startswith("-") else 1))


def in_timestamp_range(micros: int) -> int:
    """The same number, or ValueError when it is outside of years 1 to 9999."""
    if not MIN_TIMESTAMP <= micros <= MAX_TIMESTAMP:
        raise ValueError("the timestamp is outside of the years 1 to 9999")
    return micros


def in_duration_range(micros: int) -> int:
    """The same number, or ValueError when it is longer than about 10,000 years."""
    if not -MAX_DURATION <= micros <= MAX_DURATION:
        raise ValueError("the duration is longer than 10,000 years")
    return micros
