"""How the constants that a term is compared with cut its values into classes, and which classes a comparison holds in.

Class 0 is absent or in error, class 1 unreachable, the values begin at 2. A set of classes is an int used as bits.
Ordered values are cut at half-open bounds, so that every comparison is a union of neighbouring classes; values that are
only asked for equality are looked up, and constants that no comparison tells apart share a class.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.ruleset.syntax import Type

FIRST: Final = 2
"""The class of the first values."""

MISSING: Final = 0b11
"""The classes of what has no value."""

Comparison = tuple[str, tuple[Any, ...]]
"""An operator among == < <= > >= in and the constants it compares with; `!=` is the opposite of `==`."""


@dataclass(frozen=True, slots=True)
class Partition:
    """The classes of one term.

    With `cuts`, a value's class is FIRST + the number of cuts at or below it; with `groups`, it is the class of its
    group, else FIRST. `count` is the number of classes, those of the missing included; `nan` is the class of no number.
    """

    type: Type
    cuts: tuple[Any, ...] | None
    groups: tuple[tuple[Any, int], ...]
    count: int
    nan: int | None = None

    @property
    def values(self) -> int:
        """All classes that hold values."""
        return (1 << self.count) - 1 - MISSING

    def class_of(self, value: Any) -> int:
        """The class of a value."""
        if self.cuts is None:
            return int(dict(self.groups).get(value, FIRST))
        if self.nan is not None and value != value:
            return self.nan
        return FIRST + bisect_right(self.cuts, value)

    def where(self, comparison: Comparison) -> int:
        """The classes in which the comparison is true; in all other classes of values it is false."""
        op, constants = comparison
        if self.cuts is None:
            lookup = dict(self.groups)
            return _bits(lookup[constant] for constant in constants if constant in lookup)
        return _bits(i for low, high in _intervals(op, constants, self.type) for i in self._between(low, high))

    def _between(self, low: Any, high: Any) -> range:
        cuts = self.cuts or ()
        first = 0 if low is None else bisect_left(cuts, low) + 1
        last = len(cuts) if high is None else bisect_left(cuts, high)
        return range(FIRST + first, FIRST + last + 1)

    def inhabited(self, low: int | None, high: int | None) -> int:
        """The classes of values that a whole number between the bounds, both included, can fall into."""
        if self.cuts is None:
            points = [(value, number) for value, number in self.groups if isinstance(value, int | float)]
            inside = {value: number for value, number in points if _within(value, low, high)}
            full = low is not None and high is not None and len(inside) == high - low + 1
            return _bits(inside.values()) | (0 if full else 1 << FIRST)
        first = FIRST if low is None else FIRST + bisect_right(self.cuts, low)
        last = FIRST + len(self.cuts) if high is None else FIRST + bisect_right(self.cuts, high)
        return _bits(range(first, last + 1))


def make_partition(kind: Type, comparisons: Iterable[Comparison], may_be_nan: bool) -> Partition:
    """The coarsest classes that tell all these comparisons apart; without any, one class for every value."""
    wanted = list(dict.fromkeys(comparisons))
    if kind is Type.BOOL:
        return Partition(kind, None, ((False, FIRST), (True, FIRST + 1)), FIRST + 2)
    ordered = any(op not in ("==", "in") for op, _ in wanted)
    if ordered or may_be_nan:
        bounds = {b for op, c in wanted for pair in _intervals(op, c, kind) for b in pair if b is not None}
        cuts = tuple(sorted(bounds))
        count = FIRST + len(cuts) + 1
        return Partition(kind, cuts, (), count + may_be_nan, count if may_be_nan else None)
    groups = _group([constants for _, constants in wanted])
    return Partition(kind, None, tuple(groups.items()), FIRST + 1 + len(set(groups.values())))


def _group(sets: Sequence[tuple[Any, ...]]) -> dict[Any, int]:
    """Each constant's class; constants that are in exactly the same sets share one, in order of first appearance."""
    signatures: dict[Any, list[int]] = {}
    for number, constants in enumerate(sets):
        for constant in dict.fromkeys(constants):
            signatures.setdefault(constant, []).append(number)
    numbers: dict[tuple[int, ...], int] = {}
    return {
        constant: numbers.setdefault(tuple(signature), FIRST + 1 + len(numbers))
        for constant, signature in sorted(signatures.items(), key=lambda item: item[1])
    }


def _bits(numbers: Iterable[int]) -> int:
    made = 0
    for number in numbers:
        made |= 1 << number
    return made


def _within(value: Any, low: int | None, high: int | None) -> bool:
    return bool((low is None or value >= low) and (high is None or value <= high) and value == math.floor(value))


def _intervals(op: str, constants: tuple[Any, ...], kind: Type) -> list[tuple[Any, Any]]:
    """The values of the type for which the comparison holds, as half-open intervals; None is without end."""
    first = constants[0]
    if op == "<":
        return [(None, _at_least(first, kind))]
    if op == "<=":
        return [(None, _above(first, kind))]
    if op == ">":
        return [(_above(first, kind), None)]
    if op == ">=":
        return [(_at_least(first, kind), None)]
    points = [(_at_least(constant, kind), _above(constant, kind)) for constant in constants]
    return [(low, high) for low, high in points if low != high]


def _at_least(constant: Any, kind: Type) -> Any:
    """The smallest value of the type that is not below the constant."""
    if kind is Type.DOUBLE:
        nearest = float(constant)
        return math.nextafter(nearest, math.inf) if nearest < constant else nearest
    return math.ceil(constant) if kind is Type.INT else constant


def _above(constant: Any, kind: Type) -> Any:
    """The smallest value of the type above the constant."""
    if kind is Type.DOUBLE:
        nearest = float(constant)
        return math.nextafter(nearest, math.inf) if nearest <= constant else nearest
    if kind is Type.STRING:
        return constant + "\0"
    return math.floor(constant) + 1
