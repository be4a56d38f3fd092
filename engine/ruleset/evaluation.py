"""One expression of the language evaluated to its full value or its error, on facts that nobody declared.

The grammar, the folding of the parse tree and the interpreter are those of conditions; types are those of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from engine.ruleset import syntax
from engine.ruleset.expressions import depth_of
from engine.ruleset.free_builder import FreeBuilder
from engine.ruleset.free_functions import apply, field_of, has_field, items_of, known, search
from engine.ruleset.free_values import kind_of, shown
from engine.ruleset.grammar import MAX_LENGTH, SyntaxProblem, parse
from engine.ruleset.interpreter import Evaluate, EvaluationError, compile_as
from engine.ruleset.outside import OutsideError, of_syntax

MAX_DEPTH: Final = 100
"""How deep an expression may nest once brackets are away, so that it cannot exhaust Python's stack."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an expression: a value with CEL's name of its type, an error, or something outside the language.

    `value` is as JSON has it: times as text, a double that is no number or infinite by its name.
    """

    outcome: Literal["value", "error", "unsupported"]
    type: str | None = None
    value: Any = None
    message: str | None = None


def evaluate(
    text: str,
    facts: Mapping[str, Any],
    constants: Mapping[str, syntax.Literal] | None = None,
    most: int = MAX_LENGTH,
) -> Outcome:
    """Evaluate an expression of at most `most` characters on facts as `free_values.taken` makes them.

    Nothing is raised.
    """
    try:
        expr = _read(text, facts, constants or {}, most)
        value = compile_as(expr, _Free())(facts, ())
        return Outcome("value", kind_of(value), shown(value))
    except OutsideError as problem:
        return Outcome("unsupported", message=str(problem))
    except EvaluationError as problem:
        return Outcome("error", message=str(problem))
    except RecursionError:
        return Outcome("error", message="the facts nest too deep")


def _read(text: str, facts: Mapping[str, Any], constants: Mapping[str, syntax.Literal], most: int) -> syntax.Expr:
    try:
        tree = parse(text, most)
    except SyntaxProblem as problem:
        raise _explained(text, problem) from None
    expr = FreeBuilder(facts, constants).fold(tree)
    assert expr is not None, "a free builder raises instead"
    if depth_of(expr) > MAX_DEPTH:
        raise OutsideError("large")
    return expr


def _explained(text: str, problem: SyntaxProblem) -> OutsideError | EvaluationError:
    if problem.code in ("too-large", "too-deep"):
        return OutsideError("large")
    if problem.code == "cel-unsupported":
        return OutsideError("comments")
    outside = of_syntax(text, problem.start)
    hint = f"; {problem.hint}" if problem.hint else ""
    return (
        OutsideError(outside) if outside else EvaluationError(f"character {problem.start + 1}: {problem.message}{hint}")
    )


class _Free:
    """The meaning of a free expression: facts are nested dicts, functions look at the values they get."""

    def read(self, path: str) -> Evaluate:
        words = path.split(".")

        def read(f: Any, c: Any) -> Any:
            found = f
            for word in words:
                try:
                    found = field_of(found, word)
                except ValueError:
                    raise EvaluationError(f"{path} is absent") from None
            return found

        return read

    def has(self, path: str) -> Evaluate:
        holder, _, last = path.rpartition(".")
        read = self.read(holder)

        def has(f: Any, c: Any) -> bool:
            try:
                return has_field(read(f, c), last)
            except ValueError as problem:
                raise EvaluationError(str(problem)) from None

        return has

    def function(self, call: syntax.Call) -> Callable[..., Any]:
        op = call.op
        if not known(op):
            return _unknown(op)
        return lambda *args: apply(op, *args)

    def search(self, pattern: str) -> Callable[[Any], bool]:
        return lambda text: search(pattern, text)

    def items(self, value: Any) -> Sequence[Any]:
        try:
            return items_of(value)
        except ValueError as problem:
            raise EvaluationError(str(problem)) from None


def _unknown(op: str) -> Callable[..., Any]:
    def fail(*args: Any) -> Any:
        raise ValueError(f"there is no function {op[:40]}")

    return fail
