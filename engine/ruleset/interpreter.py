"""The plain meaning of a condition: a tree of closures that gives what Google's CEL gives, value or error.

An absent fact, an overflow or a division by zero is an `EvaluationError`; `&&` and `||` absorb an error on either
side as CEL does. Values are those of `syntax.Value`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from engine.errors import SignalboxError
from engine.ruleset.arithmetic import FUNCTIONS, operation
from engine.ruleset.fact_types import ABSENT, UNREACHABLE, FactType, Scope
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.patterns import searcher
from engine.ruleset.syntax import Call, Expr, Fact, Has, Literal, Value

Facts = Sequence[Any]
Evaluate = Callable[[Facts, Facts], Any]
"""(message list, subject list) -> the value; raises EvaluationError."""


class EvaluationError(SignalboxError):
    """A condition has no value on these facts."""


def compile_expr(expr: Expr, schema: FactsSchema, scope: Scope) -> Evaluate:
    """The expression as a function of the two fact lists; it raises EvaluationError where CEL has an error."""
    match expr:
        case Literal(value=value):
            return lambda f, c: value
        case Fact(path=path):
            return _read(fact_of(path, schema, scope))
        case Has(fact=fact):
            return _has(fact_of(fact.path, schema, scope))
        case Call(op="matches", args=(text, Literal(value=str(pattern)))):
            return _guarded(searcher(pattern), [compile_expr(text, schema, scope)])
        case Call(op=op, args=args):
            return _call(op, expr, [compile_expr(arg, schema, scope) for arg in args])


def holds(expr: Expr | None, schema: FactsSchema, scope: Scope) -> Callable[[Facts, Facts], bool | None]:
    """The condition as a three-valued function: True, False, or None where it has an error; no condition is True."""
    if expr is None:
        return lambda f, c: True
    evaluate = compile_expr(expr, schema, scope)

    def three_valued(f: Facts, c: Facts) -> bool | None:
        try:
            return bool(evaluate(f, c))
        except EvaluationError:
            return None

    return three_valued


def constant(call: Call) -> Value:
    """The value of a strict call of literals. Raises EvaluationError when it has none, or no finite one."""
    values = [_given(arg.value) for arg in call.args if isinstance(arg, Literal)]
    value: Value = _guarded(_function(call), values)((), ())
    if isinstance(value, float) and not math.isfinite(value):
        raise EvaluationError("the result is no finite number")
    return value


def fact_of(path: str, schema: FactsSchema, scope: Scope) -> FactType:
    """The fact behind a checked path. Raises KeyError when the scope has none, which parsing rules out."""
    fact = schema.fact(path, scope)
    if fact is None:
        raise KeyError(path)
    return fact


def _given(value: Value) -> Evaluate:
    return lambda f, c: value


def _read(fact: FactType) -> Evaluate:
    slot, path = fact.slot, fact.path
    if fact.subject:

        def read_subject(f: Facts, c: Facts) -> Any:
            value = c[slot]
            if value is ABSENT:
                raise EvaluationError(f"{path} is absent")
            return value

        return read_subject

    def read(f: Facts, c: Facts) -> Any:
        value = f[slot]
        if value is ABSENT or value is UNREACHABLE:
            raise EvaluationError(f"{path} is absent")
        return value

    return read


def _has(fact: FactType) -> Evaluate:
    slot, path, subject = fact.slot, fact.path, fact.subject

    def has(f: Facts, c: Facts) -> bool:
        value = (c if subject else f)[slot]
        if value is UNREACHABLE:
            raise EvaluationError(f"what holds {path} is absent")
        return value is not ABSENT

    return has


def _call(op: str, call: Call, args: list[Evaluate]) -> Evaluate:
    if op in _LAZY:
        return _LAZY[op](args)
    return _guarded(_function(call), args)


def _function(call: Call) -> Callable[..., Any]:
    return FUNCTIONS[call.op] if call.op in FUNCTIONS else operation(call.op, [arg.type for arg in call.args])


def _guarded(function: Callable[..., Any], args: list[Evaluate]) -> Evaluate:
    """A strict function: an error of an argument is its error, and so is a ValueError of its own."""
    if len(args) == 1:
        (only,) = args

        def one(f: Facts, c: Facts) -> Any:
            try:
                return function(only(f, c))
            except ValueError as problem:
                raise EvaluationError(str(problem)) from None

        return one
    left, right = args

    def two(f: Facts, c: Facts) -> Any:
        try:
            return function(left(f, c), right(f, c))
        except ValueError as problem:
            raise EvaluationError(str(problem)) from None

    return two


def _absorbing(decisive: bool) -> Callable[[list[Evaluate]], Evaluate]:
    """`&&` (decided by False) and `||` (decided by True): the deciding value wins over an error on either side."""

    def build(args: list[Evaluate]) -> Evaluate:
        def chain(f: Facts, c: Facts) -> bool:
            error: EvaluationError | None = None
            for arg in args:
                try:
                    if bool(arg(f, c)) is decisive:
                        return decisive
                except EvaluationError as problem:
                    error = problem
            if error is not None:
                raise error
            return not decisive

        return chain

    return build


def _not(args: list[Evaluate]) -> Evaluate:
    (arg,) = args
    return lambda f, c: not arg(f, c)


def _choice(args: list[Evaluate]) -> Evaluate:
    condition, then, otherwise = args
    return lambda f, c: then(f, c) if condition(f, c) else otherwise(f, c)


_LAZY: Final[dict[str, Callable[[list[Evaluate]], Evaluate]]] = {
    "&&": _absorbing(False),
    "||": _absorbing(True),
    "!": _not,
    "?:": _choice,
}
