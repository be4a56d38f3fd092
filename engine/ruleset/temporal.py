"""Timestamps and durations, read from the two textual forms CEL knows and written in them.

Those of facts and conditions are whole microseconds; nanoseconds are refused rather than cut, because a cut value would
compare equal where CEL says it differs. Free expressions calculate with the nanoseconds.
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
    return in_timestamp_range(_micros(parse_timestamp_nanos(text), "a timestamp"))


def parse_timestamp_nanos(text: str) -> int:
    """Nanoseconds since the Unix epoch of an RFC 3339 text of any year. Raises ValueError with a sentence."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise ValueError("a timestamp is written like 2026-01-05T12:00:00Z or 2026-01-05T12:00:00+08:00")
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = found.groups()
    fraction = (fraction or "").ljust(9, "0")
    if sign and (int(zone_hours) > 23 or int(zone_minutes) > 59):
        raise ValueError("the offset from UTC is at most 23:59")
    offset = (int(zone_hours or 0) * 60 + int(zone_minutes or 0)) * 60_000_000_000 * (-1 if sign == "-" else 1)
    at = datetime(*map(int, (year, month, day, hour, minute, second)), tzinfo=UTC)  # type: ignore[arg-type,misc]  # six ints
    return (at - EPOCH) // MICROSECOND * 1000 + int(fraction) - offset


def parse_duration(text: str) -> int:
    """Microseconds of a duration such as `1h30m` or `-1.5s`. Raises ValueError with a sentence."""
    return in_duration_range(_micros(parse_duration_nanos(text), "a duration"))


def parse_duration_nanos(text: str) -> int:
    """Nanoseconds of a duration of any length. Raises ValueError with a sentence; fractions of one are refused."""
    if not _DURATION.fullmatch(text):
        raise ValueError("a duration is written like 90s, 1.5h or 1h30m (units h m s ms us)")
    nanoseconds, remainder = 0, 0
    for whole, fraction, unit in _DURATION_PART.findall(text):
        scaled, left = divmod(int(whole + fraction) * _NANOSECONDS[unit], 10 ** len(fraction))
        nanoseconds, remainder = nanoseconds + scaled, remainder + left
    if remainder:
        raise ValueError("a duration has at most nanoseconds")
    return nanoseconds * (-1 if text.startswith("-") else 1)


def _micros(nanos: int, what: str) -> int:
    if nanos % 1000:
        raise ValueError(f"{what} has at most microseconds")
    return nanos // 1000


def timestamp_text(nanos: int) -> str:
    """The RFC 3339 text of a timestamp of the years 1 to 9999, with as many decimals as it needs, in UTC."""
    seconds, rest = divmod(nanos, 1_000_000_000)
    return f"{(EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix('+00:00')}{_decimals(rest)}Z"


def duration_text(nanos: int) -> str:
    """A duration in seconds, such as 90s or -1.5s."""
    seconds, rest = divmod(abs(nanos), 1_000_000_000)
    return f"{'-' if nanos < 0 else ''}{seconds}{_decimals(rest)}s"


def _decimals(rest: int) -> str:
    return f".{rest:09d}".rstrip("0") if rest else ""


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
