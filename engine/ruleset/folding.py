"""Folds a parse tree from its leaves upwards, with a stack of its own so that no text can exhaust Python's.

What the parts mean is said by those who derive from `Folder`: `Builder` for conditions of rules, which are typed and
checked, `FreeBuilder` for expressions that are only evaluated.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lark import Token, Tree

from engine.ruleset.syntax import MACROS, Call, Expr, Fact, Has, Literal, Type, Variable
from engine.ruleset.tokens import double_value, int_value, string_value

ParseTree = Tree[Token]


@dataclass(frozen=True, slots=True)
class Path:
    """Words joined by points that may go on; `resolve` makes a fact, a constant or a variable of them.

    `absolute`: it began with a point, so that it is no variable.
    """

    words: tuple[str, ...]
    start: int
    end: int
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Arguments:
    """What stands between brackets."""

    parts: tuple[Part, ...]


Part = Expr | Path | Arguments | Token | None
"""What a node is folded into; None is a part that is wrong and was complained about."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A loop variable inside its macro; the type is None when the list is wrong."""

    name: str
    type: Type | None


@dataclass(frozen=True, slots=True)
class Macro:
    """`items.exists(variable, body)` as it was parsed."""

    op: str
    items: ParseTree
    variable: Token
    body: ParseTree
    start: int
    end: int


_Step = tuple[str, ParseTree | Token | Macro, int]
"""What to do next: visit a node, fold one with its last parts, enter or leave the body of a macro."""

_BINARY: Final = {
    "relation_lt": "<", "relation_le": "<=", "relation_gt": ">", "relation_ge": ">=", "relation_eq": "==",
    "relation_ne": "!=", "relation_in": "in", "addition_add": "+", "addition_sub": "-", "multiplication_mul": "*",
    "multiplication_div": "/", "multiplication_mod": "%",
}  # fmt: skip


class Folder(ABC):
    """Folds one expression; `bound` are the loop variables that can be read at this place, the innermost last."""

    def __init__(self) -> None:
        self.bound: list[Bound] = []

    def fold(self, tree: ParseTree) -> Expr | None:
        """The expression, or None when a part of it is wrong."""
        made: list[Part] = []
        todo: list[_Step] = [("visit", tree, 0)]
        while todo:
            do, node, count = todo.pop()
            if do == "enter" and isinstance(node, Macro):
                made[-1] = items = self.resolve(made[-1])
                self.bound.append(self.bind(node, items))
            elif do == "leave" and isinstance(node, Macro):
                items, body = (self.resolve(part) for part in made[-2:])
                made[-2:] = [self.macro(node, items, self.bound.pop(), body)]
            elif isinstance(node, Token):
                made.append(node)
            elif do == "fold" and isinstance(node, Tree):
                parts = made[len(made) - count :] if count else []
                del made[len(made) - count :]
                made.append(self._combined(node, parts))
            elif isinstance(node, Tree):
                self._visit(node, todo, made)
        return self.resolve(made[0])

    def _visit(self, node: ParseTree, todo: list[_Step], made: list[Part]) -> None:
        macro = _macro(node)
        if macro is not None:
            steps: list[_Step] = [("leave", macro, 0), ("visit", macro.body, 0), ("enter", macro, 0)]
            todo.extend([*steps, ("visit", macro.items, 0)])
        elif self.is_refused(node):
            made.append(None)
        else:
            todo.append(("fold", node, len(node.children)))
            todo.extend(("visit", child, 0) for child in reversed(node.children))

    def _combined(self, node: ParseTree, parts: list[Part]) -> Part:
        start, end = range_of(node)
        match str(node.data):
            case "expr":
                return parts[0] if len(parts) == 1 else self.call("?:", parts, start, end)
            case "paren_expr":
                return self.resolve(parts[0])
            case "exprlist":
                return Arguments(tuple(parts))
            case "ident" | "dot_ident" as kind:
                return Path((str(parts[0]),), start, end, kind == "dot_ident")
            case "member_dot":
                owner, word = parts
                whole = isinstance(owner, Path) and Path((*owner.words, str(word)), owner.start, end, owner.absolute)
                return whole or self.member(owner, str(word), start, end)
            case "member_dot_arg":
                return self.method(str(parts[1]), parts[0], _arguments(parts[2:]), start, end)
            case "ident_arg" | "dot_ident_arg":
                return self.function(str(parts[0]), _arguments(parts[1:]), start, end)
            case "member_index":
                return self.call("[]", parts, start, end)
            case "list_lit":
                return self.list_of([self.resolve(part) for part in _arguments(parts)], start, end)
            case "literal":
                return self.literal(parts[0], start, end) if isinstance(parts[0], Token) else None
            case _:
                return self._operation(node, parts, start, end) if len(parts) == 2 else parts[0] if parts else None

    def _operation(self, node: ParseTree, parts: list[Part], start: int, end: int) -> Part:
        """`a && b`, `a || b`, and what the grammar writes as (relation_lt a) b."""
        kind, first = str(node.data), node.children[0]
        if kind in ("conditionaland", "conditionalor"):
            return self.call("&&" if kind == "conditionaland" else "||", parts, start, end)
        sign = str(first.data) if isinstance(first, Tree) else ""
        if kind == "unary":
            return self.call("!" if sign == "unary_not" else "neg", parts[1:], start, end)
        return self.call(_BINARY[sign], parts, start, end)

    def resolve(self, part: Part) -> Expr | None:
        """A finished operand: a path becomes what it names."""
        if isinstance(part, Path):
            return self.named(part)
        return part if isinstance(part, Literal | Fact | Has | Variable | Call) else None

    def variable(self, path: Path) -> Bound | None:
        """The loop variable that the first word of a path names, or None."""
        if path.absolute:
            return None
        return next((one for one in reversed(self.bound) if one.name == path.words[0]), None)

    @abstractmethod
    def is_refused(self, node: ParseTree) -> bool:
        """Whether a node is no part of the language, whatever is inside; the complaint was made then."""

    @abstractmethod
    def named(self, path: Path) -> Expr | None:
        """The fact, the constant or the variable that a path names."""

    @abstractmethod
    def literal(self, token: Token, start: int, end: int) -> Expr | None:
        """A number, a text, true or false."""

    @abstractmethod
    def list_of(self, items: Sequence[Expr | None], start: int, end: int) -> Expr | None:
        """`[a, b]`."""

    @abstractmethod
    def member(self, owner: Part, word: str, start: int, end: int) -> Expr | None:
        """`owner.word` where the owner is no path."""

    @abstractmethod
    def call(self, op: str, parts: Sequence[Part], start: int, end: int) -> Expr | None:
        """An operator; `[]` picks an item."""

    @abstractmethod
    def function(self, name: str, args: tuple[Part, ...], start: int, end: int) -> Expr | None:
        """`name(args)`."""

    @abstractmethod
    def method(self, name: str, owner: Part, args: tuple[Part, ...], start: int, end: int) -> Expr | None:
        """`owner.name(args)`; not exists and all with a variable and a question."""

    @abstractmethod
    def bind(self, macro: Macro, items: Expr | None) -> Bound:
        """The variable of a macro, whose list is folded already."""

    @abstractmethod
    def macro(self, macro: Macro, items: Expr | None, variable: Bound, body: Expr | None) -> Expr | None:
        """exists or all with its list, its variable and what is asked of each item."""


