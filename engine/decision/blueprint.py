"""What a set of matched rules asks of each candidate channel, before a particular message fills in its keys.

Many messages match the same rules, so this is derived once for each different answer of the rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from engine.decision.content import fingerprint, segments, wording
from engine.decision.model import Charge, Message, escape
from engine.ruleset import effects
from engine.ruleset.effects import ChannelChoice, Exclude, Hold, Limit, Route
from engine.ruleset.match import Matched
from engine.ruleset.rules import Rule


@dataclass(frozen=True, slots=True)
class LimitAsk:
    """A limit that one candidate must pass; rules that share its name are merged into it.

    `max` is the smallest of theirs (None = unlimited) and `rule_max` the rule it comes from; `min_interval_ms` and
    `rule_gap` likewise the longest. `per_step`: refused, it takes away this candidate, and it counts for each step;
    else it is counted once per message. `use` is its place among the uses of the blueprint.
    """

    name: str
    window_ms: int
    max: int | None
    rule_max: int
    min_interval_ms: int
    rule_gap: int
    hold: bool
    per_step: bool
    use: int


@dataclass(frozen=True, slots=True)
class ChargeAsk:
    """A charge that one candidate must pay; `charge` is its place among the charges of the blueprint."""

    charge: int
    per_step: bool
    rule: int


@dataclass(frozen=True, slots=True)
class CandidateBlueprint:
    """One candidate channel: the rules that hold or exclude it, the limits and charges it must pass, in file order.

    `is_open`: no rule holds or excludes it.
    """

    choice: ChannelChoice
    is_open: bool
    holds: tuple[Rule, ...]
    exclude: Rule | None
    limits: tuple[LimitAsk, ...]
    charges: tuple[ChargeAsk, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Blueprint:
    """The candidates of one routing rule under one answer of all rules.

    `uses` and `charges` make, for a message, the keys of all limits and all charges that some candidate asks for; the
    candidates point at them, so that what several share is made once. `answers` are what the rules answered for each
    candidate. `route_id` is the id of the routing rule, and `numbers` are the places that the candidates have in it,
    from 1: when a message is decided again, its candidates are steps of a route chosen earlier.
    """

    route_id: str
    route: Route
    numbers: tuple[int, ...]
    answers: tuple[Matched, ...]
    candidates: tuple[CandidateBlueprint, ...]
    uses: tuple[Callable[[Message], tuple[str, str]], ...]
    charges: tuple[Callable[[Message], Charge], ...]


@dataclass(frozen=True, slots=True)
class Remaining:
    """What a message that was routed before may still do: steps of its route, by their numbers in it."""

    route_id: str
    route: Route
    numbers: tuple[int, ...]


def draw(matched: Matched, candidates: tuple[Matched, ...], remaining: Remaining | None = None) -> Blueprint:
    """Return what these answers ask: of the message, and of its candidates in order.

    The candidates are those of the routing rule that matched, or else the `remaining` steps of an earlier route.
    """
    if remaining is None:
        rule = matched.route
        assert rule is not None  # without a route there is no candidate to draw
        assert isinstance(rule.effect, Route)
        remaining = Remaining(rule.id, rule.effect, tuple(range(1, len(rule.effect.choices) + 1)))
    uses, charges = _Shared(_use), _Shared(_charge)
    drawn = tuple(
        _candidate(choice, matched, own, uses, charges)
        for choice, own in zip(remaining.route.choices, candidates, strict=True)
    )
    return Blueprint(
        remaining.route_id,
        remaining.route,
        remaining.numbers,
        candidates,
        drawn,
        tuple(uses.made),
        tuple(charges.made),
    )


Made = TypeVar("Made")


class _Shared(Generic[Made]):
    """Things made for a channel, the same for several channels unless they mention the channel."""

    def __init__(self, make: Callable[[Any, str], Made]) -> None:
        self._make = make
        self._places: dict[tuple[object, str], int] = {}
        self.made: list[Made] = []

    def place(self, effect: Limit | effects.Charge, channel: str, *, mentions_channel: bool) -> int:
        """Return the place of what is made of this effect for this channel."""
        key = (effect, channel if mentions_channel else "")
        if key not in self._places:
            self._places[key] = len(self.made)
            self.made.append(self._make(effect, channel))
        return self._places[key]


def _candidate(
    choice: ChannelChoice, matched: Matched, own: Matched, uses: _Shared[Any], charges: _Shared[Any]
) -> CandidateBlueprint:
    channel = choice.channel
    holds = [r for r in matched.holds if channel in _channels(r)]
    holds += [r for r in own.holds if not _channels(r) or channel in _channels(r)]
    excludes = [r for r in matched.excludes if channel in _channels(r)]
    excludes += [r for r in own.excludes if not _channels(r) or channel in _channels(r)]
    excludes.sort(key=lambda rule: rule.index)
    return CandidateBlueprint(
        choice=choice,
        is_open=not holds and not excludes,
        holds=tuple(sorted(holds, key=lambda rule: rule.index)),
        exclude=excludes[0] if excludes else None,
        limits=_merge_limits(channel, _applying(matched.limits + own.limits, channel), uses),
        charges=tuple(
            _charge_ask(channel, rule, charges) for rule in _applying(matched.charges + own.charges, channel)
        ),
    )


def _channels(rule: Rule) -> tuple[str, ...]:
    assert isinstance(rule.effect, Hold | Exclude)
    return rule.effect.channels


def message_holds(matched: Matched) -> Iterable[Rule]:
    """Return the matched rules that hold the message as a whole."""
    return (rule for rule in matched.holds if not _channels(rule))


def _applying(rules: Sequence[Rule], channel: str) -> list[Rule]:
    def applies(rule: Rule) -> bool:
        assert isinstance(rule.effect, Limit | effects.Charge)
        return rule.effect.channel in (None, channel)

    return sorted(filter(applies, rules), key=lambda rule: rule.index)


def _merge_limits(channel: str, rules: Sequence[Rule], uses: _Shared[Any]) -> tuple[LimitAsk, ...]:
    by_name: dict[str, list[Rule]] = {}
    for rule in rules:
        assert isinstance(rule.effect, Limit)
        by_name.setdefault(rule.effect.name, []).append(rule)
    return tuple(_limit_ask(channel, sharing, uses) for sharing in by_name.values())


def _limit_ask(channel: str, sharing: Sequence[Rule], uses: _Shared[Any]) -> LimitAsk:
    limits = [(rule.effect, rule.index) for rule in sharing if isinstance(rule.effect, Limit)]
    first = limits[0][0]
    bounded = [(limit.max, index) for limit, index in limits if limit.max is not None]
    smallest, rule_max = min(bounded, default=(None, limits[0][1]))
    longest, rule_gap = max((limit.min_interval_ms, -index) for limit, index in limits)
    return LimitAsk(
        name=first.name,
        window_ms=first.window_ms,
        max=smallest,
        rule_max=rule_max,
        min_interval_ms=longest,
        rule_gap=-rule_gap,
        hold=all(limit.hold for limit, _index in limits),
        per_step=any(rule.per_step for rule in sharing),
        use=uses.place(first, channel, mentions_channel="channel" in first.per),
    )


def _charge_ask(channel: str, rule: Rule, charges: _Shared[Any]) -> ChargeAsk:
    charge = rule.effect
    assert isinstance(charge, effects.Charge)
    mentions_channel = charge.times_segments or "{channel}" in charge.account
    return ChargeAsk(charges.place(charge, channel, mentions_channel=mentions_channel), rule.per_step, rule.index)


def _use(limit: Limit, channel: str) -> Callable[[Message], tuple[str, str]]:
    """Return what gives a message's (limit name, key), the key as `LimitUse.key` of the contract spells it."""
    name, getters = limit.name, [_part(channel, part) for part in limit.per if part != "user"]
    if not getters:
        plain = (name, "")
        return lambda message: plain
    if len(getters) == 1:
        only = getters[0]
        return lambda message: (name, only(message))
    return lambda message: (name, "/".join([get(message) for get in getters]))


