"""The terms of a scope: every expression whose value conditions compare with constants, or ask as a yes or no.

Expressions of the same structure are one term for all rules, so that one look at the facts serves them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from engine.ruleset.fact_types import FactType
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.normal import LOGIC
from engine.ruleset.partition import FIRST, MISSING, Comparison, Partition, make_partition
from engine.ruleset.ranges import can_fail, range_of
from engine.ruleset.syntax import MACROS, Call, Expr, Fact, Has, Literal, Type, Variable

COMPARISONS = ("==", "<", "<=", ">", ">=", "in")

Key = tuple[object, ...]
"""The structure of an expression without its places."""


@dataclass(frozen=True, slots=True)
class Term:
    """An expression whose values fall into classes. `fact` is set when it is a plain fact; `possible` are the classes
    it can be in at all, as bits."""

    expr: Expr
    partition: Partition
    fact: FactType | None
    possible: int


@dataclass(frozen=True, slots=True)
class Atom:
    """One yes-or-no question about a term: the classes where the answer is yes, and those where it is no."""

    term: int
    true: int
    false: int


def key_of(expr: Expr, bound: tuple[str, ...] = ()) -> Key:
    """Equal for expressions of the same structure, however their loop variables are called."""
    match expr:
        case Literal(value=value, type=kind):
            return ("literal", kind.value, repr(value))  # by its text, since 0.0 and -0.0 divide differently
        case Fact(path=path):
            return ("fact", path)
        case Has(fact=fact):
            return ("has", fact.path)
        case Variable(name=name, type=kind):
            return ("variable", bound[::-1].index(name) if name in bound else name, kind.value)
        case Call(op=op, args=(items, Variable(name=name), body)) if op in MACROS:
            return (op, key_of(items, bound), key_of(body, (*bound, name)))
        case Call(op=op, args=args):
            return (op, *(key_of(arg, bound) for arg in args))


def facts_in(expr: Expr) -> Iterator[Fact]:
    """The facts that an expression reads or asks for with has(), in order of their places."""
    if isinstance(expr, Fact):
        yield expr
    elif isinstance(expr, Has):
        yield expr.fact
    elif isinstance(expr, Call):
        for arg in expr.args:
            yield from facts_in(arg)


def facts_needed(expr: Expr) -> Iterator[Fact]:
    """The facts without which a question has no value: of exists and all those of the list, of others all."""
    return facts_in(expr.args[0] if is_macro(expr) else expr)


def is_macro(expr: Expr) -> TypeGuard[Call]:
    """Whether the question is an exists or an all."""
    return isinstance(expr, Call) and expr.op in MACROS


def reads_variable(expr: Expr) -> bool:
    """Whether an expression reads a loop variable that no macro of its own binds."""
    return any(True for _ in _free(expr))


def _free(expr: Expr) -> Iterator[str]:
    match expr:
        case Variable(name=name):
            yield name
        case Call(op=op, args=(items, Variable(name=name), body)) if op in MACROS:
            yield from _free(items)
            yield from (other for other in _free(body) if other != name)
        case Call(args=args):
            for arg in args:
                yield from _free(arg)


class TermTable:
    """Collects the terms of normalised conditions first, then answers which classes each question stands for."""

    def __init__(self, schema: FactsSchema, scope: Scope) -> None:
        self.schema, self.scope = schema, scope
        self._numbers: dict[Key, int] = {}
        self._exprs: list[Expr] = []
        self._comparisons: list[list[Comparison]] = []
        self._terms: list[Term] = []

    def collect(self, expr: Expr) -> None:
        """Note the terms of a condition, or of a part of it."""
        if isinstance(expr, Call) and expr.op in LOGIC:
            for arg in expr.args:
                self.collect(arg)
        elif not isinstance(expr, Literal):
            subject, comparison = question(expr)
            number = self._note(subject)
            if comparison is not None:
                self._comparisons[number].append(comparison)

    def collect_whole(self, expr: Expr) -> None:
        """Note a condition as one term of its own, whatever it is made of."""
        self._note(expr)

    def collect_asked(self, expr: Expr) -> None:
        """Note what exists and all ask of each item too: analyses look into the question."""
        if is_macro(expr):
            self.collect(expr.args[2])
            self.collect_asked(expr.args[2])
        elif isinstance(expr, Call) and expr.op in LOGIC:
            for arg in expr.args:
                self.collect_asked(arg)

    def collect_facts(self, expr: Expr) -> None:
        """Note every fact of a condition, and the objects that hold them, as terms too: analyses ask for presence."""
        for fact in facts_in(expr):
            found: FactType | None = self._fact(fact.path)
            while found is not None:
                self._note(Fact(found.path, found.type, fact.start, fact.end))
                found = self.parent(found)

    def _note(self, expr: Expr) -> int:
        number = self._numbers.setdefault(key_of(expr), len(self._exprs))
        if number == len(self._exprs):
            self._exprs.append(expr)
            self._comparisons.append([])
        return number

    def _fact(self, path: str) -> FactType | None:
        return self.schema.fact(path, self.scope)

    def parent(self, fact: FactType) -> FactType | None:
        """The object that holds a fact, when it has a slot of its own."""
        return None if fact.parent is None else self._fact(fact.path.rpartition(".")[0])

    @property
    def terms(self) -> list[Term]:
        """All terms collected; collecting ends with the first look at them."""
        while len(self._terms) < len(self._exprs):
            number = len(self._terms)
            self._terms.append(self._term(self._exprs[number], self._comparisons[number]))
        return self._terms

    def _term(self, expr: Expr, comparisons: list[Comparison]) -> Term:
        may_be_nan = expr.type is Type.DOUBLE and isinstance(expr, Call) and bool(comparisons)
        partition = make_partition(expr.type, comparisons, may_be_nan)
        fact = self._fact(expr.path) if isinstance(expr, Fact) else None
        if fact is not None:
            return Term(expr, partition, fact, self._missing(fact) | self._values(expr, fact, partition))
        return Term(expr, partition, None, self._values(expr, None, partition) | self.may_be_in_error(expr))

    def _missing(self, fact: FactType) -> int:
        """Which of the classes 0 (absent) and 1 (its object is absent) the fact can be in."""
        holder, unreachable = self.parent(fact), False
        while holder is not None and not unreachable:
            unreachable, holder = holder.optional, self.parent(holder)
        return int(fact.optional) | (unreachable << 1)

    def _values(self, expr: Expr, fact: FactType | None, partition: Partition) -> int:
        if fact is not None and fact.values is not None:
            return sum({1 << partition.class_of(value) for value in fact.values})
        if fact is not None and expr.type is Type.STRING:
            return partition.values & ~self._only_empty(partition)
        bounds = range_of(expr, self.schema, self.scope)
        return partition.values if bounds is None else partition.inhabited(*bounds) & partition.values

    def _only_empty(self, partition: Partition) -> int:
        """The class that holds nothing but the empty string, which counts as absent."""
        if partition.cuts is not None:
            below = partition.cuts[:1] in (("",), ("\0",))
            return (1 << FIRST) * below | (2 << FIRST) * (partition.cuts[:2] == ("", "\0"))
        number = partition.class_of("")
        alone = number != FIRST and sum(group == number for _, group in partition.groups) == 1
        return (1 << number) if alone else 0

    def may_be_in_error(self, expr: Expr) -> bool:
        """Whether a strict expression can have no value: a fact of it can be missing, or an operation can fail."""
        missing = any(self._missing(fact) for f in facts_in(expr) if (fact := self._fact(f.path)) is not None)
        return missing or self.first_failing(expr) is not None

    def first_failing(self, expr: Expr) -> Call | None:
        """The first operation that can fail on arguments that are there, or None."""
        if not isinstance(expr, Call):
            return None
        inner = next((found for arg in expr.args if (found := self.first_failing(arg)) is not None), None)
        if inner is not None:
            return inner
        if expr.op in LOGIC or not can_fail(expr, self.schema, self.scope):
            return None
        return expr

    def number(self, expr: Expr) -> int:
        """The term of an expression that was collected."""
        return self._numbers[key_of(expr)]

    def known(self, fact: FactType) -> int | None:
        """The term of a fact, or None when it was not collected."""
        return self._numbers.get(("fact", fact.path))

    def atom(self, expr: Expr) -> Atom:
        """The classes of a normalised question that is neither a constant nor `&& || ! ?:`."""
        subject, comparison = question(expr)
        number = self.number(subject)
        partition = self.terms[number].partition
        if isinstance(expr, Has):
            return Atom(number, partition.values, 1)
        true = 1 << (FIRST + 1) if comparison is None else partition.where(comparison)
        return Atom(number, true, partition.values & ~true)


def question(expr: Expr) -> tuple[Expr, Comparison | None]:
    """The term behind a yes-or-no question, and the comparison with constants it makes if it makes one."""
    if isinstance(expr, Has):
        return expr.fact, None
    if isinstance(expr, Call) and expr.op in COMPARISONS and isinstance(expr.args[1], Literal):
        value = expr.args[1].value
        if expr.op != "in":
            return expr.args[0], (expr.op, (value,))
        if isinstance(value, tuple) and not isinstance(expr.args[0], Literal):
            return expr.args[0], ("in", value)
    return expr, None


assert MISSING == (1 << FIRST) - 1  # the classes below the first value are those of what has none
