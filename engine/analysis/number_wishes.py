"""What terms that are in certain classes ask of numbers, as wishes about their differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from engine.analysis.differences import ZERO, Apart, Name, Number, Reasons, Wish
from engine.analysis.intervals import Interval, interval
from engine.analysis.sums import WHOLE, alone, number_of, sum_of
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.partition import FIRST, Partition
from engine.ruleset.ranges import range_of
from engine.ruleset.syntax import Call, Expr, Fact, Type
from engine.ruleset.terms import Key, Term

YES: Final = 2 << FIRST
"""The class of a comparison that is true, as a set."""

COMPARED: Final = ("<", "<=", "==")

MOST_APART: Final = 40
"""Constants that one number is told not to be."""

_LARGEST: Final = math.nextafter(math.inf, 0)
_NO_REASONS: Final[Reasons] = frozenset()


class Difference(NamedTuple):
    """`left - right + by`. `whole`: it changes in whole steps."""

    left: Name
    right: Name
    by: Number
    whole: bool


class Wishes:
    """What the terms ask that have classes in `there`, which are sets. `facts` are the numbers of the facts' terms."""

    def __init__(
        self, terms: Sequence[Term], facts: Mapping[str, int], there: Mapping[int, int], schema: FactsSchema
    ) -> None:
        self._terms, self._facts, self._there, self._schema = terms, facts, there, schema
        self._bounded: set[Key] = set()
        self.wishes: list[Wish] = []
        self.apart: list[Apart] = []
        for number, classes in there.items():
            self._add(terms[number], classes, frozenset((number,)))

    def _add(self, term: Term, classes: int, reasons: Reasons) -> None:
        if isinstance(term.expr, Call) and term.expr.op in COMPARED:
            of = self._difference(*term.expr.args)
            if classes == YES:
                self._compare(term.expr.op, of, True, reasons)
            elif (sure := self._are_numbers(term.expr.args)) is not None:
                self._compare(term.expr.op, of, False, reasons | sure)
        elif term.partition.nan is None or not classes >> term.partition.nan & 1:
            self._place(self._difference(term.expr), term.partition, classes, reasons)

    def _compare(self, op: str, of: Difference, wanted: bool, reasons: Reasons) -> None:
        step, strict = (1, False) if of.whole else (0, True)
        match op, wanted:
            case "==", True:
                self._at_most(of, 0, reasons)
                self._at_least(of, 0, reasons)
            case "==", False:
                self._not(of, 0, reasons)
            case "<", True:
                self._at_most(of, -step, reasons, strict)
            case "<", False:
                self._at_least(of, 0, reasons)
            case "<=", True:
                self._at_most(of, 0, reasons)
            case _:
                self._at_least(of, step, reasons, strict)

    def _place(self, of: Difference, partition: Partition, classes: int, reasons: Reasons) -> None:
        """A value lies in classes, which are one or stand beside each other."""
        low, high = _bounds(partition, classes)
        if (bound := number_of(low)) is not None:
            self._at_least(of, bound, reasons)
        if (bound := number_of(high)) is not None:
            self._at_most(of, bound, reasons, partition.cuts is not None and partition.type is Type.STRING)
        others = [value for value, found in partition.groups if not classes >> found & 1]
        if classes >> FIRST & 1 and len(others) <= MOST_APART:
            for value in others:
                self._not(of, number_of(value), reasons)

    def _at_most(self, of: Difference, bound: Number, reasons: Reasons, strict: bool = False) -> None:
        self.wishes.append(Wish(of.left, of.right, bound - of.by, strict, reasons))

    def _at_least(self, of: Difference, bound: Number, reasons: Reasons, strict: bool = False) -> None:
        self.wishes.append(Wish(of.right, of.left, of.by - bound, strict, reasons))

    def _not(self, of: Difference, value: Number | None, reasons: Reasons) -> None:
        if value is not None:
            self.apart.append(Apart(of.left, of.right, value - of.by, of.whole, reasons))

    def _difference(self, expr: Expr, minus: Expr | None = None) -> Difference:
        """An expression, or one minus another, as the difference of two numbers."""
        whole = expr.type in WHOLE and (minus is None or minus.type in WHOLE)
        found = sum_of(expr) if minus is None else sum_of(expr).plus(sum_of(minus), -1)
        if sorted(count for count, _ in found.parts.values()) not in ([], [1], [-1], [-1, 1]):
            found = alone(expr) if minus is None else alone(expr).plus(alone(minus), -1)
        sides: dict[int, Name] = {}
        for key, (count, part) in found.parts.items():
            sides[count] = key
            self._bound(key, part)
        return Difference(sides.get(1, ZERO), sides.get(-1, ZERO), found.by, whole)

    def _bound(self, key: Key, part: Expr) -> None:
        """Say once in which bounds a part always is, or must be by the classes of the facts in it."""
        if key in self._bounded:
            return
        self._bounded.add(key)
        of = Difference(key, ZERO, 0, whole=False)
        found, reasons = (self._always(part), _NO_REASONS) if isinstance(part, Fact) else self._interval(part)
        low, high = found or (None, None)
        if (number := number_of(low)) is not None:
            self._at_least(of, number, reasons)
        if (number := number_of(high)) is not None:
            self._at_most(of, number, reasons)

    def _are_numbers(self, exprs: Sequence[Expr]) -> Reasons | None:
        """Why none of these is what is no number; None where one may be. With that every comparison is false."""
        sure = _NO_REASONS
        for expr in exprs:
            if expr.type is Type.DOUBLE:
                found, reasons = self._interval(expr)
                if found is None:
                    return None
                sure |= reasons
        return sure

    def _interval(self, expr: Expr) -> tuple[Interval | None, Reasons]:
        """The bounds of an expression, and the terms of facts from whose classes they follow."""
        followed: set[int] = set()

        def of_leaf(leaf: Expr) -> Interval | None:
            found = self._always(leaf)
            number = self._facts.get(leaf.path, -1) if isinstance(leaf, Fact) else -1
            if found is None or number not in self._there:
                return found
            followed.add(number)
            low, high = _bounds(self._terms[number].partition, self._there[number])
            return (found[0] if low is None else max(low, found[0]), found[1] if high is None else min(high, found[1]))

        return interval(expr, of_leaf), frozenset(followed)

    def _always(self, leaf: Expr) -> Interval | None:
        """The bounds of what is not calculated."""
        if leaf.type is Type.DOUBLE:
            return (-_LARGEST, _LARGEST) if isinstance(leaf, Fact) else None
        return range_of(leaf, self._schema, Scope.MESSAGE)


def _bounds(partition: Partition, classes: int) -> tuple[Any, Any]:
    """The smallest and the largest value of classes that are beside each other; of texts the first that is larger."""
    if partition.cuts is None:
        values = [value for value, found in partition.groups if classes >> found & 1]
        return (None, None) if classes >> FIRST & 1 else (min(values), max(values))
    first, last = (classes & -classes).bit_length() - 1 - FIRST, classes.bit_length() - 1 - FIRST
    low = partition.cuts[first - 1] if first else None
    high = partition.cuts[last] if last < len(partition.cuts) else None
    return low, _before(high, partition.type)


def _before(cut: Any, kind: Type) -> Any:
    """The largest number below a cut."""
    if cut is None or kind is Type.STRING:
        return cut
    return math.nextafter(cut, -math.inf) if kind is Type.DOUBLE else cut - 1
