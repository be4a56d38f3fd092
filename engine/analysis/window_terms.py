"""What the terms of breaker conditions ask of the counts of a window, and counts that answer as is wanted.

Of a term that is a count or a rate, or compares or subtracts two of them, its class is a wish that is answered exactly.
For any other, such as `window.count % 2`, counts are tried; what is not found then is not proved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, product
from typing import Any, Final

from engine.analysis.window_counts import CALLS, ERRORS, RUN, TIMEOUTS, Between, Counts, Least, Share, Wish, least
from engine.ruleset.expressions import walk
from engine.ruleset.partition import FIRST, Partition
from engine.ruleset.syntax import Call, Expr, Fact, Literal
from engine.ruleset.terms import Term

MOST_WAYS: Final = 200
"""Combinations of alternatives, such as "below or above 5", that are looked through."""

MOST_TRIED: Final = 400
"""Counts that are tried where a term can only be tried."""

_YES: Final = FIRST + 1
_COUNTS: Final = {"count": CALLS, "errors": ERRORS, "timeouts": TIMEOUTS, "consecutive_timeouts": RUN}
_RATES: Final = {"error_rate": ERRORS, "timeout_rate": TIMEOUTS}
_SOME: Final = (0, 1, 2, 3, 5, 10, 20, 50, 100, 1000)

_Range = tuple[int | None, int | None]
_DIFFERENCES: Final[Mapping[tuple[str, bool], tuple[_Range, ...]]] = {
    (">", True): ((1, None),),
    (">", False): ((None, 0),),
    (">=", True): ((0, None),),
    (">=", False): ((None, -1),),
    ("<", True): ((None, -1),),
    ("<", False): ((0, None),),
    ("<=", True): ((None, 0),),
    ("<=", False): ((1, None),),
    ("==", True): ((0, 0),),
    ("==", False): ((None, -1), (1, None)),
}
"""Between what the difference of two counts lies where a comparison of them is true, or false."""

Classes = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Terms that are not in their classes together; `sure`: in no window."""

    terms: tuple[int, ...]
    sure: bool


def reads_window(path: str) -> bool:
    """Whether a fact is a count or a rate of the window."""
    return ".window." in path


class CountTerms:
    """The terms that read nothing but counts and rates; `exact` are those whose classes are answered exactly."""

    def __init__(self, terms: Mapping[int, Term]) -> None:
        self.exact = {number: term for number, term in terms.items() if _wishes(term, FIRST) is not None}
        tried = (term.expr for number, term in terms.items() if number not in self.exact)
        self._numbers = sorted({*_SOME, *(one for expr in tried for node in walk(expr) for one in _numbers(node))})
        self._found: dict[tuple[int, ...], Counts | Conflict] = {}

    def find(self, classes: Classes) -> Counts | Conflict:
        """Return counts with which the exact terms are in their classes, or what stands against it."""
        key = tuple(classes[number] for number in self.exact)
        if key not in self._found:
            found = self._least(self.exact, classes)
            if found.counts is not None:
                self._found[key] = found.counts
            else:
                self._found[key] = self._smallest(classes) if found.sure else Conflict(tuple(self.exact), False)
        return self._found[key]

    def _least(self, terms: Iterable[int], classes: Classes, more: tuple[Wish, ...] = ()) -> Least:
        alternatives = [_wishes(self.exact[number], classes[number]) or () for number in terms]
        ways = list(islice(product(*alternatives), MOST_WAYS + 1))
        sure = len(ways) <= MOST_WAYS
        for way in ways[:MOST_WAYS]:
            found = least((*way, *more))
            if found.counts is not None:
                return found
            sure = sure and found.sure
        return Least(None, sure)

    def _smallest(self, classes: Classes) -> Conflict:
        """Leave out what the contradiction does not need: the fewer terms, the more is ruled out by it."""
        kept = list(self.exact)
        for number in list(kept):
            rest = [other for other in kept if other != number]
            found = self._least(rest, classes)
            if found.counts is None and found.sure:
                kept = rest
        return Conflict(tuple(kept), True)

    def others(self, classes: Classes) -> Iterator[Counts]:
        """Give more counts to be tried, with which the exact terms are in their classes."""
        triples = product(self._numbers, repeat=3)
        for values in islice(sorted(triples, key=sum), MOST_TRIED):
            places = zip((CALLS, ERRORS, TIMEOUTS), values, strict=True)
            found = self._least(self.exact, classes, tuple(Between(place, low, None) for place, low in places))
            if found.counts is not None:
                yield found.counts


