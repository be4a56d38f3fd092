"""Operators and functions of a free expression: what they do is decided by the types of the values they are given.

What conditions have too is theirs (`arithmetic`); here is what only a free expression has: conversions, picking from a
list, joining lists, times to the nanosecond.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from engine.ruleset.arithmetic import ARITHMETIC, COMPARISONS, FUNCTIONS, MAX_INT, MIN_INT
from engine.ruleset.free_values import Instant, Stretch, equal, kind_of
from engine.ruleset.outside import OutsideError
from engine.ruleset.patterns import searcher
from engine.ruleset.syntax import Type
from engine.ruleset.temporal import duration_text, parse_duration_nanos, parse_timestamp_nanos, timestamp_text

Function = Callable[..., Any]

_ORDERED: Final = ("bool", "int", "double", "string", "timestamp", "duration")
_TRUE: Final = ("1", "t", "true", "TRUE", "True")
_FALSE: Final = ("0", "f", "false", "FALSE", "False")
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,30}", re.ASCII)
_NUMBER: Final = re.compile(
    r"[-+]?(?:[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|inf|infinity)|nan",
    re.ASCII | re.IGNORECASE,
)
_BILLION: Final = 1_000_000_000


def apply(op: str, *args: Any) -> Any:
    """The value of an operator or a function. Raises ValueError where CEL has an error, and OutsideError."""
    if op in _ANY:
        return _ANY[op](*args)
    kinds = tuple(map(kind_of, args))
    found = _TYPED.get((op, *kinds))
    if found is None:
        raise ValueError(f"no such overload: {op} of {', '.join(kinds) or 'nothing'}")
    return found(*args)


def known(op: str) -> bool:
    """Whether there is an operator or a function of that name at all."""
    return op in _ANY or op in _NAMES


def search(pattern: str, text: Any) -> bool:
    """Whether an RE2 pattern is found in a text. Raises ValueError."""
    if kind_of(text) != "string":
        raise ValueError(f"no such overload: matches of {kind_of(text)}, string")
    return searcher(pattern)(text)


def items_of(value: Any) -> tuple[Any, ...]:
    """The items of a list. Raises ValueError for another value."""
    if kind_of(value) != "list":
        raise ValueError(f"no such overload: the items of {kind_of(value)}")
    items: tuple[Any, ...] = value
    return items


def field_of(value: Any, word: str) -> Any:
    """A fact of a group. Raises ValueError when it is absent, or when there is no group."""
    if not isinstance(value, dict):
        raise ValueError(f"no such field: {word} of {'null' if value is None else kind_of(value)}")
    found = value.get(word)
    if found is None:
        raise ValueError(f"no such key: {word}")
    return found


def has_field(value: Any, word: str) -> bool:
    """Whether a group holds a fact. Raises ValueError when there is no group."""
    if not isinstance(value, dict):
        raise ValueError(f"no such field: {word} of {'null' if value is None else kind_of(value)}")
    return value.get(word) is not None


def _in(element: Any, items: Any) -> bool:
    return any(equal(element, item) for item in items_of(items))


def _pick(items: Any, index: Any) -> Any:
    if isinstance(items, dict):
        raise OutsideError("maps")
    if kind_of(index) not in ("int", "double") or not float(index).is_integer():
        raise ValueError("a list is picked from by a whole number")
    if not 0 <= index < len(items_of(items)):
        raise ValueError(f"the list has no item {int(index)}")
    return items[int(index)]


def _compared(op: str, kind: str, other: str) -> Function:
    function = COMPARISONS[op]
    if kind == other:
        return function
    return lambda a, b: function(float(a), float(b))  # the int is rounded, as Google's implementations do


def _int_of_double(value: float) -> int:
    if not MIN_INT < value < MAX_INT:
        raise ValueError("the number does not fit into 64 bits")
    return math.trunc(value)


def _int_of_text(text: str) -> int:
    if not _WHOLE.fullmatch(text) or not MIN_INT <= int(text) <= MAX_INT:
        raise ValueError("the text is no whole number of 64 bits")
    return int(text)


def _double_of_text(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError("the text is no number")
    return float(text)


def _text_of_double(value: float) -> str:
    """As Go writes it, with the fewest digits: 123.456, -0.0045, 1e+21."""
    if not math.isfinite(value):
        return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    point = len(digits) + int(exponent) - 1
    if value == 0 or -5 < point < 21:
        text = format(Decimal(repr(value)), "f")
        return text.removesuffix(".0")
    head, tail = str(digits[0]), "".join(map(str, digits[1:]))
    return f"{'-' if sign else ''}{head}{'.' + tail if tail else ''}e{'-' if point < 0 else '+'}{abs(point):02d}"


def _bool_of_text(text: str) -> bool:
    if text not in _TRUE and text not in _FALSE:
        raise ValueError("the text is neither true nor false")
    return text in _TRUE


def _same(value: Any) -> Any:
    return value


def _list(*items: Any) -> tuple[Any, ...]:
    return items


_ANY: Final[dict[str, Function]] = {
    "==": equal,
    "!=": lambda a, b: not equal(a, b),
    "in": _in,
    "[]": _pick,
    "list": _list,
    "dyn": _same,
    "select": field_of,
    "has": has_field,
}
"""What takes values of any types."""

_TIME_TYPES: Final = (Type.TIMESTAMP, Type.DURATION)

_TYPED: Final[dict[tuple[str, ...], Function]] = {
    **{
        (op, *(kind.value for kind in types)): function
        for (op, types), (_, function) in ARITHMETIC.items()
        if not set(types) & set(_TIME_TYPES)
    },
    **{(op, kind, kind): _compared(op, kind, kind) for op in ("<", "<=", ">", ">=") for kind in _ORDERED},
    **{(op, "int", "double"): _compared(op, "int", "double") for op in ("<", "<=", ">", ">=")},
    **{(op, "double", "int"): _compared(op, "double", "int") for op in ("<", "<=", ">", ">=")},
    **{(name, "string", "string"): FUNCTIONS[name] for name in ("startsWith", "endsWith", "contains")},
    **{(name, "string"): FUNCTIONS[name] for name in ("size", "lowerAscii", "upperAscii", "trim")},
    ("matches", "string", "string"): lambda text, pattern: searcher(pattern)(text),
    ("size", "list"): len,
    ("+", "list", "list"): lambda a, b: a + b,
    ("+", "timestamp", "duration"): lambda a, b: Instant(a.nanos + b.nanos),
    ("+", "duration", "timestamp"): lambda a, b: Instant(a.nanos + b.nanos),
    ("-", "timestamp", "duration"): lambda a, b: Instant(a.nanos - b.nanos),
    ("-", "timestamp", "timestamp"): lambda a, b: Stretch(a.nanos - b.nanos),
    ("+", "duration", "duration"): lambda a, b: Stretch(a.nanos + b.nanos),
    ("-", "duration", "duration"): lambda a, b: Stretch(a.nanos - b.nanos),
    ("timestamp", "string"): lambda text: Instant(parse_timestamp_nanos(text)),
    ("timestamp", "int"): lambda seconds: Instant(seconds * _BILLION),
    ("timestamp", "timestamp"): _same,
    ("duration", "string"): lambda text: Stretch(parse_duration_nanos(text)),
    ("duration", "duration"): _same,
    ("bool", "bool"): _same,
    ("bool", "string"): _bool_of_text,
    ("int", "int"): _same,
    ("int", "double"): _int_of_double,
    ("int", "string"): _int_of_text,
    ("int", "timestamp"): lambda at: at.nanos // _BILLION,
    ("double", "double"): _same,
    ("double", "int"): float,
    ("double", "string"): _double_of_text,
    ("string", "string"): _same,
    ("string", "bool"): lambda value: "true" if value else "false",
    ("string", "int"): str,
    ("string", "double"): _text_of_double,
    ("string", "timestamp"): lambda at: timestamp_text(at.nanos),
    ("string", "duration"): lambda length: duration_text(length.nanos),
}
"""What is chosen by the types of the values."""

_NAMES: Final = frozenset(signature[0] for signature in _TYPED)
