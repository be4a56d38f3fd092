"""The users of IdentityService, contract to state and back."""

from __future__ import annotations

import math
from typing import Any

from engine.decision.ledger_model import UserKey
from engine.decision.moment import is_zone
from engine.service.translate import CATEGORY, MAX_ADDRESS, MAX_NAME, Violations, check_name, read_params, read_time
from engine.service.translate_state import MAX_BINDINGS, MAX_TAGS
from engine.state.addresses import Holder
from engine.state.user_changes import GivenBinding, GivenUser
from engine.state.user_record import Binding, OptOut, UserRecord, read_attributes
from signalbox.v1 import identity_service_pb2, message_pb2, state_pb2

_CATEGORY_NUMBER = {name: number for number, name in CATEGORY.items()}


def read_user(wire: state_pb2.User, path: str, replace: bool, now_ms: int) -> GivenUser:
    """Read a user to store; an opt-out without a time is of now. Raises InvalidInput with every violation found."""
    bad = Violations()
    check_name(wire.tenant, f"{path}.tenant", bad)
    check_name(wire.user_id, f"{path}.user_id", bad)
    check_name(wire.language, f"{path}.language", bad, required=False)
    if wire.zone and not is_zone(wire.zone):
        bad.add(f"{path}.zone", f'"{wire.zone:.60}" is no IANA time zone; write one such as "Asia/Shanghai"')
    if wire.version < 0:
        bad.add(f"{path}.version", "must not be negative; 0 is any version")
    given = GivenUser(
        wire.tenant,
        wire.user_id,
        wire.zone,
        wire.language,
        _read_tags(wire, path, bad),
        _read_attributes(wire, path, bad),
        _read_bindings(wire, path, bad),
        _read_opt_outs(wire, path, bad, now_ms),
        wire.version,
        replace,
    )
    bad.check()
    return given


def read_key(tenant: str, user_id: str, bad: Violations) -> UserKey:
    """Read whom a request is about."""
    check_name(tenant, "tenant", bad)
    check_name(user_id, "user_id", bad)
    return tenant, user_id


def read_address(channel: str, value: str, bad: Violations) -> tuple[str, str]:
    """Read an address that a request names."""
    check_name(channel, "channel", bad)
    check_name(value, "value", bad, longest=MAX_ADDRESS)
    return channel, value


def read_unwanted(channel: str, category: message_pb2.Category, path: str, bad: Violations) -> tuple[str, str]:
    """Read what a user does not want: the channel or "" for all, and the category."""
    check_name(channel, f"{path}channel", bad, required=False)
    name = CATEGORY.get(category) if category else "MARKETING"
    if name is None:
        bad.add(f"{path}category", f"must be one of {', '.join(CATEGORY.values())}, or left out")
    return channel, name or ""


def _read_tags(wire: state_pb2.User, path: str, bad: Violations) -> tuple[str, ...]:
    tags = tuple(wire.tags)
    if len(tags) > MAX_TAGS:
        bad.add(f"{path}.tags", f"holds {len(tags)}; at most {MAX_TAGS} are allowed")
    elif any(not tag or len(tag) > MAX_NAME for tag in tags):
        bad.add(f"{path}.tags", f"holds an empty tag or one of more than {MAX_NAME} characters")
    return tags


def _read_attributes(wire: state_pb2.User, path: str, bad: Violations) -> dict[str, Any]:
    if not wire.HasField("attributes"):
        return {}
    attributes = dict(read_params(wire.attributes, f"{path}.attributes", bad))
    if not _is_finite(attributes):
        bad.add(f"{path}.attributes", "holds a number that is not finite")
    return attributes


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, list) or all(map(_is_finite, value))


def _read_bindings(wire: state_pb2.User, path: str, bad: Violations) -> tuple[GivenBinding, ...]:
    if len(wire.bindings) > MAX_BINDINGS:
        bad.add(f"{path}.bindings", f"holds {len(wire.bindings)}; at most {MAX_BINDINGS} are allowed")
        return ()
    found = []
    for place, one in enumerate(wire.bindings):
        at = f"{path}.bindings[{place}]"
        check_name(one.channel, f"{at}.channel", bad)
        check_name(one.value, f"{at}.value", bad, longest=MAX_ADDRESS)
        bound_at_ms = read_time(one.bound_at, f"{at}.bound_at", bad) if one.HasField("bound_at") else 0
        found.append(GivenBinding(one.channel, one.value, bound_at_ms, one.valid if one.HasField("valid") else None))
    return tuple(found)


def _read_opt_outs(wire: state_pb2.User, path: str, bad: Violations, now_ms: int) -> tuple[OptOut, ...]:
    if len(wire.opt_outs) > MAX_BINDINGS:
        bad.add(f"{path}.opt_outs", f"holds {len(wire.opt_outs)}; at most {MAX_BINDINGS} are allowed")
        return ()
    found = []
    for place, one in enumerate(wire.opt_outs):
        at = f"{path}.opt_outs[{place}]."
        channel, category = read_unwanted(one.channel, one.category, at, bad)
        found.append(OptOut(channel, category, read_time(one.at, f"{at}at", bad) if one.HasField("at") else now_ms))
    return tuple(found)


def write_user(key: UserKey, record: UserRecord, channel: str, wire: state_pb2.User) -> None:
    """Write what is known of a user, with the bindings of one channel ("" = of all) as `UserRecord.on` sorts them."""
    wire.tenant, wire.user_id = key
    wire.version, wire.zone, wire.language = record.version, record.zone, record.language
    wire.tags.extend(record.tags)
    if record.attributes:
        wire.attributes.update(read_attributes(record.attributes))
    for binding in record.on(channel):
        write_binding(binding, wire.bindings.add())
    for out in record.opt_outs:
        unwanted = wire.opt_outs.add(channel=out.channel, category=_CATEGORY_NUMBER[out.category])
        unwanted.at.FromMilliseconds(out.at_ms)


def write_binding(binding: Binding, wire: state_pb2.Binding) -> None:
    """Write a binding; one that nobody knows the time of has none."""
    wire.channel, wire.value = binding.channel, binding.value
    wire.version, wire.valid = binding.version, binding.valid
    if binding.bound_at_ms:
        wire.bound_at.FromMilliseconds(binding.bound_at_ms)


def write_holder(holder: Holder, wire: identity_service_pb2.Holder) -> None:
    """Write a user of an address."""
    wire.user_id = holder.user_id
    write_binding(holder.binding, wire.binding)