def _numbers(node: Expr) -> Iterator[int]:
    """Give the constant that a node is, as a count."""
    if isinstance(node, Literal) and isinstance(node.value, int | float) and math.isfinite(node.value):
        yield abs(math.ceil(node.value))


def _wishes(term: Term, number: int) -> tuple[Wish, ...] | None:
    """Return what a class of a term asks of the counts, as alternatives; None for a term that can only be tried."""
    match term.expr:
        case Fact(path=path) if (place := _place(path, _COUNTS)) is not None:
            return tuple(Between(place, *one) for one in _ranges(term.partition, number))
        case Fact(path=path) if (place := _place(path, _RATES)) is not None:
            return tuple(Share(place, *one) for one in _shares(term.partition, number))
        case Call(op="-", args=(Fact(path=one), Fact(path=other))):
            places = _both(one, other, (_COUNTS,))
            if places is not None:
                return tuple(Between(places[0], low, high, places[1]) for low, high in _ranges(term.partition, number))
        case Call(op=op, args=(Fact(path=one), Fact(path=other))) if (op, True) in _DIFFERENCES:
            places = _both(one, other, (_COUNTS, _RATES))
            if places is not None:
                ranges = _DIFFERENCES[op, number == _YES]
                return tuple(Between(places[0], low, high, places[1]) for low, high in ranges)
    return None


def _place(path: str, names: Mapping[str, int]) -> int | None:
    return names.get(path.rpartition(".")[2]) if reads_window(path) else None


def _both(one: str, other: str, kinds: Sequence[Mapping[str, int]]) -> tuple[int, int] | None:
    """The places of two facts that are both counts, or both rates: of rates the counts compare alike."""
    for names in kinds:
        places = _place(one, names), _place(other, names)
        if places[0] is not None and places[1] is not None:
            return places[0], places[1]
    return None


def _ranges(partition: Partition, number: int) -> list[_Range]:
    """The whole numbers of a class, as ranges with both ends."""
    if partition.cuts is not None:
        low, high = _half_open(partition.cuts, number)
        return [(low, None if high is None else high - 1)]
    own = [int(value) for value, group in partition.groups if group == number and value == math.floor(value)]
    if number != FIRST:
        return [(value, value) for value in own]
    others = sorted({int(value) for value, _ in partition.groups if value == math.floor(value)})
    ends = [None, *others, None]
    return [(None if a is None else a + 1, None if b is None else b - 1) for a, b in pairwise(ends)]


def _shares(partition: Partition, number: int) -> list[tuple[float | None, float | None]]:
    """The rates of a class, as ranges without their upper end."""
    if partition.cuts is not None:
        return [_half_open(partition.cuts, number)]
    if number != FIRST:
        own = (float(value) for value, group in partition.groups if group == number)
        return [(value, math.nextafter(value, math.inf)) for value in own]
    others = sorted({float(value) for value, _ in partition.groups})
    ends = [None, *others, None]
    return [(None if a is None else math.nextafter(a, math.inf), b) for a, b in pairwise(ends)]


def _half_open(cuts: Sequence[Any], number: int) -> tuple[Any, Any]:
    at = number - FIRST
    return cuts[at - 1] if at else None, cuts[at] if at < len(cuts) else None
