"""A scope's rules over small integers: the fingerprint of facts, and conjunctions of tests that a matcher can check.

A term's class in a fingerprint is 0 when the term is absent or in error, 1 when the object that holds it is absent, and
from 2 on the class of its value. Nothing a user sent is in a fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, Final, Literal

from engine.ruleset import syntax
from engine.ruleset.branching import grow
from engine.ruleset.expressions import walk
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.fingerprint import Fingerprint, Generated, TakeFingerprint, bind, generate
from engine.ruleset.logic import ALWAYS, Cases, Unfolding
from engine.ruleset.normal import LOGIC, TooComplex, normalise
from engine.ruleset.syntax import Call, Expr
from engine.ruleset.terms import Atom, Term, TermTable

MAX_DISJUNCTS: Final = 32
"""A condition with more disjuncts than this becomes one yes-or-no term that the interpreter answers."""

MAX_HOLES: Final = 4
"""A set of classes is told as an interval without up to so many of its members; with more holes it is split."""

Operator = Literal["==", "!=", ">=", "<="]
Test = tuple[int, Operator, int]
"""(term, operator, class)"""

Condition = Expr | None
"""A rule without a `when:` always holds."""

Judgement = bool | Atom | tuple[str, tuple["Judgement", ...]]
"""A condition over classes: a constant, a question about one term, or an operator with its parts."""


@dataclass(frozen=True, slots=True)
class Conjunction:
    """The rule matches when all tests hold; several conjunctions of one rule are alternatives. No tests: always."""

    rule: int
    tests: tuple[Test, ...]

    def matches(self, fingerprint: Fingerprint) -> bool:
        """Whether all tests hold on a fingerprint."""
        return all(_TESTS[operator](fingerprint[term], number) for term, operator, number in self.tests)


_TESTS: Final[dict[str, Callable[[int, int], bool]]] = {
    "==": int.__eq__,
    "!=": int.__ne__,
    ">=": int.__ge__,
    "<=": int.__le__,
}


@dataclass(frozen=True)
class Program:
    """All terms and conjunctions of one scope. Travels between processes; the function is bound anew on arrival."""

    scope: Scope
    schema: FactsSchema
    terms: tuple[Term, ...]
    conjunctions: tuple[Conjunction, ...]
    judgements: dict[int, Judgement]
    generated: Generated
    generated_shared: Generated | None

    @cached_property
    def shared(self) -> TakeFingerprint | None:
        """(message list, nothing) -> the classes of the terms that read no fact of the subject.

        Together with the subject list it stands for the whole fingerprint, and it is the same for all subjects of one
        message. None when some term reads facts of both.
        """
        if self.generated_shared is None:
            return None
        terms = [term for term in self.terms if not _reads_subject(term, self.schema, self.scope)]
        return bind(self.generated_shared, terms, self.schema, self.scope)

    @cached_property
    def fingerprint(self) -> TakeFingerprint:
        """(message list, subject list) -> the classes of the terms; 0 for one that no rule asks for any more."""
        return bind(self.generated, self.terms, self.schema, self.scope)

    @cached_property
    def every_class(self) -> TakeFingerprint:
        """(message list, subject list) -> the class of every term; slower, for whoever asks more than what matches."""
        return bind(generate(self.terms, self.schema, self.scope), self.terms, self.schema, self.scope)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in _BOUND_ANEW}

    def holds(self, rule: int, fingerprint: Fingerprint) -> bool | None:
        """Whether a rule's condition is true, false or (None) in error on the classes of all terms."""
        return _judged(self.judgements[rule], fingerprint)

    def matches(self, fingerprint: Fingerprint) -> tuple[int, ...]:
        """The rules of which a conjunction holds, rising: the plain answer that a matcher must give."""
        return tuple(sorted({c.rule for c in self.conjunctions if c.matches(fingerprint)}))


_BOUND_ANEW: Final = ("fingerprint", "every_class", "shared")


def _judged(judgement: Judgement, fingerprint: Fingerprint) -> bool | None:
    if isinstance(judgement, bool):
        return judgement
    if isinstance(judgement, Atom):
        at = 1 << fingerprint[judgement.term]
        return True if at & judgement.true else False if at & judgement.false else None
    op, parts = judgement
    first = _judged(parts[0], fingerprint)
    if op == "!":
        return None if first is None else not first
    if op == "?:":
        return None if first is None else _judged(parts[1 if first else 2], fingerprint)
    answers = {first, *(_judged(part, fingerprint) for part in parts[1:])}
    decisive = op == "||"
    return decisive if decisive in answers else None if None in answers else not decisive


def build_program(
    conditions: Sequence[tuple[int, Condition]], schema: FactsSchema, scope: Scope, erring: Collection[int] = ()
) -> Program:
    """The program of one scope. `conditions` are the rules' numbers with their checked conditions.

    Of the rules in `erring` a fingerprint also tells whether their condition is in error.
    """
    whole: set[int] = set()
    while True:
        draft = _Draft(conditions, schema, scope, whole)
        if not draft.too_complex:
            break
        whole |= draft.too_complex
    terms = tuple(draft.table.terms)
    made = tuple(Conjunction(rule, tests) for rule, cases in draft.cases.items() for tests in _tests(cases, terms))
    always = frozenset(term for rule in erring for term in _asked(draft.judgements[rule]))
    tree = grow([one.tests for one in made], [term.possible for term in terms], always)
    generated, shared = generate(terms, schema, scope, tree), _generate_shared(terms, schema, scope)
    return Program(scope, schema, terms, made, draft.judgements, generated, shared)


