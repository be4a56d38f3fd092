"""A condition taken apart: its parts, the alternatives in it, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from engine.ruleset.check_conditions import EXCLUDE
from engine.ruleset.condition_text import ConditionText, Piece
from engine.ruleset.normal import LOGIC
from engine.ruleset.syntax import Call, Expr, Literal
from engine.ruleset.terms import key_of

_ORDER = ("<", "<=", ">", ">=")


ALWAYS_HINT: Final = "leave it out; else, is an || meant to be an &&, or a > a <?"
"""What may help where something always holds."""


def never_hint(part: Expr) -> str:
    """Return what may help where something never holds."""
    if isinstance(part, Call) and part.op in LOGIC:
        return EXCLUDE
    return "nothing has such a value: look at its numbers, words and signs"


def parts(expr: Expr) -> Iterator[Expr]:
    """Give the parts below the `&& || ! ?:` of a condition, and those made of them; not the whole."""
    if isinstance(expr, Call) and expr.op in LOGIC:
        for arg in expr.args:
            if not isinstance(arg, Literal):
                yield arg
                yield from parts(arg)


def bounds(expr: Expr) -> Iterator[Expr]:
    """Give the comparisons beside which another, joined by `&&`, is about the same: bounds of a range written out, of
    which one may well be that of the fact itself."""
    if isinstance(expr, Call) and expr.op in LOGIC:
        asked = [key_of(arg.args[0]) for arg in expr.args if isinstance(arg, Call) and arg.op in _ORDER]
        for arg in expr.args:
            if expr.op == "&&" and isinstance(arg, Call) and arg.op in _ORDER and asked.count(key_of(arg.args[0])) > 1:
                yield arg
            yield from bounds(arg)


def alternatives(expr: Expr, beside: tuple[Expr, ...] = ()) -> Iterator[tuple[Expr, tuple[Expr, ...]]]:
    """Give every part of an `||`, with all that stands beside it or around it by `&&`."""
    if isinstance(expr, Call) and expr.op == "&&":
        for arg in expr.args:
            yield from alternatives(arg, (*beside, *(other for other in expr.args if other is not arg)))
    elif isinstance(expr, Call) and expr.op == "||":
        for arg in expr.args:
            yield arg, beside
            yield from alternatives(arg, beside)


def is_made(part: Expr, when: ConditionText) -> bool:
    """Whether a part is one of several that a cell of a table was made into, such as the bounds of a range."""
    return any(
        piece.whole
        and piece.start <= part.start
        and part.end <= piece.end
        and (part.start, part.end) != (piece.start, piece.end)
        for piece in when.pieces
    )


def is_in(part: Expr, others: Iterable[Expr]) -> bool:
    """Whether a part lies in one of these."""
    return any(outer.start <= part.start and part.end <= outer.end for outer in others)


def stand_together(part: Expr, beside: Iterable[Expr], when: ConditionText) -> tuple[Expr, ...]:
    """Return those beside a part that one text says together with it, letter by letter."""
    piece = _piece(part, when)
    if piece is None or isinstance(part, Literal):
        return ()
    written = ((one, _piece(one, when)) for one in beside if not isinstance(one, Literal))
    return tuple(one for one, other in written if other is not None and other.node is piece.node)


def _piece(part: Expr, when: ConditionText) -> Piece | None:
    inside = (piece for piece in when.pieces if piece.start <= part.start and part.end <= piece.end)
    return next((piece for piece in inside if not piece.whole), None)
