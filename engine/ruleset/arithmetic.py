"""CEL's strict operators and functions on Python values; where CEL has an error they raise ValueError.

Python's int and float compare exactly with each other, its strings compare by code point and count code points, and
so does CEL; what differs (64-bit bounds, truncating division, IEEE division) is here.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from engine.ruleset.syntax import Type
from engine.ruleset.temporal import in_duration_range, in_timestamp_range, parse_duration, parse_timestamp

MIN_INT: Final = -(2**63)
MAX_INT: Final = 2**63 - 1


def _in_int64(value: int) -> int:
    if not MIN_INT <= value <= MAX_INT:
        raise ValueError("the result does not fit into 64 bits")
    return value


def _add_int(a: int, b: int) -> int:
    return _in_int64(a + b)


def _subtract_int(a: int, b: int) -> int:
    return _in_int64(a - b)


def _multiply_int(a: int, b: int) -> int:
    return _in_int64(a * b)


def _negate_int(a: int) -> int:
    return _in_int64(-a)


def _divide_int(a: int, b: int) -> int:
    if b == 0:
        raise ValueError("division by zero")
    quotient = abs(a) // abs(b)
    return _in_int64(quotient if (a < 0) == (b < 0) else -quotient)


def _modulo_int(a: int, b: int) -> int:
    """The remainder with the sign of the dividend; it overflows together with the division, as in Google's CEL."""
    if b == 0:
        raise ValueError("modulo by zero")
    return a - b * _divide_int(a, b)


def _divide_double(a: float, b: float) -> float:
    """IEEE 754: by zero gives an infinity, 0/0 no number."""
    if b != 0.0:
        return a / b
    if a == 0.0 or a != a:
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _shift_timestamp(a: int, b: int) -> int:
    return in_timestamp_range(a + b)


def _shift_timestamp_back(a: int, b: int) -> int:
    return in_timestamp_range(a - b)


def _add_duration(a: int, b: int) -> int:
    return in_duration_range(a + b)


def _subtract_duration(a: int, b: int) -> int:
    return in_duration_range(a - b)


def _is_in(element: Any, items: tuple[Any, ...]) -> bool:
    return any(element == item for item in items)


_CAPITALS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TO_SMALL: Final = str.maketrans(_CAPITALS, _CAPITALS.lower())
_TO_CAPITALS: Final = str.maketrans(_CAPITALS.lower(), _CAPITALS)
_BLANKS: Final = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
"""What Unicode calls white space, which is what CEL's trim() takes away."""


def _lower_ascii(text: str) -> str:
    """The letters A to Z become small, everything else stays."""
    return text.translate(_TO_SMALL)


def _upper_ascii(text: str) -> str:
    """The letters a to z become capitals, everything else stays."""
    return text.translate(_TO_CAPITALS)


def _trim(text: str) -> str:
    """Without white space at both ends."""
    return text.strip(_BLANKS)


_I, _D, _S, _T, _L = Type.INT, Type.DOUBLE, Type.STRING, Type.TIMESTAMP, Type.DURATION

Signature = tuple[str, tuple[Type, ...]]

ARITHMETIC: Final[dict[Signature, tuple[Type, Callable[..., Any]]]] = {
    ("+", (_I, _I)): (_I, _add_int),
    ("-", (_I, _I)): (_I, _subtract_int),
    ("*", (_I, _I)): (_I, _multiply_int),
    ("/", (_I, _I)): (_I, _divide_int),
    ("%", (_I, _I)): (_I, _modulo_int),
    ("neg", (_I,)): (_I, _negate_int),
    ("+", (_D, _D)): (_D, operator.add),
    ("-", (_D, _D)): (_D, operator.sub),
    ("*", (_D, _D)): (_D, operator.mul),
    ("/", (_D, _D)): (_D, _divide_double),
    ("neg", (_D,)): (_D, operator.neg),
    ("+", (_S, _S)): (_S, operator.add),
    ("+", (_T, _L)): (_T, _shift_timestamp),
    ("+", (_L, _T)): (_T, _shift_timestamp),
    ("-", (_T, _L)): (_T, _shift_timestamp_back),
    ("-", (_T, _T)): (_L, _subtract_duration),
    ("+", (_L, _L)): (_L, _add_duration),
    ("-", (_L, _L)): (_L, _subtract_duration),
}
"""Every arithmetic signature with its result; there are no others."""

COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": _is_in,
}

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "size": len,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": operator.contains,
    "lowerAscii": _lower_ascii,
    "upperAscii": _upper_ascii,
    "trim": _trim,
    "timestamp": parse_timestamp,
    "duration": parse_duration,
}


def operation(op: str, types: Sequence[Type]) -> Callable[..., Any]:
    """The function behind an operator that was type-checked. Raises KeyError for a signature that does not exist."""
    return COMPARISONS[op] if op in COMPARISONS else ARITHMETIC[op, tuple(types)][1]