def _asked(judgement: Judgement) -> Iterator[int]:
    if isinstance(judgement, Atom):
        yield judgement.term
    elif not isinstance(judgement, bool):
        for part in judgement[1]:
            yield from _asked(part)


def _generate_shared(terms: Sequence[Term], schema: FactsSchema, scope: Scope) -> Generated | None:
    reads = [_reads_subject(term, schema, scope) for term in terms]
    if None in reads:
        return None
    return generate([term for term, subject in zip(terms, reads, strict=True) if not subject], schema, scope)


def _reads_subject(term: Term, schema: FactsSchema, scope: Scope) -> bool | None:
    """Whether a term reads facts of the subject; None when it also reads others."""
    facts = [schema.fact(node.path, scope) for node in walk(term.expr) if isinstance(node, syntax.Fact)]
    found = {fact.subject for fact in facts if fact is not None}
    return None if len(found) > 1 else True in found


class _Draft:
    """One attempt at a program, in which the conditions of the rules in `whole` are one term each."""

    def __init__(
        self, conditions: Sequence[tuple[int, Condition]], schema: FactsSchema, scope: Scope, whole: set[int]
    ) -> None:
        self.table = TermTable(schema, scope)
        self.too_complex: set[int] = set()
        self.cases: dict[int, Cases] = {}
        self.judgements: dict[int, Judgement] = {}
        plain = {rule: self._collected(rule, when, whole) for rule, when in conditions}
        unfolding = Unfolding(self.table, precise=False)
        for rule, when in plain.items():
            self._unfold(rule, when, rule in whole, unfolding)

    def _collected(self, rule: int, when: Condition, whole: set[int]) -> Condition:
        if when is None or rule in whole:
            if when is not None:
                self.table.collect_whole(when)
            return when
        try:
            plain = normalise(when)
        except TooComplex:
            self.too_complex.add(rule)
            return None
        self.table.collect(plain)
        return plain

    def _unfold(self, rule: int, when: Condition, whole: bool, unfolding: Unfolding) -> None:
        if when is None:
            self.cases[rule], self.judgements[rule] = ALWAYS, True
        elif whole:
            atom = self.table.atom(when)
            self.cases[rule], self.judgements[rule] = [{atom.term: atom.true}], atom
        else:
            try:
                self.cases[rule] = unfolding.true_cases(when)
            except TooComplex:
                self.too_complex.add(rule)
                return
            self.judgements[rule] = _judgement(when, self.table)
            if len(self.cases[rule]) > MAX_DISJUNCTS:
                self.too_complex.add(rule)


def _judgement(expr: Expr, table: TermTable) -> Judgement:
    if isinstance(expr, syntax.Literal):
        return bool(expr.value)
    if isinstance(expr, Call) and expr.op in LOGIC:
        return (expr.op, tuple(_judgement(arg, table) for arg in expr.args))
    return table.atom(expr)


def _tests(cases: Cases, terms: Sequence[Term]) -> Iterator[tuple[Test, ...]]:
    """The conjunctions of a rule, at most MAX_DISJUNCTS if the cases are."""
    room = MAX_DISJUNCTS - len(cases)
    for case in cases:
        alternatives = [_alternatives(term, classes, terms[term].possible) for term, classes in case.items()]
        extra = prod(map(len, alternatives)) - 1
        if extra > room:
            alternatives = [[_interval(term, c, terms[term].possible)] for term, c in case.items()]
            extra = 0
        room -= extra
        for chosen in product(*alternatives):
            yield tuple(test for tests in chosen for test in tests)


def _alternatives(term: int, classes: int, possible: int) -> list[tuple[Test, ...]]:
    """A set of classes as one interval with holes, or as one interval per run when the holes are many."""
    whole = _interval(term, classes, possible)
    if sum(operator == "!=" for _, operator, _ in whole) <= MAX_HOLES:
        return [whole]
    return [_interval(term, run, possible) for run in _runs(classes, possible)]


def _interval(term: int, classes: int, possible: int) -> tuple[Test, ...]:
    """Tests that hold in exactly these of the possible classes."""
    inside = _members(classes & possible)
    if len(inside) == 1:
        return ((term, "==", inside[0]),)
    all_possible = _members(possible)
    tests: list[Test] = []
    if inside[0] != all_possible[0]:
        tests.append((term, ">=", inside[0]))
    if inside[-1] != all_possible[-1]:
        tests.append((term, "<=", inside[-1]))
    holes = (n for n in all_possible if inside[0] < n < inside[-1] and not classes >> n & 1)
    return (*tests, *((term, "!=", hole) for hole in holes))


def _runs(classes: int, possible: int) -> list[int]:
    """The set split where a possible class between its members is missing."""
    runs: list[int] = [0]
    for number in _members(possible):
        if classes >> number & 1:
            runs[-1] |= 1 << number
        elif runs[-1]:
            runs.append(0)
    return [run for run in runs if run]


def _members(classes: int) -> list[int]:
    return [number for number in range(classes.bit_length()) if classes >> number & 1]
