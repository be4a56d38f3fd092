"""The classes of all terms as a SAT problem: one variable for each class of each term, exactly one of them true.

A condition has two literals, "definitely true" and "definitely false"; where neither holds it is in error. So CEL's
three-valued logic needs no case distinction:

    a && b   true  = a true and b true            false = a false or b false
    a || b   true  = a true or b true             false = a false and b false
    c ? a : b  true = c true and a true, or c false and b true; likewise false

What is written down here about facts that hang together (`bonds`) is true of all messages, so what the solver finds
impossible is impossible. What it finds possible is not believed before a real message shows it (`space`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from pysat.card import CardEnc, EncType

from engine.analysis.bonds import bonds
from engine.analysis.formulas import All, Condition, Fails, Formula, Holds, Not, Some
from engine.analysis.instances import of_message
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.normal import LOGIC
from engine.ruleset.syntax import Call, Expr, Literal
from engine.ruleset.terms import Key, Term, TermTable, facts_in, key_of

Clause = list[int]

TRUE: Final = 1
"""The variable that always holds."""

_FEW: Final = 6
"""Up to so many classes "at most one" is written pair by pair; beyond by a sequential counter (Sinz 2005)."""


class Encoding:
    """The terms of a set of conditions, the clauses that bind them, and a literal for each question.

    `emit` takes each clause as it is made; conditions that were not given at the beginning cannot be asked.
    """

    def __init__(self, schema: FactsSchema, conditions: Iterable[Condition], emit: Callable[[Clause], None]) -> None:
        self.schema = schema
        self._emit = emit
        self._last = TRUE
        self._plain = {condition: of_message(condition, schema) for condition in conditions}
        self.table = TermTable(schema, Scope.MESSAGE)
        for expr in self._plain.values():
            self._collect(expr)
        self.terms: list[Term] = self.table.terms
        self.variables: list[dict[int, int]] = []
        self._sets: dict[tuple[int, int], int] = {}
        self._known: dict[tuple[bool, Key], int] = {}
        self._ladders: dict[int, list[int]] = {}
        self._formulas: dict[int, tuple[Formula, int]] = {}
        emit([TRUE])
        for term in self.terms:
            self._declare(term)
        for literals in bonds(self.table, self.terms, schema):
            emit([self.among(number, classes) for number, classes in literals])

    def _collect(self, expr: Expr) -> None:
        self.table.collect(expr)
        if not isinstance(expr, Literal):
            self.table.collect_facts(expr)

    def _declare(self, term: Term) -> None:
        classes = {number: self.variable() for number in members(term.possible)}
        self.variables.append(classes)
        chosen = list(classes.values())
        self._emit(chosen)
        if len(chosen) <= _FEW:
            for place, one in enumerate(chosen):
                for other in chosen[:place]:
                    self._emit([-one, -other])
            return
        counter = CardEnc.atmost(lits=chosen, bound=1, top_id=self._last, encoding=EncType.seqcounter)
        self._last = max(self._last, counter.nv)
        for clause in counter.clauses:
            self._emit(clause)

    def variable(self) -> int:
        """Make a new variable."""
        self._last += 1
        return self._last

    def among(self, term: int, classes: int) -> int:
        """Return the literal of "this term is in one of these classes"."""
        possible = self.terms[term].possible
        classes &= possible
        if not classes:
            return -TRUE
        if classes == possible:
            return TRUE
        known = self._sets.get((term, classes))
        if known is None:
            runs = [self._run(term, first, last) for first, last in _runs(classes, possible)]
            known = self._sets[term, classes] = self._either(runs)
        return known

    def _run(self, term: int, first: int, last: int) -> int:
        """Return the literal of "one of the classes from the first to the last": below the one, not below the other."""
        chosen = list(self.variables[term].values())
        if last - first < _FEW:
            return self._either(chosen[first : last + 1])
        below = self._below(term)
        return self._both([below[last + 1], -below[first]])

    def _below(self, term: int) -> list[int]:
        """Return for each place among the classes of a term the literal of "a class before it".

        The classes of a number rise with it, so that a comparison is one of these; its classes one by one would take
        the square of how many numbers a fact is compared with.
        """
        if term not in self._ladders:
            made = [-TRUE]
            for variable in self.variables[term].values():
                made.append(self._either([made[-1], variable]))
            self._ladders[term] = made
        return self._ladders[term]

    def literal(self, formula: Formula) -> int:
        """Return a literal that holds exactly where the formula does; one object is encoded once."""
        known = self._formulas.get(id(formula))
        if known is None:
            known = self._formulas[id(formula)] = (formula, self._formula(formula))
        return known[1]

    def _formula(self, formula: Formula) -> int:
        match formula:
            case Holds(condition=condition):
                return self.true(self._plain[condition])
            case Fails(condition=condition):
                return self.false(self._plain[condition])
            case Not(part=part):
                return -self.literal(part)
            case All(parts=parts):
                return self._both([self.literal(part) for part in parts])
            case Some(parts=parts):
                return self._either([self.literal(part) for part in parts])

    def true(self, expr: Expr) -> int:
        """Return the literal of "definitely true" of a normalised condition."""
        return self._outcome(expr, True)

    def false(self, expr: Expr) -> int:
        """Return the literal of "definitely false"."""
        return self._outcome(expr, False)

    def _outcome(self, expr: Expr, wanted: bool) -> int:
        key = (wanted, key_of(expr))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._encoded(expr, wanted)
        return known

    def _encoded(self, expr: Expr, wanted: bool) -> int:
        match expr:
            case Literal(value=value):
                return TRUE if bool(value) is wanted else -TRUE
            case Call(op="!", args=(arg,)):
                return self._outcome(arg, not wanted)
            case Call(op="&&" | "||" as op, args=args):
                join = self._both if (op == "&&") is wanted else self._either
                return join([self._outcome(arg, wanted) for arg in args])
            case Call(op="?:", args=(condition, then, otherwise)):
                first = self._both([self.true(condition), self._outcome(then, wanted)])
                return self._either([first, self._both([self.false(condition), self._outcome(otherwise, wanted)])])
            case _:
                atom = self.table.atom(expr)
                return self.among(atom.term, atom.true if wanted else atom.false)

    def _either(self, literals: list[int]) -> int:
        """Return a literal that holds exactly where one of these does (Tseitin 1968)."""
        open_ones = list(dict.fromkeys(literal for literal in literals if literal != -TRUE))
        if TRUE in open_ones:
            return TRUE
        if len(open_ones) < 2:
            return open_ones[0] if open_ones else -TRUE
        made = self.variable()
        self._emit([-made, *open_ones])
        for literal in open_ones:
            self._emit([made, -literal])
        return made

    def _both(self, literals: list[int]) -> int:
        return -self._either([-literal for literal in literals])

    def plain(self, condition: Condition) -> Expr:
        """Return a condition as it was encoded."""
        return self._plain[condition]

    def terms_of(self, condition: Condition) -> set[int]:
        """Return the terms that a condition asks, by their numbers, and those of the facts in them."""
        return set(self._terms_in(self._plain[condition]))

    def _terms_in(self, expr: Expr) -> Iterator[int]:
        if isinstance(expr, Call) and expr.op in LOGIC:
            for arg in expr.args:
                yield from self._terms_in(arg)
        elif not isinstance(expr, Literal):
            yield self.table.atom(expr).term
            yield from (self.table.number(fact) for fact in facts_in(expr))


def _runs(classes: int, possible: int) -> Iterator[tuple[int, int]]:
    """Give the runs of neighbours in a set of classes, as the places of first and last among the possible ones."""
    first: int | None = None
    places = list(members(possible))
    for place, number in enumerate(places):
        if classes >> number & 1:
            first = place if first is None else first
        elif first is not None:
            yield first, place - 1
            first = None
    if first is not None:
        yield first, len(places) - 1


def members(classes: int) -> Iterator[int]:
    """Give the numbers of the classes in a set of bits, rising."""
    number = 0
    while classes:
        if classes & 1:
            yield number
        classes >>= 1
        number += 1
