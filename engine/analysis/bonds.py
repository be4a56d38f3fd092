"""What binds facts to each other on every message: clauses over "this term is in one of these classes".

Each clause is a list of alternatives (term, classes) of which one holds on all facts there can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations, pairwise
from typing import Any, Final

from engine.ruleset.expressions import walk
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.interpreter import EvaluationError, compile_expr, holds
from engine.ruleset.normal import LOGIC
from engine.ruleset.partition import FIRST, MISSING, Partition
from engine.ruleset.syntax import Call, Fact, Literal, Type
from engine.ruleset.temporal import EPOCH
from engine.ruleset.terms import Key, Term, TermTable, facts_in, facts_needed, is_macro, key_of

Bond = list[tuple[int, int]]
"""Terms, each with a set of classes; on every message one of them is in one of its classes."""

MOST_VALUES: Final = 64
"""A fact with so few values is looked through value by value."""

MOST_HELD: Final = 40
"""Of so many constants of one list it is asked how many it holds at once."""

MOST_YEARS: Final = 2
"""Years of dates between two bounds that are looked through one by one."""

FARTHEST_ZONE: Final = 16 * 3_600_000_000
"""Microseconds between UTC and the clock of any zone, at most."""

_FIRST_DAY: Final = "0001-01-01"

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
    yield from _held_bonds(terms)
    yield from _date_bonds(table, terms)
    yield from _instant_bonds(table, terms)
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


def _held_bonds(terms: Sequence[Term]) -> Iterator[Bond]:
    """A list that holds two, or three, of some constants is that long at least."""
    held: dict[Key, list[int]] = {}
    for number, term in enumerate(terms):
        match term.expr:
            case Call(op="in", args=(Literal(), items)):
                held.setdefault(key_of(items), []).append(number)
    sizes = {key_of(term.expr): number for number, term in enumerate(terms)}
    for key, members in held.items():
        size = sizes.get(("size", key))
        if size is None or len(members) > MOST_HELD:
            continue
        for count in (2, 3) if len(members) <= 12 else (2,):
            enough = terms[size].partition.inhabited(count, None)
            for together in combinations(members, count):
                yield [*((number, ~(2 << FIRST)) for number in together), (size, enough)]


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
        by_class = _dates(term) if fact.path == "now.local_date" else _constants(term)
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


def _dates(term: Term) -> dict[int, list[Any]]:
    """The classes of a date in which all days are known; none are in one that no date can be in."""
    partition = term.partition
    if partition.cuts is None:
        return {number: [value for value in values if _date(value)] for number, values in _constants(term).items()}
    by_class: dict[int, list[Any]] = {}
    for place, (low, high) in enumerate(pairwise(partition.cuts)):
        days = _days(low, high)
        if days is not None:
            by_class[FIRST + place + 1] = days
    return by_class


def _days(low: str, high: str) -> list[str] | None:
    """The dates between two texts in their order; None when they are too many, or the texts begin like no date."""
    is_whole = len(low) in (4, 7) or len(low) >= len(_FIRST_DAY)  # a year, a month or a day: then no date is before it
    begin = _date(low[:10] + _FIRST_DAY[len(low) :]) if is_whole else None
    if begin is None or begin.year + MOST_YEARS > date.max.year:
        return None
    days: list[str] = []
    for number in range(begin.toordinal(), begin.toordinal() + 366 * MOST_YEARS):
        day = date.fromordinal(number).isoformat()
        if day >= high:
            return days
        if day >= low:
            days.append(day)
    return None


def _date_bonds(table: TermTable, terms: Sequence[Term]) -> Iterator[Bond]:
    """A date, or what it begins with, says which weekday and which day of the month it can be."""
    dates = _term_of("now.local_date", table)
    if dates is None:
        return
    known = [(path, other) for path in _OF_DATES if (other := _term_of(path, table)) is not None]
    narrowed = [(dates, 1 << number, values) for number, values in _dates(terms[dates]).items()]
    for classes, answer, values in (*narrowed, *_beginnings(terms)):
        if not values:
            yield [(classes, ~answer)]
        for path, other in known:
            days = {1 << terms[other].partition.class_of(_of_date(path, value)) for value in values}
            yield [(classes, ~answer), (other, sum(days))]


def _beginnings(terms: Sequence[Term]) -> Iterator[tuple[int, int, list[str]]]:
    """Give each question whether the date begins so, its yes, and the dates that do."""
    for number, term in enumerate(terms):
        match term.expr:
            case Call(op="startsWith", args=(Fact(path="now.local_date"), Literal(value=str(begin)))) if begin:
                values = _days(begin, begin + "~")
                if values is not None:
                    yield number, 2 << FIRST, values


_OF_DATES: Final = ("now.local_weekday", "now.local_day")


def _of_date(path: str, text: str) -> int:
    day = date.fromisoformat(text)
    return day.day if path == "now.local_day" else day.isoweekday()


def _instant_bonds(table: TermTable, terms: Sequence[Term]) -> Iterator[Bond]:
    """An instant is on one of three dates, wherever the user is."""
    instant, dates = _term_of("now.timestamp", table), _term_of("now.local_date", table)
    if instant is None or dates is None:
        return
    cuts, partition = terms[instant].partition.cuts or (), terms[dates].partition
    for place in range(len(cuts) + 1 if cuts else 0):
        low = _local(cuts[place - 1] - FARTHEST_ZONE) if place else ""
        high = _local(cuts[place] + FARTHEST_ZONE) if place < len(cuts) else "~"
        if low is not None and high is not None:
            yield [(instant, ~(1 << (FIRST + place))), (dates, _between(partition, low, high))]


def _local(micros: int) -> str | None:
    try:
        return (EPOCH + timedelta(microseconds=micros)).date().isoformat()
    except OverflowError:
        return None


def _between(partition: Partition, low: str, high: str) -> int:
    """The classes of dates from one to another, both among them."""
    if partition.cuts is not None:
        return sum(1 << number for number in range(partition.class_of(low), partition.class_of(high) + 1))
    return (1 << FIRST) | sum({1 << number for value, number in partition.groups if low <= value <= high})


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
        return date.fromisoformat(text) if len(text) == len(_FIRST_DAY) else None
    except ValueError:
        return None
