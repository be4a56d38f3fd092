"""A condition as questions joined by `&& || ! ?:`: which of them failed, and how few would have to answer otherwise.

An atom is what stands between the joining operators, as the author wrote it. Each is asked by itself, so that those
that a decision need not have looked at have an answer too: true, false, or none where it is in error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from engine.ruleset.expressions import walk
from engine.ruleset.fact_types import ABSENT, UNREACHABLE, FactType, Scope
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.interpreter import Evaluate, EvaluationError, Facts, compile_expr, fact_of
from engine.ruleset.normal import LOGIC
from engine.ruleset.printing import show, show_value
from engine.ruleset.syntax import Call, Expr, Fact, Literal, Type

SHOWN_ITEMS: Final = 20
SHOWN_CHARACTERS: Final = 200
"""What is shown of a list, and of a text."""

Shape = int | tuple[str, tuple["Shape", ...]]
"""The place of an atom in its condition, from 0, or a joining operator with its parts."""

Worth = bool | None
"""True, false, or None: in error."""

Wish = tuple[int, bool]
"""An atom by its place, and what it would have to be."""

Least = tuple[Wish, ...] | None
"""The fewest atoms that would have to be otherwise; None: it can never be so."""


@dataclass(frozen=True, slots=True)
class AtomSeen:
    """An atom that is not as it would have to be.

    `text` is the atom with `!` before it where it had to be false; so what it says is false, or, when `error` says why,
    has no value. `seen` are the facts and the named constants in it with their values, in words.
    """

    text: str
    seen: str
    error: str


class _Told(NamedTuple):
    """What is said of an atom on all facts alike: its text, the facts it reads, its constants with their values."""

    text: str
    facts: tuple[FactType, ...]
    constants: tuple[str, ...]


class Atoms:
    """The atoms of one condition, ready to be asked on any facts of its scope."""

    def __init__(self, condition: Expr, schema: FactsSchema, scope: Scope) -> None:
        self.exprs: list[Expr] = []
        self.shape = self._shape(condition)
        self._schema, self._scope = schema, scope
        self._told: dict[Wish, _Told] = {}
        self._evaluate: list[Evaluate] = [compile_expr(expr, schema, scope) for expr in self.exprs]

    def _shape(self, expr: Expr) -> Shape:
        if isinstance(expr, Call) and expr.op in LOGIC:
            return (expr.op, tuple(self._shape(arg) for arg in expr.args))
        self.exprs.append(expr)
        return len(self.exprs) - 1

    def answers(self, f: Facts, c: Facts) -> list[Worth]:
        """Ask every atom, in the author's order."""
        return [_answer(evaluate, f, c) for evaluate in self._evaluate]

    def first_failing(self, answers: Sequence[Worth]) -> Wish:
        """Return the first atom, in the author's order, for which the condition is not true; it must not be true."""
        return _first_failing(self.shape, answers, True)

    def least(self, answers: Sequence[Worth]) -> Least:
        """Return the fewest atoms that must be otherwise for the condition to be true, each counted where it stands.

        Of several equally small sets the first in the author's order.
        """
        return self._both(self.shape, answers)[0]

    def _both(self, shape: Shape, answers: Sequence[Worth]) -> tuple[Least, Least]:
        """The fewest changes that make a part true, and those that make it false."""
        if isinstance(shape, int):
            fixed = isinstance(self.exprs[shape], Literal)
            return _wish(shape, answers[shape], True, fixed), _wish(shape, answers[shape], False, fixed)
        op, parts = shape
        both = [self._both(part, answers) for part in parts]
        if op == "!":
            return both[0][1], both[0][0]
        if op == "?:":
            (asked, not_asked), then, otherwise = both
            true = _fewest(_all(asked, then[0]), _all(not_asked, otherwise[0]))
            return true, _fewest(_all(asked, then[1]), _all(not_asked, otherwise[1]))
        true_ones, false_ones = [one[0] for one in both], [one[1] for one in both]
        if op == "&&":
            return _all(*true_ones), _fewest(*false_ones)
        return _fewest(*true_ones), _all(*false_ones)

    def seen(self, wish: Wish, f: Facts, c: Facts) -> AtomSeen:
        """Say what an atom is that would have to be otherwise."""
        place, wanted = wish
        told = self._told.get(wish)
        if told is None:
            told = self._told[wish] = self._tell(self.exprs[place], wanted)
        error = ""
        try:
            self._evaluate[place](f, c)
        except EvaluationError as problem:
            error = str(problem)
        values = [f"{fact.path} is {shown(fact, (c if fact.subject else f)[fact.slot])}" for fact in told.facts]
        return AtomSeen(told.text, ", ".join([*values, *told.constants]), error)

    def _tell(self, expr: Expr, wanted: bool) -> _Told:
        text = show(expr if wanted else Call("!", (expr,), Type.BOOL, expr.start, expr.end))
        facts: dict[str, FactType] = {}
        constants: dict[str, str] = {}
        for node in walk(expr):
            if isinstance(node, Fact):
                facts[node.path] = fact_of(node.path, self._schema, self._scope)
            elif isinstance(node, Literal) and node.name is not None:
                constants[node.name] = f"{node.name} is {value_text(node.value, node.type)}"
        return _Told(text, tuple(facts.values()), tuple(constants.values()))


