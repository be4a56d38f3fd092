"""What limits count: where a touch of one is also a touch of another, and under which of its keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from engine.analysis.findings.inquiry import Inquiry
from engine.analysis.formulas import Formula, Not, all_of
from engine.ruleset.effects import Limit, Route
from engine.ruleset.rules import Rule

_PATHS: Final = {key: f"message.{key}" for key in ("line", "scene", "category", "campaign")}
"""What a counter is kept apart by, and the fact that says it."""


class Fixed:
    """What all touches of a limit have in common, by its condition, whether it is part of its key or not.

    `channel` is the one channel, empty without one. Each is found when it is asked for.
    """

    def __init__(self, inquiry: Inquiry, rule: Rule) -> None:
        self._inquiry, self._rule = inquiry, rule
        self._values: dict[str, int | None] = {}

    @cached_property
    def channel(self) -> str:
        """The channel of its own, or the only one for which it matches."""
        effect = self._rule.effect
        assert isinstance(effect, Limit)
        inquiry, rule = self._inquiry, self._rule
        if effect.channel or not inquiry.space.is_asked_of_channels(rule):
            return effect.channel or ""
        able = [name for name in inquiry.ruleset.channels if inquiry.space.is_possible(inquiry.match(rule, name))]
        return able[0] if len(able) == 1 else ""

    def value(self, key: str) -> int | None:
        """Return the literal of the one value that this part of a key has in all touches; None if it has several."""
        if key not in self._values:
            self._values[key] = self._only_value(_PATHS[key]) if key in _PATHS else None
        return self._values[key]

    def among(self, keys: Iterable[str]) -> set[str]:
        """Return those parts of a key that are fixed."""
        return {key for key in keys if (self.channel if key == "channel" else self.value(key))}

    def _only_value(self, path: str) -> int | None:
        encoding, matches = self._inquiry.space.encoding, self._inquiry.matches(self._rule)
        number = _term(self._inquiry, path)
        if number is None or self._rule.when is None:
            return None
        partition = encoding.terms[number].partition
        classes = [found for _, found in partition.groups] if partition.cuts is None else []
        only: int | None = None
        for found, one in encoding.variables[number].items():
            if self._inquiry.space.is_possible(matches, among=[one]):
                if only is not None or classes.count(found) != 1:
                    return None
                only = one
        return only


def _term(inquiry: Inquiry, path: str) -> int | None:
    """The number of the term that is this fact, if conditions ask for it."""
    terms = enumerate(inquiry.space.encoding.terms)
    return next((number for number, term in terms if term.fact is not None and term.fact.path == path), None)


def most_under_one_key(inquiry: Inquiry, limit: Limit, bounds: Mapping[int, int]) -> int:
    """Return the most touches that limits let pass together under one key of another limit.

    `bounds` are how many each lets pass, by the index of its rule. What a key says has one value under it, so limits
    for other values do not count.
    """
    most = sum(bounds.values())
    for key in set(limit.per) & _PATHS.keys():
        number = _term(inquiry, _PATHS[key])
        if number is not None:
            able = (_able(inquiry, bounds, one) for one in inquiry.space.encoding.variables[number].values())
            most = min(most, max(sum(bounds[index] for index in indexes) for indexes in able))
    return most


def _able(inquiry: Inquiry, indexes: Iterable[int], literal: int) -> list[int]:
    """The rules, by their indexes, that may match where the literal holds."""
    rules = inquiry.ruleset.rules
    return [one for one in indexes if inquiry.space.is_possible(inquiry.matches(rules[one]), among=[literal])]


def may_count(other: Rule, its: Limit, rule: Rule, limit: Limit, fixed: Fixed) -> bool:
    """Whether the touches that one limit counts under a key are counted by the other under one of its keys, as far as
    that applies too.

    A message that goes by several channels at once is one touch for a limit of messages, and one for each channel for
    a limit of steps that keeps them in one counter.
    """
    if (other.per_step and not rule.per_step) or (its.channel is not None and its.channel != fixed.channel):
        return False
    if not other.per_step and rule.per_step and not fixed.channel and "channel" not in limit.per:
        return False
    more = set(its.per) - set(limit.per)
    return fixed.among(more) == more


def is_same(inquiry: Inquiry, other: Rule, its: Limit, rule: Rule, limit: Limit, fixed: Fixed) -> bool:
    """Whether the other, which counts all that this limit does, counts nothing else under those keys."""
    apart = set(its.per) ^ set(limit.per)
    channel = its.channel or (fixed.channel if "channel" in its.per else Fixed(inquiry, other).channel)
    if other.per_step is not rule.per_step or fixed.among(apart) != apart or channel != fixed.channel:
        return False
    among = [literal for key in its.per if (literal := fixed.value(key)) is not None]
    return not any(
        inquiry.space.is_possible(counts, *map(Not, cover), among=among)
        for counts, cover in _touches(inquiry, other, [rule], channel)
    )


def applies_inside(inquiry: Inquiry, rule: Rule, others: Sequence[Rule]) -> bool:
    """Whether one of the others applies wherever this one counts a touch."""
    return not any(
        inquiry.space.is_possible(counts, *map(Not, cover)) for counts, cover in _touches(inquiry, rule, others)
    )


def needed(inquiry: Inquiry, rule: Rule, others: Sequence[Rule]) -> list[Rule]:
    """Return as few of the others as will do, of which one applies wherever this one counts; the last rather stay."""
    places: set[int] = set()
    for counts, cover in _touches(inquiry, rule, others):
        places.update(inquiry.space.core(counts, [Not(one) for one in cover]))
    return [others[place] for place in sorted(places)]


def _touches(
    inquiry: Inquiry, rule: Rule, others: Sequence[Rule], channel: str = ""
) -> Iterator[tuple[Formula, list[Formula]]]:
    """Where a limit counts a touch and where each of the others applies, by channel if one is asked of channels."""
    assert isinstance(rule.effect, Limit)
    asked = inquiry.space.is_asked_of_channels
    goes: Sequence[tuple[str, Formula]] = [("", all_of(Not(inquiry.dropped), Not(inquiry.held)))]
    if only := channel or rule.effect.channel:
        goes = [(only, inquiry.counted[only])]
    elif asked(rule) or any(map(asked, others)):
        goes = list(inquiry.counted.items())
    for name, way in goes:
        cover = [inquiry.match(other, name if asked(other) else "") for other in others]
        # One formula for each, since what is found out about it serves for all others.
        counts = inquiry.touches.setdefault((rule.index, name), all_of(inquiry.match(rule, name), way))
        yield counts, cover


def may_go_later(inquiry: Inquiry, rule: Rule, limit: Limit) -> bool:
    """Whether a step that a limit counts may go later than its message was decided."""
    for route in inquiry.routing:
        assert isinstance(route.effect, Route)
        if route.effect.strategy == "SUPPLEMENT":
            wanted = [choice.channel for choice in route.effect.choices if limit.channel in (None, choice.channel)]
            reached = inquiry.reached[route.index]
            if any(
                inquiry.space.is_possible(
                    reached, inquiry.match(rule, channel if inquiry.space.is_asked_of_channels(rule) else "")
                )
                for channel in wanted
            ):
                return True
    return False