def _charge(charge: effects.Charge, channel: str) -> Callable[[Message], Charge]:
    account, micros, unit = account_name(charge.account, channel), charge.micros, charge.unit
    if charge.times_segments:
        return lambda message: _priced(account(message), micros * segments(wording(message, channel)), unit)
    return lambda message: _priced(account(message), micros, unit)


@lru_cache(maxsize=65_536)
def _priced(account: str, micros: int, unit: str) -> Charge:
    """A line has few accounts and a text few parts, so nearly every charge has been made before."""
    return Charge(account, micros, unit)


def _part(channel: str, name: str) -> Callable[[Message], str]:
    match name:
        case "channel":
            return lambda message: channel
        case "content":
            return fingerprint
        case _:
            index = Message._fields.index(name)
            return lambda message: _escaped(message[index])


@lru_cache(maxsize=65_536)
def _escaped(value: str) -> str:
    """Lines and scenes are few, and looking one up takes a third of the time."""
    return escape(value)


def account_name(template: str, channel: str) -> Callable[[Message], str]:
    """Return the function that fills the placeholders of an account's name in, such as "{line}/sms/cash"."""
    pieces = re.split(r"\{(\w+)\}", template)
    if len(pieces) == 3:
        before, part, after = pieces[0], _part(channel, pieces[1]), pieces[2]
        return lambda message: before + part(message) + after
    parts = [_part(channel, piece) if place % 2 else _fixed(piece) for place, piece in enumerate(pieces) if piece]
    return lambda message: "".join([part(message) for part in parts])


def _fixed(text: str) -> Callable[[Message], str]:
    return lambda message: text
