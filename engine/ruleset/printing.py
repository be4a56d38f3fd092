"""A typed syntax tree as text again: `parse(show(expr))` is the same tree, constants' names aside."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Final

from engine.ruleset.syntax import Call, Expr, Fact, Has, Literal, Type, Variable
from engine.ruleset.temporal import EPOCH, MICROSECOND

_TERNARY, _OR, _AND, _RELATION, _SUM, _PRODUCT, _UNARY, _MEMBER = range(8)
"""How tightly operators bind, the loosest first."""

_BINDING: Final = {
    "?:": _TERNARY, "||": _OR, "&&": _AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), _RELATION),
    **dict.fromkeys("+-", _SUM), **dict.fromkeys("*/%", _PRODUCT),
    "!": _UNARY, "neg": _UNARY,
}  # fmt: skip
_METHODS: Final = (
    "startsWith", "endsWith", "contains", "matches", "lowerAscii", "upperAscii", "trim", "exists", "all",
)  # fmt: skip


def show(expr: Expr, names: bool = True) -> str:
    """Return the expression as a rule author would write it; `names`: constants by their names, not their values."""
    return _shown(expr, names)[0]


def show_value(value: object, kind: Type) -> str:
    """Return a value as it is written in a condition."""
    if isinstance(value, tuple):
        item = Type(kind.value.removeprefix("list<").removesuffix(">"))
        return "[" + ", ".join(show_value(one, item) for one in value) + "]"
    if kind is Type.TIMESTAMP and isinstance(value, int):
        return f'timestamp("{_iso(value)}")'
    if kind is Type.DURATION and isinstance(value, int):
        return f'duration("{_seconds(value)}s")'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _iso(micros: int) -> str:
    return (EPOCH + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")


def _seconds(micros: int) -> str:
    whole, rest = divmod(abs(micros), timedelta(seconds=1) // MICROSECOND)
    return ("-" if micros < 0 else "") + f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def _shown(expr: Expr, names: bool) -> tuple[str, int]:
    """Return the text and how tightly its outermost operator binds."""
    match expr:
        case Literal(value=value, type=kind, name=name):
            text = name if names and name is not None else show_value(value, kind)
            return text, _UNARY if text.startswith("-") else _MEMBER
        case Fact(path=path):
            return path, _MEMBER
        case Has(fact=fact):
            return f"has({fact.path})", _MEMBER
        case Variable(name=name):
            return name, _MEMBER
        case Call(op=op, args=args):
            return _call(op, args, names)


def _call(op: str, args: tuple[Expr, ...], names: bool) -> tuple[str, int]:
    if op not in _BINDING:
        return _function(op, args, names), _MEMBER
    binding = _BINDING[op]
    if op == "?:":
        condition, then, otherwise = args
        text = f"{_bound(condition, _OR, names)} ? {_bound(then, _OR, names)} : {_bound(otherwise, _TERNARY, names)}"
        return text, binding
    if op in ("!", "neg"):
        return ("!" if op == "!" else "-") + _bound(args[0], _MEMBER, names), binding
    # A chain of && or || is one node; the others take two, and the right one needs brackets to stay on the right.
    tighter = _bound(args[0], binding + (op in ("&&", "||")), names)
    return f" {op} ".join([tighter, *(_bound(arg, binding + 1, names) for arg in args[1:])]), binding


def _function(op: str, args: tuple[Expr, ...], names: bool) -> str:
    if op in _METHODS:
        receiver = _bound(args[0], _MEMBER, names)
        return f"{receiver}.{op}({', '.join(show(arg, names) for arg in args[1:])})"
    return f"{op}({', '.join(show(arg, names) for arg in args)})"


def _bound(expr: Expr, least: int, names: bool) -> str:
    """Return a part of an expression, in brackets if it binds less tightly than it must here."""
    text, binding = _shown(expr, names)
    return text if binding >= least else f"({text})"
