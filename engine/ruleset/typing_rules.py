"""Which operators and functions take which types, and what a person is told when they do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.ruleset.arithmetic import ARITHMETIC
from engine.ruleset.syntax import Type

NUMBERS: Final = frozenset({Type.INT, Type.DOUBLE})
ELEMENTS: Final = {Type.LIST_STRING: Type.STRING, Type.LIST_INT: Type.INT, Type.LIST_DOUBLE: Type.DOUBLE}
LISTS: Final = {element: kind for kind, element in ELEMENTS.items()}
_ORDERED: Final = NUMBERS | {Type.STRING, Type.TIMESTAMP, Type.DURATION}
_LOGIC: Final = ("&&", "||", "!")
_WRITTEN: Final = {"neg": "-", "?:": "? :"}


class Mismatch(Exception):
    """The types do not fit; `hint` may say what would."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def named(kind: Type) -> str:
    """A type with its article: `an int`, `a string`."""
    return f"{'an' if kind in (Type.INT, Type.OBJECT) else 'a'} {kind.value}"


def result_type(op: str, types: Sequence[Type]) -> Type:
    """The type of an operator's or a function's result. Raises Mismatch."""
    if Type.OBJECT in types:
        raise Mismatch("an object has no value of its own", "name one of the facts it holds, or ask has(…)")
    if op in _LOGIC:
        return _logic(op, types)
    if op == "?:":
        return _choice(types)
    if op in ("==", "!=", "<", "<=", ">", ">="):
        return _comparison(op, types[0], types[1])
    if op == "in":
        return _membership(types[0], types[1])
    if op in _FUNCTION_TYPES:
        return _function(op, types)
    return _arithmetic(op, types)


def _logic(op: str, types: Sequence[Type]) -> Type:
    wrong = next((kind for kind in types if kind is not Type.BOOL), None)
    if wrong is not None:
        raise Mismatch(f"{op} wants true or false on every side, not {named(wrong)}", "compare it with something")
    return Type.BOOL


def _choice(types: Sequence[Type]) -> Type:
    condition, then, otherwise = types
    if condition is not Type.BOOL:
        raise Mismatch(f"what stands before ? is true or false, not {named(condition)}")
    if then is not otherwise:
        hint = "write 1.0 for a double" if {then, otherwise} == NUMBERS else ""
        raise Mismatch(f"both arms of a choice have one type, not {then.value} and {otherwise.value}", hint)
    return then


def _comparison(op: str, left: Type, right: Type) -> Type:
    if left is not right and not {left, right} <= NUMBERS:
        hint = "a < b < c is written a < b && b < c" if left is Type.BOOL and op not in ("==", "!=") else ""
        hint = hint or _quote_hint(left, right)
        raise Mismatch(f"{named(left)} and {named(right)} cannot be compared", hint)
    if op not in ("==", "!=") and left not in _ORDERED:
        raise Mismatch(f"{named(left)} has no order, so {op} says nothing", "compare with == or !=")
    return Type.BOOL


def _quote_hint(left: Type, right: Type) -> str:
    kinds = {left, right}
    if Type.STRING in kinds and kinds & (NUMBERS | {Type.BOOL}):
        return "a text stands in quotes, a number and true or false without"
    if Type.STRING in kinds and Type.TIMESTAMP in kinds:
        return 'write timestamp("2026-01-05T12:00:00Z")'
    if Type.STRING in kinds and Type.DURATION in kinds:
        return 'write duration("90s")'
    if kinds & ELEMENTS.keys():
        return 'whether a list holds a value is asked with in: "high" in user.tags'
    return ""


def _membership(element: Type, container: Type) -> Type:
    inner = ELEMENTS.get(container)
    if inner is None:
        hint = 'a list is written ["a", "b"]; whether a text holds another is asked with contains()'
        hint = hint if container is Type.STRING else ""
        raise Mismatch(f"what stands after in is a list, not {named(container)}", hint)
    if element is not inner and not {element, inner} <= NUMBERS:
        raise Mismatch(f"{named(container)} never holds {named(element)}")
    return Type.BOOL


_TEXT: Final = (Type.STRING,)
_FUNCTION_TYPES: Final[dict[str, tuple[tuple[tuple[Type, ...], ...], Type]]] = {
    "size": (((Type.STRING, *ELEMENTS),), Type.INT),
    "startsWith": ((_TEXT, _TEXT), Type.BOOL),
    "endsWith": ((_TEXT, _TEXT), Type.BOOL),
    "contains": ((_TEXT, _TEXT), Type.BOOL),
    "matches": ((_TEXT, _TEXT), Type.BOOL),
    "lowerAscii": ((_TEXT,), Type.STRING),
    "upperAscii": ((_TEXT,), Type.STRING),
    "trim": ((_TEXT,), Type.STRING),
    "timestamp": ((_TEXT,), Type.TIMESTAMP),
    "duration": ((_TEXT,), Type.DURATION),
}


def item_type(macro: str, kind: Type) -> Type:
    """The type of the items that `exists` or `all` asks about. Raises Mismatch."""
    if kind not in ELEMENTS:
        raise Mismatch(f"{macro}() asks the items of a list, and this is {named(kind)}", "write user.tags.exists(t, …)")
    return ELEMENTS[kind]


def arity(function: str) -> int:
    """How many arguments a function takes, the receiver of a method included."""
    return len(_FUNCTION_TYPES[function][0])


def _function(op: str, types: Sequence[Type]) -> Type:
    wanted, result = _FUNCTION_TYPES[op]
    for allowed, kind in zip(wanted, types, strict=True):
        if kind not in allowed:
            hint = 'whether a list holds a value is asked with in: "high" in user.tags' if kind in ELEMENTS else ""
            names = " or a list" if len(allowed) > 1 else ""
            raise Mismatch(f"{op}() wants a string{names}, not {named(kind)}", hint)
    return result


def _arithmetic(op: str, types: Sequence[Type]) -> Type:
    found = ARITHMETIC.get((op, tuple(types)))
    if found is not None:
        return found[0]
    sign = _WRITTEN.get(op, op)
    if set(types) == NUMBERS and op != "%":
        hint = "a whole number written with a point is a double: 2.0"
        raise Mismatch(f"{sign} wants numbers of one type, not an int and a double", hint)
    if op == "%" and Type.DOUBLE in types:
        raise Mismatch("% wants whole numbers")
    raise Mismatch(f"{sign} does not work on {' and '.join(map(named, types))}")
