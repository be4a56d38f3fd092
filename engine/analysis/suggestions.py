"""A few values that stand for a class of a term: the ones a person would think of first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from engine.ruleset.fact_types import FactType
from engine.ruleset.partition import FIRST, Partition
from engine.ruleset.syntax import Type

MOST: Final = 8
"""Values suggested for one class."""

_MINUTE: Final = 60_000_000
_ZONES: Final = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC", "Pacific/Auckland")
_TEXTS: Final = ("other", "x", "A", "zz", "~", "0", "\U0010ffff")
_WHOLE: Final = (Type.INT, Type.TIMESTAMP, Type.DURATION)


def suggest(fact: FactType, partition: Partition, number: int, more: Iterable[Any] = ()) -> list[Any]:
    """Return values of a fact that are in a class, the plainest first; None alone for the classes of what is absent.

    `more` are further values to try, such as those made of constants.
    """
    if number < FIRST:
        return [None]
    candidates = [*_candidates(fact, partition, number), *more]
    unique = {(type(value), value): value for value in candidates if fits(fact, value)}
    return list(islice((value for value in unique.values() if partition.class_of(value) == number), MOST))


def fits(fact: FactType, value: Any) -> bool:
    """Whether the fact can have this value at all."""
    if value is None or (fact.values is not None and value not in fact.values):
        return False
    if isinstance(value, str):
        return value != ""
    if isinstance(value, tuple):
        return len(value) > 0
    return (fact.low is None or value >= fact.low) and (fact.high is None or value <= fact.high)


def _candidates(fact: FactType, partition: Partition, number: int) -> Iterator[Any]:
    if fact.values is not None:
        yield from fact.values
    kind = partition.type
    if kind is Type.BOOL or kind is Type.OBJECT:
        yield from (False, True)
    yield from (value for value, group in partition.groups if group == number)
    if partition.cuts is not None and number - FIRST <= len(partition.cuts):
        low, high = _bounds(partition.cuts, number)
        yield from between(kind, low, high, fact)
    if partition.cuts is None:
        yield from _others(fact, partition)


def _bounds(cuts: Sequence[Any], number: int) -> tuple[Any, Any]:
    """The half-open interval of a class; None is without end."""
    at = number - FIRST
    return (cuts[at - 1] if at else None, cuts[at] if at < len(cuts) else None)


def between(kind: Type, low: Any, high: Any, fact: FactType) -> Iterator[Any]:
    """Give values from `low` on and below `high`, the plainest first; None is without end."""
    if kind in _WHOLE:
        yield from _whole(kind, fact.low if low is None else low, fact.high if high is None else high - 1)
    elif kind is Type.DOUBLE:
        yield from _doubles(low, high)
    elif kind is Type.STRING:
        yield from _strings(low, high)


def _whole(kind: Type, low: int | None, high: int | None) -> Iterator[int]:
    """Round times first: a person reads minutes better than microseconds, and inputs have milliseconds."""
    steps = (_MINUTE * 1440, _MINUTE, 1_000_000, 1000, 1) if kind is not Type.INT else (1,)
    for step in steps:
        if low is not None:
            first = -(-low // step) * step
            yield from (value for value in (first, first + step) if high is None or value <= high)
        if high is not None:
            last = high // step * step
            yield from (value for value in (last, last - step) if low is None or value >= low)
    if low is None and high is None:
        yield from (1, 0)
    if low is not None and high is not None:
        yield (low + high) // 2


def _doubles(low: float | None, high: float | None) -> Iterator[float]:
    begin = -math.inf if low is None else low
    end = math.inf if high is None else high
    for digits in (0, 1, 2, 6):
        step = 10.0**-digits
        for near in (begin, end, (begin + end) / 2):
            if math.isfinite(near):
                rounded = round(near, digits)
                yield from (v for v in (rounded, rounded + step, rounded - step) if begin <= v < end)
    yield from (value for value in (begin, math.nextafter(end, -math.inf), 0.0, 1.0) if begin <= value < end)


def _strings(low: str | None, high: str | None) -> Iterator[str]:
    if low is not None:
        plain = low.rstrip("\0")
        yield from (low, plain, plain + "a", plain + "0", plain + " ")
    if high is not None:
        plain = high.rstrip("\0")
        yield from (plain[:-1] + chr(max(ord(plain[-1]) - 1, 0x20)) + "~" if plain else "", plain[:-1], plain, "!", "0")
    yield from _TEXTS


def _others(fact: FactType, partition: Partition) -> Iterator[Any]:
    """Values that no condition names."""
    kind = partition.type
    if fact.path == "user.zone":
        yield from _ZONES
    elif kind is Type.STRING:
        yield from _TEXTS
        yield "-".join(sorted(str(value) for value, _ in partition.groups[:3])) + "-other"
    elif kind is Type.INT:
        low = fact.low if fact.low is not None else 0
        high = fact.high if fact.high is not None else low + len(partition.groups) + 1
        yield from range(low, min(high, low + len(partition.groups) + 1) + 1)
    elif kind in (Type.DOUBLE, Type.DURATION, Type.TIMESTAMP):
        step = 1.0 if kind is Type.DOUBLE else _MINUTE
        yield from (step * n for n in range(1, len(partition.groups) + 3))
    elif kind is Type.LIST_STRING:
        yield from (("other",), ("x", "y"))
    elif kind is Type.LIST_INT:
        yield from ((0,), (-1, 1), (7,))
    elif kind is Type.LIST_DOUBLE:
        yield from ((0.0,), (-1.0, 1.0), (7.5,))
