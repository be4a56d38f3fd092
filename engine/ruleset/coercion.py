"""Turns what a caller sent into the declared type of a fact, or says in a sentence why it is none.

The sentence names kinds, never the value: it goes into statuses and logs, and the value may be about a person.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from engine.ruleset.fact_types import FactType
from engine.ruleset.syntax import Type, Value
from engine.ruleset.temporal import parse_duration, parse_timestamp

Sent = None | bool | int | float | str | Sequence["Sent"] | Mapping[str, "Sent"]
"""A JSON-like value as a Struct carries it; its numbers are doubles."""

EXACT: Final = 2**53
"""Up to here a double holds every whole number."""

MAX_ITEMS: Final = 1000

_SHOWN: Final = 20
"""Values of a closed set that a complaint lists."""


def coerce(fact: FactType, value: Sent) -> Value | None:
    """The value for the fact's slot; None when it is absent (null, an empty string, an empty list).

    Raises ValueError with a sentence about what was expected and what was found.
    """
    if value is None or value == "" or value == []:
        return None
    made = _COERCIONS[fact.type](value)
    if fact.values is not None and made not in fact.values:
        more = f" and {len(fact.values) - _SHOWN} more" if len(fact.values) > _SHOWN else ""
        raise ValueError(f"expected one of {', '.join(map(str, fact.values[:_SHOWN]))}{more}")
    return made


def _kind(value: Sent) -> str:
    if isinstance(value, str):
        return "a text"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "nothing" if value is None else "an object" if isinstance(value, Mapping) else "a list"


def _bool(value: Sent) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, found {_kind(value)}")
    return value


def _double(value: Sent) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, found {_kind(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("the number is too large") from None
    if not math.isfinite(number):
        raise ValueError("expected a finite number")
    return number


def _int(value: Sent) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        if -(2**63) <= value < 2**63:
            return value
        raise ValueError("the number does not fit into 64 bits")
    number = _double(value)
    if number != math.floor(number):
        raise ValueError("expected a whole number, found a fraction")
    if abs(number) > EXACT:
        raise ValueError("a whole number beyond 2^53 is not exact in JSON; declare the fact as a string")
    return int(number)


def _string(value: Sent) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a text, found {_kind(value)}")
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("the string is no valid Unicode: it holds half a character")
    return value


def _timestamp(value: Sent) -> int:
    return parse_timestamp(_string(value))


def _duration(value: Sent) -> int:
    return parse_duration(_string(value))


def _object(value: Sent) -> bool:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected an object, found {_kind(value)}")
    return True


def _items(value: Sent) -> Sequence[Sent]:
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise ValueError(f"expected a list, found {_kind(value)}")
    if len(value) > MAX_ITEMS:
        raise ValueError(f"a list holds at most {MAX_ITEMS} items")
    return value


_COERCIONS: Final[dict[Type, Callable[[Sent], Value]]] = {
    Type.BOOL: _bool,
    Type.INT: _int,
    Type.DOUBLE: _double,
    Type.STRING: _string,
    Type.TIMESTAMP: _timestamp,
    Type.DURATION: _duration,
    Type.OBJECT: _object,
    Type.LIST_STRING: lambda value: tuple(_string(item) for item in _items(value)),
    Type.LIST_INT: lambda value: tuple(_int(item) for item in _items(value)),
    Type.LIST_DOUBLE: lambda value: tuple(_double(item) for item in _items(value)),
}