def worth(shape: Shape, answers: Sequence[Worth]) -> Worth:
    """Return what the whole is when its atoms answer so, with errors absorbed as CEL absorbs them."""
    if isinstance(shape, int):
        return answers[shape]
    op, parts = shape
    first = worth(parts[0], answers)
    if op == "!":
        return None if first is None else not first
    if op == "?:":
        return None if first is None else worth(parts[1 if first else 2], answers)
    found = {first, *(worth(part, answers) for part in parts[1:])}
    decisive = op == "||"
    return decisive if decisive in found else None if None in found else not decisive


def shown(fact: FactType, value: Any) -> str:
    """Return the value of a fact as it is written in a condition; what is long is cut."""
    if value is UNREACHABLE:
        return "absent, and so is what holds it"
    if value is ABSENT:
        return "absent"
    return "there" if fact.type is Type.OBJECT else value_text(value, fact.type)


def value_text(value: Any, kind: Type) -> str:
    """Return a value as it is written in a condition; what is long is cut."""
    if isinstance(value, tuple):
        text = show_value(tuple(map(_cut, value[:SHOWN_ITEMS])), kind)
        return text if len(value) <= SHOWN_ITEMS else f"{text[:-1]}, and {len(value) - SHOWN_ITEMS} more]"
    return show_value(_cut(value), kind)


def _cut(value: Any) -> Any:
    return value[:SHOWN_CHARACTERS] + "…" if isinstance(value, str) and len(value) > SHOWN_CHARACTERS else value


def _answer(evaluate: Evaluate, f: Facts, c: Facts) -> Worth:
    try:
        return bool(evaluate(f, c))
    except EvaluationError:
        return None


def _first_failing(shape: Shape, answers: Sequence[Worth], wanted: bool) -> Wish:
    if isinstance(shape, int):
        return shape, wanted
    op, parts = shape
    if op == "!":
        return _first_failing(parts[0], answers, not wanted)
    if op == "?:":
        asked = worth(parts[0], answers)
        if asked is None:
            return _first_failing(parts[0], answers, True)
        return _first_failing(parts[1 if asked else 2], answers, wanted)
    # All must be as wanted, so the first that is not; or one must be and none is, so the first of all.
    return _first_failing(next(part for part in parts if worth(part, answers) is not wanted), answers, wanted)


def _wish(place: int, answer: Worth, wanted: bool, fixed: bool) -> Least:
    if answer is wanted:
        return ()
    return None if fixed else ((place, wanted),)


def _all(*parts: Least) -> Least:
    wishes: list[Wish] = []
    for part in parts:
        if part is None:
            return None
        wishes += part
    return tuple(wishes)


def _fewest(*parts: Least) -> Least:
    return min((part for part in parts if part is not None), key=len, default=None)
