"""What would have to be otherwise: the smallest change of facts after which the decision is another.

Every fact that conditions read, and what the engine itself looks at (an address, wishes, times), is given one value of
each other class, first one fact alone, then two, then three together. Each such situation is really judged, with the
same state, so limits and budgets count. The search is a generator, so that whoever judges may be somewhere else, and
may stop, or let others have their turn, between any two situations.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from itertools import count
from math import comb
from typing import Any, Final

from engine.analysis.alternatives import Alternative, Alternatives, Classes
from engine.analysis.atoms import shown
from engine.analysis.situation import Situation
from engine.analysis.trials import Posed, Trials
from engine.decision.model import Decision, Strategy
from engine.decision.session import Judgement
from engine.ruleset.compile import RuleSet

BUDGET: Final = 20_000
"""How many situations a search judges at most, unless it is told otherwise."""

LARGEST: Final = 3
"""The most facts that are changed together."""


class Flipped(Flag):
    """What a change of facts leads to."""

    VERDICT = auto()
    PLAN = auto()


@dataclass(frozen=True, slots=True)
class Changed:
    """A fact that is otherwise, as conditions write values; `absent` where it is not there."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Flip:
    """A change, and the decision that really follows. `along` are facts that follow from the same input."""

    changes: tuple[Changed, ...]
    along: tuple[Changed, ...]
    decision: Decision
    situation: Situation


@dataclass(slots=True)
class Searched:
    """How far the search went.

    `facts` were given `values` other values in all, one for each class. `tried` of `possible` changes of one, two and
    three facts were looked at, until both answers were found or the `budget` of `judged` situations was spent.
    `unreached` names terms with classes that no value tried for one fact is in.
    """

    facts: int = 0
    values: int = 0
    tried: list[int] = field(default_factory=lambda: [0] * LARGEST)
    possible: list[int] = field(default_factory=lambda: [0] * LARGEST)
    judged: int = 0
    budget: int = BUDGET
    unreached: tuple[str, ...] = ()

    @property
    def spent(self) -> bool:
        """Did the budget end the search?"""
        return self.judged >= self.budget


@dataclass(slots=True)
class Counterfactual:
    """What would decide otherwise.

    `verdict` is the smallest change after which the verdict is another, where several are as small one after which the
    message is sent; `plan` the smallest after which it is sent by another strategy or other channels, or is sent at
    all. They may be one and the same. None: none was found, and `searched` says how far was looked. `singles` are all
    changes of one fact that lead to another verdict or plan.
    """

    base: Decision
    verdict: Flip | None = None
    plan: Flip | None = None
    singles: list[Flip] = field(default_factory=list)
    searched: Searched = field(default_factory=Searched)

    @property
    def complete(self) -> bool:
        """Are both questions answered?"""
        return self.verdict is not None and self.plan is not None


Search = Generator[Posed, Judgement, Counterfactual | None]
"""Yields situations, takes how they were judged; returns what was found, None where the first cannot be judged."""


def counterfactual(situation: Situation, trials: Trials, budget: int = BUDGET) -> Counterfactual | None:
    """Search with the situation's own state. None when it cannot be judged at all."""
    search = searching(situation, trials.ruleset, budget)
    trials.forget()
    asked = next(search)
    while True:
        try:
            asked = search.send(trials.begin(asked).end())
        except StopIteration as end:
            found: Counterfactual | None = end.value
            return found


def searching(situation: Situation, ruleset: RuleSet, budget: int = BUDGET) -> Search:
    """Search; `situation` itself is the first that is to be judged, and at most `budget` are."""
    base = yield Posed(situation, surely=True)
    if base.error is not None:
        return None
    return (yield from _Looking(situation, base, ruleset, budget).look())


