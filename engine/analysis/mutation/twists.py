"""What has to be given beside a message for an effect to be seen: limits used up, accounts, addresses, texts.

Each twist takes the `given:` of a case and returns another one, in which a mutant may show. Nothing is promised:
whoever uses them judges the rules and the mutant on each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

from engine.analysis.mutation.mutant import Mutant
from engine.decision.case_given import DEFAULT_MESSAGE, read_now
from engine.decision.moment import is_zone, iso_time
from engine.ruleset.effects import PRIORITIES, Charge, Exclude, Hold, Limit, Route, channels_of
from engine.ruleset.fact_types import CATEGORIES
from engine.ruleset.scalars import DAY_MS

Given = Mapping[str, Any]

_SECOND_MS: Final = 1_000
_HOUR_MS: Final = 3_600_000
_ZONE: Final = "Asia/Shanghai"
_LONG_TEXT: Final = "This text is so long that it does not fit into one SMS of 160 characters. " * 3
_MOST_CHANNELS: Final = 12
"""Pairs of channels are tried of at most so many."""


def twists(given: Given, mutant: Mutant, channels: Sequence[str]) -> Iterator[Given]:
    """Give what a mutant of a message's rule may show on: what is given itself first. `channels` are all there are."""
    yield given
    effects = (mutant.rule.effect, *(rule.effect for rule in mutant.changed))
    for effect in effects:
        if isinstance(effect, Limit):
            yield from _limits(given, mutant, effect)
    if isinstance(effects[0], Route):
        for priority in PRIORITIES:
            yield _message(given, priority=priority)
    if any(isinstance(effect, Charge) for effect in effects):
        yield from _charges(given, mutant)
    if any(isinstance(effect, Route | Hold | Exclude | Charge) for effect in effects):
        yield from _reachable(given, mutant, channels)


def _reachable(given: Given, mutant: Mutant, channels: Sequence[str]) -> Iterator[Given]:
    """Give the user fewer channels: each one alone, those of the effect first, then each two of the effect."""
    effects = (mutant.rule.effect, *(rule.effect for rule in mutant.changed))
    named = list(dict.fromkeys(channel for effect in effects for channel in channels_of(effect)))
    for channel in dict.fromkeys([*named, *channels]):
        yield _user(given, channels=[channel])
    for two in combinations(named[:_MOST_CHANNELS], 2):
        yield _user(given, channels=list(two))


def _limits(given: Given, mutant: Mutant, limit: Limit) -> Iterator[Given]:
    """Use the limit up, or all but one touch; end its window now; touch it just before an interval is over."""
    both = [effect for effect in (mutant.rule.effect, mutant.changed[0].effect) if isinstance(effect, Limit)]
    for made in (*_touched(given, limit, both), *_preceded(given, limit, both)):
        yield made
        for channel in channels_of(limit):
            yield _user(made, channels=[channel])


def _touched(given: Given, limit: Limit, both: list[Limit]) -> Iterator[Given]:
    """Say what has been used of the limit."""
    for count in sorted({most + more for one in both for most in [one.max or 1] for more in (-1, 0)}):
        if count:
            yield from _used(given, limit, both, count)


def _preceded(given: Given, limit: Limit, both: list[Limit]) -> Iterator[Given]:
    """Let another message come before: one that may be counted apart, or the same one about a window ago."""
    befores = [(other, at_ms) for other in _others(given, limit) for at_ms in (2 * _SECOND_MS, _within(limit) // 4)]
    befores += [(dict(given.get("message") or {}), one.window_ms) for one in both if one.window_ms]
    for before, at_ms in befores:
        made = {**given, "before": [{**before, "at": _earlier(given, at_ms)}]}
        yield made
        yield from _nearly_used(made, limit)


def _others(given: Given, limit: Limit) -> Iterator[dict[str, Any]]:
    """Give messages that one key of a limit may count apart from the given one, as like it as can be."""
    own = given.get("message") or {}
    values = {key: "else" if own.get(key) == "other" else "other" for key in ("line", "scene", "campaign")}
    values["category"] = _category(given)
    same = own.get("content") or DEFAULT_MESSAGE["content"]
    changed = {**same, "text": f"{same.get('text', '')}!"}
    for key, value in values.items():
        yield {**own, "content": same if "content" in limit.per else changed, key: value}
    yield {**own, "content": changed}


def _within(limit: Limit) -> int:
    """Return a time in milliseconds that is surely within a window of the limit, at noon."""
    return min(limit.window_ms or DAY_MS, _HOUR_MS)


def _used(given: Given, limit: Limit, both: list[Limit], count: int) -> Iterator[Given]:
    entry = {"limit": limit.name, "count": count}
    now = _now(given)
    yield _ledger(given, {**entry, "last": _at(given, now - _within(limit) // 2)})
    lengths = [one.window_ms or DAY_MS for one in both]
    for length_ms in dict.fromkeys([*lengths, min(lengths) - _SECOND_MS, DAY_MS - _HOUR_MS]):
        at = _at(given, now - length_ms)
        yield _ledger(given, {**entry, "start": at, "last": at})
    for gap_ms in dict.fromkeys(one.min_interval_ms - less for one in both for less in (0, _SECOND_MS)):
        if gap_ms > 0:
            yield _ledger(given, {**entry, "last": _at(given, now - gap_ms)})


def _nearly_used(given: Given, limit: Limit) -> Iterator[Given]:
    """Use all but one touch of a limit; the message that comes before takes that one."""
    if limit.max is not None and limit.max > 1:
        last = _earlier(given, _within(limit) // 2)
        yield _ledger(given, {"limit": limit.name, "count": limit.max - 1, "last": last})


def _charges(given: Given, mutant: Mutant) -> Iterator[Given]:
    yield _message(given, content={"text": _LONG_TEXT.strip()})
    for channel in channels_of(mutant.rule.effect):
        yield _user(_message(given, content={"text": _LONG_TEXT.strip()}), channels=[channel])


def with_accounts(given: Given, charges: Mapping[str, Any], unit: str) -> Given:
    """Give the accounts that a decision charges, with plenty in them, in one unit."""
    return {**given, "accounts": {account: {"left": 1_000, "unit": unit} for account in charges}}


def _category(given: Given) -> str:
    own = (given.get("message") or {}).get("category", DEFAULT_MESSAGE["category"])
    return next(category for category in reversed(CATEGORIES) if category != own)


def _message(given: Given, **fields: Any) -> Given:
    return {**given, "message": {**(given.get("message") or {}), **fields}}


def _user(given: Given, **fields: Any) -> Given:
    return {**given, "user": {**(given.get("user") or {}), **fields}}


def _ledger(given: Given, entry: Mapping[str, Any]) -> Given:
    kept = [one for one in given.get("ledger") or () if one.get("limit") != entry["limit"]]
    return {**given, "ledger": [*kept, dict(entry)]}


def _zone(given: Given) -> str:
    zone = (given.get("user") or {}).get("zone") or _ZONE
    return zone if is_zone(zone) else _ZONE


def _now(given: Given) -> int:
    return read_now(given, _zone(given))


def _earlier(given: Given, by_ms: int) -> str:
    return _at(given, _now(given) - by_ms)


def _at(given: Given, at_ms: int) -> str:
    return iso_time(at_ms, _zone(given))[:19]
