"""How small and how large a calculated number can be, where its facts are between bounds.

Of doubles this is as true as of whole numbers: rounding never turns two results round, so the smallest is the one of
bounds, as it is rounded there. Where a result might be no number (infinity minus infinity), nothing is said.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Final

from engine.ruleset.syntax import Call, Expr, Literal

Interval = tuple[Any, Any]
"""The smallest and the largest value, both included."""


def interval(expr: Expr, of_leaf: Callable[[Expr], Interval | None]) -> Interval | None:
    """Return the bounds of an expression that has a value; None when they are not known, or it may be no number.

    `of_leaf` gives the bounds of what is not calculated.
    """
    if isinstance(expr, Literal):
        return (expr.value, expr.value)
    if not isinstance(expr, Call) or expr.op not in _CALCULATED:
        return of_leaf(expr)
    between: list[Interval] = []
    for arg in expr.args:
        found = interval(arg, of_leaf)
        if found is None:
            return None
        between.append(found)
    return None if _may_be_none(expr.op, between) else _at_corners(_CALCULATED[expr.op], between)


def _may_be_none(op: str, between: Sequence[Interval]) -> bool:
    """Whether a division by zero, or infinity times nothing, is possible."""
    has_zero: list[bool] = [low <= 0 <= high for low, high in between]
    if op == "/":
        return has_zero[1]
    endless = [math.isinf(low) or math.isinf(high) for low, high in between]
    return op == "*" and any(one and other for one, other in zip(has_zero, reversed(endless), strict=True))


def _at_corners(calculate: Callable[..., Any], between: Sequence[Interval]) -> Interval | None:
    """The bounds of what never falls, or never rises, as one argument grows and the others stay."""
    results = [calculate(*corner) for corner in product(*between)]
    return None if any(result != result for result in results) else (min(results), max(results))


def _divide(a: Any, b: Any) -> Any:
    if isinstance(a, float):
        return a / b
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


_CALCULATED: Final[dict[str, Callable[..., Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "neg": operator.neg,
}
