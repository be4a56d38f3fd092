"""Numbers that are compared with one another as is wanted, and proofs that none are.

What is compared is taken apart into facts and a distance where that is exact, so that `a + 5 < b` and `b - a > 5` are
the same wish (`differences`). Anything else that is calculated, such as `a * 1.1`, is a number of its own, whose bounds
follow from those of its facts (`intervals`). Texts have an order too, and as far as it goes they are numbers here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import ceil, floor, inf, nextafter
from typing import Any, Final

from engine.analysis.core import Core, widened
from engine.analysis.differences import Apart, Number, Reasons, Room, Wish, contradiction, exactly, room
from engine.analysis.number_wishes import COMPARED, Wishes
from engine.analysis.suggestions import between
from engine.analysis.sums import WHOLE, number_of
from engine.ruleset.fact_types import FactType
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.partition import FIRST
from engine.ruleset.syntax import Call, Expr, Type
from engine.ruleset.terms import Term

_NUMBERS: Final = (*WHOLE, Type.DOUBLE)
_ORDERED: Final = (*_NUMBERS, Type.STRING)
_CALCULATED: Final = ("+", "-", "*", "/", "%", "neg")


class NumberAnswers:
    """How the terms of one set bind numbers. `groups` are those of the terms that share facts."""

    def __init__(self, terms: Sequence[Term], groups: Iterable[Sequence[int]], schema: FactsSchema) -> None:
        self._terms, self._schema = terms, schema
        self._facts = {term.fact.path: number for number, term in enumerate(terms) if term.fact is not None}
        self._groups = [found for group in groups if (found := self._bound(group))]
        self._group_of = {number: group for group in self._groups for number in group}
        self._known: dict[tuple[tuple[int, int], ...], Core | None] = {}
        self.terms = list(self._group_of)
        """Those of which one binds others."""

    def _bound(self, group: Sequence[int]) -> list[int]:
        found = [number for number in group if _is_ordered(self._terms[number].expr)]
        return found if any(_binds(self._terms[number].expr) for number in found) else []

    def contradictions(self, classes: Mapping[int, int]) -> Iterator[Core]:
        """Give, for each group of which it is so, what no message has; `classes` are those of all `terms`."""
        for group in self._groups:
            there = _there(group, classes)
            key = tuple(there.items())
            if key not in self._known:
                self._known[key] = self._core(there)
            core = self._known[key]
            if core is not None:
                yield core

    def possible(self, fact: FactType, classes: Mapping[int, int], values: Iterable[Any]) -> list[Any] | None:
        """Return those of some values, and others, that the fact can have beside others of these classes.

        None when it is not bound to others.
        """
        wishes = self._wishes_about(fact.path, classes)
        return None if wishes is None else list(_values(fact, wishes.wishes, values))

    def may_be(self, path: str, classes: Mapping[int, int]) -> Callable[[Any], bool]:
        """Return the question whether a fact may have a value beside others of these classes."""
        wishes = self._wishes_about(path, classes)
        if wishes is None:
            return lambda value: True
        free = room(("fact", path), wishes.wishes)
        return lambda value: (number := number_of(value)) is None or free.holds(number)

    def chosen(
        self, likely: Mapping[FactType, Sequence[Any]], classes: Mapping[int, int], fixed: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return values for facts of one group, chosen one after the other, each beside those before it and the fixed.

        Those that are likely come first. Facts that are not bound to others are left out; none if there are none.
        """
        made: dict[str, Any] = {}
        for fact, values in likely.items():
            wishes = self._wishes_about(fact.path, classes)
            if wishes is None:
                continue
            known = [*wishes.wishes]
            for path, value in {**fixed, **made}.items():
                if (number := number_of(value)) is not None:
                    known += exactly(("fact", path), number)
            if contradiction(known) is not None:
                return {}
            fitting = (value for value in _values(fact, known, values) if _is_apart(fact, value, known, wishes.apart))
            value = next(fitting, None)
            if value is None:
                return {}
            made[fact.path] = value
        return made

    def _wishes_about(self, path: str, classes: Mapping[int, int]) -> Wishes | None:
        """What is asked of a number and those it is bound to; None where that is nothing, or contradicts itself."""
        number = self._facts.get(path, -1)
        group = self._group_of.get(number)
        if group is None or self._terms[number].expr.type not in _NUMBERS:
            return None
        wishes = self._wishes(_there(group, classes))
        return wishes if contradiction(wishes.wishes) is None else None

    def _core(self, there: Mapping[int, int]) -> Core | None:
        found = self._contradiction(there)
        if found is None:
            return None
        partitions = {number: self._terms[number].partition for number in found}
        core = {number: there[number] for number in sorted(found)}
        return widened(core, partitions, lambda wider: self._contradiction(wider) is not None)

    def _contradiction(self, there: Mapping[int, int]) -> Reasons | None:
        wishes = self._wishes(there)
        return contradiction(wishes.wishes, wishes.apart)

    def _wishes(self, there: Mapping[int, int]) -> Wishes:
        return Wishes(self._terms, self._facts, there, self._schema)


def _values(fact: FactType, wishes: Sequence[Wish], values: Iterable[Any]) -> Iterator[Any]:
    """The values in the room that wishes leave a fact, those that are given first."""
    low, high = _half_open(room(("fact", fact.path), wishes), fact.type)
    for value in (*values, *between(fact.type, low, high, fact)):
        if value is not None and (low is None or value >= low) and (high is None or value < high):
            yield value


def _half_open(free: Room, kind: Type) -> tuple[Any, Any]:
    """The smallest value of a type in a room, and the smallest that is above all in it; None is without end."""
    if kind is Type.DOUBLE:
        return _double_from(free.low, free.above_low), _double_from(free.high, not free.below_high)
    low = None if free.low is None else floor(free.low) + 1 if free.above_low else ceil(free.low)
    high = None if free.high is None else ceil(free.high) if free.below_high else floor(free.high) + 1
    return low, high


def _double_from(bound: Number | None, above: bool) -> float | None:
    """The smallest double that is not below a bound, or above it."""
    if bound is None:
        return None
    nearest = float(bound)
    return nextafter(nearest, inf) if nearest < bound or (above and nearest == bound) else nearest


def _is_apart(fact: FactType, value: Any, known: Sequence[Wish], apart: Sequence[Apart]) -> bool:
    number = number_of(value)
    return number is not None and contradiction([*known, *exactly(("fact", fact.path), number)], apart) is None


def _there(group: Iterable[int], classes: Mapping[int, int]) -> dict[int, int]:
    return {number: 1 << classes[number] for number in group if classes[number] >= FIRST}


def _is_ordered(expr: Expr) -> bool:
    """Whether an expression is a value that has a place in an order, or compares two of them."""
    if expr.type in _ORDERED:
        return True
    return isinstance(expr, Call) and expr.op in COMPARED and all(arg.type in _ORDERED for arg in expr.args)


def _binds(expr: Expr) -> bool:
    """Whether the values of facts follow from each other by what an expression is."""
    if not isinstance(expr, Call):
        return False
    return expr.op in COMPARED or (expr.op in _CALCULATED and expr.type is not Type.STRING)
