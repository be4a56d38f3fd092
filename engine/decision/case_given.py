"""The `given:` of a rule test as values of the model: message, user, time, state.

What a case leaves out has a default, so that a case says only what matters to it; the defaults are listed in
docs/rules.md. Raises ValueError with a sentence naming the field for whatever it cannot understand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.decision.ledger_model import AccountKey, Balance, LedgerModel, Use, UseKey
from engine.decision.model import LIFE_MS, PRIORITY, Breakers, Content, Message, User, escape, tenant_name
from engine.decision.moment import is_zone, next_midnight, parse_local
from engine.decision.session import Item
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import LIMIT_KEYS, PRIORITIES, Limit
from engine.ruleset.fact_types import LATEST, STATES, STRATEGIES

DEFAULT_ZONE: Final = "Asia/Shanghai"
DEFAULT_NOW: Final = "2026-01-05T12:00"
DEFAULT_MESSAGE: Final[Mapping[str, Any]] = {
    "tenant": "bank",
    "line": "cards",
    "user_id": "u1",
    "category": "NOTIFICATION",
    "content": {"text": "a test"},
}

_MICROS = 1_000_000
_MOST_OF_ALL: Final = (2**63 - 1) // _MICROS
"""What an account holds at most."""


def read_user(given: Mapping[str, Any], ruleset: RuleSet) -> User:
    """Return the user of a case: reachable on every declared channel unless it says which."""
    written = given.get("user") or {}
    zone = str(written.get("zone") or DEFAULT_ZONE)
    if not is_zone(zone):
        raise ValueError(f'user.zone: "{zone}" is no IANA time zone')
    if written.get("known", True) is False:
        return User(known=False, zone=zone)
    opt_outs = [
        (out.get("channel") or "", _choice(out.get("category") or "MARKETING", LIFE_MS, "user.opt_outs.category"))
        for out in written.get("opt_outs") or ()
    ]
    channels = written.get("channels")
    return User(
        known=True,
        zone=zone,
        tags=tuple(_texts(written.get("tags"), "user.tags")),
        language=str(written.get("language") or ""),
        attributes=written.get("attributes") or {},
        channels=frozenset(ruleset.channels if channels is None else _channels(channels, ruleset, "user.channels")),
        opt_outs=frozenset(opt_outs),
    )


def read_now(given: Mapping[str, Any], zone: str, path: str = "now") -> int:
    """Return the time of a case in milliseconds; `path` is how its author calls it."""
    return read_time(given.get("now") or DEFAULT_NOW, zone, path)


def read_before(given: Mapping[str, Any], user: User, ruleset: RuleSet) -> list[Item]:
    """Return the messages that came before a case's own, each with its time."""
    items: list[Item] = []
    for place, written in enumerate(given.get("before") or ()):
        if written.get("at") is None:
            raise ValueError(f"before[{place}]: needs the time `at`")
        at_ms = read_time(written["at"], user.zone, f"before[{place}].at")
        items.append((read_message(written, user.zone, ruleset), at_ms))
    return items


def read_message(given: Mapping[str, Any], zone: str, ruleset: RuleSet) -> Message:
    """Return one message, defaults filled in."""
    written = {**DEFAULT_MESSAGE, **{name: value for name, value in given.items() if value is not None}}
    category = _choice(written["category"], LIFE_MS, "message.category")
    template = written.get("template") or ""
    wishes = written.get("wishes") or {}
    strategy = wishes.get("strategy")
    return Message(
        tenant=str(written["tenant"]),
        line=str(written["line"]),
        user_id=str(written["user_id"]),
        category=category,
        priority=_choice(written.get("priority") or PRIORITY[category], PRIORITIES, "message.priority"),
        content=None if template else _content(written["content"]),
        template=_template(template),
        params=written.get("params") or {},
        addresses=tuple((one.get("channel") or "", str(one.get("value"))) for one in written.get("addresses") or ()),
        wished_channels=tuple(_channels(wishes.get("channels") or [], ruleset, "message.wishes.channels")),
        wished_strategy=_choice(strategy, STRATEGIES, "message.wishes.strategy") if strategy else "",
        occurred_at_ms=_optional_time(written, "occurred_at", zone),
        send_after_ms=_optional_time(written, "send_after", zone),
        expire_at_ms=_optional_time(written, "expire_at", zone),
        request_id=_name(written, "request_id"),
        scene=_name(written, "scene"),
        campaign=_name(written, "campaign"),
        owner=_name(written, "owner"),
        department=_name(written, "department"),
        conversion_goal=_name(written, "conversion_goal"),
    )


def _name(written: Mapping[str, Any], name: str) -> str:
    return str(written.get(name) or "")


def _template(written: Any) -> str:
    return str(written.get("id") or "") if isinstance(written, Mapping) else str(written)


def _content(written: Any) -> Content:
    if not isinstance(written, Mapping):
        raise ValueError("message.content: write {text: …}")
    overrides = sorted((channel, *_wording(other or {})) for channel, other in (written.get("channels") or {}).items())
    return Content(*_wording(written), tuple(overrides))


