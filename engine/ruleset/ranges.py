"""Whole-number bounds of an expression, and with them whether an operation can fail at all.

Plain interval arithmetic over ints, timestamps and durations; a bound that is not known is that of the type.
"""

from __future__ import annotations

from typing import Final

from engine.ruleset.arithmetic import MAX_INT, MIN_INT
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.syntax import Call, Expr, Fact, Literal, Type
from engine.ruleset.temporal import MAX_DURATION, MAX_TIMESTAMP, MIN_TIMESTAMP

Range = tuple[int, int]

_WHOLE: Final[dict[Type, Range]] = {
    Type.INT: (MIN_INT, MAX_INT),
    Type.TIMESTAMP: (MIN_TIMESTAMP, MAX_TIMESTAMP),
    Type.DURATION: (-MAX_DURATION, MAX_DURATION),
}
_LONGEST: Final = 2**31


def range_of(expr: Expr, schema: FactsSchema, scope: Scope) -> Range | None:
    """The smallest and largest value the expression can have, or None for a type without whole numbers."""
    whole = _WHOLE.get(expr.type)
    if whole is None:
        return None
    if isinstance(expr, Literal) and isinstance(expr.value, int):
        return (expr.value, expr.value)
    if isinstance(expr, Fact):
        fact = schema.fact(expr.path, scope)
        low, high = (fact.low, fact.high) if fact is not None else (None, None)
        return (whole[0] if low is None else low, whole[1] if high is None else high)
    if isinstance(expr, Call):
        found = _exact(expr, schema, scope)
        if found is not None and found[0] <= whole[1] and found[1] >= whole[0]:
            return (max(found[0], whole[0]), min(found[1], whole[1]))
    return whole


def can_fail(call: Call, schema: FactsSchema, scope: Scope) -> bool:
    """Whether the operation itself can have an error on arguments that have none."""
    if call.op in ("timestamp", "duration"):
        return True
    whole = _WHOLE.get(call.type)
    if whole is None or call.op not in ("+", "-", "*", "/", "%", "neg"):
        return False
    found = _exact(call, schema, scope)
    if found is None or not whole[0] <= found[0] <= found[1] <= whole[1]:
        return True
    return call.op in ("/", "%") and _may_divide_by_zero(call, schema, scope)


def _may_divide_by_zero(call: Call, schema: FactsSchema, scope: Scope) -> bool:
    divisor = range_of(call.args[1], schema, scope)
    return divisor is None or divisor[0] <= 0 <= divisor[1]


def _exact(call: Call, schema: FactsSchema, scope: Scope) -> Range | None:
    """The bounds of the mathematical result, which may lie beyond the type's."""
    if call.op == "size":
        return (1 if isinstance(call.args[0], Fact) else 0, _LONGEST)
    ranges = [found for arg in call.args if (found := range_of(arg, schema, scope)) is not None]
    if len(ranges) < len(call.args) or not ranges:
        return None
    if len(ranges) == 1:
        return (-ranges[0][1], -ranges[0][0]) if call.op == "neg" else None
    (a, b), (c, d) = ranges
    if call.op == "+":
        return (a + c, b + d)
    if call.op == "-":
        return (a - d, b - c)
    if call.op == "*":
        products = (a * c, a * d, b * c, b * d)
        return (min(products), max(products))
    if c > 0:
        return _by_positive(call.op, (a, b), (c, d))
    largest = max(abs(a), abs(b))
    if call.op == "/":
        return (-largest, largest)
    return None if a == MIN_INT and c <= -1 <= d else (-largest, largest)


def _by_positive(op: str, dividend: Range, divisor: Range) -> Range:
    """The bounds of a division or a remainder by a positive number; both keep the dividend's sign."""
    (a, b), (c, d) = dividend, divisor
    if op == "/":
        return (-(-a // c) if a < 0 else 0, b // c if b > 0 else 0)
    return (-min(-a, d - 1) if a < 0 else 0, min(b, d - 1) if b > 0 else 0)
