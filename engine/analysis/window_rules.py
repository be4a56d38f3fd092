"""Which breaker rule decides a window, as questions to all windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.analysis.formulas import Formula, Not, all_of
from engine.decision.breaker import precedence
from engine.ruleset.rules import Rule


def stricter(rule: Rule, rules: Iterable[Rule]) -> list[Rule]:
    """Return the other rules that decide instead of this one where they match too, the strictest first."""
    own = precedence(rule)
    return sorted((one for one in rules if one.id != rule.id and precedence(one) < own), key=precedence)


def decides(rule: Rule, rules: Iterable[Rule], matches: Callable[[Rule], Formula]) -> Formula:
    """Return "this rule decides": it matches, and no stricter one of the same subject does."""
    return all_of(matches(rule), *[Not(matches(one)) for one in stricter(rule, rules)])
