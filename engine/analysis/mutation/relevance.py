"""For which messages a mutant can decide otherwise than the rules as they are: a formula over their conditions.

Every message that is decided otherwise is among those for which the formula holds. So where it never holds, the mutant
is equivalent: no decision can show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from engine.analysis.formulas import (
    NEVER,
    All,
    Condition,
    Formula,
    Holds,
    all_of,
    any_of,
    differs,
    none_of,
)
from engine.analysis.mutation.mutant import CONDITION_KINDS, Mutant
from engine.analysis.mutation.mutants import NOTHING
from engine.analysis.window_rules import decides
from engine.ruleset.effects import Drop, Route, channels_of
from engine.ruleset.facts_schema import Scope
from engine.ruleset.rules import Rule


class Relevance:
    """Makes the formulas of one version; `channels` are those that facts.yaml declares."""

    def __init__(self, rules: Sequence[Rule], channels: Sequence[str]) -> None:
        self._channels = channels
        self._rules = rules
        self._routes = [rule for rule in rules if isinstance(rule.effect, Route)]
        self._drops = [rule for rule in rules if isinstance(rule.effect, Drop)]
        self._no_drop = none_of(*(matches(rule) for rule in self._drops))
        self._reached = {channel: self._reaches(channel) for channel in channels}

    def formula(self, mutant: Mutant) -> Formula:
        """Return for which messages, or for a breaker rule for which windows, a mutant may make a difference."""
        rule, changed = mutant.rule, mutant.changed[0]
        if rule.family == "breaker":
            return self._of_windows(rule, changed)
        if mutant.kind == "order":
            other = next(one for one in self._rules if one.id != rule.id and one.id == changed.id)
            return all_of(matches(rule), matches(other), self._context(rule))
        if Scope.CHANNEL not in (rule.scope, changed.scope):
            return all_of(_apart(mutant, ""), self._context(rule), self._any_channel(mutant))
        asked = [all_of(_apart(mutant, channel), self._reached[channel]) for channel in self._named(mutant)]
        return all_of(any_of(*asked), self._context(rule))

    def _of_windows(self, rule: Rule, changed: Rule) -> Formula:
        """Return for which windows one of the two decides, and not both ask the same of it."""
        others = [one for one in self._rules if one.scope is rule.scope]
        before, after = decides(rule, others, matches), decides(changed, others, matches)
        return differs(before, after) if changed.effect == rule.effect else any_of(before, after)

    def _context(self, rule: Rule) -> Formula:
        """Return for which messages a rule has a say, if it matches."""
        if isinstance(rule.effect, Route):
            earlier = (matches(one) for one in self._routes if one.index < rule.index)
            return all_of(none_of(*earlier), self._no_drop)
        if isinstance(rule.effect, Drop):
            return none_of(*(matches(one) for one in self._drops if one.index < rule.index))
        return self._no_drop

    def _any_channel(self, mutant: Mutant) -> Formula:
        """Return that the route of the message has a channel that the rule concerns."""
        named = self._named(mutant)
        if isinstance(mutant.rule.effect, Route | Drop) or len(named) == len(self._channels):
            return All(())
        return any_of(*(self._reached[channel] for channel in named))

    def _named(self, mutant: Mutant) -> list[str]:
        """Return the channels that the rule or its mutant names; all where one of them names none."""
        both = [set(channels_of(one.effect)) for one in (mutant.rule, mutant.changed[0])]
        everywhere = not all(both) or any(isinstance(one.effect, Drop) for one in mutant.changed)
        return [channel for channel in self._channels if everywhere or channel in both[0] | both[1]]

    def _reaches(self, channel: str) -> Formula:
        """Return that the route of a message has a channel."""
        ways: list[Formula] = []
        earlier: list[Formula] = []
        for rule in self._routes:
            if channel in channels_of(rule.effect):
                ways.append(all_of(matches(rule), none_of(*earlier)))
            earlier.append(matches(rule))
        return any_of(*ways)


def matches(rule: Rule, channel: str = "") -> Formula:
    """Return "the rule matches", for this candidate where it is asked of channels."""
    if rule.when is NOTHING:
        return NEVER
    of_channel = rule.scope is Scope.CHANNEL
    return Holds(Condition(rule.when, rule.scope, channel if of_channel else ""))


def window_conditions(mutants: Iterable[Mutant], scope: Scope) -> Iterator[Condition]:
    """Give the conditions of mutants of breaker rules, to be put into a space of the windows of one subject."""
    for rule in (rule for mutant in mutants for rule in mutant.changed if rule.scope is scope):
        if rule.when is not NOTHING:
            yield Condition(rule.when, scope)


def extra_conditions(mutants: Iterable[Mutant], channels: Sequence[str]) -> Iterator[Condition]:
    """Give the conditions of mutants, to be put into a space beside those of the rules."""
    for rule in (rule for mutant in mutants for rule in mutant.changed if rule.family != "breaker"):
        if rule.when is NOTHING:
            continue
        if rule.scope is Scope.CHANNEL:
            yield from (Condition(rule.when, rule.scope, channel) for channel in channels)
        else:
            yield Condition(rule.when, rule.scope)


def _apart(mutant: Mutant, channel: str) -> Formula:
    """Return where a mutant may ask for something else, as far as its condition goes.

    Where the rule answers one thing and its mutant another; or wherever one of them matches, if its effect is another
    one or it is asked of the message instead of each channel.
    """
    changed = mutant.changed[0]
    one, other = matches(mutant.rule, channel), matches(changed, channel)
    if mutant.kind in (*CONDITION_KINDS, "rule") and changed.scope is mutant.rule.scope:
        return differs(one, other)
    return any_of(one, other)
