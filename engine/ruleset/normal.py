"""Rewrites a condition so that only `&& || ! ?:` stand above plain comparisons: same value, same errors, always.

A strict operator moves into the arms of a choice below it, since it looks at one arm only; two truth values are
compared by a choice; `a != b` is `!(a == b)` and `a > b` is `b < a`, so that fewer different terms remain. What is
asked of the items of a list is rewritten by `loops`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from engine.ruleset.loops import without_loop
from engine.ruleset.syntax import MACROS, Call, Expr, Literal, Type

LOGIC: Final = ("&&", "||", "!", "?:")
MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
MAX_NODES: Final = 2_000


class TooComplex(Exception):
    """The normal form would pass its bound."""


def normalise(expr: Expr) -> Expr:
    """The rewritten condition. Raises TooComplex when it would grow past MAX_NODES calls."""
    budget = [MAX_NODES]
    return _rewrite(expr, budget)


def _rewrite(expr: Expr, budget: list[int]) -> Expr:
    if not isinstance(expr, Call):
        return expr
    return _lift(replace(expr, args=tuple(_rewrite(arg, budget) for arg in expr.args)), budget)


def _lift(call: Call, budget: list[int]) -> Expr:
    """One call whose arguments are rewritten already."""
    budget[0] -= 1
    if budget[0] < 0:
        raise TooComplex
    if call.op in LOGIC:
        return call
    for index, arg in enumerate(call.args[:1] if call.op in MACROS else call.args):
        if isinstance(arg, Call) and arg.op == "?:":
            condition, then, otherwise = arg.args
            arms = (_lift(_with(call, index, then), budget), _lift(_with(call, index, otherwise), budget))
            return Call("?:", (condition, *arms), call.type, call.start, call.end)
    if call.op in MACROS:
        return without_loop(call, lambda made: _rewrite(made, budget))
    if call.op == "!=":
        return _not(_lift(replace(call, op="=="), budget))
    if call.op == "==" and call.args[0].type is Type.BOOL:
        return _equivalence(call)
    if call.op in (">", ">=") and not any(isinstance(arg, Literal) for arg in call.args):
        return replace(call, op=MIRRORED[call.op], args=(call.args[1], call.args[0]))
    if isinstance(call.args[0], Literal) and call.op in MIRRORED:
        return replace(call, op=MIRRORED[call.op], args=(call.args[1], call.args[0]))
    return call


def _equivalence(call: Call) -> Expr:
    left, right = call.args
    if isinstance(right, Literal):
        return left if right.value else _not(left)
    if isinstance(left, Literal):
        return right if left.value else _not(right)
    return Call("?:", (left, right, _not(right)), Type.BOOL, call.start, call.end)


def _not(expr: Expr) -> Call:
    return Call("!", (expr,), Type.BOOL, expr.start, expr.end)


def _with(call: Call, index: int, arg: Expr) -> Call:
    return replace(call, args=(*call.args[:index], arg, *call.args[index + 1 :]))
