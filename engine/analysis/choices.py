"""What else each fact could be: one value of every class that the rules tell apart, the nearest first.

The classes of a plain fact are known exactly, from the constants that it is compared with. Of a fact inside a larger
term, such as `size(user.tags)`, values are tried around the constants and the facts beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from engine.analysis.text_answers import matching
from engine.ruleset.compile import RuleSet
from engine.ruleset.expressions import walk
from engine.ruleset.fact_types import LATEST, FactType, Scope
from engine.ruleset.partition import Partition
from engine.ruleset.syntax import Call, Expr, Fact, Literal, Type
from engine.ruleset.temporal import MAX_DURATION, MIN_TIMESTAMP

LONGEST_SIZE: Final = 500
"""The longest text or list that is tried because of a `size()`."""

MOST_PROBES: Final = 1_000
"""Values that are tried of one fact."""

_MILLISECOND: Final = 1_000
_STEPS: Final = (0.01, 0.001, 0.0001, 0.000001)
_SMALL_RANGES: Final = {
    "now.local_hour": range(24),
    "now.local_minute": range(60),
    "now.local_weekday": range(1, 8),
    "now.local_day": range(1, 32),
}
_BOUNDS: Final = {
    Type.INT: (-(2**63), 2**63 - 1),
    Type.TIMESTAMP: (MIN_TIMESTAMP, LATEST),
    Type.DURATION: (-MAX_DURATION, MAX_DURATION),
}
_LISTS: Final = (Type.LIST_STRING, Type.LIST_INT, Type.LIST_DOUBLE)


@dataclass(slots=True)
class Read:
    """How conditions read one fact: the partitions of its plain comparisons, and the larger terms it is part of."""

    fact: FactType
    partitions: list[Partition] = field(default_factory=list)
    within: list[Expr] = field(default_factory=list)

    def classes(self, value: Any) -> tuple[Any, ...]:
        """Return the classes that a value is in; alike for values that no condition tells apart."""
        told = tuple(partition.class_of(value) for partition in self.partitions)
        return (*told, value) if self.within else told


def facts_read(ruleset: RuleSet) -> dict[str, Read]:
    """Return how the conditions about messages and channels read each fact, by its path.

    `channel.state` and the like stand under their path in a rule; they are asked of every channel.
    """
    found: dict[str, Read] = {}
    for scope in (Scope.MESSAGE, Scope.CHANNEL):
        for term in ruleset.programs[scope].terms:
            for node in walk(term.expr):
                if isinstance(node, Fact):
                    fact = ruleset.schema.fact(node.path, scope)
                    assert fact is not None  # checked conditions read facts of their scope
                    read = found.setdefault(node.path, Read(fact))
                    if term.fact is not None:
                        read.partitions.append(term.partition)
                    else:
                        read.within.append(term.expr)
    return found


def choices(read: Read, now: Any, beside: Mapping[str, Any]) -> list[Any]:
    """Return other values of a fact, nearest first; None is absent. `now` is its value, `beside` are all facts."""
    fact = read.fact
    current = True if fact.type is Type.OBJECT and now is not None else now
    probes = list(dict.fromkeys(_sound(_probes(read, current, beside), fact.type)))
    if fact.optional and current is not None:
        probes.append(None)
    kept: dict[tuple[Any, ...], Any] = {}
    if current is not None:
        kept[read.classes(current)] = current
    for probe in sorted(probes, key=lambda probe: _distance(probe, current)):
        kept.setdefault(("absent",) if probe is None else read.classes(probe), probe)
    return [probe for probe in kept.values() if probe is not current][:MOST_PROBES]


def _sound(probes: Iterable[Any], kind: Type) -> Iterator[Any]:
    """The probes that a value of the type can be."""
    bounds = _BOUNDS.get(kind)
    return (probe for probe in probes if bounds is None or bounds[0] <= probe <= bounds[1])


def _distance(probe: Any, current: Any) -> float:
    if probe is None:
        return math.inf
    if isinstance(probe, int | float) and isinstance(current, int | float):
        return abs(probe - current)
    if isinstance(probe, tuple) and isinstance(current, tuple):
        return len(set(probe) ^ set(current)) + abs(len(probe) - len(current))
    return 0


def _probes(read: Read, current: Any, beside: Mapping[str, Any]) -> Iterable[Any]:
    fact = read.fact
    if fact.values is not None:
        return fact.values
    if fact.path in _SMALL_RANGES:
        return _SMALL_RANGES[fact.path]
    if fact.path == "now.local_date":
        return [*_constants(read), *_days(current)]
    match fact.type:
        case Type.BOOL:
            return (False, True)
        case Type.OBJECT:
            return (True,)
        case Type.STRING:
            return _texts(read, current, beside)
        case kind if kind in _LISTS:
            return _lists(read, current or ())
        case _:
            return _numbers(read, current, beside)


def _constants(read: Read) -> list[Any]:
    """The constants that a plain fact is compared with for equality, or cut at."""
    found: list[Any] = []
    for partition in read.partitions:
        found += partition.cuts if partition.cuts is not None else [value for value, _ in partition.groups]
    return found


def _literals(read: Read) -> list[Literal]:
    return [node for expr in read.within for node in walk(expr) if isinstance(node, Literal)]


def _values(literal: Literal) -> Sequence[Any]:
    return literal.value if isinstance(literal.value, tuple) else (literal.value,)


def _sizes(read: Read) -> list[int]:
    """The sizes around those that a `size()` of the fact is compared with."""
    asked = any(isinstance(node, Call) and node.op == "size" for expr in read.within for node in walk(expr))
    told = [value for one in _literals(read) for value in _values(one) if type(value) in (int, float)] if asked else []
    sizes = {int(value) + by for value in told if abs(value) <= LONGEST_SIZE for by in (-1, 0, 1)}
    return sorted(size for size in sizes if size > 0)


def _days(current: Any) -> list[str]:
    today = date.fromisoformat(current) if isinstance(current, str) else date(2026, 1, 5)
    return [(today + timedelta(days=by)).isoformat() for by in (1, -1)]


# ---- numbers, times and durations ----


def _numbers(read: Read, current: Any, beside: Mapping[str, Any]) -> Iterator[Any]:
    kind = read.fact.type
    cuts = sorted({cut for partition in read.partitions for cut in partition.cuts or ()})
    for low, high in zip([None, *cuts], [*cuts, None], strict=True):
        yield from _inside(low, high, kind)
    for partition in read.partitions:
        if partition.cuts is None:
            yield from _around([value for value, _ in partition.groups], kind)
    yield from _around(_pool(read, beside), kind)
    if current is None:
        yield 0.0 if kind is Type.DOUBLE else 0


def _inside(low: Any, high: Any, kind: Type) -> Iterator[Any]:
    """The values next to both ends of a half-open interval."""
    if low is not None:
        yield _short(low, high) if kind is Type.DOUBLE else low
    if high is not None:
        yield _below(low, high) if kind is Type.DOUBLE else _whole_below(high, kind)


def _whole_below(high: int, kind: Type) -> int:
    """The value below a bound; the contract's times have milliseconds."""
    return high - (_MILLISECOND if kind is Type.TIMESTAMP else 1)


