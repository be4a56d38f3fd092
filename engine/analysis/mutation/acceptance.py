"""Which mutants the check would let pass: a mistake that cannot be released needs no test to be found.

The check is asked about the changed rule alone and about what it shares with others (counters, accounts, order), so
that a thousand mutants can be asked about in a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from engine.ruleset.effects import Charge, Drop, Exclude, Limit
from engine.ruleset.expressions import roots_of
from engine.ruleset.fact_types import BREAKER_SCOPES
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.logic import Answer, always_true, can_err, never_true
from engine.ruleset.rules import Rule
from engine.ruleset.terms import Key, key_of

_MICROS = 1_000_000


class Acceptance:
    """Answers for one version, whose rules are right as they are."""

    def __init__(self, rules: Iterable[Rule], schema: FactsSchema) -> None:
        self._schema = schema
        self._limits: dict[str, list[Rule]] = {}
        self._units: dict[str, list[str]] = {}
        self._routes: dict[Key, int] = {}
        for rule in rules:
            if isinstance(rule.effect, Limit):
                self._limits.setdefault(rule.effect.name, []).append(rule)
            if isinstance(rule.effect, Charge):
                self._units.setdefault(rule.effect.account, []).append(rule.effect.unit)
            if rule.family == "routing" and rule.when is not None:
                self._routes.setdefault(key_of(rule.when), rule.index)
        for budget in schema.budgets:
            self._units.setdefault(budget.account, []).append(budget.unit)

    def condition(self, rule: Rule) -> Rule | None:
        """Return a rule with a changed condition, told whether it can err; None if the check would refuse it."""
        when = rule.when
        assert when is not None  # a rule without a condition has none to change
        if rule.family == "breaker" and len(roots_of(when) & BREAKER_SCOPES.keys()) != 1:
            return None
        if rule.family == "routing" and self._routes.get(key_of(when), rule.index) != rule.index:
            return None  # two routing rules of the same condition: one is never reached
        errs = can_err(when, self._schema, rule.scope).answer
        if errs is not Answer.NO and rule.family != "routing":
            return None
        if Answer.YES in (never_true(when, self._schema, rule.scope), always_true(when, self._schema, rule.scope)):
            return None
        changed = replace(rule, can_err=errs is not Answer.NO)
        return changed if self.effect(changed) else None

    def effect(self, rule: Rule) -> bool:
        """Tell whether a rule's effect fits its condition and what other rules say."""
        per_channel = rule.scope is Scope.CHANNEL
        match rule.effect:
            case Drop():
                return not per_channel
            case Exclude(channels=()):
                return per_channel
            case Limit() as limit:
                return all(_shareable(rule, limit, other) for other in self._limits[limit.name])
            case Charge() as charge:
                return self._charge(charge, per_channel)
        return True

    def _charge(self, charge: Charge, per_channel: bool) -> bool:
        if charge.unit == "COUNT" and charge.micros % _MICROS:
            return False
        if "{channel}" in charge.account and charge.channel is None and not per_channel:
            return False
        units = self._units.get(charge.account, [])
        return len(units) <= 1 or all(unit == charge.unit for unit in units)

    def before(self, first: Rule, second: Rule) -> bool:
        """Tell whether a routing rule may stand before another one, which then is not behind one that takes all."""
        return first.when is not None and second.when is not None


def _shareable(rule: Rule, limit: Limit, other: Rule) -> bool:
    """Tell whether a limit agrees with another rule's limit of the same name."""
    if other.index == rule.index:
        return True
    assert isinstance(other.effect, Limit)  # only those are noted
    theirs = other.effect
    same = (limit.per, limit.channel, limit.window_ms) == (theirs.per, theirs.channel, theirs.window_ms)
    return same and rule.per_step == other.per_step
