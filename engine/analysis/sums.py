"""What is compared, as a sum: facts that are added or taken away, and a constant.

Whole numbers, times and durations are calculated without rounding, and what does not fit is an error, which no term
with a value has. So wherever there is a value, its sum is exact. What cannot be taken apart is one part by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any, Final

from engine.analysis.differences import Number
from engine.ruleset.syntax import Call, Expr, Literal, Type
from engine.ruleset.terms import Key, key_of

WHOLE: Final = (Type.INT, Type.TIMESTAMP, Type.DURATION)
"""Types that are counted in whole steps."""

_LETTERS: Final = 0x110001


@dataclass(frozen=True, slots=True)
class Sum:
    """How often each part is added, and a constant."""

    parts: dict[Key, tuple[int, Expr]]
    by: Number

    def plus(self, other: Sum, times: int = 1) -> Sum:
        """Return the sum of both, the other taken so many times."""
        parts = dict(self.parts)
        for key, (count, expr) in other.parts.items():
            parts[key] = (parts[key][0] + times * count if key in parts else times * count, expr)
        return Sum({key: part for key, part in parts.items() if part[0]}, self.by + times * other.by)


def sum_of(expr: Expr) -> Sum:
    """Return an expression taken apart as far as that is exact."""
    match expr:
        case Literal(value=value) if (number := number_of(value)) is not None:
            return Sum({}, number)
        case Call(op="+" | "-" as op, args=(left, right)) if expr.type in WHOLE:
            return sum_of(left).plus(sum_of(right), 1 if op == "+" else -1)
        case Call(op="neg", args=(part,)) if expr.type in WHOLE:
            return Sum({}, 0).plus(sum_of(part), -1)
    return alone(expr)


def alone(expr: Expr) -> Sum:
    """Return an expression as one part."""
    return Sum({key_of(expr): (1, expr)}, 0)


def number_of(value: Any) -> Number | None:
    """Return a constant as a number that has its place in the order; None for none, and for one without end.

    A text is the number that has its letters behind the point.
    """
    if isinstance(value, str):
        found = Fraction(0)
        for letter in reversed(value):
            found = (found + ord(letter) + 1) / _LETTERS
        return found
    if isinstance(value, float):
        return Fraction(value) if isfinite(value) else None
    return value if value is None else int(value)
