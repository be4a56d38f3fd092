"""The values of a free expression, which carry their types with them: those of JSON, timestamps and durations.

An int is CEL's int and a float its double, a tuple is a list, a dict a group of facts, None one that is absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.ruleset.arithmetic import MAX_INT, MIN_INT
from engine.ruleset.outside import OutsideError
from engine.ruleset.temporal import (
    MAX_TIMESTAMP,
    MIN_TIMESTAMP,
    duration_text,
    parse_duration_nanos,
    parse_timestamp_nanos,
    timestamp_text,
)

TIMESTAMP_TAG: Final = "@timestamp"
DURATION_TAG: Final = "@duration"

_FIRST: Final = MIN_TIMESTAMP * 1000
_LAST: Final = MAX_TIMESTAMP * 1000 + 999


@dataclass(frozen=True, slots=True, order=True)
class Instant:
    """A timestamp of the years 1 to 9999, in nanoseconds since the Unix epoch. Raises ValueError when it is not."""

    nanos: int

    def __post_init__(self) -> None:
        if not _FIRST <= self.nanos <= _LAST:
            raise ValueError("the timestamp is outside of the years 1 to 9999")


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """A duration in nanoseconds, within 64 bits: some 292 years. Raises ValueError when it is longer."""

    nanos: int

    def __post_init__(self) -> None:
        if not MIN_INT <= self.nanos <= MAX_INT:
            raise ValueError("the duration is longer than 292 years")


_KINDS: Final[dict[type, str]] = {
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    tuple: "list",
    Instant: "timestamp",
    Stretch: "duration",
}


def kind_of(value: Any) -> str:
    """The name of a value's type. Raises OutsideError for a group of facts and for null."""
    found = _KINDS.get(type(value))
    if found is None:
        raise OutsideError("null" if value is None else "maps")
    return found


def equal(a: Any, b: Any) -> bool:
    """CEL's equality at run time: numbers by their value, values of different types never, lists item by item."""
    kinds = kind_of(a), kind_of(b)
    if kinds in (("int", "double"), ("double", "int")):
        return float(a) == float(b)  # the int is rounded, as Google's implementations do
    if kinds[0] != kinds[1]:
        return False
    if kinds[0] == "list":
        return len(a) == len(b) and all(equal(one, other) for one, other in zip(a, b, strict=True))
    return bool(a == b)


def taken(value: Any) -> Any:
    """A value of JSON as one of an expression; keys with points become groups. Raises ValueError with a sentence."""
    match value:
        case bool() | None:
            return value
        case int():
            if not MIN_INT <= value <= MAX_INT:
                raise ValueError("a whole number of the facts does not fit into 64 bits")
            return value
        case str():
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise ValueError("a text of the facts holds half a character (a lone surrogate)")
            return value
        case list() | tuple():
            return tuple(taken(item) for item in value)
        case Mapping():
            return _tagged(value) or group_of(value)
        case _:
            return value


def _tagged(value: Mapping[str, Any]) -> Instant | Stretch | None:
    if len(value) != 1:
        return None
    ((tag, text),) = value.items()
    if tag not in (TIMESTAMP_TAG, DURATION_TAG):
        return None
    if not isinstance(text, str):
        raise ValueError(f"{tag} holds a text")
    return Instant(parse_timestamp_nanos(text)) if tag == TIMESTAMP_TAG else Stretch(parse_duration_nanos(text))


def group_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a group, as all facts are one; `a.b: 1` is `a: {b: 1}`, and of two that say the same the longer key
    counts. Raises ValueError with a sentence.
    """
    made: dict[str, Any] = {}
    for key in sorted(value, key=lambda key: key.count(".")):
        *holders, last = key.split(".")
        group = made
        for word in holders:
            group = group.setdefault(word, {})
            if not isinstance(group, dict):
                raise ValueError(f'the facts hold both a value and a group of facts for "{word}" in "{key[:80]}"')
        group[last] = taken(value[key])
    return made


def shown(value: Any) -> Any:
    """A value as JSON: a double that JSON has not as its name, a time as text. Raises OutsideError."""
    match kind_of(value):
        case "double" if not math.isfinite(value):
            return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
        case "list":
            return [shown(item) for item in value]
        case "timestamp":
            return timestamp_text(value.nanos)
        case "duration":
            return duration_text(value.nanos)
        case _:
            return value
