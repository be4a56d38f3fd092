"""Conditions as disjunctions of conjunctions over classes, and what can be known of them before any message comes.

A conjunction says for some terms in which classes they are. `Cases` unfolds where a condition is definitely true, false
or in error: `a && b` is in error when neither side is false and one is in error, and so on, exactly as CEL absorbs
errors. Every unfolding is bounded and says so (`TooComplex`) at its bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.normal import TooComplex, normalise
from engine.ruleset.partition import MISSING
from engine.ruleset.syntax import Call, Expr, Fact, Has, Literal
from engine.ruleset.terms import TermTable, facts_needed, is_macro, reads_variable

Conjunct = dict[int, int]
"""Terms with the classes (as bits) that each must be in; an empty one always holds. Read only once made."""

Cases = list[Conjunct]
"""Holds when one of its conjuncts does; an empty one never holds."""

_Unfold = Callable[[], Cases]
_Judge = Callable[[Expr], Cases]

ALWAYS: Final[Cases] = [{}]
MAX_CASES: Final = 96
"""The most conjuncts an unfolding may have at any step."""

MAX_STEPS: Final = 5_000
"""The most pairs of conjuncts that one condition's unfolding may look at: some 0.1 s."""


class Unfolding:
    """Unfolds normalised conditions over the terms of a table.

    With `precise`, the error of a composite term is told by the facts that are missing and by operations that can fail,
    as analyses need it; without, by the term's own class 0, as a matcher sees it.
    """

    def __init__(self, table: TermTable, precise: bool) -> None:
        self.table, self.precise, self.steps = table, precise, 0
        self.possible = [term.possible for term in table.terms]
        self.inner = {number for number, term in enumerate(table.terms) if reads_variable(term.expr)}
        self.links = {number: pairs for number in range(len(table.terms)) if (pairs := self._holders(number))}

    def _holders(self, number: int) -> list[tuple[int, int]]:
        """The pairs (nested fact, object that holds it) from a term upwards, as far as they are terms."""
        pairs: list[tuple[int, int]] = []
        fact = self.table.terms[number].fact
        while fact is not None and (holder := self.table.parent(fact)) is not None:
            parent = self.table.known(holder)
            if parent is None:
                break
            pairs.append((number, parent))
            number, fact = parent, holder
        return pairs

    def _spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise TooComplex

    def true_cases(self, expr: Expr) -> Cases:
        """Where a whole condition is definitely true, with the full bounds for itself."""
        self.steps = 0
        return self.true(expr)

    def true(self, expr: Expr) -> Cases:
        """Where the condition is definitely true."""
        return self._outcomes(expr)[0]()

    def false(self, expr: Expr) -> Cases:
        """Where the condition is definitely false."""
        return self._outcomes(expr)[1]()

    def error(self, expr: Expr) -> Cases:
        """Where the condition has an error."""
        match expr:
            case Literal():
                return []
            case Call(op="!", args=(arg,)):
                return self.error(arg)
            case Call(op="&&" | "||" as op, args=args):
                return self._chain_error(args, self.true if op == "&&" else self.false)
            case Call(op="?:", args=(condition, then, otherwise)):
                first = self.any((self.error(condition), self.both(self.true(condition), self.error(then))))
                return self.any((first, self.both(self.false(condition), self.error(otherwise))))
            case _:
                return self._atom_error(expr)

    def _outcomes(self, expr: Expr) -> tuple[_Unfold, _Unfold]:
        """How to unfold the truth and the falsehood of a condition."""
        match expr:
            case Literal(value=value):
                outcomes: tuple[_Unfold, _Unfold] = (lambda: ALWAYS, list)
                return outcomes if value else outcomes[::-1]
            case Call(op="!", args=(arg,)):
                return self._outcomes(arg)[::-1]
            case Call(op="&&", args=args):
                return (lambda: self.all(map(self.true, args)), lambda: self.any(map(self.false, args)))
            case Call(op="||", args=args):
                return (lambda: self.any(map(self.true, args)), lambda: self.all(map(self.false, args)))
            case Call(op="?:", args=(condition, then, otherwise)):
                return (
                    lambda: self._choice(condition, self.true(then), self.true(otherwise)),
                    lambda: self._choice(condition, self.false(then), self.false(otherwise)),
                )
            case Call(args=(_, _, body)) if self.precise and is_macro(expr):
                atom = self.table.atom(expr)
                return (
                    lambda: self.both(self._literal(expr, atom.term, atom.true), self._of_some_item(self.true(body))),
                    lambda: self.both(self._literal(expr, atom.term, atom.false), self._of_some_item(self.false(body))),
                )
            case _:
                atom = self.table.atom(expr)
                return (
                    lambda: self._literal(expr, atom.term, atom.true),
                    lambda: self._literal(expr, atom.term, atom.false),
                )

    def _of_some_item(self, cases: Cases) -> Cases:
        """What holds of the facts when something holds of an item: the cases without what they say of the item."""
        return self.any([[{term: bits for term, bits in case.items() if term not in self.inner}] for case in cases])

    def _choice(self, condition: Expr, then: Cases, otherwise: Cases) -> Cases:
        return self.any((self.both(self.true(condition), then), self.both(self.false(condition), otherwise)))

    def _chain_error(self, args: Iterable[Expr], neutral: _Judge) -> Cases:
        """`neutral` unfolds where a link decides nothing; an error of one link stays if the others decide nothing."""
        open_so_far: Cases = ALWAYS
        failed: Cases = []
        for arg in args:
            undecided, error = neutral(arg), self.error(arg)
            still = self.both(failed, self.any((undecided, error))) if failed else []
            failed = self.any((still, self.both(open_so_far, error)))
            open_so_far = self.both(open_so_far, undecided)
        return failed

    def _literal(self, expr: Expr, term: int, classes: int) -> Cases:
        made = self._kept({term: classes})
        if made is None or not self.precise or isinstance(expr, Has):
            return [] if made is None else [made]
        return self.both([made], self._all_present(expr))

    def _all_present(self, expr: Expr) -> Cases:
        present: Cases = ALWAYS
        for fact in facts_needed(expr):
            number = self.table.number(fact)
            kept = self._kept({number: self.table.terms[number].partition.values})
            present = self.both(present, [] if kept is None else [kept])
        return present

    def _atom_error(self, expr: Expr) -> Cases:
        atom = self.table.atom(expr)
        whole = ~(atom.true | atom.false)
        if not self.precise or isinstance(expr, Has):
            kept = self._kept({atom.term: whole & MISSING})
            return [] if kept is None else [kept]
        missing = [self._kept({self.table.number(fact): MISSING}) for fact in facts_needed(expr)]
        found = [[kept] for kept in missing if kept is not None]
        if is_macro(expr):
            return self.any([*found, self._of_some_item(self.error(expr.args[2]))])
        subject = self.table.terms[atom.term].expr
        if self.table.first_failing(subject) is not None:
            found.append([kept for kept in [self._kept({atom.term: 1})] if kept is not None])
        return self.any(found)

    def all(self, parts: Iterable[Cases]) -> Cases:
        """Where all of the parts hold."""
        made = ALWAYS
        for part in parts:
            made = self.both(made, part)
            if not made:
                break
        return made

    def any(self, parts: Iterable[Cases]) -> Cases:
        """Where one of the parts holds. Raises TooComplex past the bound."""
        made: Cases = []
        for part in parts:
            if part:
                made = self._reduced([*made, *part]) if made else part
        return made

    def both(self, left: Cases, right: Cases) -> Cases:
        """Where both hold. Raises TooComplex past the bound."""
        if left is ALWAYS or right is ALWAYS:
            return right if left is ALWAYS else left
        self._spend(len(left) * len(right))
        crossed = (self._crossed(a, b) for a in left for b in right)
        return self._reduced([made for made in crossed if made is not None])

    def _crossed(self, a: Conjunct, b: Conjunct) -> Conjunct | None:
        made = dict(a)
        for term, classes in b.items():
            both = made.get(term, -1) & classes
            if not both:
                return None
            made[term] = both
        return made if self._objects_agree(made) else None

    def _kept(self, conjunct: Conjunct) -> Conjunct | None:
        """The conjunct within what its terms can be, or None when it cannot hold."""
        made: Conjunct = {}
        for term, classes in conjunct.items():
            possible = self.possible[term]
            if not classes & possible:
                return None
            if possible & ~classes:
                made[term] = classes & possible
        return made if self._objects_agree(made) else None

    def _objects_agree(self, conjunct: Conjunct) -> bool:
        """Whether the presence asked of nested facts fits that of the objects that hold them.

        Each object and what it holds form a tree, so making neighbours consistent until nothing changes is exact.
        """
        linked = self.links.keys() & conjunct.keys()
        if not linked:
            return True
        pairs = [pair for number in linked for pair in self.links[number]]
        known = {number: conjunct.get(number, self.possible[number]) for pair in pairs for number in pair}
        for _ in pairs:
            for child, parent in pairs:
                below, above = known[child], known[parent]
                known[parent] = above & (-1 if below & 2 else ~MISSING) & (-1 if below & ~2 else MISSING)
                known[child] = below & (-1 if above & MISSING else ~2) & (-1 if above & ~MISSING else 2)
        return all(known.values())

    def _reduced(self, cases: Cases) -> Cases:
        """The same cases, fewer: alike but for one term become one, and what another covers goes."""
        while True:
            self._spend(len(cases))
            merged = self._merged(cases)
            if len(merged) == len(cases):
                break
            cases = merged
        if not all(cases):
            return ALWAYS
        if len(cases) > MAX_CASES:
            raise TooComplex
        return _uncovered(cases) if 1 < len(cases) <= 64 else cases

    def _merged(self, cases: Cases) -> Cases:
        unique = {frozenset(case.items()): case for case in cases}
        for term in dict.fromkeys(term for case in unique.values() for term in case) if len(unique) > 1 else ():
            groups: dict[frozenset[tuple[int, int]], Conjunct] = {}
            for key, case in unique.items():
                rest = key - {(term, case[term])} if term in case else key
                first = groups.get(rest)
                groups[rest] = case if first is None else self._union(term, first, case)
            unique = {frozenset(case.items()): case for case in groups.values()}
        return list(unique.values())

    def _union(self, term: int, a: Conjunct, b: Conjunct) -> Conjunct:
        """One conjunct for two that differ in one term at most; without the term when it may be anything."""
        classes = a.get(term, -1) | b.get(term, -1)
        if self.possible[term] & ~classes:
            return {**a, term: classes}
        return {number: bits for number, bits in a.items() if number != term}


