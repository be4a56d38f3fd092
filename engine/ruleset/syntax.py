"""The typed syntax tree of a condition: what is left of a `when:` after parsing and checking.

Nodes are immutable and carry the half-open range of characters `[start, end)` they came from in the condition's
text, so that every later complaint can point at its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Type(Enum):
    """The types of the condition language; a list has the type of its elements."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    TIMESTAMP = "timestamp"
    DURATION = "duration"
    LIST_STRING = "list<string>"
    LIST_INT = "list<int>"
    LIST_DOUBLE = "list<double>"
    OBJECT = "object"
    """Holds nested facts and has no value of its own: only `has()` may ask for it."""


Value = bool | int | float | str | tuple[str, ...] | tuple[int, ...] | tuple[float, ...]
"""A value of the language. Timestamps are int microseconds since the Unix epoch, durations int microseconds; their
node says which. Facts hold no NaN and no infinity."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant, written out or named in a `define:` (then `name` is that name)."""

    value: Value
    type: Type
    start: int
    end: int
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A field path such as `message.params.amount`."""

    path: str
    type: Type
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Has:
    """`has(path)`: true when the fact is there, false when it is absent, an error when its parent is absent."""

    fact: Fact
    type: Type
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Variable:
    """The name that `exists` and `all` give to each item of their list, where the question about an item reads it."""

    name: str
    type: Type
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Call:
    """An operator, a function or a macro with its arguments; `op` is a name in `OPERATORS`, `FUNCTIONS` or `MACROS`."""

    op: str
    args: tuple[Expr, ...]
    type: Type
    start: int
    end: int


Expr = Literal | Fact | Has | Variable | Call

OPERATORS = frozenset({"==", "!=", "<", "<=", ">", ">=", "&&", "||", "!", "?:", "in", "+", "-", "*", "/", "%", "neg"})
"""Unary minus is `neg`, the ternary is `?:` with (condition, then, otherwise); `&&` and `||` take two or more
arguments, so that a long chain is wide and not deep."""

FUNCTIONS = frozenset(
    {
        "size", "startsWith", "endsWith", "contains", "matches", "lowerAscii", "upperAscii", "trim", "timestamp",
        "duration",
    }
)  # fmt: skip
"""Method calls put the receiver first: `s.startsWith("x")` is `Call("startsWith", (s, "x"))`."""

MACROS = frozenset({"exists", "all"})
"""`tags.exists(t, t == "a")` is `Call("exists", (tags, t, t == "a"))` with the Variable t as the second argument; the
third is asked of every item, and reads the item by that name wherever no macro inside takes the name anew."""