def _short(low: float, high: float | None) -> float:
    """The bound itself, or where it is a hair above a round number, a rounder one above it."""
    if len(repr(low)) > 12:
        for digits in (2, 4, 6):
            rounder = math.ceil(low * 10**digits) / 10**digits if abs(low) < 1e12 else low
            if rounder >= low and (high is None or rounder < high):
                return rounder
    return low


def _below(low: float | None, high: float) -> float:
    for step in _STEPS:
        value = round(high - step, 9)
        if value < high and (low is None or value >= low):
            return value
    return math.nextafter(high, -math.inf)


def _around(values: Iterable[Any], kind: Type) -> Iterator[Any]:
    for value in values:
        if kind is Type.DOUBLE:
            yield from (float(value), _below(None, float(value)), round(float(value) + 0.01, 9))
        elif value == math.floor(value):
            step = _MILLISECOND if kind is Type.TIMESTAMP else 1
            yield from (int(value), int(value) - step, int(value) + step)


def _pool(read: Read, beside: Mapping[str, Any]) -> list[float]:
    """Numbers at which a larger term may change its class: constants, facts beside, their sums, products, shares."""
    constants = [float(v) if type(v) is float else v for one in _literals(read) for v in _values(one) if _number(v)]
    paths = {node.path for expr in read.within for node in walk(expr) if isinstance(node, Fact)} - {read.fact.path}
    facts = [beside[path] for path in sorted(paths) if _number(beside.get(path))]
    pool = [*constants, *facts]
    for left in pool[:12]:
        for right in constants[:12]:
            pool += [left + right, left - right, right - left, left * right]
            pool += [left / right] if right else []
    return [value for value in dict.fromkeys(pool) if abs(value) < 2**62][:MOST_PROBES]


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


# ---- texts and lists ----


def _texts(read: Read, current: Any, beside: Mapping[str, Any]) -> Iterator[str]:
    own = current or ""
    cuts = [cut for partition in read.partitions for cut in partition.cuts or ()]
    yield from (value for value in _constants(read) if value)
    yield from (_text_below(cut) for cut in cuts if cut)
    parts = [value for one in _literals(read) for value in _values(one) if isinstance(value, str) and value]
    for part in dict.fromkeys(parts):
        yield from (part, part + own, own + part)
        yield own.replace(part, "") or "other"
    yield from (text for pattern in _patterns(read) for text in matching(pattern))
    facts = {node.path for expr in read.within for node in walk(expr) if isinstance(node, Fact)} - {read.fact.path}
    yield from (value for path in sorted(facts) if isinstance(value := beside.get(path), str))
    yield from ("x" * size for size in _sizes(read))
    yield from ("other", "America/New_York") if read.fact.path == "user.zone" else ("other",)


def _patterns(read: Read) -> Iterator[str]:
    for node in (node for expr in read.within for node in walk(expr)):
        if isinstance(node, Call) and node.op == "matches" and isinstance(node.args[1], Literal):
            yield str(node.args[1].value)


def _text_below(cut: str) -> str:
    last = ord(cut[-1])
    return (cut[:-1] + (chr(last - 1) if last > 0x21 else "")) or "!"


def _lists(read: Read, current: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    own = tuple(current)
    yield from (tuple(value) for value in _constants(read) if isinstance(value, tuple))
    item_type = {Type.LIST_STRING: str, Type.LIST_INT: int, Type.LIST_DOUBLE: float}[read.fact.type]
    items = [value for one in _literals(read) for value in _values(one) if isinstance(value, item_type)]
    for item in dict.fromkeys(items):
        yield tuple(one for one in own if one != item) if item in own else (*own, item)
        yield (item,)
    other = item_type("other") if item_type is str else item_type(7)
    yield own or (other,)
    for size in _sizes(read):
        filler = (f"other-{n}" if item_type is str else item_type(n + 7) for n in range(size))
        yield (*own, *filler)[:size]
