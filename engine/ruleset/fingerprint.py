"""Facts to class numbers in one generated function, since it runs for every message and every candidate channel.

The source that is compiled consists of slots, small numbers and names such as k3; constants of rules are bound to those
names as default arguments and never become source. A term costs about 30 ns this way; calling a closure per term costs
four times that.
"""

from __future__ import annotations

import marshal
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Final

from engine.ruleset.branching import Leaf, Node
from engine.ruleset.fact_types import ABSENT, UNREACHABLE, FactType
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.interpreter import EvaluationError, compile_expr
from engine.ruleset.partition import FIRST, Partition
from engine.ruleset.syntax import Call, Expr, Fact, Literal, Type
from engine.ruleset.terms import Term

Facts = Sequence[Any]
Fingerprint = tuple[int, ...]
TakeFingerprint = Callable[[Facts, Facts], Fingerprint]

FEW_CUTS: Final = 3
"""Up to so many cuts, comparisons in line are faster than a call of bisect."""


@dataclass(frozen=True, slots=True)
class Generated:
    """The marshalled code of the function and what its names are bound to; `lookups` and the like are made anew."""

    code: bytes
    recipes: tuple[tuple[str, Any], ...]


def generate(terms: Sequence[Term], schema: FactsSchema, scope: Scope, tree: Node | None = None) -> Generated:
    """The function's code for these terms, in their order.

    With a `tree` the terms that it leaves out have class 0.
    """
    writer = _Writer(schema, scope)
    parts = [writer.term(number, term) for number, term in enumerate(terms)]
    names = ", ".join(f"k{number}=0" for number in range(len(writer.recipes)))
    head = f"def fingerprint(f, c{', ' if names else ''}{names}):"
    body = "\n".join(_body(tree or Leaf(tuple(range(len(terms)))), parts, {}, "    "))
    module = compile(f"{head}\n{body}\n", "<fingerprint>", "exec", dont_inherit=True)
    code = next(part for part in module.co_consts if isinstance(part, CodeType))
    return Generated(marshal.dumps(code), tuple(writer.recipes))


def _body(node: Node, parts: Sequence[str], known: dict[int, str], indent: str) -> Iterator[str]:
    """The lines of a tree; `known` are the names that hold classes already."""
    if isinstance(node, Leaf):
        shown = {**{term: parts[term] for term in node.terms}, **known}
        yield f"{indent}return ({''.join(shown.get(number, '0') + ', ' for number in range(len(parts)))})"
        return
    name = f"t{node.term}"
    yield f"{indent}{name} = {parts[node.term]}"
    *arms, (_rest, last) = node.arms
    for classes, arm in arms:
        asked = f"== {classes[0]}" if len(classes) == 1 else f"in {classes}"
        yield f"{indent}if {name} {asked}:"
        yield from _body(arm, parts, {**known, node.term: name}, indent + "    ")
    yield from _body(last, parts, {**known, node.term: name}, indent)


def bind(generated: Generated, terms: Sequence[Term], schema: FactsSchema, scope: Scope) -> TakeFingerprint:
    """The function itself. `generated` comes from `generate` with the same terms."""
    values = tuple(_made(kind, value, terms, schema, scope) for kind, value in generated.recipes)
    code = marshal.loads(generated.code)  # made by generate(), never by a user
    return FunctionType(code, {"__builtins__": {"len": len}}, "fingerprint", values)


def _made(kind: str, value: Any, terms: Sequence[Term], schema: FactsSchema, scope: Scope) -> Any:
    if kind == "lookup":
        return dict(value).get
    if kind == "bisect":
        return bisect_right
    if kind == "evaluate":
        return _classifier(terms[value], schema, scope)
    return UNREACHABLE if kind == "unreachable" else value


def _classifier(term: Term, schema: FactsSchema, scope: Scope) -> Callable[[Facts, Facts], int]:
    """A composite term: its class, 0 where it has an error."""
    evaluate, class_of = compile_expr(term.expr, schema, scope), classify(term.partition)

    def classes(f: Facts, c: Facts) -> int:
        try:
            return class_of(evaluate(f, c))
        except EvaluationError:
            return 0

    return classes


