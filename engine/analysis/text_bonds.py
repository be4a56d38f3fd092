"""What binds questions about one text, and about one list of texts, to each other on every message.

"Begins with VIP-1" says that it begins with VIP, has five letters at least and does not end before the letter V; two
tags in a list say that it holds two things.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, permutations
from typing import Final, NamedTuple

from engine.ruleset.interpreter import constant
from engine.ruleset.partition import FIRST, Partition
from engine.ruleset.syntax import Call, Expr, Literal, Type, Variable
from engine.ruleset.terms import Key, Term, key_of

Bond = list[tuple[int, int]]

NO: Final = 1 << FIRST
YES: Final = 2 << FIRST

_FORMS: Final = ("lowerAscii", "upperAscii", "trim")
_TEXT_QUESTIONS: Final = ("startsWith", "endsWith", "contains")
_MOST_HELD: Final = 40
"""Of so many constants of one list it is asked how many it holds at once."""


class Question(NamedTuple):
    """A yes or no about a text. `turned`: it is the opposite that is asked."""

    op: str
    value: str
    turned: bool = False


def text_bonds(terms: Sequence[Term]) -> Iterator[Bond]:
    """Give the bonds between all terms about the same text or the same list."""
    numbers = {key_of(term.expr): number for number, term in enumerate(terms)}
    about: dict[Key, list[tuple[int, Question]]] = {}
    held: dict[Key, list[int]] = {}
    for number, term in enumerate(terms):
        asked = _asked(term.expr)
        if asked is not None:
            about.setdefault(asked[0], []).append((number, asked[1]))
        if isinstance(term.expr, Call) and term.expr.op == "in" and isinstance(term.expr.args[0], Literal):
            held.setdefault(key_of(term.expr.args[1]), []).append(number)
        if isinstance(term.expr, Call):
            yield from _form_bonds(number, term.expr, term.partition)
    for key, questions in about.items():
        yield from _question_bonds(questions, of_items=key[0] == "each")
        for number, question in questions:
            if not question.turned and key[0] != "each":
                yield from _place_bonds(number, question, numbers.get(key), terms)
                yield from _size_bonds(number, question, numbers.get(("size", key)), terms)
    for key, members in held.items():
        yield from _held_bonds(members, numbers.get(("size", key)), terms)


def _asked(expr: Expr) -> tuple[Key, Question] | None:
    """What is asked of which text; of the items of a list by an exists, of `each` of its items."""
    match expr:
        case Call(op=op, args=(subject, Literal(value=str(value)))) if op in _TEXT_QUESTIONS:
            return key_of(subject), Question(op, value)
        case Call(op="exists", args=(items, Variable(name=name), body)):
            turned = isinstance(body, Call) and body.op == "!"
            asked = _asked(body.args[0] if turned and isinstance(body, Call) else body)
            if asked is not None and asked[0][:2] == ("variable", name) and not asked[1].turned:
                return ("each", key_of(items)), asked[1]._replace(turned=turned)
    return None


def _question_bonds(questions: Sequence[tuple[int, Question]], *, of_items: bool) -> Iterator[Bond]:
    """What follows from one question for another. Of a list, two items may answer what one could not."""
    for number, question in questions:
        if not question.value and not question.turned:
            yield [(number, ~NO)]
    for (one, a), (other, b) in permutations(questions, 2):
        if _implies(a, b):
            yield [(one, ~YES), (other, YES)]
        elif _excludes(a, b) and one < other and not of_items:
            yield [(one, ~YES), (other, ~YES)]


def _implies(a: Question, b: Question) -> bool:
    """Whether a text of which one is true is one of which the other is."""
    if a.turned:
        return b.turned and _implies(b._replace(turned=False), a._replace(turned=False))
    if b.turned:
        return _excludes(a, b._replace(turned=False))
    if b.op == "contains":
        return b.value in a.value
    if a.op != b.op:
        return False
    return a.value.startswith(b.value) if a.op == "startsWith" else a.value.endswith(b.value)


def _excludes(a: Question, b: Question) -> bool:
    if a.turned or b.turned or a.op != b.op or a.op == "contains":
        return False
    return not _implies(a, b) and not _implies(b, a)


def _place_bonds(number: int, question: Question, text: int | None, terms: Sequence[Term]) -> Iterator[Bond]:
    """Where in the order of letters a text is that begins so; and what it begins with where it stands in the order."""
    cuts = terms[text].partition.cuts if text is not None else None
    if text is None or cuts is None or question.op != "startsWith" or not question.value:
        return
    low, high = question.value, question.value[:-1] + chr(min(ord(question.value[-1]) + 1, 0x10FFFF))
    partition = terms[text].partition
    first, last = partition.class_of(low), partition.class_of(high)
    yield [(number, ~YES), (text, sum(1 << found for found in range(first, last + 1) if _meets(found, high, cuts)))]
    for place in range(1, len(cuts)):
        if cuts[place - 1].startswith(low) and cuts[place].startswith(low):
            yield [(text, ~(1 << (FIRST + place))), (number, ~NO)]


def _meets(number: int, high: str, cuts: Sequence[str]) -> bool:
    """Whether a class begins before a text."""
    return number == FIRST or cuts[number - FIRST - 1] < high


def _size_bonds(number: int, question: Question, size: int | None, terms: Sequence[Term]) -> Iterator[Bond]:
    if size is not None:
        yield [(number, ~YES), (size, terms[size].partition.inhabited(len(question.value), None))]


def _held_bonds(members: Sequence[int], size: int | None, terms: Sequence[Term]) -> Iterator[Bond]:
    """A list that holds two, or three, of these is that long at least."""
    if size is None or len(members) > _MOST_HELD:
        return
    for count in (2, 3) if len(members) <= 12 else (2,):
        enough = terms[size].partition.inhabited(count, None)
        for together in combinations(members, count):
            yield [*((number, ~YES) for number in together), (size, enough)]


def _form_bonds(number: int, call: Call, partition: Partition) -> Iterator[Bond]:
    """In small letters there is no capital, and nothing blank around what was trimmed."""
    asked, subject = _asked(call), call.args[0]
    is_form = isinstance(subject, Call) and subject.op in _FORMS[:2]
    if asked is not None and is_form and asked[1].value != _formed(subject, asked[1].value):
        yield [(number, ~YES)]
    if call.op not in _FORMS or partition.cuts is not None:
        return
    by_class: dict[int, list[str]] = {}
    for value, found in partition.groups:
        by_class.setdefault(found, []).append(value)
    for found, values in by_class.items():
        if found != FIRST and not any(value == _formed(call, value) for value in values):
            yield [(number, ~(1 << found))]


def _formed(call: Expr, text: str) -> object:
    """What a function of texts makes of one."""
    assert isinstance(call, Call), "the function is called"
    return constant(replace(call, args=(Literal(text, Type.STRING, call.start, call.end),)))
