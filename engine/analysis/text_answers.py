"""Texts that answer all that is asked of them as is wanted, and proofs that none does.

A question about one text alone (what it equals, where it stands in the order, how it begins, its length, a pattern,
each also of its small letters or without its blanks) is a machine that reads it (`automata`). First any text is taken,
then one that also fits a question which the first did not, and so on: few questions are needed, and where no text is
left, these few are the reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from engine.analysis.automata.characters import EVERY, Unknown
from engine.analysis.automata.machine import Length, Machine, OtherCase, Place, Together, Trimmed
from engine.analysis.automata.search import Search, search
from engine.analysis.automata.words import TooMany, accepts, words
from engine.analysis.core import Core, widened
from engine.ruleset.arithmetic import FUNCTIONS
from engine.ruleset.normal import LOGIC
from engine.ruleset.partition import FIRST, Partition, make_partition
from engine.ruleset.syntax import Call, Expr, Fact, Literal, Type, Variable
from engine.ruleset.terms import Term, question

MOST_STEPS: Final = 6_000
"""Characters read in one search, at most."""

SEARCHES_IN_VAIN: Final = 10
"""After so many searches that ended without an answer, those that follow may take half as long; then a third."""

KEPT: Final = 20
"""Texts found last that are tried before another is looked for."""

MOST_MATCHING: Final = 6
"""Texts that are given of those that match a pattern."""

SOME: Final = Search(EVERY)
"""Any text but the empty one, which counts as absent."""

YES: Final = 2 << FIRST
"""The class of a question that is answered yes, as a set."""

_SEARCHES: Final = ("startsWith", "endsWith", "contains", "matches")
_FORMS: Final[dict[str, type[OtherCase | Trimmed]]] = {
    "lowerAscii": OtherCase,
    "upperAscii": OtherCase,
    "trim": Trimmed,
}


Name = tuple[int, int]
"""A term, and which of its answers are wanted."""


@dataclass(frozen=True, slots=True)
class Reason:
    """No text fits, because of these machines alone."""

    names: tuple[Name, ...]


class Settler:
    """Looks for texts that sets of machines accept; one name stands for the same machine each time.

    What was found for some machines is kept, since most questions are about sets that differ little.
    """

    def __init__(self, always: Sequence[Machine] = ()) -> None:
        self._always = always
        self._shortest: dict[frozenset[Name], str | TooMany | None] = {}
        self._accepted: dict[tuple[Name, str], bool] = {}
        self._lately: deque[str] = deque(maxlen=KEPT)
        self._in_vain = 0

    def settle(self, machines: Mapping[Name, Machine]) -> str | Reason | None:
        """Return a text that all machines accept, or which of them exclude each other; None when it is not known."""
        for one in self._lately:
            if self._missed(one, machines) is None:
                return one
        chosen: dict[Name, Machine] = {}
        try:
            while (text := self._first(chosen)) is not None:
                missed = self._missed(text, machines)
                if missed is None:
                    self._lately.appendleft(text)
                    return text
                chosen[missed] = machines[missed]
        except TooMany:
            return None
        for name in list(chosen):
            rest = {other: machine for other, machine in chosen.items() if other != name}
            if self.is_empty(rest):
                chosen = rest
        return Reason(tuple(chosen))

    def is_empty(self, machines: Mapping[Name, Machine]) -> bool:
        """Whether it is proved that no text is accepted by all machines."""
        try:
            return self._first(machines) is None
        except TooMany:
            return False

    def _first(self, machines: Mapping[Name, Machine]) -> str | None:
        names = frozenset(machines)
        if names not in self._shortest:
            most = MOST_STEPS // (1 + self._in_vain // SEARCHES_IN_VAIN)
            try:
                self._shortest[names] = next(words([*self._always, *machines.values()], most), None)
            except TooMany as problem:
                self._shortest[names], self._in_vain = problem, self._in_vain + 1
        found = self._shortest[names]
        if isinstance(found, TooMany):
            raise found
        return found

    def _missed(self, text: str, machines: Mapping[Name, Machine]) -> Name | None:
        """The first machine that does not accept a text."""
        return next((name for name, machine in machines.items() if not self._accepts(name, machine, text)), None)

    def _accepts(self, name: Name, machine: Machine, text: str) -> bool:
        key = (name, text)
        if key not in self._accepted:
            self._accepted[key] = accepts(machine, text)
        return self._accepted[key]


def asked(expr: Expr, partition: Partition, classes: int) -> tuple[Fact | Variable, Machine]:
    """Return which text an expression asks about, and what accepts the texts of which it is in these classes.

    Raises Unknown when it asks for anything else too.
    """
    machine: Machine
    match expr:
        case Call(op=op, args=(subject, Literal(value=str(value)))) if op in _SEARCHES:
            machine = _answered(search(op, value), classes)
        case Call(op="size", args=(subject,)) if subject.type is Type.STRING:
            machine = Length(partition, classes)
        case subject if subject.type is Type.STRING:
            machine = Place(partition, classes)
        case _:
            raise Unknown("no question about a text")
    while isinstance(subject, Call) and subject.op in _FORMS:
        machine, (subject,) = _FORMS[subject.op](machine, FUNCTIONS[subject.op]), subject.args
    if not isinstance(subject, Fact | Variable):
        raise Unknown("a text that is put together")
    return subject, machine


def _answered(machine: Machine, classes: int) -> Machine:
    wanted = [bool(classes & YES >> 1), bool(classes & YES)]
    return machine if wanted == [False, True] else Together([machine], lambda answers: wanted[answers[0]])


def asked_of_items(body: Expr, name: str) -> Machine:
    """Return what accepts the items of which a question about an item, called `name`, is true. Raises Unknown."""
    match body:
        case Call(op=op, args=args) if op in LOGIC:
            return Together([asked_of_items(arg, name) for arg in args], _LOGIC[op])
        case Literal(value=value):
            return Together([], lambda answers: bool(value))
    subject, comparison = question(body)
    partition = make_partition(subject.type, [comparison] if comparison else [], may_be_nan=False)
    item, machine = asked(subject, partition, partition.where(comparison) if comparison else YES)
    if not isinstance(item, Variable) or item.name != name:
        raise Unknown("a question about something else")
    return machine


def _choice(answers: Sequence[bool]) -> bool:
    return answers[1] if answers[0] else answers[2]


_LOGIC: Final = {"&&": all, "||": any, "!": lambda answers: not answers[0], "?:": _choice}


class TextAnswers:
    """What the terms of one set ask of facts that are texts."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = terms
        self._about: dict[str, list[int]] = {}
        self._machines: dict[Name, Machine] = {}
        self._settler: dict[str, Settler] = {}
        self._settled: dict[tuple[str, tuple[int, ...]], str | Reason | None] = {}
        self._cores: dict[tuple[str, Reason], Core] = {}
        for number, term in enumerate(terms):
            path = _path(term)
            if path is not None:
                self._about.setdefault(path, []).append(number)
        self.terms = [number for asking in self._about.values() if len(asking) > 1 for number in asking]
        """Those that share a text with another."""

    def text(self, path: str, classes: Mapping[int, int]) -> str | None:
        """Return a text for a fact with which all that ask about it alone are in their classes, if one is known."""
        found = self._settle(path, classes)
        return found if isinstance(found, str) else None

    def contradictions(self, classes: Mapping[int, int]) -> Iterator[Core]:
        """Give, for each text of which it is so, what no message has; `classes` are those of all `terms`."""
        for path, asking in self._about.items():
            if len(asking) > 1 and all(classes[number] >= FIRST for number in asking):
                found = self._settle(path, classes)
                if isinstance(found, Reason):
                    yield self._core(path, found)

    def _settle(self, path: str, classes: Mapping[int, int]) -> str | Reason | None:
        asking = self._about.get(path, ())
        key = path, tuple([classes[number] for number in asking])
        if key not in self._settled:
            # What is to be so says more than what is not.
            first = sorted(asking, key=lambda number: classes[number] == FIRST)
            named = self._named((number, 1 << classes[number]) for number in first)
            self._settled[key] = self._settler.setdefault(path, Settler((SOME,))).settle(named)
        return self._settled[key]

    def _named(self, wanted: Iterable[tuple[int, int]]) -> dict[Name, Machine]:
        """The machines of terms in classes, by both."""
        named: dict[Name, Machine] = {}
        for name in wanted:
            if name not in self._machines:
                term = self._terms[name[0]]
                self._machines[name] = asked(term.expr, term.partition, name[1])[1]
            named[name] = self._machines[name]
        return named

    def _core(self, path: str, reason: Reason) -> Core:
        if (path, reason) not in self._cores:
            core = dict(reason.names)
            partitions = {number: self._terms[number].partition for number in core}
            settler = self._settler[path]
            found = widened(core, partitions, lambda wider: settler.is_empty(self._named(wider.items())))
            self._cores[path, reason] = found
        return self._cores[path, reason]


def _path(term: Term) -> str | None:
    """The fact that a term asks about, if it is one text alone and understood."""
    try:
        subject, _ = asked(term.expr, term.partition, term.partition.values)
    except Unknown:
        return None
    return subject.path if isinstance(subject, Fact) else None


def matching(pattern: str) -> tuple[str, ...]:
    """Return a few texts that a pattern matches, the shortest first; none if it is not understood."""
    try:
        machine = search("matches", pattern)
    except Unknown:
        return ()
    try:
        return tuple(islice(words([machine], MOST_STEPS), MOST_MATCHING))
    except TooMany:
        return ()