class _Looking:
    """One search under way."""

    def __init__(self, situation: Situation, base: Judgement, ruleset: RuleSet, budget: int) -> None:
        self._types = {fact.path: fact for fact in ruleset.schema.facts}
        self._used = [fact.path for fact in ruleset.schema.facts if fact.path in ruleset.used_facts]
        self._others = Alternatives(situation, base, ruleset)
        self._values = self._others.values(situation, base)
        self._seen: set[tuple[str, Classes]] = set()
        self._base_classes = self._others.classes(situation, base)
        self._plan = plan_of(base.decision)
        self._found = Counterfactual(base.decision, searched=Searched(judged=1, budget=budget))

    def look(self) -> Search:
        """Look at one fact alone, then at two, then at three, until both answers are there."""
        found, searched = self._found, self._found.searched
        kept: list[Alternative] = []
        singles = self._others.singles()
        searched.possible[0] = len(singles)
        for one in singles:
            if not searched.spent and (yield from self._try((one,))):
                kept.append(one)
        searched.facts, searched.values = len({one.path for one in kept}), len(kept)
        searched.unreached = self._others.unreached()
        sizes, nearest = _by_fact(kept), _nearest_first(kept)
        for size in range(2, LARGEST + 1):
            searched.possible[size - 1] = _combinations(sizes, size)
            for chosen in _chosen(nearest, size):
                if searched.spent or found.complete:
                    break
                yield from self._try(chosen)
        return found

    def _try(self, chosen: Sequence[Alternative]) -> Generator[Posed, Judgement, bool]:
        """Make a situation, have it judged, note it if it decides otherwise; was it what was wanted, and news?"""
        searched = self._found.searched
        searched.tried[len(chosen) - 1] += 1
        made = self._others.made(chosen)
        if made is None:
            return False
        searched.judged += 1
        judged = yield Posed(made)
        if judged.error is not None:
            return False
        values = self._others.values(made, judged)
        if not self._others.are_so(chosen, values) or not self._is_news(chosen, made, judged):
            return False
        if self._flips(judged.decision):
            sure = yield Posed(made, surely=True)
            self._take(chosen, made, values, sure.decision)
        return True

    def _is_news(self, chosen: Sequence[Alternative], made: Situation, judged: Judgement) -> bool:
        """Is it the first situation in its classes for this fact? One fact's values in one class are all alike."""
        if len(chosen) > 1:
            return True
        classes = self._others.classes(made, judged)
        self._others.note(classes)
        if chosen[0].own:
            return True
        key = (chosen[0].path, classes)
        if classes == self._base_classes or key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _take(
        self, chosen: Sequence[Alternative], made: Situation, values: Mapping[str, Any], decision: Decision
    ) -> None:
        """Note what a change leads to, if it is another verdict or plan."""
        found, flips = self._found, self._flips(decision)
        wanted = [one.path for one in chosen]
        along = [path for path in self._used if path not in wanted and values[path] != self._values[path]]
        flip = Flip(self._changed(wanted, values), self._changed(along, values), decision, made)
        if flips and len(chosen) == 1:
            found.singles.append(flip)
        if Flipped.VERDICT in flips and found.verdict is None:
            found.verdict = flip
        if Flipped.PLAN in flips and found.plan is None:
            found.plan = flip
            if Flipped.VERDICT in flips and found.verdict is not None and len(found.verdict.changes) == len(chosen):
                found.verdict = flip  # of equally small changes the one after which it is sent

    def _flips(self, decision: Decision) -> Flipped:
        """What is otherwise about a decision."""
        plan = plan_of(decision)
        verdict = Flipped.VERDICT if decision.verdict is not self._found.base.verdict else Flipped(0)
        return verdict | (Flipped.PLAN if plan is not None and plan != self._plan else Flipped(0))

    def _changed(self, paths: Sequence[str], values: Mapping[str, Any]) -> tuple[Changed, ...]:
        types, before = self._types, self._values
        return tuple(
            Changed(path, shown(types[path], before[path]), shown(types[path], values[path])) for path in paths
        )


def plan_of(decision: Decision) -> tuple[Strategy, tuple[str, ...]] | None:
    """Return what a plan is compared by: the strategy and the channels in order; None where nothing is sent."""
    plan = decision.plan
    return None if plan is None else (plan.strategy, tuple(step.channel for step in plan.steps))


def _by_fact(singles: Sequence[Alternative]) -> list[int]:
    """How many alternatives each fact has."""
    counts: dict[str, int] = {}
    for one in singles:
        counts[one.path] = counts.get(one.path, 0) + 1
    return list(counts.values())


def _nearest_first(singles: Sequence[Alternative]) -> list[Alternative]:
    """The nearest value of every fact, then the second of every fact, and so on; else in the order of preference."""
    turns: dict[str, int] = {}
    placed: list[tuple[int, Alternative]] = []
    for one in singles:
        turns[one.path] = turns.get(one.path, 0) + 1
        placed.append((turns[one.path], one))
    return [one for _, one in sorted(placed, key=lambda pair: pair[0])]


def _combinations(sizes: Sequence[int], size: int) -> int:
    """How many ways there are to change so many different facts: the elementary symmetric sum of the counts."""
    ways = [1, *[0] * size]
    for number in sizes:
        for at in range(size, 0, -1):
            ways[at] += ways[at - 1] * number
    return ways[size]


def _chosen(singles: Sequence[Alternative], size: int) -> Iterator[tuple[Alternative, ...]]:
    """Changes of so many different facts; those first whose places in the list add up to least."""
    most = len(singles)
    if comb(most, size) == 0:
        return
    for total in range(size * (size - 1) // 2, size * most):
        for places in _places(total, size, 0, most):
            chosen = tuple(singles[place] for place in places)
            if len({one.path for one in chosen}) == size:
                yield chosen


def _places(total: int, size: int, least: int, most: int) -> Iterator[tuple[int, ...]]:
    """Rising places below `most`, from `least` on, that add up to `total`."""
    if size == 1:
        if least <= total < most:
            yield (total,)
        return
    for first in count(least):
        rest = total - first
        if rest < (size - 1) * (first + 1) + (size - 1) * (size - 2) // 2:
            return
        for others in _places(rest, size - 1, first + 1, most):
            yield (first, *others)
