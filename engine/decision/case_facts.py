"""`given.facts:` of a rule test: facts by their paths, put where the engine would have read them from.

A fact that a message, its user, the clock or a breaker brings is set there, so that everything that follows from it
(addresses, ends of windows, the life of the message) agrees. What is worked out from the text (`content.*`) and from
accounts (`budget.*`) has no such place: there the rules see the value, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.decision.case_given import DEFAULT_MESSAGE, DEFAULT_ZONE, read_now
from engine.decision.moment import iso_time, local_time
from engine.ruleset.coercion import coerce
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import BREAKER_SCOPES, FactType, Scope
from engine.ruleset.issues import did_you_mean
from engine.ruleset.syntax import Type

_LONGEST_SEARCH: Final = 366 * 40
"""Days: within so many every day of the month falls on every day of the week."""

_CHANNEL_FACTS: Final = frozenset(("channel.name", "channel.state", "channel.has_address", "channel.opted_out"))


@dataclass(slots=True)
class Given:
    """What is given of a message, facts put in, and the values by slot that the rules see in place of their own."""

    given: dict[str, Any]
    seen: dict[int, Any] = field(default_factory=dict)


def subject_of(given: Mapping[str, Any]) -> str | None:
    """Return the subject whose window a case gives (provider, channel or platform), or None when it is a message."""
    for name in BREAKER_SCOPES:
        if name in given:
            return name
    for path in given.get("facts") or ():
        head, _, rest = path.partition(".")
        if head == "provider" or (head in BREAKER_SCOPES and rest.startswith("window.")):
            return str(head)
    return None


def fact_of(path: str, ruleset: RuleSet, subject: str | None) -> FactType:
    """Return the fact of a path that such a case may give. Raises ValueError with a sentence and a hint."""
    scope = BREAKER_SCOPES[subject] if subject is not None else Scope.MESSAGE
    fact = ruleset.schema.fact(path, scope)
    if fact is not None:
        return fact
    if path in _CHANNEL_FACTS:
        raise ValueError(f'"{path}" is another for each candidate; write it as channels.<name>{path[7:]}')
    hint = did_you_mean(path, ruleset.schema.paths(scope))
    raise ValueError(f'there is no fact "{path[:120]}"' + (f"; {hint}" if hint else ""))


def checked(fact: FactType, value: Any) -> Any:
    """Return a value in the form in which rules see it. Raises ValueError when the fact cannot be that."""
    if fact.type is Type.TIMESTAMP and isinstance(value, str) and value:
        return value  # read, and complained about, where messages are read
    made = coerce(fact, value)
    if made is None and not fact.optional:
        raise ValueError("is always there, so it cannot be absent")
    if isinstance(made, int) and not _within(fact, made):
        most = f" to {fact.high}" if fact.high is not None else " on"
        raise ValueError(f"must be a whole number from {fact.low}{most}")
    return made


def _within(fact: FactType, value: int) -> bool:
    return (fact.low is None or fact.low <= value) and (fact.high is None or value <= fact.high)


def with_facts(given: Mapping[str, Any], ruleset: RuleSet) -> Given:
    """Put the facts of a case where they belong. Raises ValueError naming the fact that cannot be."""
    facts = given.get("facts") or {}
    made = Given(_copied(given))
    subject = subject_of(given)
    clock: dict[str, Any] = {}
    # Whom a message is for, and what about, is settled before it is asked which channels are open to it.
    for path, value in sorted(facts.items(), key=lambda one: one[0].startswith("channels.")):
        fact = fact_of(path, ruleset, subject)
        try:
            seen = checked(fact, value)
        except ValueError as error:
            raise ValueError(f"facts: {path}: {error}") from None
        if path.startswith("now."):
            clock[path.removeprefix("now.")] = value
        elif fact.path.startswith(("content.", "budget.")):
            made.seen[fact.slot] = seen
        else:
            _put(made.given, path.split("."), None if seen is None else value, ruleset)
    if subject is not None:
        _inside(made.given, [subject])
    if clock:
        _set_clock(made.given, clock)
    return made


def _copied(value: Any) -> Any:
    """Copy what may be changed: mappings and lists all the way down."""
    if isinstance(value, Mapping):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _put(given: dict[str, Any], path: list[str], value: Any, ruleset: RuleSet) -> None:
    match path:
        case ["channels", channel, "state"]:
            _inside(given, ["breakers", "channels"])[channel] = value
        case ["channels", channel, "has_address"]:
            _set_address(given, channel, value, ruleset)
        case ["channels", channel, "opted_out"]:
            _set_opted_out(given, channel, value, ruleset)
        case ["platform", "state"] if subject_of(given) is None:
            _inside(given, ["breakers"])["platform"] = value
        case [*holders, last]:
            _inside(given, holders)[last] = value


def _inside(given: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """Return the fields at a path, made where there are none."""
    for name in path:
        if not isinstance(given.get(name), dict):
            given[name] = {}
        given = given[name]
    return given


def _set_address(given: dict[str, Any], channel: str, wanted: bool, ruleset: RuleSet) -> None:
    user = _inside(given, ["user"])
    addresses = (given.get("message") or {}).get("addresses") or []
    if any(one.get("channel") == channel for one in addresses):
        if not wanted:
            raise ValueError(f"facts: channels.{channel}.has_address: the message itself brings an address")
        return
    if user.get("known", True) is False:
        if wanted:
            raise ValueError(f"facts: channels.{channel}.has_address: an unknown user has none; give message.addresses")
        return
    written = user.get("channels")
    channels = [one for one in (ruleset.channels if written is None else written) if one != channel]
    user["channels"] = [*channels, channel] if wanted else channels


def _set_opted_out(given: dict[str, Any], channel: str, wanted: bool, ruleset: RuleSet) -> None:
    """Change the opt-outs of the message's category so that they name this channel, or leave it out."""
    user = _inside(given, ["user"])
    message = {**DEFAULT_MESSAGE, **(given.get("message") or {})}
    category = message["category"]
    if wanted and user.get("known", True) is False:
        raise ValueError(f"facts: channels.{channel}.opted_out: an unknown user has declined nothing")
    written = [(out.get("channel") or "", out.get("category") or "MARKETING") for out in user.get("opt_outs") or ()]
    mine = {name for name, of in written if of == category}
    names = set(ruleset.channels) if "" in mine else mine
    names = names | {channel} if wanted else names - {channel}
    others = [{"channel": name, "category": of} for name, of in written if of != category]
    user["opt_outs"] = others + [{"channel": name, "category": category} for name in sorted(names)]


