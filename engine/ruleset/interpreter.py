"""The plain meaning of a condition: a tree of closures that gives what Google's CEL gives, value or error.

An absent fact, an overflow or a division by zero is an `EvaluationError`; `&&`, `||`, `exists` and `all` absorb an
error as CEL does. Values are those of `syntax.Value`. Where facts are read from and what a function does is said by a
`Meaning`: for the conditions of rules by their schema and their types, for free expressions by `evaluation`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from engine.errors import SignalboxError
from engine.ruleset.arithmetic import FUNCTIONS, operation
from engine.ruleset.fact_types import ABSENT, UNREACHABLE, FactType, Scope
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.patterns import searcher
from engine.ruleset.syntax import MACROS, Call, Expr, Fact, Has, Literal, Value, Variable

Facts = Any
"""The message list and the subject list of a rule; whatever its `Meaning` reads of a free expression."""

Evaluate = Callable[[Facts, Facts], Any]
"""(message list, subject list) -> the value; raises EvaluationError. Inside exists and all the item is put behind the
subject list, the innermost last, so that an evaluation keeps nothing and may run in several threads."""


NO_OVERLOAD: Final = "no such overload: these values do not go together here"


class EvaluationError(SignalboxError):
    """A condition has no value on these facts."""


class Meaning(Protocol):
    """What the leaves and the functions of an expression are."""

    def read(self, path: str) -> Evaluate:
        """The value of a fact."""

    def has(self, path: str) -> Evaluate:
        """Whether a fact is there."""

    def function(self, call: Call) -> Callable[..., Any]:
        """A strict operator or function on the values of its arguments; it raises ValueError where CEL has an error."""

    def search(self, pattern: str) -> Callable[[Any], bool]:
        """The search for a pattern that is written out; it raises ValueError as `function` does."""

    def items(self, value: Any) -> Sequence[Any]:
        """What exists and all ask about. Raises EvaluationError when the value is no list."""


def compile_expr(expr: Expr, schema: FactsSchema, scope: Scope) -> Evaluate:
    """The expression as a function of the two fact lists; it raises EvaluationError where CEL has an error."""
    return compile_as(expr, _Typed(schema, scope))


def compile_as(expr: Expr, meaning: Meaning, bound: tuple[str, ...] = ()) -> Evaluate:
    """The same for any meaning; `bound` are the loop variables around the expression, the innermost last."""
    match expr:
        case Literal(value=value):
            return lambda f, c: value
        case Fact(path=path):
            return meaning.read(path)
        case Has(fact=fact):
            return meaning.has(fact.path)
        case Variable(name=name):
            place = -1 - bound[::-1].index(name)
            return lambda f, c: c[place]
        case Call(op=op, args=(items, Variable(name=name), body)) if op in MACROS:
            inner = compile_as(body, meaning, (*bound, name))
            return _quantifier(op == "exists", compile_as(items, meaning, bound), inner, meaning)
        case Call(op="matches", args=(text, Literal(value=str(pattern)))):
            return _guarded(meaning.search(pattern), [compile_as(text, meaning, bound)])
        case Call(op=op, args=args):
            made = [compile_as(arg, meaning, bound) for arg in args]
            return _LAZY[op](made) if op in _LAZY else _guarded(meaning.function(expr), made)


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
    value: Value = _guarded(_typed_function(call), values)((), ())
    if isinstance(value, float) and not math.isfinite(value):
        raise EvaluationError("the result is no finite number")
    return value


@dataclass(frozen=True, slots=True)
class _Typed:
    """The meaning of a checked condition: facts are slots, and types say which function an operator is."""

    schema: FactsSchema
    scope: Scope

    def read(self, path: str) -> Evaluate:
        return _read(fact_of(path, self.schema, self.scope))

    def has(self, path: str) -> Evaluate:
        return _has(fact_of(path, self.schema, self.scope))

    def function(self, call: Call) -> Callable[..., Any]:
        return _typed_function(call)

    def search(self, pattern: str) -> Callable[[Any], bool]:
        return searcher(pattern)

    def items(self, value: Any) -> Sequence[Any]:
        items: Sequence[Any] = value
        return items


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


def _typed_function(call: Call) -> Callable[..., Any]:
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
    if len(args) != 2:
        return _guarded_many(function, args)
    left, right = args

    def two(f: Facts, c: Facts) -> Any:
        try:
            return function(left(f, c), right(f, c))
        except ValueError as problem:
            raise EvaluationError(str(problem)) from None

    return two


def _guarded_many(function: Callable[..., Any], args: list[Evaluate]) -> Evaluate:
    def many(f: Facts, c: Facts) -> Any:
        try:
            return function(*[arg(f, c) for arg in args])
        except ValueError as problem:
            raise EvaluationError(str(problem)) from None

    return many


def _quantifier(decisive: bool, items: Evaluate, body: Evaluate, meaning: Meaning) -> Evaluate:
    """`exists` (decided by True) and `all` (decided by False): the deciding item wins over an error at another."""
    list_of = meaning.items

    def ask(f: Facts, c: Facts) -> bool:
        error: EvaluationError | None = None
        for item in list_of(items(f, c)):
            try:
                value: object = body(f, (*c, item))
            except EvaluationError as problem:
                error = problem
                continue
            if value is decisive:
                return decisive
            if value is not (not decisive):
                error = EvaluationError(NO_OVERLOAD)
        if error is not None:
            raise error
        return not decisive

    return ask


def _absorbing(decisive: bool) -> Callable[[list[Evaluate]], Evaluate]:
    """`&&` (decided by False) and `||` (decided by True): the deciding value wins over an error on either side."""
    neutral = not decisive

    def build(args: list[Evaluate]) -> Evaluate:
        def chain(f: Facts, c: Facts) -> bool:
            error: EvaluationError | None = None
            for arg in args:
                try:
                    value: object = arg(f, c)
                except EvaluationError as problem:
                    error = problem
                    continue
                if value is decisive:
                    return decisive
                if value is not neutral:
                    error = EvaluationError(NO_OVERLOAD)
            if error is not None:
                raise error
            return neutral

        return chain

    return build


def _not(args: list[Evaluate]) -> Evaluate:
    (arg,) = args

    def opposite(f: Facts, c: Facts) -> bool:
        value: object = arg(f, c)
        if value is True or value is False:  # checked conditions have nothing else here, free expressions may
            return not value
        raise EvaluationError(NO_OVERLOAD)

    return opposite


def _choice(args: list[Evaluate]) -> Evaluate:
    condition, then, otherwise = args

    def choice(f: Facts, c: Facts) -> Any:
        value: object = condition(f, c)
        if value is True:
            return then(f, c)
        if value is False:
            return otherwise(f, c)
        raise EvaluationError(NO_OVERLOAD)

    return choice


_LAZY: Final[dict[str, Callable[[list[Evaluate]], Evaluate]]] = {
    "&&": _absorbing(False),
    "||": _absorbing(True),
    "!": _not,
    "?:": _choice,
}
