"""From a parse tree to a typed syntax tree; what is of CEL but not of our language is refused with a hint.

The parse tree is folded from its leaves upwards with a stack of our own, so that no text can exhaust Python's. Parts
that are wrong become None and make no further complaints, so that one condition can show several problems.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lark import Token

from engine.ruleset.fact_types import RESERVED, ROOTS
from engine.ruleset.folding import Bound, Folder, Macro, ParseTree, Part, Path, chained, literal_of, range_of
from engine.ruleset.interpreter import EvaluationError, constant
from engine.ruleset.issues import Issues, did_you_mean
from engine.ruleset.names import Names, unknown_name
from engine.ruleset.patterns import searcher
from engine.ruleset.source import Span
from engine.ruleset.syntax import MACROS, Call, Expr, Fact, Has, Literal, Type, Variable
from engine.ruleset.tokens import BadLiteral
from engine.ruleset.typing_rules import LISTS, Mismatch, arity, item_type, named, result_type

Where = Callable[[int, int], Span]
"""Turns offsets `[start, end)` of the condition into a place in its file."""

MAX_MACROS: Final = 2
"""How many exists and all may stand within each other."""

_OTHER_MACROS: Final = ("exists_one", "existsOne", "map", "filter", "transformList", "transformMap")
_CONVERSIONS: Final = ("int", "uint", "double", "string", "bytes", "bool", "dyn", "type")
_METHODS: Final = (
    "startsWith", "endsWith", "contains", "matches", "size", "lowerAscii", "upperAscii", "trim",
)  # fmt: skip
_CASES: Final = {"lower": "lowerAscii", "toLower": "lowerAscii", "upper": "upperAscii", "toUpper": "upperAscii"}
"""What other languages call these methods."""

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


class Builder(Folder):
    """Folds a parse tree into an expression; one for each condition."""

    def __init__(self, where: Where, names: Names, issues: Issues) -> None:
        super().__init__()
        self.where, self.names, self.issues = where, names, issues
        self.item_places: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def is_refused(self, node: ParseTree) -> bool:
        """Whether the node is refused as such; then what is inside is not looked at."""
        kind = str(node.data)
        if kind in _UNSUPPORTED:
            self._refuse(*range_of(node), *_UNSUPPORTED[kind])
            return True
        name = str(node.children[1]) if kind == "member_dot_arg" else ""
        if name in MACROS:
            usage = f'write user.tags.{name}(t, t.startsWith("vip"))'
            text = f"{name}() takes a name for the item and a question about it"
            self._refuse(*range_of(node), text, usage, "wrong-arguments")
        elif name in _OTHER_MACROS:
            hint = 'known: exists and all, as in user.tags.exists(t, t.startsWith("vip"))'
            self._refuse(*range_of(node), f"the macro {name}() is not part of the language", hint)
        return name in MACROS or name in _OTHER_MACROS

    def _refuse(self, start: int, end: int, message: str, hint: str = "", code: str = "cel-unsupported") -> Expr | None:
        """Report a problem; always None, so that a fold can end with it."""
        self.issues.error(code, self.where(start, end), message, hint)
        return None

    def named(self, path: Path) -> Expr | None:
        """The fact, the constant or the variable that a path names."""
        variable = self.variable(path)
        if variable is not None:
            return self._variable(variable, path)
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

    def _variable(self, variable: Bound, path: Path) -> Expr | None:
        if len(path.words) > 1:
            text = f'"{variable.name}" is an item of a list and has no fields'
            return self._refuse(path.start, path.end, text, f"write {variable.name} alone, or choose another name")
        return None if variable.type is None else Variable(variable.name, variable.type, path.start, path.end)

    def bind(self, macro: Macro, items: Expr | None) -> Bound:
        """The variable of exists or all; complains about its name, its list and too many of them in each other."""
        name = str(macro.variable)
        start, end = macro.variable.start_pos or 0, macro.variable.end_pos or 0
        taken = name in ROOTS or name in RESERVED or self.names.defines(name) or self.names.fact(name) is not None
        if taken or any(one.name == name for one in self.bound):
            text, hint = f'the name "{name}" is taken already', "choose another name for the item, such as t"
            self._refuse(start, end, text, hint, "name-taken")
            items = None
        if len(self.bound) == MAX_MACROS:
            text, hint = f"exists and all stand within each other at most {MAX_MACROS} deep", "split the rule"
            self._refuse(start, end, text, hint, "too-deep")
        try:
            return Bound(name, None if items is None else item_type(macro.op, items.type))
        except Mismatch as problem:
            self._refuse(*range_of(macro.items), problem.message, problem.hint, "wrong-type")
            return Bound(name, None)

    def macro(self, macro: Macro, items: Expr | None, variable: Bound, body: Expr | None) -> Expr | None:
        """exists or all, when its list and its question are right."""
        if items is None or body is None or variable.type is None:
            return None
        if body.type is not Type.BOOL:
            text = f"what is asked of each item is true or false, and this is {named(body.type)}"
            return self._refuse(body.start, body.end, text, "compare it with something", "wrong-type")
        start, end = macro.variable.start_pos or 0, macro.variable.end_pos or 0
        item = Variable(variable.name, variable.type, start, end)
        return Call(macro.op, (items, item, body), Type.BOOL, macro.start, macro.end)

    def call(self, op: str, parts: Sequence[Part], start: int, end: int) -> Expr | None:
        """A checked operator or function; one whose arguments are all literals is replaced by its value."""
        args = [self.resolve(part) for part in parts]
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
            checked = [inner for arg in checked for inner in chained(op, arg)]
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

    def member(self, owner: Part, word: str, start: int, end: int) -> Expr | None:
        """Only facts have fields."""
        return None if owner is None else self._refuse(start, end, f'only a path has fields, so ".{word}" has no sense')

    def literal(self, token: Token, start: int, end: int) -> Expr | None:
        """A number, a text, true or false within its bounds."""
        if token.type in _UNSUPPORTED_TOKENS:
            return self._refuse(start, end, *_UNSUPPORTED_TOKENS[token.type])
        try:
            return literal_of(token, start, end)
        except BadLiteral as problem:
            self._refuse(start + problem.start, start + problem.end, problem.message, problem.hint, "cel-literal")
            return None

    def list_of(self, items: Sequence[Expr | None], start: int, end: int) -> Expr | None:
        """A list of constants of one type."""
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

    def function(self, name: str, args: tuple[Part, ...], start: int, end: int) -> Expr | None:
        """has(), size(), timestamp() or duration()."""
        if name == "has":
            return self._has(args, start, end)
        if name not in _GLOBALS:
            hint = _function_hint(name, _GLOBALS)
            code = (
                "cel-unsupported" if name in (*_CONVERSIONS, *_METHODS, *_OTHER_MACROS, *MACROS) else "unknown-function"
            )
            return self._refuse(start, end, f"there is no function {name[:40]}()", hint, code)
        return self._applied(name, args, start, end)

    def method(self, name: str, owner: Part, args: tuple[Part, ...], start: int, end: int) -> Expr | None:
        """One of the functions that are written behind a text or a list."""
        if name not in _METHODS:
            hint = _function_hint(name, _METHODS)
            code = "cel-unsupported" if name.startswith("get") else "unknown-function"
            return self._refuse(start, end, f"there is no method {name[:40]}()", hint, code)
        return self._applied(name, (owner, *args), start, end)

    def _applied(self, name: str, args: tuple[Part, ...], start: int, end: int) -> Expr | None:
        if len(args) != arity(name):
            text = f"{name}() does not take {len(args)} argument{'s' * (len(args) != 1)}"
            return self._refuse(start, end, text, _usage(name), "wrong-arguments")
        if name == "matches" and not self._pattern_is_good(args[1]):
            return None
        return self.call(name, args, start, end)

    def _pattern_is_good(self, part: Part) -> bool:
        pattern = self.resolve(part)
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

    def _has(self, args: tuple[Part, ...], start: int, end: int) -> Expr | None:
        if len(args) != 1 or not isinstance(args[0], Path):
            return self._refuse(
                start, end, "has() takes the path of one fact", "has(message.campaign)", "wrong-arguments"
            )
        asked = self.named(args[0])
        if asked is not None and not isinstance(asked, Fact):
            return self._refuse(
                start, end, "a constant and an item of a list are always there", "has() takes the path of one fact"
            )
        return None if asked is None else Has(asked, Type.BOOL, start, end)


def _usage(name: str) -> str:
    if name in ("timestamp", "duration"):
        return 'write timestamp("2026-01-05T12:00:00Z")' if name == "timestamp" else 'write duration("90s")'
    if name in ("lowerAscii", "upperAscii", "trim"):
        return f"write message.scene.{name}()"
    return "write size(user.tags)" if name == "size" else f'write message.scene.{name}("…")'


def _function_hint(name: str, known: tuple[str, ...]) -> str:
    if name in MACROS:
        return f'write user.tags.{name}(t, t.startsWith("vip"))'
    if name in _OTHER_MACROS:
        return 'known: exists and all, as in user.tags.exists(t, t.startsWith("vip"))'
    if name in _CONVERSIONS:
        return "types are declared in facts.yaml; write 1.0 for a double"
    if name in _METHODS:
        return _usage(name)
    if name in _CASES:
        return f'did you mean "{_CASES[name]}"?'
    if name in _GLOBALS:
        return f"write {name}(…)"
    if name.startswith("get"):
        return "the time in the user's zone is there as now.local_hour, now.local_weekday and so on"
    return did_you_mean(name, known) or "known: " + ", ".join(f"{n}()" for n in known)
