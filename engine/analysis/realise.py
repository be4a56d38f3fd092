"""From classes to values: facts that make every term of a group fall into the class that is wanted.

Terms hang together when they read the same fact. A group is realised by trying values: those that a person would think
of for a class, those that answer all that is asked of a text, a list or numbers alone, and what can be made of the
constants that conditions name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice, product
from typing import Any, Final

from engine.analysis.core import Core
from engine.analysis.list_answers import ListAnswers
from engine.analysis.number_answers import NumberAnswers
from engine.analysis.suggestions import fits, suggest
from engine.analysis.text_answers import TextAnswers
from engine.ruleset.expressions import walk
from engine.ruleset.facts_schema import ABSENT, UNREACHABLE, FactsSchema, FactType, Scope
from engine.ruleset.interpreter import EvaluationError, compile_expr
from engine.ruleset.partition import FIRST
from engine.ruleset.syntax import Call, Fact, Literal, Type
from engine.ruleset.terms import Term, TermTable, facts_in

MOST_TRIED: Final = 4_000
"""Combinations of values tried for one group."""

MOST_IN_VAIN: Final = 100
"""After so many groups for which nothing was found, fewer combinations are tried."""

FEW_TRIED: Final = 500
"""Combinations tried then."""

MOST_MADE: Final = 400
"""Values made of constants for one fact."""

LONGEST_NEAR: Final = 500
"""Numbers below are lengths of texts that are tried."""

MOST_NEAR: Final = 12
"""Values that are tried where none is as all conditions would have it."""

YES: Final = FIRST + 1
"""The class of a question that is answered yes."""

_LISTS: Final = (Type.LIST_STRING, Type.LIST_INT, Type.LIST_DOUBLE)

Classes = Mapping[int, int]
"""The class of each term, by its number."""


@dataclass(slots=True)
class Group:
    """Terms that read common facts, and those facts; `plain` are the terms that are one of the facts themselves."""

    terms: list[int] = field(default_factory=list)
    facts: dict[str, FactType] = field(default_factory=dict)

    @property
    def searched(self) -> list[str]:
        """The paths of its facts that follow from one text or one instant, which `inputs` looks for."""
        return [path for path in self.facts if path.startswith(("now.", "content."))]

    @property
    def plain(self) -> list[str]:
        """The paths of its other facts, which are simply set."""
        return [path for path in self.facts if not path.startswith(("now.", "content."))]


def groups_of(table: TermTable, terms: Sequence[Term]) -> list[Group]:
    """Return the terms in groups that share no fact; all facts of the clock are one group, and of the content."""
    by_key: dict[str, Group] = {}
    for number, term in enumerate(terms):
        facts = {fact.path: fact for fact in _facts(term, table)}
        keys = {_key(path) for path in facts}
        joined = Group()
        for group in {id(by_key[key]): by_key[key] for key in keys if key in by_key}.values():
            joined.terms += group.terms
            joined.facts |= group.facts
        joined.terms.append(number)
        joined.facts |= facts
        for path in joined.facts:
            by_key[_key(path)] = joined
    return list({id(group): group for group in by_key.values()}.values())


def _key(path: str) -> str:
    first = path.partition(".")[0]
    return first if first in ("now", "content") else path


def _facts(term: Term, table: TermTable) -> Iterator[FactType]:
    for fact in facts_in(term.expr):
        found = table.schema.fact(fact.path, Scope.MESSAGE)
        if found is not None:
            yield found


class Realiser:
    """Finds values for the groups of one set of terms; what it found, or that it found nothing, is remembered."""

    def __init__(self, table: TermTable, terms: Sequence[Term], schema: FactsSchema) -> None:
        self._table, self._terms, self._schema = table, terms, schema
        self._texts, self._lists = TextAnswers(terms), ListAnswers(terms)
        self._numbers = NumberAnswers(terms, [group.terms for group in groups_of(table, terms)], schema)
        self.bound = sorted({*self._texts.terms, *self._lists.terms, *self._numbers.terms})
        """The terms of which `contradictions` wants to know the classes."""
        self._readers = [compile_expr(term.expr, schema, Scope.MESSAGE) for term in terms]
        self._reads = [frozenset(fact.path for fact in facts_in(term.expr)) for term in terms]
        self._f: list[Any] = [ABSENT] * schema.size
        self._found: dict[Hashable, dict[str, Any] | None] = {}
        self._in_vain = 0
        self._near: dict[Hashable, list[dict[str, Any]]] = {}

    def class_of(self, number: int, f: Sequence[Any]) -> int:
        """Return the class of a term on a message list."""
        term = self._terms[number]
        if term.fact is not None:
            value = f[term.fact.slot]
            if value is ABSENT or value is UNREACHABLE:
                return int(value is UNREACHABLE)
            return term.partition.class_of(value)
        try:
            return term.partition.class_of(self._readers[number](f, ()))
        except EvaluationError:
            return 0

    def reads(self, number: int) -> frozenset[str]:
        """Return the paths of the facts that a term reads."""
        return self._reads[number]

    def agrees(self, terms: Iterable[int], fact: FactType, value: Any, classes: Classes) -> bool:
        """Whether terms that read one fact only are in their classes when it has this value, None for an absent one."""
        self._f[fact.slot] = value
        return all(self.class_of(number, self._f) == classes[number] for number in terms)

    def contradictions(self, classes: Classes) -> Iterator[Core]:
        """Give reasons why no message has these classes, as far as any are known."""
        yield from self._texts.contradictions(classes)
        yield from self._lists.contradictions(classes)
        yield from self._numbers.contradictions(classes)

    def values(self, group: Group, classes: Classes, fixed: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return values of the group's plain facts, by path, None for an absent one; None when none were found.

        `fixed` are the values of the others.
        """
        wanted = tuple((number, classes[number]) for number in group.terms)
        key = (wanted, tuple(fixed.items()))
        if key not in self._found:
            self._found[key] = self._search(group, classes, fixed)
        return self._found[key]

    def suggestions(self, path: str, group: Group, classes: Classes, fixed: Iterable[Any] = ()) -> list[Any]:
        """Return values of one fact that are in the class wanted of it, the plainest first.

        `fixed` are values that other facts of the group have already.
        """
        fact = group.facts[path]
        number = self._table.known(fact)
        if number is None:
            return [None]
        partition, wanted = self._terms[number].partition, classes[number]
        alone = len(group.terms) == 1 or wanted < FIRST
        made = [] if alone else self._made(fact, group, classes, fixed)
        found = suggest(fact, partition, wanted, made)
        if alone:
            return found
        more = [value for value in made if partition.class_of(value) == wanted and fits(fact, value)]
        every = list({(type(value), value): value for value in (*found, *more)}.values())
        possible = self._numbers.possible(fact, classes, every)
        return every if possible is None else possible

    def may_be(self, path: str, classes: Classes) -> Callable[[Any], bool]:
        """Return the question whether a fact can have a value beside the others in these classes."""
        return self._numbers.may_be(path, classes)

    def nearly(self, group: Group, classes: Classes) -> list[dict[str, Any]]:
        """Return some values with which what is to be true is true, though more may be; of groups that are not searched
        for."""
        key = tuple((number, classes[number]) for number in group.terms)
        if key not in self._near:
            telling = [number for number in group.terms if classes[number] == YES and self._terms[number].fact is None]
            self._near[key] = list(islice(self._tried(group, classes, {}, telling), MOST_NEAR)) if telling else []
        return self._near[key]

    def _search(self, group: Group, classes: Classes, fixed: Mapping[str, Any]) -> dict[str, Any] | None:
        # What is to be true rules out most values at once.
        telling = sorted(group.terms, key=lambda number: self._terms[number].fact is not None or classes[number] != YES)
        found = next(self._tried(group, classes, fixed, telling), None)
        self._in_vain += found is None
        return found

    def _tried(
        self, group: Group, classes: Classes, fixed: Mapping[str, Any], telling: Sequence[int]
    ) -> Iterator[dict[str, Any]]:
        """Values of the plain facts with which these terms are in their classes."""
        paths = group.plain
        likely = {path: self.suggestions(path, group, classes, fixed.values()) for path in paths}
        together = self._numbers.chosen({group.facts[path]: likely[path] for path in paths}, classes, fixed)
        candidates = [[*([together[path]] if path in together else []), *likely[path]] for path in paths]
        f: list[Any] = [None] * self._schema.size
        for path, value in fixed.items():
            f[group.facts[path].slot] = value
        for values in islice(product(*candidates), MOST_TRIED if self._in_vain < MOST_IN_VAIN else FEW_TRIED):
            for path, value in zip(paths, values, strict=True):
                f[group.facts[path].slot] = self._in_slot(group.facts[path], value, classes)
            if all(self.class_of(number, f) == classes[number] for number in telling):
                yield dict(zip(paths, values, strict=True))

    def _in_slot(self, fact: FactType, value: Any, classes: Classes) -> Any:
        number = self._table.known(fact)
        return UNREACHABLE if number is not None and classes[number] == 1 else value

    def _made(self, fact: FactType, group: Group, classes: Classes, fixed: Iterable[Any]) -> list[Any]:
        """Values made of the constants that the group's conditions name, and of what is fixed."""
        constants = [*fixed, *self._constants(group)]
        if fact.type is Type.STRING:
            answering = [text for text in (self._texts.text(fact.path, classes),) if text is not None]
            return list(islice((*answering, *_texts(constants)), MOST_MADE))
        if fact.type in _LISTS:
            held = [self._element(number, fact) for number in group.terms if classes[number] == YES]
            base = [*self._lists.items(fact.path, classes), *(one for one in held if one is not None)]
            return list(islice(_lists(base, constants, fact.type), MOST_MADE))
        if fact.type in (Type.INT, Type.DOUBLE, Type.TIMESTAMP, Type.DURATION):
            return list(islice(_numbers(constants, fact.type), MOST_MADE))
        return []

    def _element(self, number: int, fact: FactType) -> Any:
        """The constant that a term of the form `constant in list` asks for in this list; another may hold texts."""
        match self._terms[number].expr:
            case Call(op="in", args=(Literal(value=value), Fact(path=fact.path))):
                return value
        return None

    def _constants(self, group: Group) -> Iterator[Any]:
        for number in group.terms:
            for node in walk(self._terms[number].expr):
                if isinstance(node, Literal):
                    yield from node.value if isinstance(node.value, tuple) else (node.value,)
            partition = self._terms[number].partition
            yield from (value for value, _ in partition.groups)
            yield from partition.cuts or ()


