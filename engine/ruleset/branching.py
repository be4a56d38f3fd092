"""Which terms still matter once some are known: a small decision tree over a scope's conjunctions.

When the category of a message is MARKETING, no rule for one-time passwords can match any more, and what only those
rules look at need not be looked at. That saves time, and above all it makes many fingerprints equal that would differ
only in terms nobody asks for: of 100,000 realistic messages 58,855 have different fingerprints without it under the
sixty rules of `bench/`, and 7,712 with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

Test = tuple[int, str, int]
"""(term, operator, class)"""

Alive = tuple[tuple[Test, ...], ...]
"""The conjunctions that can still hold."""

MOST_DEPTH: Final = 3
MOST_LEAVES: Final = 64
MOST_GROUPS: Final = 12
LEAST_SAVED: Final = 1.0
"""A question is only asked if it saves looking at one term or more on average."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Nothing more is asked: these terms are looked at, rising."""

    terms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """Look at one term first; each arm says for which of its classes it goes on how. The last arm takes the rest."""

    term: int
    arms: tuple[tuple[tuple[int, ...], Branch | Leaf], ...]


Node = Branch | Leaf


def grow(conjunctions: Sequence[tuple[Test, ...]], possible: Sequence[int], always: frozenset[int]) -> Node:
    """Return the tree for these conjunctions.

    `possible` are each term's possible classes as bits; the terms in `always` are looked at everywhere.
    """
    return _Grower(possible, always).node(tuple(conjunctions), frozenset(), MOST_DEPTH)


class _Grower:
    def __init__(self, possible: Sequence[int], always: frozenset[int]) -> None:
        self._possible = possible
        self._always = always
        self._leaves = 1

    def node(self, alive: Alive, known: frozenset[int], depth: int) -> Node:
        """Return the subtree for what is alive once some terms are known."""
        needed = self._needed(alive) - known
        best = min(self._questions(alive, known, needed), default=None) if depth else None
        if best is None or best[0] > len(needed) - LEAST_SAVED:
            return Leaf(tuple(sorted(needed)))
        _cost, term, groups = best
        self._leaves += len(groups) - 1
        arms = sorted(groups, key=lambda group: -len(self._needed(group[1])))
        now_known = known | {term}
        return Branch(term, tuple((classes, self.node(left, now_known, depth - 1)) for classes, left in arms))

    def _needed(self, alive: Alive) -> frozenset[int]:
        return self._always | {term for tests in alive for term, _operator, _class in tests}

    def _questions(
        self, alive: Alive, known: frozenset[int], needed: frozenset[int]
    ) -> Iterator[tuple[float, int, list[tuple[tuple[int, ...], Alive]]]]:
        """Give every term worth asking for, with the terms to look at afterwards on average, and how it divides."""
        for term in needed:
            groups = self._divide(alive, term)
            if 1 < len(groups) <= MOST_GROUPS and self._leaves + len(groups) <= MOST_LEAVES:
                left = [len(self._needed(group) - known - {term}) * len(classes) for classes, group in groups]
                yield 1 + sum(left) / sum(len(classes) for classes, _group in groups), term, groups

    def _divide(self, alive: Alive, term: int) -> list[tuple[tuple[int, ...], Alive]]:
        groups: dict[Alive, list[int]] = {}
        bits = self._possible[term]
        for number in range(bits.bit_length()):
            if bits >> number & 1:
                left = tuple(tests for tests in alive if _can_hold(tests, term, number))
                groups.setdefault(left, []).append(number)
                if len(groups) > MOST_GROUPS:  # it will not be asked, so how it divides further does not matter
                    break
        return [(tuple(classes), group) for group, classes in groups.items()]


def _can_hold(tests: tuple[Test, ...], term: int, number: int) -> bool:
    return all(_passes(number, operator, wanted) for asked, operator, wanted in tests if asked == term)


def _passes(number: int, operator: str, wanted: int) -> bool:
    match operator:
        case "==":
            return number == wanted
        case "!=":
            return number != wanted
        case ">=":
            return number >= wanted
        case _:
            return number <= wanted
