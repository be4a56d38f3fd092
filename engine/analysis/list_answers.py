"""Lists of texts whose items answer what is asked of some item, and of all, as is wanted; and proofs that none do.

Whatever some item is to be, is to be beside what no item may be; so each is a question about one text
(`text_answers`), and where a list can hold a text for each, it can hold them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.analysis.automata.characters import Unknown
from engine.analysis.automata.machine import Machine, Place, opposite
from engine.analysis.core import Core
from engine.analysis.text_answers import Name, Reason, Settler, asked_of_items
from engine.ruleset.partition import FIRST, make_partition
from engine.ruleset.syntax import Call, Expr, Fact, Literal, Type, Variable
from engine.ruleset.terms import Term

YES = FIRST + 1
"""The class of a question that is answered yes."""


@dataclass(slots=True)
class _Asked:
    """What is asked of the items of one list: by term, what accepts the items for which one item is enough."""

    machines: dict[int, Machine] = field(default_factory=dict)
    by_question: bool = False
    """Whether more is asked than which constants the list holds."""
    settler: Settler = field(default_factory=Settler)


class ListAnswers:
    """What the terms of one set ask of the items of facts that are lists of texts."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._about: dict[str, _Asked] = {}
        for number, term in enumerate(terms):
            found = _asked(term.expr)
            if found is not None:
                asked = self._about.setdefault(found[0], _Asked())
                asked.machines[number] = found[1]
                asked.by_question |= term.expr.op == "exists" if isinstance(term.expr, Call) else False
        self._about = {path: asked for path, asked in self._about.items() if asked.by_question}
        self.terms = [number for asked in self._about.values() for number in asked.machines]
        """Those that ask the same list, where that is more than what it holds."""

    def contradictions(self, classes: Mapping[int, int]) -> Iterator[Core]:
        """Give, for each list of which it is so, what no message has; `classes` are those of all `terms`."""
        for asked in self._about.values():
            if all(classes[number] >= FIRST for number in asked.machines):
                for wanted in _wanted(asked, classes) or [()]:  # a list that is there holds something
                    found = _settle(asked, wanted, classes)
                    if isinstance(found, Reason):
                        yield [(number, 1 << classes[number]) for number in asked.machines if _names(found, number)]
                        break

    def items(self, path: str, classes: Mapping[int, int]) -> tuple[str, ...]:
        """Return items, as few as are easily found, of which one is all that some item is to be; none if unknown."""
        asked = self._about.get(path)
        if asked is None or not all(classes[number] >= FIRST for number in asked.machines):
            return ()
        chosen: dict[tuple[int, ...], str] = {}
        for wanted in _wanted(asked, classes) or [()]:
            for others in (*chosen, ()):  # one that is there already may be this too
                found = _settle(asked, (*others, *wanted), classes)
                if isinstance(found, str):
                    chosen.pop(others, None)
                    chosen[*others, *wanted] = found
                    break
        return tuple(chosen.values())


def _settle(asked: _Asked, wanted: tuple[int, ...], classes: Mapping[int, int]) -> str | Reason | None:
    """A text that is all that is wanted, and nothing of what no item may be."""
    some: dict[Name, Machine] = {(number, True): asked.machines[number] for number in wanted}
    none: dict[Name, Machine] = {
        (number, False): opposite(machine) for number, machine in asked.machines.items() if classes[number] != YES
    }
    return asked.settler.settle(some | none)


def _names(reason: Reason, number: int) -> bool:
    return any((number, wanted) in reason.names for wanted in (True, False))


def _wanted(asked: _Asked, classes: Mapping[int, int]) -> list[tuple[int, ...]]:
    return [(number,) for number in asked.machines if classes[number] == YES]


def _asked(expr: Expr) -> tuple[str, Machine] | None:
    """Which list a question is about, and what accepts the items of which one is enough."""
    match expr:
        case Call(op="in", args=(Literal(value=str(value)), Fact(path=path))):
            partition = make_partition(Type.STRING, [("==", (value,))], may_be_nan=False)
            return path, Place(partition, 1 << partition.class_of(value))
        case Call(op="exists", args=(Fact(path=path, type=Type.LIST_STRING), Variable(name=name), body)):
            try:
                return path, asked_of_items(body, name)
            except Unknown:
                return None
    return None
