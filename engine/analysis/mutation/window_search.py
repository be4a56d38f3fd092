"""Windows on which a mutant of a breaker rule shows: every combination of values next to the constants it reads.

A condition that only compares facts with constants answers alike between two neighbouring constants, so that the
combinations of these values tell all that it can tell; then finding no difference is a proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from math import inf, nextafter
from typing import Any, Final

from engine.ruleset.expressions import walk
from engine.ruleset.fact_types import BREAKER_SCOPES, FactType
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.rules import Rule
from engine.ruleset.syntax import Call, Expr, Fact, Literal, Type

_MOST: Final = 2_000
"""Combinations that are tried."""

_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=", "in")
_SUBJECTS: Final = {scope: subject for subject, scope in BREAKER_SCOPES.items()}


class WindowSearch:
    """The windows that matter to the rules of one scope, those of a mutant among them.

    `is_complete`: all that the rules can tell apart is there, so that what shows on none of them shows on no window.
    """

    def __init__(self, rules: Sequence[Rule], schema: FactsSchema) -> None:
        self._scope = rules[0].scope
        conditions = [rule.when for rule in rules if rule.when is not None]
        self.is_complete = self._scope is not Scope.MESSAGE
        self._values: dict[str, dict[Any, None]] = {}
        for condition in conditions:
            for node in walk(condition):
                self._collect(node, schema)
        for path, fact in self._facts(conditions, schema).items():
            self._values.setdefault(path, dict.fromkeys(_usual(fact)))
        sizes = 1
        for values in self._values.values():
            sizes *= len(values)
        self.is_complete = self.is_complete and sizes <= _MOST

    def givens(self) -> Iterator[Mapping[str, Any]]:
        """Give the windows, each as the `given:` of a case."""
        for combination in islice(product(*self._values.values()), _MOST):
            yield self._given(dict(zip(self._values, combination, strict=True)))

    def _given(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        subject = _SUBJECTS[self._scope]
        about = {path: value for path, value in values.items() if path.startswith(f"{subject}.")}
        own = {path.removeprefix(f"{subject}."): value for path, value in about.items()}
        window = {name.removeprefix("window."): value for name, value in own.items() if name.startswith("window.")}
        given: dict[str, Any] = {subject: {name: value for name, value in own.items() if "." not in name}}
        if window:
            given[subject]["window"] = window
        others = {path: value for path, value in values.items() if path not in about}
        return {**given, "facts": others} if others else given

    def _facts(self, conditions: list[Expr], schema: FactsSchema) -> dict[str, FactType]:
        paths = {node.path: None for condition in conditions for node in walk(condition) if isinstance(node, Fact)}
        found = {path: schema.fact(path, self._scope) for path in paths}
        return {path: fact for path, fact in found.items() if fact is not None}

    def _collect(self, node: Expr, schema: FactsSchema) -> None:
        """Note the values next to a constant that a fact is compared with."""
        if not isinstance(node, Call) or node.op in ("&&", "||", "!", "?:"):
            return
        literals = [arg for arg in node.args if isinstance(arg, Literal)]
        facts = [arg for arg in node.args if isinstance(arg, Fact)]
        if node.op not in _COMPARISONS or len(literals) != 1 or len(facts) != 1:
            self.is_complete = False
            return
        fact = schema.fact(facts[0].path, self._scope)
        if fact is None:
            self.is_complete = False
            return
        values = self._values.setdefault(fact.path, dict.fromkeys(_usual(fact)))
        value = literals[0].value
        for one in value if isinstance(value, tuple) else (value,):
            values.update(dict.fromkeys(other for other in _around(one, fact) if _is_value(other, fact)))


def _usual(fact: FactType) -> tuple[Any, ...]:
    if fact.values is not None:
        return fact.values
    if fact.type is Type.BOOL:
        return (False, True)
    if fact.type is Type.STRING:
        return ("another",)
    return (0.0,) if fact.type is Type.DOUBLE else (fact.low or 0,)


def _around(value: Any, fact: FactType) -> tuple[Any, ...]:
    if fact.type is Type.DOUBLE:
        number = float(value)
        return (
            round(number - 0.001, 6),
            number,
            round(number + 0.001, 6),
            nextafter(number, -inf),
            nextafter(number, inf),
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (int(value) - 1, int(value), int(value) + 1)
    return (value,)


def _is_value(value: Any, fact: FactType) -> bool:
    if fact.type is Type.DOUBLE:
        return bool(0.0 <= value <= 1.0)
    if isinstance(value, int) and fact.low is not None:
        return value >= fact.low and (fact.high is None or value <= fact.high)
    return fact.values is None or value in fact.values