def _texts(constants: Sequence[Any]) -> Iterator[str]:
    """Constants, two of them joined, and texts that are as long as something is compared with, or longer."""
    plain = list(dict.fromkeys(text.rstrip("\0") for text in constants if isinstance(text, str) and text))
    yield from plain
    near = sorted({one + by for one in constants if type(one) is int and one < LONGEST_NEAR for by in (-1, 0, 1)})
    yield from ("x" * length for length in near if length > 0)
    for a, b in product(plain[:12], repeat=2):
        yield a + b
        yield f"{a} {b}"
    for text in plain:
        yield from (text + "x", "x" + text, "x" + text + "x", text.upper(), text.lower(), f" {text} ")
    for length in (1, 2, 3, 5, 8, 10, 16, 20, 32, 50, 64, 100, 200):
        yield "x" * length
        yield from ((text + "x" * length)[: max(length, len(text))] for text in plain[:4])


def _lists(held: Sequence[Any], constants: Sequence[Any], kind: Type) -> Iterator[tuple[Any, ...]]:
    """Lists that hold what must be in them, beside others that no condition names."""
    element: Callable[[Any], bool] = {
        Type.LIST_STRING: lambda one: isinstance(one, str),
        Type.LIST_INT: lambda one: isinstance(one, int) and not isinstance(one, bool),
        Type.LIST_DOUBLE: lambda one: isinstance(one, int | float) and not isinstance(one, bool),
    }[kind]
    fillers: dict[Type, tuple[Any, ...]] = {
        Type.LIST_STRING: ("other", "x", "y", "z"),
        Type.LIST_INT: (-1, -2, 10**6, 0),
        Type.LIST_DOUBLE: (-0.5, -2.5, 1e6, 0.0),
    }
    base = tuple(dict.fromkeys(held))
    others = [one for one in dict.fromkeys(constants) if element(one) and one not in base]
    for count in range(3):
        for more in combinations(others, count):
            yield (*base, *more)
            yield from ((*base, *more, *fillers[kind][:n]) for n in (1, 2, 3))
    for length in (1, 2, 3, 4, 5, 8, 10, 20, 50, 100):
        yield (base or fillers[kind][:1]) * length
        yield (*base, *base[:1] * (length - len(base)))


def _numbers(constants: Iterable[Any], kind: Type) -> Iterator[Any]:
    """Constants, what is near them, and the sums and differences of two, as values of the type."""
    numbers = [one for one in constants if isinstance(one, int | float) and not isinstance(one, bool)]
    numbers = [one for one in dict.fromkeys(numbers) if math.isfinite(one)]
    near = (1.0, 0.5) if kind is Type.DOUBLE else (1,) if kind is Type.INT else (1000, 60_000_000)
    sums = [n for a, b in combinations(numbers[:8], 2) for n in (a + b, a - b, b - a)]
    for one in (*numbers, *sums, *(n for each in numbers for n in (-each, each / 2, each * 2))):
        for value in (one, *(one + step for step in near), *(one - step for step in near)):
            if math.isfinite(value):
                yield float(value) if kind is Type.DOUBLE else int(value)
