"""Windows to try on a breaker rule: around every number that its condition compares something with.

Breaker rules are few and short, so that all of these can be tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any, Final

from engine.ruleset.compile import RuleSet
from engine.ruleset.expressions import walk
from engine.ruleset.fact_types import BREAKER_SCOPES, STATES
from engine.ruleset.rules import Rule
from engine.ruleset.syntax import Call, Expr, Fact, Literal, Type

MOST_WINDOWS: Final = 300
"""Windows that are tried on one rule."""

_STEP: Final = 0.01
"""How far beside a rate another one is tried."""


def windows(rule: Rule, ruleset: RuleSet) -> Iterator[Mapping[str, Any]]:
    """Return the `given:` of cases about windows that differ in what the rule asks; none where it asks nothing."""
    subject = next((name for name, scope in BREAKER_SCOPES.items() if scope is rule.scope), None)
    if subject is None or rule.when is None:
        return
    tried = {
        path: _values(path, kind, _compared(path, rule.when), ruleset)
        for path, kind in _facts(rule.when)
        if path.startswith(f"{subject}.")
    }
    for values in islice(product(*tried.values()), MOST_WINDOWS):
        given: dict[str, Any] = {}
        for path, value in zip(tried, values, strict=True):
            *parents, name = path.split(".")[1:]
            place = given.setdefault("window", {}) if parents else given
            place[name] = value
        yield {subject: given}


def _facts(when: Expr) -> dict[tuple[str, Type], None]:
    return dict.fromkeys((node.path, node.type) for node in walk(when) if isinstance(node, Fact))


def _compared(path: str, when: Expr) -> list[Any]:
    """Return the values that a fact stands beside in a comparison or a list."""
    calls = (node for node in walk(when) if isinstance(node, Call))
    beside = (call.args for call in calls if any(isinstance(arg, Fact) and arg.path == path for arg in call.args))
    found = [arg.value for args in beside for arg in args if isinstance(arg, Literal)]
    return [item for value in found for item in (value if isinstance(value, tuple) else (value,))]


def _values(path: str, kind: Type, compared: Sequence[Any], ruleset: RuleSet) -> list[Any]:
    """Return what a fact is tried with, each once."""
    numbers = [value for value in compared if isinstance(value, int | float) and not isinstance(value, bool)]
    found: list[Any]
    if kind is Type.INT:
        found = [whole for value in numbers for whole in (int(value), int(value) - 1, int(value) + 1) if whole >= 0]
    elif kind is Type.DOUBLE:
        rates = [float(value) for value in numbers]
        found = [rate for near in rates for rate in (near, round(near + _STEP, 6), round(near - _STEP, 6))]
        found = [rate for rate in found if 0 <= rate <= 1]
    elif path.endswith(".state"):
        found = list(STATES)
    else:
        others = ruleset.channels if path in ("provider.channel", "channel.name") else ("other",)
        found = [value for value in (*compared, *others) if isinstance(value, str)]
    return list(dict.fromkeys(found)) or [0]
