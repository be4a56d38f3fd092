"""Rewrites `exists` and `all` into plain questions where that is exact, so that conditions share their terms.

`all(x, P)` is the opposite of `exists(x, !P)`; a question joined by `||` is asked part by part; `x == a` of some item
is `a in list`; and of a few constants each is asked by itself. Errors stay what they were, because `exists` is by
definition the `||` of its questions. No list of a condition is empty: an empty one counts as absent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from engine.ruleset.interpreter import EvaluationError, constant
from engine.ruleset.syntax import MACROS, Call, Expr, Literal, Type, Variable
from engine.ruleset.typing_rules import ELEMENTS

MOST_UNROLLED: Final = 16
"""Of up to so many constants each is asked by itself, when what is asked is one plain question."""

MOST_JOINED: Final = 8
"""Otherwise, if that makes no more questions than this: their cases multiply."""

_LAZY: Final = ("&&", "||", "!", "?:")


def without_loop(macro: Call, again: Callable[[Expr], Expr]) -> Expr:
    """An exists or an all whose parts are in normal form; `again` brings what is made here into normal form."""
    body = macro.args[2]
    return _some(macro, body, True, again) if macro.op == "exists" else _not(_some(macro, body, False, again))


def _some(macro: Call, body: Expr, wanted: bool, again: Callable[[Expr], Expr]) -> Expr:
    """Whether some item answers the question as wanted."""
    items, variable, _ = macro.args
    assert isinstance(variable, Variable), "the second argument of a macro is its variable"
    if isinstance(body, Call) and body.op == "!":
        return _some(macro, body.args[0], not wanted, again)
    found = _membership(items, variable, body) if wanted else None
    if found is not None:
        return again(found)
    if isinstance(items, Literal):
        if _are_few(_constants(items), body):
            asked = [again(put(body, variable.name, one)) for one in _constants(items)]
            return _any(macro, asked if wanted else [_not(one) for one in asked])
    elif isinstance(body, Call) and body.op == ("||" if wanted else "&&"):
        return replace(body, op="||", args=tuple(_some(macro, part, wanted, again) for part in body.args))
    return replace(macro, op="exists", args=(items, variable, body if wanted else _not(body)))


def _membership(items: Expr, variable: Variable, body: Expr) -> Expr | None:
    """The question as one of membership, if it can be."""
    if not isinstance(body, Call) or body.op not in ("==", "in"):
        return None
    left, right = body.args
    if body.op == "==":
        if not _is(left, variable):
            left, right = right, left
        return (
            replace(body, op="in", args=(right, items)) if _is(left, variable) and not _reads(right, variable) else None
        )
    if not _is(left, variable) or not isinstance(right, Literal) or not isinstance(right.value, tuple):
        return None
    if len(right.value) > MOST_UNROLLED:
        return None
    return _any(body, [replace(body, args=(one, items)) for one in _constants(right)])


def _are_few(constants: list[Literal], body: Expr) -> bool:
    questions = _questions(body)
    return len(constants) * questions <= (MOST_UNROLLED if questions == 1 else MOST_JOINED)


def _questions(expr: Expr) -> int:
    """How many plain questions a question is joined of."""
    return sum(map(_questions, expr.args)) if isinstance(expr, Call) and expr.op in _LAZY else 1


def _is(expr: Expr, variable: Variable) -> bool:
    return isinstance(expr, Variable) and expr.name == variable.name


def _reads(expr: Expr, variable: Variable) -> bool:
    """Whether an expression reads the variable; one of the same name of a macro inside counts, to be safe."""
    if isinstance(expr, Call):
        return any(_reads(arg, variable) for arg in expr.args)
    return _is(expr, variable)


def _constants(items: Literal) -> list[Literal]:
    values = items.value if isinstance(items.value, tuple) else ()
    return [Literal(value, ELEMENTS[items.type], items.start, items.end) for value in values]


def put(expr: Expr, name: str, value: Literal) -> Expr:
    """The expression with a constant in the place of a variable; calls of constants only become their values."""
    if isinstance(expr, Variable):
        return replace(value, start=expr.start, end=expr.end) if expr.name == name else expr
    if not isinstance(expr, Call):
        return expr
    if expr.op in MACROS and isinstance(expr.args[1], Variable):
        items, inner, body = expr.args
        asked = body if isinstance(inner, Variable) and inner.name == name else put(body, name, value)
        return replace(expr, args=(put(items, name, value), inner, asked))
    made = replace(expr, args=tuple(put(arg, name, value) for arg in expr.args))
    if made.op in _LAZY or made.op == "matches" or not all(isinstance(arg, Literal) for arg in made.args):
        return made
    try:
        return Literal(constant(made), made.type, made.start, made.end)
    except EvaluationError:
        return made  # it has no value for this item, and that stays so


def _any(call: Call, parts: list[Expr]) -> Expr:
    return parts[0] if len(parts) == 1 else Call("||", tuple(parts), Type.BOOL, call.start, call.end)


def _not(expr: Expr) -> Call:
    return Call("!", (expr,), Type.BOOL, expr.start, expr.end)
