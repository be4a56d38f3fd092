"""The nearest instant at which some facts of the clock are otherwise, in few steps: a search asks for it often."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.analysis.inputs import Wanted
from engine.decision.moment import local_time

_DAYS: Final = 31
_MORE_DAYS: Final = 430
"""Days looked at to both sides: every day of the month comes in the first, also on a certain weekday in the second."""

_DATE, _WEEKDAY, _DAY, _NOW = "now.local_date", "now.local_weekday", "now.local_day", "now.timestamp"


def near_moment(now_ms: int, zone: str, wanted: Mapping[str, Wanted]) -> int | None:
    """Return the time (ms) nearest to `now_ms` with these facts, or None when none is found.

    Only what is wanted is changed: without a wish for the hour it stays the same hour.
    """
    fits = (at_ms for at_ms in _candidates(now_ms, zone, wanted) if at_ms >= 0 and _fit(at_ms, zone, wanted))
    return min(fits, key=lambda at_ms: (abs(at_ms - now_ms), -at_ms), default=None)


def _candidates(now_ms: int, zone: str, wanted: Mapping[str, Wanted]) -> Iterator[int]:
    if _NOW in wanted:
        yield from (value // 1000 for value in wanted[_NOW].values)
    local = local_time(zone, now_ms)
    times = [(h, m) for h in _values(wanted, "hour", local.hour) for m in _values(wanted, "minute", local.minute)]
    try:
        for day in _days(date.fromisoformat(local.date), wanted):
            for hour, minute in times:
                wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
                yield int(wall.timestamp()) * 1000
    except (OverflowError, ValueError):
        return  # the calendar ends there


def _values(wanted: Mapping[str, Wanted], name: str, now: int) -> Iterable[int]:
    want = wanted.get(f"now.local_{name}")
    return dict.fromkeys([now, *(want.values if want is not None else ())])


def _days(today: date, wanted: Mapping[str, Wanted]) -> Iterator[date]:
    yield today
    by_day = [path for path in (_DATE, _WEEKDAY, _DAY) if path in wanted]
    if not by_day:
        return
    if _DATE in wanted:
        yield from (day for text in wanted[_DATE].values if (day := _date(text)) is not None)
    reach = _DAYS if len(by_day) == 1 else _MORE_DAYS
    for by in range(1, reach + 1):
        for day in (today + timedelta(days=by), today - timedelta(days=by)):
            if all(wanted[path].accepts(value) for path, value in _of(day).items() if path in wanted):
                yield day


def _of(day: date) -> dict[str, Any]:
    return {_DATE: day.isoformat(), _WEEKDAY: day.isoweekday(), _DAY: day.day}


def _fit(at_ms: int, zone: str, wanted: Mapping[str, Wanted]) -> bool:
    local = local_time(zone, at_ms)
    return all(
        want.accepts(at_ms * 1000 if path == _NOW else getattr(local, path.removeprefix("now.local_")))
        for path, want in wanted.items()
    )


def _date(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
