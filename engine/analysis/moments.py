"""An instant whose local hour, weekday, day and date are as wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from engine.decision.moment import local_time

if TYPE_CHECKING:
    from engine.analysis.inputs import Wanted
    from engine.analysis.situation import Situation

DAYS_ON: Final = 4 * 366
"""Days that are looked at from each beginning: every date, weekday and day of the month together comes in four years
(but for 29 February on a certain weekday, which takes 28)."""

MOST_INSTANTS: Final = 1_500
"""Instants that are looked at from each beginning: where only the instant as such does not fit, no later day helps."""

_BY_DAY: Final = ("now.local_date", "now.local_weekday", "now.local_day")
_FIRST_DAY: Final = "0001-01-01"
_EARLIEST: Final = date(1970, 1, 2).toordinal()
_LATEST: Final = date(9999, 12, 29).toordinal()
_MINUTE_MS: Final = 60_000


def find_moment(situation: Situation, wanted: Mapping[str, Wanted]) -> Situation | None:
    """Return the situation at the first fitting instant: the present one, else one of this day, else a later day's.

    None when none is found among the days that begin with this one and with every time and date that is wanted.
    """
    zone = situation.user.zone
    for now_ms in _candidates(situation.now_ms, zone, wanted):
        if all(want.accepts(value) for path, want in wanted.items() for value in (_fact(path, zone, now_ms),)):
            return replace(situation, now_ms=now_ms)
    return None


def _fact(path: str, zone: str, now_ms: int) -> Any:
    if path == "now.timestamp":
        return now_ms * 1000
    return getattr(local_time(zone, now_ms), path.removeprefix("now.local_"))


def _candidates(now_ms: int, zone: str, wanted: Mapping[str, Wanted]) -> Iterator[int]:
    times = [value // 1000 for value in _values(wanted, "now.timestamp") if value >= 0]
    yield from (now_ms, *times)
    hours = _hours(now_ms, zone, wanted)
    for begin in _begins(now_ms, times, zone, wanted):
        walls = (
            datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
            for day in _days(begin, wanted)
            for hour, minute in hours
        )
        yield from (int(wall.timestamp()) * 1000 for wall in islice(walls, MOST_INSTANTS))


def _values(wanted: Mapping[str, Wanted], path: str) -> Iterable[Any]:
    return [value for value in wanted[path].values if value is not None] if path in wanted else ()


def _hours(now_ms: int, zone: str, wanted: Mapping[str, Wanted]) -> list[tuple[int, int]]:
    """The times of day that fit, the present one's neighbours first."""
    local = local_time(zone, now_ms)
    hours = [h for h in _around(local.hour, 24) if _fits(wanted, "now.local_hour", h)]
    minutes = [m for m in (local.minute, 0, 30, *range(60)) if _fits(wanted, "now.local_minute", m)]
    return [(hour, minute) for minute in dict.fromkeys(minutes[:3]) for hour in hours]


def _around(first: int, count: int) -> list[int]:
    return sorted(range(count), key=lambda one: (abs(one - first), one))


def _fits(wanted: Mapping[str, Wanted], path: str, value: Any) -> bool:
    return path not in wanted or wanted[path].accepts(value)


def _begins(now_ms: int, times: Iterable[int], zone: str, wanted: Mapping[str, Wanted]) -> Iterator[date]:
    yield from (date.fromisoformat(local_time(zone, at_ms).date) for at_ms in (now_ms, *times))
    yield from (day for text in _values(wanted, "now.local_date") if (day := _date(text)) is not None)


def _days(begin: date, wanted: Mapping[str, Wanted]) -> Iterator[date]:
    """The days that fit: this one, the one before, and those after."""
    for on in (0, -1, *range(1, DAYS_ON)):
        number = begin.toordinal() + on
        if not _EARLIEST <= number <= _LATEST:
            continue
        day = date.fromordinal(number)
        facts = (day.isoformat(), day.isoweekday(), day.day)
        if all(_fits(wanted, path, fact) for path, fact in zip(_BY_DAY, facts, strict=True)):
            yield day


def _date(text: object) -> date | None:
    """The date that a text is, or the first one that begins so."""
    try:
        return date.fromisoformat((begun := str(text)) + _FIRST_DAY[len(begun) :])
    except ValueError:
        return None
