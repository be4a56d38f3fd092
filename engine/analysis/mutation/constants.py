"""Values next to a value: what an author may have written instead, by a slip of one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from engine.ruleset.scalars import MILLISECONDS, largest_unit
from engine.ruleset.syntax import Literal, Type
from engine.ruleset.temporal import MAX_TIMESTAMP, MIN_TIMESTAMP

_SECOND: Final = 1_000_000
"""Timestamps and durations of conditions are in microseconds."""

_DURATION: Final = re.compile(r"([0-9]+)(ms|s|m|h|d)")


def neighbours(literal: Literal, closed: Sequence[str] | None) -> Iterator[Literal]:
    """Give the constants that could stand in a constant's place; `closed` are the words that alone are possible."""
    value = literal.value
    if isinstance(value, tuple):
        for items in _lists(value, closed):
            yield replace(literal, value=items, name=None)
    elif isinstance(value, bool):
        yield replace(literal, value=not value, name=None)
    elif isinstance(value, str):
        yield replace(literal, value=other_word(value, closed), name=None)
    elif literal.type in (Type.TIMESTAMP, Type.DURATION):
        for other in (value + _SECOND, value - _SECOND):
            if literal.type is Type.DURATION or MIN_TIMESTAMP <= other <= MAX_TIMESTAMP:
                yield replace(literal, value=other, name=None)
    else:
        for number in numbers(value):
            if isinstance(number, float) or -(2**63) <= number < 2**63:
                yield replace(literal, value=number, name=None)


def numbers(value: int | float) -> tuple[int | float, int | float]:
    """Return the next numbers above and below: one more or less, of a fraction in its last written digit."""
    if isinstance(value, int):
        return value + 1, value - 1
    step = Decimal(1) if value == int(value) else Decimal(1).scaleb(int(Decimal(repr(value)).as_tuple().exponent))
    return float(Decimal(repr(value)) + step), float(Decimal(repr(value)) - step)


def other_word(word: str, closed: Sequence[str] | None) -> str:
    """Return the next word of a closed set; of an open one a misspelt word."""
    if closed is not None and word in closed and len(closed) > 1:
        return closed[(closed.index(word) + 1) % len(closed)]
    return word[:-1] if len(word) > 1 else word + word


def _lists(items: tuple[object, ...], closed: Sequence[str] | None) -> Iterator[tuple[str, ...]]:
    """Lists with one item fewer; a list of a single word with another word, since an empty one is refused."""
    if len(items) > 1:
        for place in range(len(items)):
            yield (*items[:place], *items[place + 1 :])  # type: ignore[arg-type]
    elif isinstance(items[0], str):
        yield (other_word(items[0], closed),)


def durations(written: str, length_ms: int) -> Iterator[tuple[str, int]]:
    """Give the durations one unit longer and shorter, as texts and in milliseconds; `written` is the author's text."""
    found = _DURATION.fullmatch(written)
    unit = found[2] if found else largest_unit(length_ms)
    count, each = length_ms // MILLISECONDS[unit], MILLISECONDS[unit]
    yield f"{count + 1}{unit}", length_ms + each
    if count > 1:
        yield f"{count - 1}{unit}", length_ms - each
    elif unit != "ms":
        units = list(MILLISECONDS)
        smaller = units[units.index(unit) - 1]
        yield f"{length_ms // MILLISECONDS[smaller] - 1}{smaller}", length_ms - MILLISECONDS[smaller]


def show_time_of_day(minute: int) -> str:
    """Return a minute of the day as an author writes it: "09:00"."""
    return f'"{minute // 60:02}:{minute % 60:02}"'
