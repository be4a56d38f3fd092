"""The small mistakes that can be made in a condition: edits of its typed tree, one at a time.

Places and texts are those of the part that is changed; what is left out, joined otherwise or turned round is told too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from engine.analysis.mutation.constants import neighbours
from engine.analysis.mutation.mutant import LEFT_OUT, Kind
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.printing import show
from engine.ruleset.syntax import Call, Expr, Fact, Literal, Type
from engine.ruleset.typing_rules import Mismatch, result_type

_BOUNDARIES: Final = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_OPPOSITES: Final = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_ARITHMETIC: Final = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "/"}
_TEXTS: Final = {"startsWith": "endsWith", "endsWith": "startsWith", "contains": "startsWith"}
_QUANTORS: Final = {"all": "exists", "exists": "all"}
_REWORDING: Final = ("lowerAscii", "upperAscii", "trim")
_COMPARISONS: Final = (*_OPPOSITES, "in")

Put = Callable[[Expr], Expr]
"""Puts another part into the place of one and returns the whole condition."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One mistake: the characters `[start, end)` of the condition's text that it changes, and the whole condition."""

    kind: Kind
    start: int
    end: int
    before: str
    after: str
    whole: Expr


class Edits:
    """Makes the edits of conditions of one scope; `schema` tells which facts have a closed set of words."""

    def __init__(self, schema: FactsSchema, scope: Scope) -> None:
        self._schema, self._scope = schema, scope

    def of(self, condition: Expr) -> Iterator[Edit]:
        """Give every edit of a condition, in the order of its text; some may be no conditions that make sense."""
        yield from self._part(condition, lambda part: part, negated=False)

    def _part(self, node: Expr, put: Put, negated: bool) -> Iterator[Edit]:
        """Give the edits of a part and of what is in it; `negated`: a ! before it is one of its holder's edits."""
        if node.type is Type.BOOL and not negated and not isinstance(node, Literal):
            yield from _negation(node, put)
        if not isinstance(node, Call):
            return
        if node.op in ("&&", "||"):
            yield from _chain(node, put)
        elif node.op in _COMPARISONS or node.op in _TEXTS or node.op == "matches":
            yield from self._question(node, put)
        elif node.op in _ARITHMETIC and _fits(_ARITHMETIC[node.op], node):
            yield _made("operator", node, replace(node, op=_ARITHMETIC[node.op]), put)
        elif node.op in _REWORDING:
            yield _made("part", node, node.args[0], put)
        elif node.op in _QUANTORS:
            yield _made("operator", node, replace(node, op=_QUANTORS[node.op]), put)
        elif node.op == "?:":
            condition, then, otherwise = node.args
            yield _made("operator", node, replace(node, args=(condition, otherwise, then)), put)
        for place, arg in enumerate(node.args):
            yield from self._part(arg, _putter(node, place, put), negated=node.op == "!")

    def _question(self, node: Call, put: Put) -> Iterator[Edit]:
        """Give the edits of a comparison or of a question about a text: its operator, and its constants."""
        if node.op in _BOUNDARIES:
            yield _made("boundary", node, replace(node, op=_BOUNDARIES[node.op]), put)
        if node.op in _TEXTS:
            yield _made("operator", node, replace(node, op=_TEXTS[node.op]), put)
        closed = next((self._words(arg) for arg in node.args if isinstance(arg, Fact)), None)
        for place, arg in enumerate(node.args):
            if isinstance(arg, Literal) and node.op == "matches":
                yield from _anchors(node, place, arg, put)
            elif isinstance(arg, Literal):
                for other in neighbours(arg, closed):
                    made = _with(node, place, other)
                    yield Edit("constant", arg.start, arg.end, show(node), show(made), put(made))

    def _words(self, fact: Fact) -> tuple[str, ...] | None:
        known = self._schema.fact(fact.path, self._scope)
        return None if known is None else known.values


def _fits(op: str, node: Call) -> bool:
    """Tell whether another operator works on the same operands, with a result of the same type."""
    try:
        return result_type(op, [arg.type for arg in node.args]) is node.type
    except Mismatch:
        return False


def _negation(node: Expr, put: Put) -> Iterator[Edit]:
    """Turn a part round. That of == is !=, so it counts as an operator."""
    match node:
        case Call(op="!", args=(inner,)):
            yield _made("negation", node, inner, put)
        case Call(op=op) if op in _OPPOSITES:
            kind: Kind = "operator" if op in ("==", "!=") else "negation"
            yield _made(kind, node, replace(node, op=_OPPOSITES[op]), put)
        case Call(op="?:"):
            return  # the same as its arms exchanged
        case _:
            yield _made("negation", node, Call("!", (node,), Type.BOOL, node.start, node.end), put)


def _chain(node: Call, put: Put) -> Iterator[Edit]:
    """Leave one link of a chain out, or join it to the one before by the other operator."""
    for place, arg in enumerate(node.args):
        rest = node.args[:place] + node.args[place + 1 :]
        made = rest[0] if len(rest) == 1 else replace(node, args=rest)
        yield Edit("part", arg.start, arg.end, show(arg), LEFT_OUT, put(made))
    other = "||" if node.op == "&&" else "&&"
    for place in range(1, len(node.args)):
        before, after = f"{node.op} {_link(node, place, node.op)}", f"{other} {_link(node, place, other)}"
        end = node.args[place].end
        yield Edit("operator", node.args[place - 1].end, end, before, after, put(_joined(node, place, other)))


def _link(node: Call, place: int, op: str) -> str:
    """Return a link as it stands behind its operator."""
    return show(replace(node, op=op, args=(Literal(True, Type.BOOL, 0, 0), node.args[place]))).partition(f" {op} ")[2]


def _joined(node: Call, place: int, other: str) -> Expr:
    """Join a chain at one place by the other operator, && binding tighter as it does in the text."""
    left, right = node.args[:place], node.args[place:]
    if other == "||":
        return replace(node, op="||", args=(_of(node, left), _of(node, right)))
    middle = replace(node, op="&&", args=(left[-1], right[0]))
    args = (*left[:-1], middle, *right[1:])
    return middle if len(args) == 1 else replace(node, args=args)


def _of(node: Call, args: tuple[Expr, ...]) -> Expr:
    return args[0] if len(args) == 1 else replace(node, args=args)


def _anchors(node: Call, place: int, pattern: Literal, put: Put) -> Iterator[Edit]:
    """Leave the ^ or the $ of a pattern out."""
    text = str(pattern.value)
    shorter = [text[1:]] * text.startswith("^") + [text[:-1]] * (text.endswith("$") and not text.endswith("\\$"))
    for other in shorter:
        if other:
            made = _with(node, place, replace(pattern, value=other, name=None))
            yield Edit("constant", pattern.start, pattern.end, show(node), show(made), put(made))


def _with(node: Call, place: int, arg: Expr) -> Call:
    return replace(node, args=(*node.args[:place], arg, *node.args[place + 1 :]))


def _putter(node: Call, place: int, put: Put) -> Put:
    return lambda part: put(_with(node, place, part))


def _made(kind: Kind, node: Expr, other: Expr, put: Put) -> Edit:
    return Edit(kind, node.start, node.end, show(node), show(other), put(other))
