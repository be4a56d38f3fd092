"""The counts of one window of calls: the smallest that are as is wanted, or the proof that no window has such.

In every window there are no more errors than calls, no more time-outs than errors, and no longer run of time-outs than
there are time-outs; and the run is so long that the others fit between the calls that were answered:

    timeouts <= run * (calls - timeouts + 1)

Each wish but this one says that a count is at least something that only grows with the other counts. Such wishes have a
least solution, which is found by raising counts until nothing is to be raised (Kleene); if that passes an upper bound,
there is none. With this one it is so too as long as the run is known, or is all time-outs, or half of them or more. A
longer run is never wrong unless a wish says so, so that besides these only a few runs have to be looked through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import nextafter
from typing import Final, NamedTuple

MOST_CALLS: Final = 2**52
"""No window has more; up to here two different counts of one window have two different rates."""

MOST_STEPS: Final = 3_000
"""Times that counts are raised before it is given up."""

MOST_RUNS: Final = 64
"""Lengths of short runs that are looked through one by one."""

CALLS, ERRORS, TIMEOUTS, RUN = range(4)
"""The places of the counts."""

_ALL: Final = (CALLS, ERRORS, TIMEOUTS, RUN)
_ALWAYS: Final = ((CALLS, ERRORS, 0), (ERRORS, TIMEOUTS, 0), (TIMEOUTS, RUN, 0))
_NONE: Final = -(10**30)
_ABOVE_ALL: Final = nextafter(1.0, 2.0)


class Counts(NamedTuple):
    """What one window counted; `run` is the longest run of time-outs."""

    calls: int
    errors: int
    timeouts: int
    run: int


@dataclass(frozen=True, slots=True)
class Between:
    """A count, or one count less another (`less` is its place), lies between two whole numbers, both included."""

    place: int
    low: int | None
    high: int | None
    less: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A count divided by that of the calls, as the engine divides, is at least `low` and below `high`."""

    place: int
    low: float | None
    high: float | None


Wish = Between | Share

Difference = tuple[int, int, int]
"""A count is at least so much above another: the places of both, and by how much."""


@dataclass(frozen=True, slots=True)
class Least:
    """The smallest counts that are as wanted, or None; `sure`: None is proved."""

    counts: Counts | None
    sure: bool


def is_window(counts: Counts) -> bool:
    """Whether a window can have these counts."""
    calls, errors, timeouts, run = counts
    return 0 <= run <= timeouts <= errors <= calls and timeouts <= run * (calls - timeouts + 1)


def least(wishes: Sequence[Wish]) -> Least:
    """Return the smallest counts for which all wishes come true; without calls only if there are no others."""
    climbs, sure = _climbs(wishes)
    for climb in climbs:
        found = climb.least()
        if found.counts is not None:
            return found
        sure = sure and found.sure
    return Least(Counts(0, 0, 0, 0), True) if _is_empty(wishes) else Least(None, sure)


def _climbs(wishes: Sequence[Wish]) -> tuple[list[_Climb], bool]:
    """Return the ways to look for a window with calls, and whether these are all."""
    all_timeouts = _Climb(wishes, ((RUN, TIMEOUTS, 0),))
    if not any(isinstance(wish, Between) and RUN in (wish.place, wish.less) for wish in wishes):
        return [all_timeouts], True
    whole = _Climb(wishes)
    if whole.is_contradiction():
        return [], True
    runs, sure = whole.short_runs()
    half = _Climb(wishes, ((TIMEOUTS, RUN, 1), (CALLS, TIMEOUTS, 1)), half=True)
    return [all_timeouts, half, *[_Climb((*wishes, Between(RUN, run, run)), run=run) for run in runs]], sure


def _is_empty(wishes: Sequence[Wish]) -> bool:
    """Whether a window without calls is as wanted."""
    return all((wish.low is None or wish.low <= 0) and _is_above_zero(wish) for wish in wishes)


def _is_above_zero(wish: Wish) -> bool:
    return wish.high is None or (wish.high > 0 if isinstance(wish, Share) else wish.high >= 0)