def _wording(written: Mapping[str, Any]) -> tuple[str, str, str, str]:
    title, text, html, url = (str(written.get(name) or "") for name in ("title", "text", "html", "url"))
    return title, text, html, url


def read_ledger(given: Mapping[str, Any], message: Message, user: User, now_ms: int, ruleset: RuleSet) -> LedgerModel:
    """Return limits used and accounts of a case; without `accounts` there is enough in every account."""
    uses = dict(_use(written, message, user, now_ms, ruleset) for written in given.get("ledger") or ())
    accounts = read_accounts(given, message.tenant)
    return LedgerModel({(message.tenant, message.user_id): uses} if uses else {}, accounts)


def read_accounts(given: Mapping[str, Any], tenant: str) -> dict[AccountKey, Balance] | None:
    """Return the accounts that are given, or None."""
    if given.get("accounts") is None:
        return None
    return {(tenant, name): _balance(name, one) for name, one in given["accounts"].items()}


def read_breakers(given: Mapping[str, Any], tenant: str, ruleset: RuleSet) -> Breakers:
    """Return the states of channels and platform, NORMAL where not given, and the tenant's paused lines, campaigns."""
    breakers = given.get("breakers") or {}
    channels = breakers.get("channels") or {}
    _channels(list(channels), ruleset, "breakers.channels")
    states = {
        channel: _choice(state or "NORMAL", STATES, f"breakers.channels.{channel}")
        for channel, state in channels.items()
    }
    platform = _choice(breakers.get("platform") or "NORMAL", STATES, "breakers.platform")
    lines, campaigns = (
        frozenset(tenant_name(tenant, name) for name in _texts(breakers.get(kind), f"breakers.{kind}"))
        for kind in ("lines", "campaigns")
    )
    return Breakers(platform, states, lines, campaigns)


def _use(written: Mapping[str, Any], message: Message, user: User, now_ms: int, ruleset: RuleSet) -> tuple[UseKey, Use]:
    name = written.get("limit")
    limits = [rule.effect for rule in ruleset.rules if isinstance(rule.effect, Limit) and rule.effect.name == name]
    if not limits:
        raise ValueError(f'ledger: there is no limit "{name}" in this version')
    limit = limits[0]
    last_ms = read_time(written["last"], user.zone, "ledger.last") if written.get("last") else now_ms
    start_ms = read_time(written["start"], user.zone, "ledger.start") if written.get("start") else last_ms
    if written.get("end"):
        end_ms = read_time(written["end"], user.zone, "ledger.end")
    else:
        end_ms = start_ms + limit.window_ms if limit.window_ms else next_midnight(user.zone, start_ms)
    count = written.get("count", 1)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError("ledger.count: must be a whole number from 1 on")
    return (limit.name, _use_key(limit, written.get("key") or {}, message)), Use(start_ms, end_ms, count, last_ms)


def _use_key(limit: Limit, written: Mapping[str, Any], message: Message) -> str:
    apart = [name for name in LIMIT_KEYS if name in limit.per and name != "user"]
    unknown = [name for name in written if name not in apart]
    if unknown:
        raise ValueError(f'ledger.key: the limit "{limit.name}" does not count per {unknown[0]}')
    values = [written.get(name, getattr(message, name, "")) for name in apart]
    return escape_all(values)


def escape_all(values: list[Any]) -> str:
    """Join the values of a key as the contract spells it."""
    return "/".join(escape(str(value)) for value in values)


def _balance(name: str, written: Mapping[str, Any]) -> Balance:
    left = read_micros((written or {}).get("left"), f"accounts.{name}.left")
    return Balance(str(written.get("unit") or "COUNT"), left)


def read_micros(value: Any, path: str) -> int:
    """Return an amount in millionths, as accounts count. Raises ValueError naming the field."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{path}: must be a number")
    if abs(value) > _MOST_OF_ALL:
        raise ValueError(f"{path}: must be a number up to {_MOST_OF_ALL:,}")
    return round(value * _MICROS)


def _choice(value: Any, known: Any, path: str) -> str:
    if value not in known:
        raise ValueError(f'{path}: "{value}" is none of {", ".join(known)}')
    return str(value)


def _texts(value: Any, path: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{path}: must be a list")
    return [str(item) for item in value]


def _channels(value: Any, ruleset: RuleSet, path: str) -> list[str]:
    channels = _texts(value, path)
    for channel in channels:
        _choice(channel, ruleset.channels, path)
    return channels


def _optional_time(written: Mapping[str, Any], name: str, zone: str) -> int | None:
    return None if written.get(name) is None else read_time(written[name], zone, f"message.{name}")


def read_time(text: Any, zone: str, path: str) -> int:
    """Return a time in milliseconds, meant on the clock of the zone. Raises ValueError naming the field."""
    try:
        at_ms = parse_local(str(text), zone)
    except (ValueError, OverflowError):
        raise ValueError(f'{path}: "{text}" is no time; write "2026-01-05T12:00"') from None
    if not 0 <= at_ms <= LATEST // 1000:
        raise ValueError(f'{path}: "{text}" lies outside of the years 1970 to 9000')
    return at_ms
