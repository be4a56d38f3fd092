"""Numbers of which it is known how far apart they are: which wishes exclude each other, and numbers that fulfil them.

Each wish is `left - right <= by`, or `<`; the name None stands for zero, so that a bound of one number is a wish too.
They are the edges of a graph, and exclude each other exactly where one of its cycles comes to less than nothing
(Bellman 1958, Ford 1956). A strict wish is one that is short of its bound by a very little, which is counted apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

Name = Hashable
Number = int | Fraction
Reasons = frozenset[int]

ZERO: Final = None

_Length = tuple[Number, int]
"""How far apart at most, and how often a very little less (a negative number)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """`left - right <= by`, without equality where it is `strict`, for these reasons."""

    left: Name
    right: Name
    by: Number
    strict: bool
    reasons: Reasons = frozenset()


@dataclass(frozen=True, slots=True)
class Apart:
    """`left - right` is not this. Of whole numbers it is then at least one more or less."""

    left: Name
    right: Name
    by: Number
    whole: bool
    reasons: Reasons = frozenset()

    def sides(self) -> tuple[Wish, Wish]:
        """The two ways in which it comes true: less, and more."""
        step, strict = (1, False) if self.whole else (0, True)
        return (
            Wish(self.left, self.right, self.by - step, strict, self.reasons),
            Wish(self.right, self.left, -self.by - step, strict, self.reasons),
        )


def contradiction(wishes: Iterable[Wish], apart: Iterable[Apart] = ()) -> Reasons | None:
    """Return the reasons of wishes that no numbers fulfil together, or None when none are known.

    Of whole numbers that are all to be different and have too little room, none may be known.
    """
    known, left = list(wishes), list(apart)
    found = _cycle(known)
    while found is None:
        forced = _forced(known, left)
        if forced is None:
            return None
        one, wish, found = forced
        left.remove(one)
        if wish is not None:
            known.append(wish)
            found = _cycle(known)
    return found


def _forced(known: Sequence[Wish], left: Iterable[Apart]) -> tuple[Apart, Wish | None, Reasons | None] | None:
    """The first that can come true one way only, with the wish that this is; or no way, with the reasons."""
    for one in left:
        less, more = one.sides()
        not_less, not_more = _cycle([*known, less]), _cycle([*known, more])
        if not_less is not None and not_more is not None:
            return one, None, not_less | not_more
        if not_less is not None:
            return one, replace(more, reasons=not_less | one.reasons), None
        if not_more is not None:
            return one, replace(less, reasons=not_more | one.reasons), None
    return None


def _cycle(wishes: Sequence[Wish]) -> Reasons | None:
    """The reasons along a cycle that comes to less than nothing."""
    names = {name for wish in wishes for name in (wish.left, wish.right)}
    lengths: dict[Name, _Length] = dict.fromkeys(names, (0, 0))
    by: dict[Name, Wish] = {}
    changed: Name = None
    for _ in range(len(names) + 1):
        any_changed = False
        for wish in wishes:
            length = _on(lengths[wish.right], wish)
            if length < lengths[wish.left]:
                lengths[wish.left], by[wish.left] = length, wish
                any_changed, changed = True, wish.left
        if not any_changed:
            return None
    for _ in names:  # back into the cycle, from what only hangs on it
        changed = by[changed].right
    return _around(changed, by)


def _on(length: _Length, wish: Wish) -> _Length:
    return length[0] + wish.by, length[1] - wish.strict


def _around(begin: Name, by: Mapping[Name, Wish]) -> Reasons:
    reasons, name = by[begin].reasons, by[begin].right
    while name != begin:
        reasons |= by[name].reasons
        name = by[name].right
    return reasons


@dataclass(frozen=True, slots=True)
class Room:
    """The bounds between which a number may be; None is without end. A strict bound is not reached."""

    low: Number | None
    above_low: bool
    high: Number | None
    below_high: bool

    def holds(self, number: Number) -> bool:
        """Whether a number lies between them."""
        if self.low is not None and (number < self.low or (self.above_low and number == self.low)):
            return False
        return self.high is None or number < self.high or (number == self.high and not self.below_high)


def exactly(name: Name, number: Number) -> tuple[Wish, Wish]:
    """Return the wishes that a number is this one."""
    return Wish(name, ZERO, number, False), Wish(ZERO, name, -number, False)


def room(name: Name, wishes: Sequence[Wish]) -> Room:
    """Return the room that wishes leave one number; they must not contradict each other. Each number in it is possible
    together with some of all others."""
    high = _shortest(ZERO, wishes).get(name)
    low = _shortest(name, wishes).get(ZERO)
    return Room(
        None if low is None else -low[0],
        low is not None and low[1] < 0,
        None if high is None else high[0],
        high is not None and high[1] < 0,
    )


def _shortest(begin: Name, wishes: Sequence[Wish]) -> dict[Name, _Length]:
    """By name, how much more than the first it is at most."""
    lengths: dict[Name, _Length] = {begin: (0, 0)}
    changed = True
    while changed:
        changed = False
        for wish in wishes:
            if wish.right in lengths:
                length = _on(lengths[wish.right], wish)
                if wish.left not in lengths or length < lengths[wish.left]:
                    lengths[wish.left], changed = length, True
    return lengths
