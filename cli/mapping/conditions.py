"""The conditions of a map: the language of the rules over the map's own names.

A condition over something absent has no value and so does not hold, as in a routing rule; `has(...)` asks first. A map
asks some twenty conditions of every row, so the common ones (comparisons joined by && and ||) become one Python
function, 0.2 us instead of the interpreter's 2 us. That is exact: "is definitely true" passes through && and ||, and
what is no plain comparison is left to the interpreter.
"""

from __future__ import annotations

from typing import Any, Final

from cli.mapping.model import Condition
from engine.ruleset.documents import Scalar
from engine.ruleset.expressions import Names, parse_condition
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.interpreter import fact_of, holds
from engine.ruleset.issues import Issues
from engine.ruleset.syntax import Call, Expr, Fact, Has, Literal

_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})


def read_condition(node: Scalar, schema: FactsSchema, issues: Issues) -> Condition | None:
    """Read a condition; None if something in it is wrong, and then `issues` says what."""
    expr = parse_condition(node.text, node.place, Names(schema, "map", schema.definitions), issues)
    return None if expr is None else compile_condition(expr, schema)


def compile_condition(expr: Expr, schema: FactsSchema) -> Condition:
    """Return the function that tells whether a condition is definitely true of a list of values."""
    # The written source holds slots, operators and our own names only; constants are passed beside it.
    constants: dict[str, Any] = {}
    source = _source(expr, schema, constants)
    condition: Condition = eval(f"lambda v: {source}", {"__builtins__": {}, **constants})
    return condition


def _source(expr: Expr, schema: FactsSchema, constants: dict[str, Any]) -> str:
    match expr:
        case Call(op="&&" | "||" as op, args=args):
            word = " and " if op == "&&" else " or "
            return "(" + word.join(_source(arg, schema, constants) for arg in args) + ")"
        case Call(op="in", args=(Fact(path=path), Literal(value=value))):
            return f"(v[{_slot(path, schema)}] in {_constant(value, constants)})"
        case Call(op=op, args=(Fact(path=path), Literal(value=value))) if op in _COMPARISONS:
            value_of = f"v[{_slot(path, schema)}]"
            return f"({value_of} is not None and {value_of} {op} {_constant(value, constants)})"
        case Call(op=op, args=(Fact(path=left), Fact(path=right))) if op in _COMPARISONS:
            a, b = f"v[{_slot(left, schema)}]", f"v[{_slot(right, schema)}]"
            return f"({a} is not None and {b} is not None and {a} {op} {b})"
        case Has(fact=fact):
            return f"(v[{_slot(fact.path, schema)}] is not None)"
        case _:
            return f"({_constant(holds(expr, schema, Scope.MESSAGE), constants)}(v, ()) is True)"


def _constant(value: Any, constants: dict[str, Any]) -> str:
    name = f"k{len(constants)}"
    constants[name] = value
    return name


def _slot(path: str, schema: FactsSchema) -> int:
    return fact_of(path, schema, Scope.MESSAGE).slot
