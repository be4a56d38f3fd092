"""The small mistakes that can be made in an effect: one field at a time, each told as its author would write it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from engine.analysis.mutation.constants import (
    durations,
    numbers,
    other_word,
    show_time_of_day,
)
from engine.analysis.mutation.mutant import LEFT_OUT, Change
from engine.analysis.mutation.routes import route_changes
from engine.ruleset.effects import (
    ACCOUNT_FACTS,
    LIMIT_KEYS,
    REASONS,
    Charge,
    Drop,
    Effect,
    Exclude,
    Hold,
    Limit,
    Route,
    SetState,
)
from engine.ruleset.facts_schema import Scope
from engine.ruleset.scalars import DAY_MS, MICROS, show_duration

Written = Callable[[Iterable[str | int]], str]
"""The text that the author wrote at a path below `then:`; empty where there is none."""

MORNING: Final = 9 * 60
"""When a hold ends that stands where there was none: 09:00."""

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_EVERYWHERE: Final = tuple(name for name in ACCOUNT_FACTS if name != "channel")
_DAY: Final = "day"
_MOST_WINDOWS: Final = 1_000


class Changes:
    """Makes the changes of effects; `channels` are those that facts.yaml declares, in its order."""

    def __init__(self, channels: tuple[str, ...]) -> None:
        self._channels = channels

    def of(self, effect: Effect, scope: Scope, written: Written) -> Iterator[Change]:
        """Give every change of an effect; some may be refused for what other rules say."""
        match effect:
            case Route():
                return route_changes(effect, written)
            case Drop() | Hold() | Exclude():
                return self._interception(effect, scope, written)
            case Limit():
                return self._limit(effect, written)
            case Charge():
                return self._charge(effect)
            case SetState():
                return _state(effect)

    def _interception(self, effect: Drop | Hold | Exclude, scope: Scope, written: Written) -> Iterator[Change]:
        name = type(effect).__name__.lower()
        reason = REASONS[(REASONS.index(effect.reason) + 1) % len(REASONS)]
        changed: Effect = replace(effect, reason=reason)
        yield Change("reason", (name, "reason"), f"reason {effect.reason}", f"reason {reason}", changed)
        yield self._other_effect(effect, scope, name)
        if isinstance(effect, Hold):
            for minute in ((effect.until_minute + 1) % 1440, (effect.until_minute - 1) % 1440):
                before, after = show_time_of_day(effect.until_minute), show_time_of_day(minute)
                later = replace(effect, until_minute=minute)
                yield Change("until", (name, "until"), f"until {before}", f"until {after}", later)
        if not isinstance(effect, Drop):
            yield from self._named_channels(effect, name)

    def _other_effect(self, effect: Drop | Hold | Exclude, scope: Scope, name: str) -> Change:
        """Take the next milder effect that the rule may have, or where there is none the next stricter."""
        other: Effect
        if isinstance(effect, Drop):
            other, after = Hold(MORNING, effect.reason), f"hold until {show_time_of_day(MORNING)}"
        elif isinstance(effect, Hold) and (effect.channels or scope is Scope.CHANNEL):
            other, after = Exclude(effect.reason, effect.channels), "exclude"
        elif isinstance(effect, Exclude) and scope is Scope.CHANNEL:
            other, after = Hold(MORNING, effect.reason, effect.channels), f"hold until {show_time_of_day(MORNING)}"
        else:
            other, after = Drop(effect.reason), "drop"
        return Change("effect", (name,), name, after, other)

    def _named_channels(self, effect: Hold | Exclude, name: str) -> Iterator[Change]:
        """Leave each of the channels out; take another for a single one."""
        for place, channel in enumerate(effect.channels):
            rest = effect.channels[:place] + effect.channels[place + 1 :]
            other = self._other_channel(channel)
            path, before = (name, "channels", place), f"channel {channel}"
            if rest:
                yield Change("channel", path, before, LEFT_OUT, replace(effect, channels=rest))
            elif other is not None:
                yield Change("channel", path, before, f"channel {other}", replace(effect, channels=(other,)))

    def _other_channel(self, channel: str) -> str | None:
        return other_word(channel, self._channels) if len(self._channels) > 1 else None

    def _limit(self, limit: Limit, written: Written) -> Iterator[Change]:
        for most in () if limit.max is None else (limit.max + 1, limit.max - 1):
            if most >= 0:
                yield Change("max", ("limit", "max"), f"max {limit.max}", f"max {most}", replace(limit, max=most))
        yield from _windows(limit, written)
        yield from _intervals(limit, written)
        before, after = ("otherwise hold", LEFT_OUT) if limit.hold else ("no otherwise", "otherwise hold")
        yield Change("otherwise", ("limit", "otherwise"), before, after, replace(limit, hold=not limit.hold))
        yield from _keys(limit)
        if limit.channel is not None:
            before = f"channel {limit.channel}"
            yield Change("channel", ("limit", "channel"), before, LEFT_OUT, replace(limit, channel=None))
            other = self._other_channel(limit.channel)
            if other is not None:
                yield Change("channel", ("limit", "channel"), before, f"channel {other}", replace(limit, channel=other))

    def _charge(self, charge: Charge) -> Iterator[Change]:
        yield from _amounts(charge)
        account = _other_account(charge.account)
        yield Change("account", ("charge", "account"), charge.account, account, replace(charge, account=account))
        unit = "USD" if charge.unit != "USD" else "CNY"
        yield Change("unit", ("charge", "unit"), f"unit {charge.unit}", f"unit {unit}", replace(charge, unit=unit))
        before, after = ("times segments", "times 1") if charge.times_segments else ("times 1", "times segments")
        changed = replace(charge, times_segments=not charge.times_segments)
        yield Change("times", ("charge", "times"), before, after, changed)
        if charge.channel is not None:
            before = f"channel {charge.channel}"
            yield Change("channel", ("charge", "channel"), before, LEFT_OUT, replace(charge, channel=None))
            other = self._other_channel(charge.channel)
            if other is not None:
                changed = replace(charge, channel=other)
                yield Change("channel", ("charge", "channel"), before, f"channel {other}", changed)


def _windows(limit: Limit, written: Written) -> Iterator[Change]:
    """Take a window one unit longer or shorter; a day of the calendar for 24 hours, and the other way round."""
    path = ("limit", "window")
    if limit.window_ms == 0:
        yield Change("window", path, f"window {_DAY}", "window 24h", replace(limit, window_ms=DAY_MS))
        return
    text = written(path) or show_duration(limit.window_ms)
    if limit.window_ms == DAY_MS:
        yield Change("window", path, f"window {text}", f"window {_DAY}", replace(limit, window_ms=0))
    for after, length_ms in durations(text, limit.window_ms):
        if 1_000 <= length_ms <= 366 * DAY_MS:
            yield Change("window", path, f"window {text}", f"window {after}", replace(limit, window_ms=length_ms))


def _intervals(limit: Limit, written: Written) -> Iterator[Change]:
    if not limit.min_interval_ms:
        return
    path = ("limit", "min_interval")
    text = written(path) or show_duration(limit.min_interval_ms)
    before = f"min_interval {text}"
    if limit.max is not None:  # else the limit would limit nothing
        yield Change("min_interval", path, before, LEFT_OUT, replace(limit, min_interval_ms=0))
    for after, length_ms in durations(text, limit.min_interval_ms):
        if 1_000 <= length_ms <= 366 * DAY_MS:
            changed = replace(limit, min_interval_ms=length_ms)
            yield Change("min_interval", path, before, f"min_interval {after}", changed)


def _keys(limit: Limit) -> Iterator[Change]:
    """Leave each key but the user out, and add the first that is not there."""
    others = [tuple(one for one in limit.per if one != key) for key in limit.per if key != "user"]
    added = next((key for key in LIMIT_KEYS if key not in limit.per), None)
    if added is not None:
        others.append(tuple(key for key in LIMIT_KEYS if key in (*limit.per, added)))
    for per in others:
        before, after = f"per {_listed(limit.per)}", f"per {_listed(per)}"
        yield Change("per", ("limit", "per"), before, after, replace(limit, per=per))


def _listed(keys: Sequence[str]) -> str:
    return f"[{', '.join(keys)}]"


def _amounts(charge: Charge) -> Iterator[Change]:
    whole = charge.micros % MICROS == 0
    amount: int | float = charge.micros // MICROS if whole else charge.micros / MICROS
    for other in numbers(amount):
        if other >= 0:
            changed = replace(charge, micros=round(other * MICROS))
            yield Change("amount", ("charge", "amount"), f"amount {amount}", f"amount {other}", changed)


def _other_account(account: str) -> str:
    """Exchange the first placeholder for the next one that stands everywhere, or misspell a name without any."""
    found = _PLACEHOLDER.search(account)
    if found is None:
        return other_word(account, None)
    name = other_word(found[1], _EVERYWHERE) if found[1] in _EVERYWHERE else _EVERYWHERE[0]
    return f"{account[: found.start()]}{{{name}}}{account[found.end() :]}"


def _state(effect: SetState) -> Iterator[Change]:
    slow = effect.state == "SLOW"
    other = replace(effect, state="PAUSED", speed=0.0) if slow else replace(effect, state="SLOW", speed=0.5)
    after = "state PAUSED" if slow else "state SLOW, speed 0.5"
    yield Change("state", ("set", "state"), f"state {effect.state}", after, other)
    for speed in numbers(effect.speed) if slow else ():
        if 0 < speed < 1:
            changed = replace(effect, speed=float(speed))
            yield Change("speed", ("set", "speed"), f"speed {effect.speed}", f"speed {speed}", changed)
    if effect.back_windows:
        gone = replace(effect, back_windows=0, back_error_rate=0.0)
        yield Change("back", ("set", "back"), "back", LEFT_OUT, gone)
        yield from _ways_back(effect)


def _ways_back(effect: SetState) -> Iterator[Change]:
    for windows in (effect.back_windows + 1, effect.back_windows - 1):
        if 1 <= windows <= _MOST_WINDOWS:
            before, path = f"windows {effect.back_windows}", ("set", "back", "windows")
            yield Change("back", path, before, f"windows {windows}", replace(effect, back_windows=windows))
    for rate in numbers(effect.back_error_rate):
        if 0 < rate <= 1:
            before, path = f"error_rate_below {effect.back_error_rate}", ("set", "back", "error_rate_below")
            changed = replace(effect, back_error_rate=float(rate))
            yield Change("back", path, before, f"error_rate_below {rate}", changed)
