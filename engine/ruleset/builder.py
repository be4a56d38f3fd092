"""From a parse tree to a typed syntax tree; what is of CEL but not of our language is refused with a hint.

The parse tree is folded from its leaves upwards with a stack of our own, so that no text can exhaust Python's. Parts
that are wrong become None and make no further complaints, so that one condition can show several problems.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lark import Token, Tree

from engine.ruleset.fact_types import RESERVED
from engine.ruleset.interpreter import EvaluationError, constant
from engine.ruleset.issues import Issues, did_you_mean
from engine.ruleset.names import Names, unknown_name
from engine.ruleset.patterns import searcher
from engine.ruleset.source import Span
from engine.ruleset.syntax import Call, Expr, Fact, Has, Literal, Type
from engine.ruleset.tokens import BadLiteral, double_value, int_value, string_value
from engine.ruleset.typing_rules import LISTS, Mismatch, arity, named, result_type

Where = Callable[[int, int], Span]
"""Turns offsets `[start, end)` of the condition into a place in its file."""


@dataclass(frozen=True, slots=True)
class _Path:
    """Words joined by points that may go on; `resolve` makes a fact or a constant of them."""

    words: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Arguments:
    """What stands between brackets."""

    parts: tuple[_Part, ...]


_Part = Expr | _Path | _Arguments | Token | None
_Node = Tree[Token]

_BINARY: Final = {
    "relation_lt": "<", "relation_le": "<=", "relation_gt": ">", "relation_ge": ">=", "relation_eq": "==",
    "relation_ne": "!=", "relation_in": "in", "addition_add": "+", "addition_sub": "-", "multiplication_mul": "*",
    "multiplication_div": "/", "multiplication_mod": "%",
}  # fmt: skip
_MACROS: Final = ("all", "exists", "exists_one", "map", "filter")
_CONVERSIONS: Final = ("int", "uint", "double", "string", "bytes", "bool", "dyn", "type")
_METHODS: Final = ("startsWith", "endsWith", "contains", "matches", "size")
_GLOBALS: Final = ("size", "has", "timestamp", "duration")
_UNSUPPORTED: Final = {
    "member_index": ("elements are not picked out by [ ]", 'ask with in: "high" in user.tags'),
    "member_object": ("messages are not built in conditions", ""),
    "map_lit": ("maps in { } are not part of the language", "a list stands in [ ]"),
    "dot_ident": ("a path does not begin with a point", "leave the point out"),
    "dot_ident_arg": ("a function does not begin with a point", "leave the point out"),
}
_UNSUPPORTED_TOKENS: Final = {
    "UINT_LIT": ("unsigned numbers are not part of the language", "leave the u out"),
    "BYTES_LIT": ("bytes are not part of the language", "leave the b out"),
    "NULL_LIT": ("null is not part of the language", "whether a fact is there is asked with has(…)"),
}


class Builder:
    """Folds a parse tree into an expression; one for each condition."""

    def __init__(self, where: Where, names: Names, issues: Issues) -> None:
        self.where, self.names, self.issues = where, names, issues
        self.item_places: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def build(self, tree: _Node) -> Expr | None:
        """The expression, or None when a part of it is wrong."""
        made: list[_Part] = []
        todo: list[tuple[_Node | Token, bool]] = [(tree, False)]
        while todo:
            node, ready = todo.pop()
            if isinstance(node, Token):
                made.append(node)
            elif not ready and self._is_unsupported(node):
                made.append(None)
            elif ready:
                count = len(node.children)
                parts = made[len(made) - count :] if count else []
                del made[len(made) - count :]
                made.append(self._fold(node, parts))
            else:
                todo.append((node, True))
                todo.extend((child, False) for child in reversed(node.children))
        return self._resolve(made[0])

    def _is_unsupported(self, node: _Node) -> bool:
        """Whether the node is refused as such; then what is inside is not looked at."""
        kind = str(node.data)
        if kind in _UNSUPPORTED:
            self._refuse(*_range(node), *_UNSUPPORTED[kind])
            return True
        if kind == "member_dot_arg" and str(node.children[1]) in _MACROS:
            hint = 'whether a list holds a value is asked with in: "high" in user.tags'
            self._refuse(*_range(node), f"the macro {node.children[1]}() is not part of the language", hint)
            return True
        return False

    def _fold(self, node: _Node, parts: list[_Part]) -> _Part:
        kind = str(node.data)
        start, end = _range(node)
        if kind in _FOLDS:
            return _FOLDS[kind](self, parts, start, end)
        if len(parts) == 2:
            return self._operation(node, parts, start, end)
        return parts[0] if parts else None

    def _operation(self, node: _Node, parts: list[_Part], start: int, end: int) -> Expr | None:
        """`a && b`, `a || b`, and what the grammar writes as (relation_lt a) b."""
        kind = str(node.data)
        if kind in ("conditionaland", "conditionalor"):
            op = "&&" if kind == "conditionaland" else "||"
        elif kind == "unary":
            first = node.children[0]
            op = "!" if isinstance(first, Tree) and first.data == "unary_not" else "neg"
            return self._call(op, parts[1:], start, end)
        else:
            first = node.children[0]
            op = _BINARY[str(first.data)] if isinstance(first, Tree) else ""
        return self._call(op, parts, start, end)

    def _refuse(self, start: int, end: int, message: str, hint: str = "", code: str = "cel-unsupported") -> Expr | None:
        """Report a problem; always None, so that a fold can end with it."""
        self.issues.error(code, self.where(start, end), message, hint)
        return None

    def _resolve(self, part: _Part) -> Expr | None:
        """A finished operand: a path becomes the fact or the constant it names."""
        if isinstance(part, _Path):
            return self._named(part)
        return part if isinstance(part, Literal | Fact | Has | Call) else None

    def _named(self, path: _Path) -> Expr | None:
        name = ".".join(path.words)
        definition = self.names.definitions.get(name)
        if definition is not None:
            self.names.used.add(name)
            return Literal(definition.value, definition.type, path.start, path.end, name)
        fact = self.names.fact(name)
        if fact is not None:
            return Fact(name, fact.type, path.start, path.end)
        word = next((word for word in path.words if word in RESERVED), None)
        if word is not None:
            self._refuse(path.start, path.end, f'"{word}" is a reserved word of CEL')
        else:
            message, hint = unknown_name(name, self.names)
            self._refuse(path.start, path.end, message, hint, "unknown-fact")
        return None

    def _call(self, op: str, parts: Sequence[_Part], start: int, end: int) -> Expr | None:
        """A checked operator or function; one whose arguments are all literals is replaced by its value."""
        args = [self._resolve(part) for part in parts]
        checked = [arg for arg in args if arg is not None]
        if len(checked) < len(args):
            return None
        try:
            kind = result_type(op, [arg.type for arg in checked])
        except Mismatch as problem:
            return self._refuse(start, end, problem.message, problem.hint, "wrong-type")
        if not self._values_are_possible(op, checked):
            return None
        if op in ("&&", "||"):
            checked = [inner for arg in checked for inner in _chained(op, arg)]
        return self._folded(Call(op, tuple(checked), kind, start, end))

    def _folded(self, call: Call) -> Expr | None:
        if call.op in ("&&", "||", "!", "?:") or not all(isinstance(arg, Literal) for arg in call.args):
            return call
        if call.op == "matches":
            return call
        try:
            return Literal(constant(call), call.type, call.start, call.end)
        except EvaluationError as problem:
            return self._refuse(call.start, call.end, f"this always fails: {problem}", "", "constant-error")

    def _values_are_possible(self, op: str, args: Sequence[Expr]) -> bool:
        """Whether a fact with a closed set is compared with members of that set only."""
        if op not in ("==", "!=", "<", "<=", ">", ">=", "in"):
            return True
        fact = next((self.names.fact(arg.path) for arg in args if isinstance(arg, Fact)), None)
        literal = next((arg for arg in args if isinstance(arg, Literal)), None)
        if fact is None or literal is None or fact.values is None:
            return True
        values = literal.value if isinstance(literal.value, tuple) else (literal.value,)
        places = self.item_places.get((literal.start, literal.end), [])
        wrong = [index for index, value in enumerate(values) if value not in fact.values]
        for index in wrong:
            start, end = places[index] if index < len(places) else (literal.start, literal.end)
            hint = did_you_mean(str(values[index]), fact.values) or "known: " + ", ".join(fact.values[:20])
            self._refuse(start, end, f'{fact.path} is never "{str(values[index])[:60]}"', hint, "impossible-value")
        return not wrong

    def _fold_expr(self, parts: list[_Part], start: int, end: int) -> _Part:
        return parts[0] if len(parts) == 1 else self._call("?:", parts, start, end)

    def _fold_parentheses(self, parts: list[_Part], start: int, end: int) -> _Part:
        return self._resolve(parts[0])

    def _fold_arguments(self, parts: list[_Part], start: int, end: int) -> _Part:
        return _Arguments(tuple(parts))

    def _fold_name(self, parts: list[_Part], start: int, end: int) -> _Part:
        return _Path((str(parts[0]),), start, end)

    def _fold_member(self, parts: list[_Part], start: int, end: int) -> _Part:
        owner, word = parts
        if isinstance(owner, _Path):
            return _Path((*owner.words, str(word)), owner.start, end)
        return None if owner is None else self._refuse(start, end, f'only a path has fields, so ".{word}" has no sense')

    def _fold_literal(self, parts: list[_Part], start: int, end: int) -> _Part:
        (token,) = parts
        if not isinstance(token, Token):
            return None
        if token.type in _UNSUPPORTED_TOKENS:
            return self._refuse(start, end, *_UNSUPPORTED_TOKENS[token.type])
        text = str(token)
        try:
            if token.type == "BOOL_LIT":
                return Literal(text == "true", Type.BOOL, start, end)
            if token.type == "INT_LIT":
                return Literal(int_value(text), Type.INT, start, end)
            if token.type == "FLOAT_LIT":
                return Literal(double_value(text), Type.DOUBLE, start, end)
            return Literal(string_value(text), Type.STRING, start, end)
        except BadLiteral as problem:
            self._refuse(start + problem.start, start + problem.end, problem.message, problem.hint, "cel-literal")
            return None

    def _fold_list(self, parts: list[_Part], start: int, end: int) -> _Part:
        items = [self._resolve(part) for part in _arguments(parts)]
        if not items:
            return self._refuse(start, end, "nothing is in an empty list", "list the values")
        kind: Type | None = None
        for item in items:
            if item is None:
                return None
            if not isinstance(item, Literal) or item.type not in LISTS:
                hint = "compare one by one, joined by ||"
                return self._refuse(item.start, item.end, "a list holds constant texts and numbers only", hint)
            kind = kind or item.type
            if item.type is not kind:
                text = f"a list has items of one type; this is {named(item.type)} among {kind.value}s"
                return self._refuse(item.start, item.end, text, "write 1.0 for a double", "wrong-type")
        literals = [item for item in items if isinstance(item, Literal)]
        self.item_places[start, end] = [(item.start, item.end) for item in literals]
        values = tuple(item.value for item in literals)
        return Literal(values, LISTS[literals[0].type], start, end)  # type: ignore[arg-type]  # of one type, seen above

    def _fold_function(self, parts: list[_Part], start: int, end: int) -> _Part:
        name, args = str(parts[0]), _arguments(parts[1:])
        if name == "has":
            return self._has(args, start, end)
        if name not in _GLOBALS:
            hint = _function_hint(name, _GLOBALS)
            code = "cel-unsupported" if name in (*_CONVERSIONS, *_METHODS, *_MACROS) else "unknown-function"
            return self._refuse(start, end, f"there is no function {name[:40]}()", hint, code)
        return self._applied(name, args, start, end)

    def _fold_method(self, parts: list[_Part], start: int, end: int) -> _Part:
        owner, name, args = parts[0], str(parts[1]), _arguments(parts[2:])
        if name not in _METHODS:
            hint = _function_hint(name, _METHODS)
            code = "cel-unsupported" if name.startswith("get") else "unknown-function"
            return self._refuse(start, end, f"there is no method {name[:40]}()", hint, code)
        return self._applied(name, (owner, *args), start, end)

    def _applied(self, name: str, args: tuple[_Part, ...], start: int, end: int) -> Expr | None:
        if len(args) != arity(name):
            text = f"{name}() does not take {len(args)} argument{'s' * (len(args) != 1)}"
            return self._refuse(start, end, text, _usage(name), "wrong-arguments")
        if name == "matches" and not self._pattern_is_good(args[1]):
            return None
        return self._call(name, args, start, end)

    def _pattern_is_good(self, part: _Part) -> bool:
        pattern = self._resolve(part)
        if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
            if pattern is not None:
                self._refuse(pattern.start, pattern.end, "the pattern of matches() is written out as a text")
            return False
        try:
            searcher(pattern.value)
        except ValueError as problem:
            hint = "the language of patterns is RE2's: no look-around and no back references"
            self._refuse(pattern.start, pattern.end, f"this is no pattern: {problem}", hint, "bad-pattern")
            return False
        return True

    def _has(self, args: tuple[_Part, ...], start: int, end: int) -> Expr | None:
        if len(args) != 1 or not isinstance(args[0], _Path):
            return self._refuse(
                start, end, "has() takes the path of one fact", "has(message.campaign)", "wrong-arguments"
            )
        asked = self._named(args[0])
        if asked is not None and not isinstance(asked, Fact):
            return self._refuse(start, end, "a constant is always there", "has() takes the path of one fact")
        return None if asked is None else Has(asked, Type.BOOL, start, end)


_FOLDS: Final[dict[str, Callable[[Builder, list[_Part], int, int], _Part]]] = {
    "expr": Builder._fold_expr,
    "paren_expr": Builder._fold_parentheses,
    "exprlist": Builder._fold_arguments,
    "ident": Builder._fold_name,
    "member_dot": Builder._fold_member,
    "member_dot_arg": Builder._fold_method,
    "ident_arg": Builder._fold_function,
    "list_lit": Builder._fold_list,
    "literal": Builder._fold_literal,
}


def _range(node: _Node) -> tuple[int, int]:
    return (0, 0) if node.meta.empty else (node.meta.start_pos, node.meta.end_pos)


def _arguments(parts: Sequence[_Part]) -> tuple[_Part, ...]:
    first = parts[0] if parts else None
    return first.parts if isinstance(first, _Arguments) else ()


def _chained(op: str, arg: Expr) -> tuple[Expr, ...]:
    """The links of a chain of the same operator: `(a && b) && c` is one chain of three."""
    return arg.args if isinstance(arg, Call) and arg.op == op else (arg,)


def _usage(name: str) -> str:
    if name in ("timestamp", "duration"):
        return 'write timestamp("2026-01-05T12:00:00Z")' if name == "timestamp" else 'write duration("90s")'
    return "write size(user.tags)" if name == "size" else f'write message.scene.{name}("…")'


def _function_hint(name: str, known: tuple[str, ...]) -> str:
    if name in _MACROS:
        return 'macros are not part of the language; ask with in: "high" in user.tags'
    if name in _CONVERSIONS:
        return "types are declared in facts.yaml; write 1.0 for a double"
    if name in _METHODS:
        return f'write message.scene.{name}("…")'
    if name in _GLOBALS:
        return f"write {name}(…)"
    if name.startswith("get"):
        return "the time in the user's zone is there as now.local_hour, now.local_weekday and so on"
    return did_you_mean(name, known) or "known: " + ", ".join(f"{n}()" for n in known)
