"""What binds facts to each other on every message: clauses over "this term is in one of these classes".

Each clause is a list of alternatives (term, classes) of which one holds on all facts there can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from engine.ruleset.expressions import walk
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.interpreter import EvaluationError, compile_expr, holds
from engine.ruleset.normal import LOGIC
from engine.ruleset.partition import FIRST, MISSING
from engine.ruleset.syntax import Call, Fact, Literal, Type
from engine.ruleset.terms import Term, TermTable, facts_in, facts_needed, is_macro

Bond = list[tuple[int, int]]

MOST_VALUES: Final = 64
"""A fact with so few values is looked through value by value."""

LEAST_PART: Final = 67
"""UTF-16 units in one of several parts of an SMS that is not in the GSM alphabet."""

_OF_THE_UNKNOWN: Final = ("user.tags", "user.language", "user.attributes.")


def bonds(table: TermTable, terms: Sequence[Term], schema: FactsSchema) -> Iterator[Bond]:
    """Give every bond between the terms of a table."""
    for number, term in enumerate(terms):
        if term.fact is not None:
            yield from _object_bonds(number, term, table)
            yield from _user_bonds(number, term, table)
        else:
            yield from _error_bonds(number, term, table)
            yield from _value_bonds(number, term, table, terms, schema)
            yield from _item_bonds(number, term, terms, schema)
    yield from _date_bonds(table, terms)
    yield from _length_bonds(table, terms)


def _object_bonds(number: int, term: Term, table: TermTable) -> Iterator[Bond]:
    """What an object holds is unreachable exactly where the object is absent or unreachable itself."""
    assert term.fact is not None
    holder = table.parent(term.fact)
    parent = None if holder is None else table.known(holder)
    if parent is not None:
        yield [(number, ~0b10), (parent, MISSING)]
        yield [(number, 0b10), (parent, ~MISSING)]


def _user_bonds(number: int, term: Term, table: TermTable) -> Iterator[Bond]:
    """Of somebody nobody knows there are no facts, and no opt-out."""
    assert term.fact is not None
    found = table.schema.fact("user.known", Scope.MESSAGE)
    known = table.known(found) if found is not None else None
    if known is None:
        return
    path = term.fact.path
    if path.startswith(_OF_THE_UNKNOWN):
        yield [(number, MISSING), (known, 2 << FIRST)]
    elif path.startswith("channels.") and path.endswith(".opted_out"):
        yield [(number, 1 << FIRST), (known, 2 << FIRST)]


def _error_bonds(number: int, term: Term, table: TermTable) -> Iterator[Bond]:
    """An expression has no value where one of the facts it needs has none; and only there, if nothing else can fail."""
    if not strict(term) and not is_macro(term.expr):
        return
    needed = {fact.path: table.number(fact) for fact in facts_needed(term.expr)}
    for fact in needed.values():
        yield [(fact, ~MISSING), (number, 1)]
    if needed.keys() == {fact.path for fact in facts_in(term.expr)} and table.first_failing(term.expr) is None:
        yield [(number, ~1), *((fact, MISSING) for fact in needed.values())]


def _item_bonds(number: int, term: Term, terms: Sequence[Term], schema: FactsSchema) -> Iterator[Bond]:
    """Where a list holds a value of which a question is true, the list holds one of which it is."""
    match term.expr:
        case Call(op="exists", args=(Fact() as items, variable, body)) if not any(facts_in(body)):
            for other, asking in enumerate(terms):
                value = _held(asking, items)
                if value is not None:
                    alone = Literal((value.value,), items.type, 0, 0)  # type: ignore[arg-type]  # a list of one
                    asked = replace(term.expr, args=(alone, variable, body))
                    if holds(asked, schema, Scope.MESSAGE)((), ()):
                        yield [(other, ~(2 << FIRST)), (number, 2 << FIRST)]


def _held(term: Term, items: Fact) -> Literal | None:
    """The constant of a question `constant in list` about this list."""
    match term.expr:
        case Call(op="in", args=(Literal() as value, Fact(path=path))) if path == items.path:
            return value
    return None


def strict(term: Term) -> bool:
    """Whether an error of any of its facts is an error of the whole: not so where a part may be passed over."""
    return all(
        isinstance(node, Literal | Fact) or (isinstance(node, Call) and node.op not in LOGIC)
        for node in walk(term.expr)
    )


def _value_bonds(
    number: int, term: Term, table: TermTable, terms: Sequence[Term], schema: FactsSchema
) -> Iterator[Bond]:
    """Where a class of the only fact of an expression holds few values, they say what the expression can be."""
    facts = {fact.path: fact for fact in facts_in(term.expr)}
    if len(facts) != 1:
        return
    (fact,) = facts.values()
    source = table.number(fact)
    evaluate = _class_by_value(term, fact, schema)
    for classes, values in _few_values(terms[source]):
        found = 0
        for value in values:
            found |= 1 << evaluate(value)
        yield [(source, ~classes), (number, found)]


def _few_values(term: Term) -> Iterator[tuple[int, Sequence[Any]]]:
    """Give the classes of a fact's term of which all values are known."""
    fact, partition = term.fact, term.partition
    if fact is None:
        return
    every: Sequence[Any] | None = fact.values
    if partition.type is Type.BOOL:
        every = (False, True)
    elif fact.low is not None and fact.high is not None and fact.high - fact.low < MOST_VALUES:
        every = range(fact.low, fact.high + 1)
    if every is not None:
        by_class: dict[int, list[Any]] = {}
        for value in every:
            by_class.setdefault(partition.class_of(value), []).append(value)
    else:
        by_class = _constants(term)
    for number, values in by_class.items():
        yield 1 << number, values