def range_of(node: ParseTree) -> tuple[int, int]:
    """The characters `[start, end)` that a node was parsed from."""
    return (0, 0) if node.meta.empty else (node.meta.start_pos, node.meta.end_pos)


def literal_of(token: Token, start: int, end: int) -> Literal:
    """The number, the text, true or false that a token spells. Raises BadLiteral."""
    text = str(token)
    match token.type:
        case "BOOL_LIT":
            return Literal(text == "true", Type.BOOL, start, end)
        case "INT_LIT":
            return Literal(int_value(text), Type.INT, start, end)
        case "FLOAT_LIT":
            return Literal(double_value(text), Type.DOUBLE, start, end)
        case _:
            return Literal(string_value(text), Type.STRING, start, end)


def chained(op: str, arg: Expr) -> tuple[Expr, ...]:
    """The links of a chain of the same operator: `(a && b) && c` is one chain of three."""
    return arg.args if isinstance(arg, Call) and arg.op == op else (arg,)


def _arguments(parts: Sequence[Part]) -> tuple[Part, ...]:
    first = parts[0] if parts else None
    return first.parts if isinstance(first, Arguments) else ()


def _macro(node: ParseTree) -> Macro | None:
    """The parts of exists or all, when the node is one with a variable and a question."""
    if str(node.data) != "member_dot_arg" or str(node.children[1]) not in MACROS or len(node.children) != 3:
        return None
    items, op, arguments = node.children
    if not isinstance(items, Tree) or not isinstance(arguments, Tree) or len(arguments.children) != 2:
        return None
    first, body = arguments.children
    word = _lone_word(first)
    return Macro(str(op), items, word, body, *range_of(node)) if word is not None and isinstance(body, Tree) else None


def _lone_word(node: ParseTree | Token) -> Token | None:
    """The name that a subtree consists of, or None."""
    while isinstance(node, Tree) and node.data != "ident" and len(node.children) == 1:
        (node,) = node.children
    found = node.children[0] if isinstance(node, Tree) and node.data == "ident" else None
    return found if isinstance(found, Token) else None