def _uncovered(cases: Cases) -> Cases:
    kept: Cases = []
    for case in sorted(cases, key=len):
        if not any(_covers(wider, case) for wider in kept):
            kept.append(case)
    return kept


def _covers(wider: Conjunct, case: Conjunct) -> bool:
    return all(term in case and not case[term] & ~classes for term, classes in wider.items())


class Answer(Enum):
    """What an analysis found; UNKNOWN when it gave up at its bound."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Failure:
    """Whether a condition can have an error, and from what.

    `fact` is the first fact that may be absent where it is read, `absent` the path that has to be asked for (the fact's
    own or that of an object around it), `guard` the text of the has() calls that make it safe; `operation` is set
    instead when an operation itself can fail.
    """

    answer: Answer
    fact: Fact | None = None
    absent: str = ""
    guard: str = ""
    operation: Call | None = None


def can_err(expr: Expr, schema: FactsSchema, scope: Scope) -> Failure:
    """Whether some facts give the condition an error."""
    try:
        plain, unfolding = _analysis(expr, schema, scope)
        errors = unfolding.error(plain)
    except TooComplex:
        return Failure(Answer.UNKNOWN)
    return _explained(plain, unfolding.table, errors[0]) if errors else Failure(Answer.NO)


def never_true(expr: Expr, schema: FactsSchema, scope: Scope) -> Answer:
    """Whether no facts at all make the condition true."""
    try:
        plain, unfolding = _analysis(expr, schema, scope)
        return Answer.NO if unfolding.true(plain) else Answer.YES
    except TooComplex:
        return Answer.UNKNOWN


def always_true(expr: Expr, schema: FactsSchema, scope: Scope) -> Answer:
    """Whether the condition is true on all facts, so that it has no effect."""
    try:
        plain, unfolding = _analysis(expr, schema, scope)
        return Answer.NO if unfolding.false(plain) or unfolding.error(plain) else Answer.YES
    except TooComplex:
        return Answer.UNKNOWN


def _analysis(expr: Expr, schema: FactsSchema, scope: Scope) -> tuple[Expr, Unfolding]:
    plain = normalise(expr)
    table = TermTable(schema, scope)
    table.collect(plain)
    table.collect_asked(plain)
    table.collect_facts(plain)
    return plain, Unfolding(table, precise=True)


def _explained(expr: Expr, table: TermTable, case: Mapping[int, int]) -> Failure:
    """What is missing in one case of error."""
    for fact in _read_facts(expr):
        classes = case.get(table.number(fact), -1)
        if classes & ~MISSING == 0:
            return _unguarded(fact, table, classes)
    for node in _questions(expr):
        if isinstance(node, Has) and case.get(table.number(node.fact), -1) == 2:
            return _unguarded(node.fact, table, 2)
    for node in _questions(expr):
        operation = table.first_failing(node)
        if operation is not None:
            return Failure(Answer.YES, operation=operation)
    return Failure(Answer.YES)


def _unguarded(fact: Fact, table: TermTable, classes: int) -> Failure:
    found = table.schema.fact(fact.path, table.scope)
    chain = [] if found is None else [found]
    while chain and (holder := table.parent(chain[-1])) is not None:
        chain.append(holder)
    optional = [link for link in reversed(chain) if link.optional]
    absent = fact.path if classes & 1 or not optional else optional[0].path
    return Failure(Answer.YES, fact, absent, " && ".join(f"has({link.path})" for link in optional))


def _questions(expr: Expr) -> Iterator[Expr]:
    """The parts of a normalised condition below `&& || ! ?:`, in order; within exists and all too."""
    if isinstance(expr, Call) and expr.op in ("&&", "||", "!", "?:"):
        for arg in expr.args:
            yield from _questions(arg)
    else:
        yield expr
        if is_macro(expr):
            yield from _questions(expr.args[2])


def _read_facts(expr: Expr) -> Iterator[Fact]:
    """The facts that are read, not only asked for with has()."""
    for part in _questions(expr):
        if not isinstance(part, Has):
            yield from facts_needed(part)