def classify(partition: Partition) -> Callable[[Any], int]:
    """The class of a value of the term, as a function."""
    cuts, nan = partition.cuts, partition.nan
    if cuts is None:
        lookup = dict(partition.groups)
        return lambda value: lookup.get(value, FIRST)
    return lambda value: nan if nan is not None and value != value else FIRST + bisect_right(cuts, value)


class _Writer:
    """Writes one expression per term and gathers what its names stand for."""

    def __init__(self, schema: FactsSchema, scope: Scope) -> None:
        self.schema, self.scope = schema, scope
        self.recipes: list[tuple[str, Any]] = []

    def name(self, kind: str, value: Any = None) -> str:
        """The name of a bound value."""
        self.recipes.append((kind, value))
        return f"k{len(self.recipes) - 1}"

    def term(self, number: int, term: Term) -> str:
        """The expression that gives a term's class."""
        if term.fact is not None:
            return self._fact(term.fact, term.partition, term.possible)
        return self._composite(term.expr) or f"{self.name('evaluate', number)}(f, c)"

    def _fact(self, fact: FactType, partition: Partition, possible: int) -> str:
        slot = _slot(fact)
        if partition.cuts is None:
            return self._looked_up(slot, partition, possible)
        if not possible & 0b11:
            return self._cut("v" if 1 < len(partition.cuts) <= FEW_CUTS else slot, slot, partition.cuts)
        value = self._cut("v", "v", partition.cuts)
        if not possible & 0b10:
            return f"(0 if (v := {slot}) is None else {value})"
        unreachable = self.name("unreachable")
        return f"(0 if (v := {slot}) is None else 1 if v is {unreachable} else {value})"

    def _looked_up(self, slot: str, partition: Partition, possible: int) -> str:
        if partition.type is Type.BOOL and not possible & 0b11:
            return f"({FIRST + 1} if {slot} else {FIRST})"
        if not partition.groups and not possible & 0b10:
            return f"(0 if {slot} is None else {FIRST})" if possible & 1 else str(FIRST)
        lookup = self.name("lookup", ((ABSENT, 0), (UNREACHABLE, 1), *partition.groups))
        return f"{lookup}({slot}, {FIRST})"

    def _cut(self, value: str, slot: str, cuts: tuple[Any, ...]) -> str:
        """The class of an ordered value; when `value` is v and the slot is not, v is assigned on the way."""
        if not cuts:
            return str(FIRST)
        if len(cuts) > FEW_CUTS:
            return f"{self.name('bisect')}({self.name('constant', cuts)}, {slot}) + {FIRST}"
        first = f"(v := {slot})" if value == "v" and slot != "v" else value
        arms = [
            f"{FIRST + i} if {first if i == 0 else value} < {self.name('constant', cut)} else"
            for i, cut in enumerate(cuts)
        ]
        return f"({' '.join(arms)} {FIRST + len(cuts)})"

    def _composite(self, expr: Expr) -> str | None:
        """The commonest yes-or-no terms in line: membership and parts of texts, of a plain fact with a constant."""
        match expr:
            case Call(op="in", args=(Literal(value=value), Fact() as fact)):
                test = f"{self.name('constant', value)} in v"
            case Call(op="contains", args=(Fact() as fact, Literal(value=value))):
                test = f"{self.name('constant', value)} in v"
            case Call(op="startsWith", args=(Fact() as fact, Literal(value=value))):
                test = f"v.startswith({self.name('constant', value)})"
            case Call(op="endsWith", args=(Fact() as fact, Literal(value=value))):
                test = f"v.endswith({self.name('constant', value)})"
            case _:
                return None
        found = self.schema.fact(fact.path, self.scope)
        if found is None or found.parent is not None:
            return None
        return f"(0 if (v := {_slot(found)}) is None else {FIRST + 1} if {test} else {FIRST})"


def _slot(fact: FactType) -> str:
    return f"{'c' if fact.subject else 'f'}[{fact.slot}]"
