"""The inline state of the contract to the model's and back: users, ledger, accounts, breakers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.decision.ledger_model import AccountKey, Balance, LedgerModel, Use, UseKey, UserKey
from engine.decision.model import Breakers, User
from engine.decision.moment import is_zone
from engine.decision.session import State
from engine.service.translate import (
    CATEGORY,
    LATEST_S,
    MAX_ADDRESS,
    MAX_NAME,
    Violations,
    check_name,
    read_params,
)
from signalbox.v1 import state_pb2

MAX_USERS = 10_000
MAX_ACCOUNTS = 10_000
MAX_USES = 10_000
MAX_TAGS = 256
MAX_BINDINGS = 64
MAX_KEY = 4096
MAX_ACCOUNT = 1024
_LATEST_END_MS = (LATEST_S + 2 * 366 * 86_400) * 1000
"""A window that begins in the last moment ends at most 366 days later."""

_UNIT = re.compile("[A-Z]{3,8}", re.ASCII)

BREAKER_STATE = {n: name.removeprefix("BREAKER_STATE_") for name, n in state_pb2.BreakerState.items() if n}
BREAKER_STATE[state_pb2.BREAKER_STATE_UNSPECIFIED] = "NORMAL"

PARTS = {
    "users": state_pb2.STATE_PART_USERS,
    "ledger": state_pb2.STATE_PART_LEDGER,
    "accounts": state_pb2.STATE_PART_ACCOUNTS,
    "breakers": state_pb2.STATE_PART_BREAKERS,
}


def missing_parts(wire: state_pb2.State) -> list[str]:
    """Return the names of the parts that were not given."""
    return [name for name in PARTS if not wire.HasField(name)]


def read_state(wire: state_pb2.State, default_zone: str, before: State | None = None) -> State:
    """Read a state. A part that is not given is taken from `before`, or else unknown. Raises InvalidInput."""
    bad = Violations()
    state = before or State(default_zone=default_zone)
    users, ledger, breakers = state.users, state.ledger, state.breakers
    uses, accounts = ledger.uses, ledger.accounts
    if wire.HasField("users"):
        users = _read_users(wire.users, default_zone, bad)
    if wire.HasField("ledger"):
        uses = _read_ledger(wire.ledger, bad)
    if wire.HasField("accounts"):
        accounts = _read_accounts(wire.accounts, bad)
    if wire.HasField("breakers"):
        breakers = _read_breakers(wire.breakers, bad)
    bad.check()
    return State(users, LedgerModel(uses, accounts), breakers, default_zone)


def _read_users(wire: state_pb2.Users, default_zone: str, bad: Violations) -> dict[UserKey, User]:
    users: dict[UserKey, User] = {}
    if len(wire.users) > MAX_USERS:
        bad.add("state.users", f"holds {len(wire.users)} users; at most {MAX_USERS} are allowed")
        return users
    for place, one in enumerate(wire.users):
        key = (one.tenant, one.user_id)
        if "" in key:
            _require_key(key, f"state.users.users[{place}]", bad)
        if key in users:
            bad.add(f"state.users.users[{place}].user_id", "is listed twice")
        users[key] = _read_user(one, place, default_zone, bad)
    return users


def _read_user(wire: state_pb2.User, place: int, default_zone: str, bad: Violations) -> User:
    zone, tags, bindings, opt_outs = wire.zone, tuple(wire.tags), wire.bindings, wire.opt_outs
    if zone and not is_zone(zone):
        text = f'"{zone:.60}" is no IANA time zone; write one such as "Asia/Shanghai"'
        bad.add(f"state.users.users[{place}].zone", text)
    if len(tags) > MAX_TAGS:
        bad.add(f"state.users.users[{place}].tags", f"holds {len(tags)}; at most {MAX_TAGS} are allowed")
    if any(not tag or len(tag) > MAX_NAME for tag in tags):
        bad.add(f"state.users.users[{place}].tags", f"holds an empty tag or one of more than {MAX_NAME} characters")
    for name, listed in (("bindings", bindings), ("opt_outs", opt_outs)):
        if len(listed) > MAX_BINDINGS:
            text = f"holds {len(listed)}; at most {MAX_BINDINGS} are allowed"
            bad.add(f"state.users.users[{place}].{name}", text)
    channels = frozenset([one.channel for one in bindings if 0 < len(one.value) <= MAX_ADDRESS])
    if len(channels) < len(bindings) or "" in channels:
        _check_bindings(bindings, f"state.users.users[{place}].bindings", bad)
    dead = [one for one in bindings if not one.valid and one.HasField("valid")]
    if dead:
        channels = frozenset([one.channel for one in bindings if one not in dead])
    path = f"state.users.users[{place}].attributes"
    if wire.language and not (len(wire.language) <= MAX_NAME and wire.language.isprintable()):
        check_name(wire.language, f"state.users.users[{place}].language", bad)
    return User(
        True,
        zone or default_zone,
        tags,
        wire.language,
        read_params(wire.attributes, path, bad) if wire.HasField("attributes") else {},
        channels,
        _read_opt_outs(opt_outs, f"state.users.users[{place}].opt_outs", bad) if opt_outs else _NONE,
    )


_NONE: frozenset[tuple[str, str]] = frozenset()


def _read_opt_outs(wire: Iterable[state_pb2.OptOut], path: str, bad: Violations) -> frozenset[tuple[str, str]]:
    found = set()
    for place, out in enumerate(wire):
        check_name(out.channel, f"{path}[{place}].channel", bad, required=False)
        category = CATEGORY.get(out.category) if out.category else "MARKETING"
        if category is None:
            bad.add(f"{path}[{place}].category", f"must be one of {', '.join(CATEGORY.values())}, or left out")
        found.add((out.channel, category or ""))
    return frozenset(found)


def _check_bindings(bindings: Iterable[state_pb2.Binding], path: str, bad: Violations) -> None:
    for place, binding in enumerate(bindings):
        check_name(binding.channel, f"{path}[{place}].channel", bad)
        check_name(binding.value, f"{path}[{place}].value", bad, longest=MAX_ADDRESS)


def _read_ledger(wire: state_pb2.Ledger, bad: Violations) -> dict[UserKey, dict[UseKey, Use]]:
    ledger: dict[UserKey, dict[UseKey, Use]] = {}
    if len(wire.users) > MAX_USERS:
        bad.add("state.ledger.users", f"holds {len(wire.users)} users; at most {MAX_USERS} are allowed")
        return ledger
    for place, one in enumerate(wire.users):
        key = (one.tenant, one.user_id)
        if "" in key:
            _require_key(key, f"state.ledger.users[{place}]", bad)
        uses = {(use.limit, use.key): Use(use.start_ms, use.end_ms, use.count, use.last_ms) for use in one.uses}
        if key in ledger:
            bad.add(f"state.ledger.users[{place}].user_id", "is listed twice")
        ledger[key] = uses
        if len(uses) != len(one.uses) or len(uses) > MAX_USES or not all(map(_is_good, uses.items())):
            _complain_of_uses(one, uses, f"state.ledger.users[{place}].uses", bad)
    return ledger


def _require_key(key: UserKey, path: str, bad: Violations) -> None:
    """Note that the tenant or the user is missing; one that no message can have does no harm."""
    check_name(key[0], f"{path}.tenant", bad)
    check_name(key[1], f"{path}.user_id", bad)


def _complain_of_uses(wire: state_pb2.UserLedger, uses: dict[UseKey, Use], path: str, bad: Violations) -> None:
    if len(wire.uses) > MAX_USES:
        bad.add(path, f"holds {len(wire.uses)}; at most {MAX_USES} are allowed")
    elif len(uses) != len(wire.uses):
        bad.add(path, "holds the same limit and key twice")
    else:
        bad.add(
            path,
            f"needs a limit, a key of at most {MAX_KEY} characters, a count of at least 1, start_ms not after end_ms, "
            "and times from 1970 to the year 9000",
        )


def _is_good(entry: tuple[UseKey, Use]) -> bool:
    (limit, key), use = entry
    if not 0 < len(limit) <= MAX_NAME or len(key) > MAX_KEY:
        return False
    return 0 <= use.start_ms <= use.end_ms < _LATEST_END_MS and 0 <= use.last_ms < _LATEST_END_MS and use.count > 0


def _read_accounts(wire: state_pb2.Accounts, bad: Violations) -> dict[AccountKey, Balance]:
    accounts: dict[AccountKey, Balance] = {}
    if len(wire.accounts) > MAX_ACCOUNTS:
        bad.add("state.accounts", f"holds {len(wire.accounts)} accounts; at most {MAX_ACCOUNTS} are allowed")
        return accounts
    for place, one in enumerate(wire.accounts):
        key, unit, left_micros = (one.tenant, one.name), one.unit, one.left_micros
        if "" in key or len(key[1]) > MAX_ACCOUNT or key in accounts or left_micros < 0 or not _UNIT.fullmatch(unit):
            _complain_of_account(key, key in accounts, unit, left_micros, f"state.accounts.accounts[{place}]", bad)
        accounts[key] = Balance(unit, left_micros)
    return accounts


def _complain_of_account(key: AccountKey, known: bool, unit: str, left_micros: int, path: str, bad: Violations) -> None:
    check_name(key[0], f"{path}.tenant", bad)
    check_name(key[1], f"{path}.name", bad, longest=MAX_ACCOUNT)
    if known:
        bad.add(f"{path}.name", "is listed twice")
    if not _UNIT.fullmatch(unit):
        bad.add(f"{path}.unit", 'must be a currency such as "CNY", or "COUNT"')
    if left_micros < 0:
        bad.add(f"{path}.left_micros", "must not be negative")


def _read_breakers(wire: state_pb2.Breakers, bad: Violations) -> Breakers:
    if wire.platform not in BREAKER_STATE:
        bad.add("state.breakers.platform", f"{wire.platform} is no state of a breaker")
    if len(wire.channels) > MAX_BINDINGS:
        bad.add("state.breakers.channels", f"holds {len(wire.channels)}; at most {MAX_BINDINGS} are allowed")
    for channel, state in wire.channels.items():
        if not 0 < len(channel) <= MAX_NAME or not channel.isprintable():
            check_name(channel, f'state.breakers.channels["{channel:.40}"]', bad)
        if state not in BREAKER_STATE:
            bad.add(f'state.breakers.channels["{channel:.40}"]', f"{state} is no state of a breaker")
    channels = {channel: BREAKER_STATE.get(state, "NORMAL") for channel, state in wire.channels.items()}
    return Breakers(BREAKER_STATE.get(wire.platform, "NORMAL"), channels)


def _write_uses(wire: state_pb2.UserLedger, uses: Iterable[tuple[UseKey, Use]]) -> None:
    add = wire.uses.add
    for (limit, key), use in uses:
        add(
            limit=limit,
            key=key,
            start_ms=use.start_ms,
            end_ms=use.end_ms,
            count=use.count,
            last_ms=use.last_ms,
            expire_ms=use.expire_ms,
        )


def write_changes(ledger: LedgerModel, wire: state_pb2.State, now_ms: int) -> None:
    """Write the entries that admissions changed since the last time and that still matter, and forget the change."""
    for (tenant, user_id), uses in ledger.changed_uses.items():
        alive = [(key, use) for key, use in uses.items() if use.expire_ms > now_ms]
        if alive:
            _write_uses(wire.ledger.users.add(tenant=tenant, user_id=user_id), alive)
    for (tenant, name), balance in ledger.changed_accounts.items():
        wire.accounts.accounts.add(tenant=tenant, name=name, unit=balance.unit, left_micros=balance.left_micros)
    ledger.changed_uses.clear()
    ledger.changed_accounts.clear()