def _set_clock(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Move `now` to the first day, from the given one on, that the wanted local time fits; seconds stay."""
    user = given.get("user") or {}
    zone = user.get("zone") or DEFAULT_ZONE
    if wanted.get("timestamp") is not None:
        given["now"] = wanted["timestamp"]
    try:
        start = datetime.fromtimestamp(read_now(given, zone) / 1000, ZoneInfo(zone))
        day = date.fromisoformat(wanted["local_date"]) if "local_date" in wanted else _day(start.date(), wanted)
    except (KeyError, ValueError, OverflowError, OSError):
        raise ValueError('facts: now: there is no such time; a date is written "2026-01-05"') from None
    hour, minute = wanted.get("local_hour", start.hour), wanted.get("local_minute", start.minute)
    moment = start.replace(year=day.year, month=day.month, day=day.day, hour=int(hour), minute=int(minute))
    now_ms = int(moment.timestamp() * 1000)
    found = local_time(zone, now_ms)._asdict()
    for name, value in wanted.items():
        if name != "timestamp" and found[name.removeprefix("local_")] != value:
            nearest = iso_time(now_ms, zone)
            raise ValueError(f"facts: now.{name}: no time is that and all else that is given; near is {nearest}")
    given["now"] = iso_time(now_ms, zone)


def _day(first: date, wanted: Mapping[str, Any]) -> date:
    fits: list[Callable[[date], bool]] = []
    if "local_day" in wanted:
        fits.append(lambda day: day.day == wanted["local_day"])
    if "local_weekday" in wanted:
        fits.append(lambda day: day.isoweekday() == wanted["local_weekday"])
    days = (first + timedelta(days=more) for more in range(_LONGEST_SEARCH))
    return next(day for day in days if all(fit(day) for fit in fits))
