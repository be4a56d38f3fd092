"""The atomic conditions of a rule, and which of them a set of facts asks and lets decide.

An atom is a leaf below `&&`, `||`, `!` and `?:`, as the author wrote it: a comparison, `in`, `has()`, a bool fact, a
call. Atoms are told apart by where they stand, so two equal ones are two. `true` and `false` written out are none:
there is nothing to be known about them.

Deciding is the masking form of MC/DC: an atom decides if the condition would come out the other way had this atom
alone the other value. See Hayhurst, Veerhusen, Chilenski, Rierson, A Practical Tutorial on Modified Condition/Decision
Coverage, NASA/TM-2001-210876, and Chilenski, An Investigation of Three Forms of the Modified Condition Decision
Coverage (MCDC) Criterion, DOT/FAA/AR-01/18. The other atoms keep the values that they have on the same facts, asked or
not. One that was not asked and has no value there, such as an amount compared behind a `has()` that is false, is free:
the tests could not give it one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

from engine.ruleset.fact_types import Scope
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.interpreter import Evaluate, EvaluationError, Facts, compile_expr
from engine.ruleset.syntax import Call, Expr, Literal

Vector = tuple[bool | None, ...]
"""The value of each atom on one set of facts, asked or not; None = it has none there."""

_JOINING: Final = frozenset({"&&", "||", "!", "?:"})
_FALSE, _TRUE, _ERROR = 1, 2, 4
"""What a part of a condition may come to, as bits of a set."""
_FREE: Final = _FALSE | _TRUE
_BIT: Final[dict[bool | None, int]] = {False: _FALSE, True: _TRUE, None: _ERROR}


@dataclass(frozen=True, slots=True)
class _Join:
    op: str
    parts: tuple[_Tree, ...]


@dataclass(frozen=True, slots=True)
class _Fixed:
    value: bool


_Tree = int | _Join | _Fixed
"""A condition with its atoms as numbers, from left to right."""


class Dissected:
    """One rule's condition taken apart. `atoms` are its atomic conditions from left to right."""

    def __init__(self, when: Expr, schema: FactsSchema, scope: Scope) -> None:
        atoms: list[Expr] = []
        self._tree = _taken_apart(when, atoms)
        self.atoms: tuple[Expr, ...] = tuple(atoms)
        self._evaluate = [compile_expr(atom, schema, scope) for atom in atoms]

    def values(self, f: Facts, c: Facts) -> Vector:
        """Return the value of each atom on a message's and a subject's facts."""
        return tuple([_value(evaluate, f, c) for evaluate in self._evaluate])

    def asked(self, values: Vector) -> list[int]:
        """Return the atoms that are evaluated, in order: from left to right, and none behind what is clear already."""
        reached: list[int] = []
        _evaluate(self._tree, values, reached)
        return reached

    def outcome(self, values: Vector) -> bool | None:
        """Return what the condition comes to; None = it has no value."""
        return _evaluate(self._tree, values, [])

    def deciding(self, values: Vector) -> list[int]:
        """Return the asked atoms whose other value, alone, would give the condition the other value."""
        reached: list[int] = []
        outcome = _evaluate(self._tree, values, reached)
        if outcome is None:
            return []
        options = [_BIT[value] for value in values]
        for place in set(range(len(values))).difference(reached):
            if values[place] is None:
                options[place] = _FREE
        return [place for place in reached if self._flips(place, options, values[place], outcome)]

    def _flips(self, place: int, options: list[int], value: bool | None, outcome: bool) -> bool:
        if value is None:
            return False
        flipped = [*options]
        flipped[place] = _BIT[not value]
        return bool(_possible(self._tree, flipped) & _BIT[not outcome])


def _taken_apart(expr: Expr, atoms: list[Expr]) -> _Tree:
    if isinstance(expr, Call) and expr.op in _JOINING:
        return _Join(expr.op, tuple([_taken_apart(arg, atoms) for arg in expr.args]))
    if isinstance(expr, Literal):
        return _Fixed(bool(expr.value))
    atoms.append(expr)
    return len(atoms) - 1


def _value(evaluate: Evaluate, f: Facts, c: Facts) -> bool | None:
    try:
        return bool(evaluate(f, c))
    except EvaluationError:
        return None


def _evaluate(tree: _Tree, values: Vector, reached: list[int]) -> bool | None:
    """Evaluate as the interpreter does, and note which atoms that takes."""
    if isinstance(tree, int):
        reached.append(tree)
        return values[tree]
    if isinstance(tree, _Fixed):
        return tree.value
    if tree.op in ("&&", "||"):
        return _chain(tree.parts, tree.op == "||", values, reached)
    first = _evaluate(tree.parts[0], values, reached)
    if first is None:
        return None
    if tree.op == "!":
        return not first
    return _evaluate(tree.parts[1 if first else 2], values, reached)


def _chain(parts: Sequence[_Tree], decisive: bool, values: Vector, reached: list[int]) -> bool | None:
    """`&&` is decided by the first False, `||` by the first True; a part without a value does not end it."""
    outcome: bool | None = not decisive
    for part in parts:
        value = _evaluate(part, values, reached)
        if value is decisive:
            return decisive
        if value is None:
            outcome = None
    return outcome


def _possible(tree: _Tree, options: Sequence[int]) -> int:
    """Return what the condition can come to where each atom has one of its options, each for itself."""
    if isinstance(tree, int):
        return options[tree]
    if isinstance(tree, _Fixed):
        return _BIT[tree.value]
    parts = [_possible(part, options) for part in tree.parts]
    if tree.op == "!":
        return _negated(parts[0])
    if tree.op == "?:":
        condition, then, otherwise = parts
        found = condition & _ERROR
        found |= then if condition & _TRUE else 0
        return found | (otherwise if condition & _FALSE else 0)
    if tree.op == "||":
        return _negated(reduce(_both, map(_negated, parts)))
    return reduce(_both, parts)


def _negated(options: int) -> int:
    return (options & _ERROR) | (_TRUE if options & _FALSE else 0) | (_FALSE if options & _TRUE else 0)


def _both(left: int, right: int) -> int:
    """`&&` of two sets of what may come: False if one is, True if both are, else no value."""
    found = ((left | right) & _FALSE) | (left & right & _TRUE)
    unclear = (left | right) & _ERROR and left & ~_FALSE and right & ~_FALSE
    return found | (_ERROR if unclear else 0)