class _Climb:
    """One way to look for the least counts of a window with calls.

    `extra` are further differences; `half`: the run is half of the time-outs or more; `run` is its length, if known.
    """

    def __init__(
        self, wishes: Sequence[Wish], extra: Sequence[Difference] = (), half: bool = False, run: int = 0
    ) -> None:
        self._low, self._high = [1, 0, 0, 0], [MOST_CALLS] * 4
        self._shares = dict.fromkeys((ERRORS, TIMEOUTS), (0.0, _ABOVE_ALL))
        self._half, self._run = half, run
        differences = list(extra)
        for wish in wishes:
            self._take(wish, differences)
        self._apart = _closed(tuple(differences))
        self._share()

    def _take(self, wish: Wish, differences: list[Difference]) -> None:
        if isinstance(wish, Share):
            self._narrow(wish.place, wish.low, wish.high)
        elif wish.less is None:
            self._low[wish.place] = max(self._low[wish.place], wish.low or 0)
            if wish.high is not None:
                self._high[wish.place] = min(self._high[wish.place], wish.high)
        else:
            if wish.low is not None:
                differences.append((wish.place, wish.less, wish.low))
            if wish.high is not None:
                differences.append((wish.less, wish.place, -wish.high))

    def _narrow(self, place: int, low: float | None, high: float | None) -> None:
        old_low, old_high = self._shares[place]
        self._shares[place] = (
            old_low if low is None else max(old_low, low),
            old_high if high is None else min(old_high, high),
        )

    def _share(self) -> None:
        """Work out what shares follow from differences, and from other shares."""
        for part in (ERRORS, TIMEOUTS):
            if self._apart[part][CALLS] >= 0:
                self._narrow(part, 1.0, None)
            if self._apart[CALLS][part] >= 1:
                self._narrow(part, None, 1.0)
        for place, other in ((ERRORS, TIMEOUTS), (TIMEOUTS, ERRORS)):
            if self._apart[place][other] >= 0:
                self._narrow(place, self._shares[other][0], None)
                self._narrow(other, None, self._shares[place][1])

    def short_runs(self) -> tuple[list[int], bool]:
        """The runs of less than half of the time-outs that need to be looked at, and whether these are all.

        What keeps a run from being longer is a bound of its own, or how much less than another count it must be.
        """
        below = max(self._apart[place][RUN] for place in (CALLS, ERRORS, TIMEOUTS))
        runs = {run for run in (*range(1, min(below, MOST_RUNS)), self._high[RUN]) if 0 < run <= self._high[RUN]}
        return sorted(run for run in runs if run < MOST_CALLS), below <= MOST_RUNS

    def least(self) -> Least:
        """Return the least counts of this way."""
        if self.is_contradiction():
            return Least(None, True)
        counts = self._low
        for _ in range(MOST_STEPS):
            raised = self._raised(counts)
            if any(count > high for count, high in zip(raised, self._high, strict=True)):
                return Least(None, True)
            if raised == counts:
                return Least(Counts(*counts), True)
            counts = raised
        return Least(None, False)

    def is_contradiction(self) -> bool:
        """Whether differences, or the shares, exclude each other whatever the counts are."""
        no_share = any(low >= high or high <= 0 for low, high in self._shares.values())
        return no_share or any(self._apart[place][place] > 0 for place in _ALL)

    def _raised(self, counts: list[int]) -> list[int]:
        """Raise each count to what the others ask of it."""
        made = list(counts)
        for place in _ALL:
            made[place] = max(made[other] + self._apart[place][other] for other in _ALL)
        for part, (low, high) in self._shares.items():
            made[part] = max(made[part], _least_part(made[CALLS], low))
            made[CALLS] = max(made[CALLS], _least_count(made[part], high))
        made[RUN] = max(made[RUN], min(made[TIMEOUTS], 1))
        if self._half:
            made[RUN] = max(made[RUN], (made[TIMEOUTS] + 1) // 2)
        if self._run:
            made[CALLS] = max(made[CALLS], made[TIMEOUTS] - 1 + -(-made[TIMEOUTS] // self._run))
        return made


@lru_cache(maxsize=4096)
def _closed(differences: tuple[Difference, ...]) -> tuple[tuple[int, ...], ...]:
    """Return by how much each count is at least above each other, worked out from all differences (Floyd, Warshall)."""
    apart = [[0 if place == other else _NONE for other in _ALL] for place in _ALL]
    for place, other, by in (*_ALWAYS, *differences):
        apart[place][other] = max(apart[place][other], by)
    for between, place, other in product(_ALL, repeat=3):
        apart[place][other] = max(apart[place][other], apart[place][between] + apart[between][other])
    return tuple(map(tuple, apart))


def _least_part(count: int, low: float) -> int:
    """The smallest part of so many that divided by them is at least `low`."""
    if low <= 0.0:
        return 0
    above, below = low.as_integer_ratio()
    part = -(-above * count // below)
    while part > 0 and (part - 1) / count >= low:
        part -= 1
    while part / count < low:
        part += 1
    return part


def _least_count(part: int, high: float) -> int:
    """The smallest count, at least one, by which a part divided is below `high`, which is above zero."""
    above, below = high.as_integer_ratio()
    count = part * below // above + 1
    if count > MOST_CALLS:
        return count  # and so more than there can be: below, a step by one is more than what rounding does
    while count > 1 and part / (count - 1) < high:
        count -= 1
    while part / count >= high:
        count += 1
    return count