def _constants(term: Term) -> dict[int, list[Any]]:
    """The classes that hold nothing but constants: groups, and cuts around a single value."""
    partition = term.partition
    by_class: dict[int, list[Any]] = {}
    for value, number in partition.groups:
        by_class.setdefault(number, []).append(value)
    by_class.pop(FIRST, None)  # that class holds all other values too
    for place, (low, high) in enumerate(zip((partition.cuts or ())[:-1], (partition.cuts or ())[1:], strict=True)):
        whole = partition.type in (Type.INT, Type.TIMESTAMP, Type.DURATION) and high - low == 1
        if whole or (partition.type is Type.STRING and high == low + "\0"):
            by_class[FIRST + place + 1] = [low]
    return by_class


def _class_by_value(term: Term, fact: Fact, schema: FactsSchema) -> Any:
    """Return the function from the fact's value to the term's class."""
    slot = next(one.slot for one in schema.facts if one.path == fact.path)
    expression = compile_expr(term.expr, schema, Scope.MESSAGE)
    f: list[Any] = [None] * schema.size

    def evaluate(value: Any) -> int:
        f[slot] = value
        try:
            return term.partition.class_of(expression(f, ()))
        except EvaluationError:
            return 0

    return evaluate


def _date_bonds(table: TermTable, terms: Sequence[Term]) -> Iterator[Bond]:
    """A date says which weekday and which day of the month it is."""
    dates = _term_of("now.local_date", table)
    if dates is None:
        return
    for path, ask in (("now.local_weekday", date.isoweekday), ("now.local_day", lambda day: day.day)):
        other = _term_of(path, table)
        if other is not None:
            for number, values in _constants(terms[dates]).items():
                days = [day for value in values if (day := _date(value)) is not None]
                classes = sum({1 << terms[other].partition.class_of(ask(day)) for day in days})
                yield [(dates, ~(1 << number)), (other, classes)]


def _length_bonds(table: TermTable, terms: Sequence[Term]) -> Iterator[Bond]:
    """So many SMS need so many characters: 67 UTF-16 units each but for the last, and a character has two at most."""
    parts, length = _term_of("content.segments", table), _term_of("content.length", table)
    if parts is None or length is None:
        return
    partition = terms[length].partition
    for classes, least in _least(terms[parts]):
        characters = (LEAST_PART * (least - 1) + 2) // 2 if least > 1 else 0
        yield [(parts, ~classes), (length, partition.inhabited(characters, None))]


def _least(term: Term) -> Iterator[tuple[int, int]]:
    """Give each class of whole numbers that has a smallest member above all classes before it, and that member."""
    for place, cut in enumerate(term.partition.cuts or ()):
        yield 1 << (FIRST + place + 1), cut
    for value, number in term.partition.groups:
        if sum(other == number for _, other in term.partition.groups) == 1 and number != FIRST:
            yield 1 << number, value


def _term_of(path: str, table: TermTable) -> int | None:
    fact = table.schema.fact(path, Scope.MESSAGE)
    return None if fact is None else table.known(fact)


def _date(text: Any) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
