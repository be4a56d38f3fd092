"""From a parse tree to an expression whose types nobody checks beforehand: every value carries its own.

What is of CEL and not of the language raises OutsideError; what is wrong raises EvaluationError, at once where no value
could come of it, else when it is evaluated, so that `&&` and `||` may absorb it as CEL lets them.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final

from lark import Token

from engine.ruleset.folding import Bound, Folder, Macro, ParseTree, Part, Path, chained, literal_of
from engine.ruleset.interpreter import EvaluationError
from engine.ruleset.outside import OutsideError, refuse_function, refuse_name
from engine.ruleset.syntax import MACROS, Call, Expr, Fact, Has, Literal, Type, Variable
from engine.ruleset.tokens import BadLiteral

UNKNOWN: Final = Type.OBJECT
"""The type that everything has here but literals: what a value is, is seen when there is one."""

_OUTSIDE: Final = {"member_object": "messages", "map_lit": "maps"}
_OUTSIDE_TOKENS: Final = {"UINT_LIT": "unsigned", "BYTES_LIT": "bytes", "NULL_LIT": "null"}
_METHODS: Final = (
    "startsWith", "endsWith", "contains", "matches", "size", "lowerAscii", "upperAscii", "trim",
)  # fmt: skip
_GLOBALS: Final = ("size", "timestamp", "duration", "bool", "int", "double", "string", "dyn")


class FreeBuilder(Folder):
    """Folds the parse tree of a free expression. `facts` are the first words of facts, which win over CEL's own names;
    `constants` have a value by their name."""

    def __init__(self, facts: Container[str], constants: Mapping[str, Literal]) -> None:
        super().__init__()
        self.facts, self.constants = facts, constants

    def is_refused(self, node: ParseTree) -> bool:
        """Never: what is outside of the language ends everything."""
        kind = str(node.data)
        if kind in _OUTSIDE:
            raise OutsideError(_OUTSIDE[kind])
        if kind == "member_dot_arg" and str(node.children[1]) in MACROS:
            arguments = node.children[2] if len(node.children) > 2 else None
            if isinstance(arguments, Token) or arguments is None or len(arguments.children) != 3:
                raise EvaluationError(f"{node.children[1]}() takes a name for the item and a question about it")
            raise OutsideError("macros")
        return False

    def named(self, path: Path) -> Expr:
        """The variable, the constant or the fact that a path names."""
        variable = self.variable(path)
        if variable is not None:
            return self._fields(Variable(variable.name, UNKNOWN, path.start, path.end), path, path.words[1:])
        name = ".".join(path.words)
        if path.words[0] in self.facts:
            return Fact(name, UNKNOWN, path.start, path.end)
        if name in self.constants:
            return self.constants[name]
        refuse_name(name)
        return Fact(name, UNKNOWN, path.start, path.end)

    def _fields(self, owner: Expr, path: Path, words: Sequence[str]) -> Expr:
        for word in words:
            owner = self._select("select", owner, word, path.start, path.end)
        return owner

    def _select(self, op: str, owner: Expr, word: str, start: int, end: int) -> Call:
        return Call(op, (owner, Literal(word, Type.STRING, start, end)), UNKNOWN, start, end)

    def literal(self, token: Token, start: int, end: int) -> Expr:
        """A number, a text, true or false."""
        if token.type in _OUTSIDE_TOKENS:
            raise OutsideError(_OUTSIDE_TOKENS[token.type])
        try:
            return literal_of(token, start, end)
        except BadLiteral as problem:
            raise EvaluationError(problem.message) from None

    def list_of(self, items: Sequence[Expr | None], start: int, end: int) -> Expr:
        """A list of anything."""
        return Call("list", _all(items), UNKNOWN, start, end)

    def member(self, owner: Part, word: str, start: int, end: int) -> Expr:
        """A fact of a group that no path names."""
        (found,) = _all([self.resolve(owner)])
        return self._select("select", found, word, start, end)

    def call(self, op: str, parts: Sequence[Part], start: int, end: int) -> Expr:
        """An operator; a chain of && or || is one call."""
        args = _all([self.resolve(part) for part in parts])
        if op in ("&&", "||"):
            args = tuple(link for arg in args for link in chained(op, arg))
        return Call(op, args, UNKNOWN, start, end)

    def function(self, name: str, args: tuple[Part, ...], start: int, end: int) -> Expr:
        """has(), or a function; one that does not exist fails when it is called."""
        if name == "has":
            return self._has(args, start, end)
        if name not in _GLOBALS:
            refuse_function(name)
            name = f"{name}()"
        return self.call(name, args, start, end)

    def method(self, name: str, owner: Part, args: tuple[Part, ...], start: int, end: int) -> Expr:
        """A function behind its first argument; one that does not exist fails when it is called."""
        if name not in _METHODS:
            named = isinstance(owner, Path) and owner.words[0] not in self.facts and self.variable(owner) is None
            refuse_function(name, owner.words[0] if named and isinstance(owner, Path) else "")
            name = f"{name}()"
        return self.call(name, (owner, *args), start, end)

    def _has(self, args: tuple[Part, ...], start: int, end: int) -> Expr:
        asked = args[0] if len(args) == 1 else None
        if isinstance(asked, Path):
            *owner, word = asked.words
            if owner and self.variable(asked) is None:
                return Has(Fact(".".join(asked.words), UNKNOWN, asked.start, asked.end), Type.BOOL, start, end)
            if owner:
                found = self.named(Path(tuple(owner), asked.start, asked.end, asked.absolute))
                return self._select("has", found, word, start, end)
        if isinstance(asked, Call) and asked.op == "select":
            return Call("has", asked.args, Type.BOOL, start, end)
        raise EvaluationError("has() takes the path of one fact, such as message.campaign")

    def bind(self, macro: Macro, items: Expr | None) -> Bound:
        """The variable of a macro; any name will do, and hides what has it outside."""
        return Bound(str(macro.variable), UNKNOWN)

    def macro(self, macro: Macro, items: Expr | None, variable: Bound, body: Expr | None) -> Expr:
        """exists or all."""
        found, asked = _all([items, body])
        item = Variable(variable.name, UNKNOWN, macro.start, macro.end)
        return Call(macro.op, (found, item, asked), Type.BOOL, macro.start, macro.end)


def _all(parts: Sequence[Expr | None]) -> tuple[Expr, ...]:
    """The parts, none of which is missing: what is wrong raises."""
    return tuple(part for part in parts if part is not None)
