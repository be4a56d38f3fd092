"""ChannelService, contract to state and back: what can be paused, pauses, breakers."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Final

from engine.decision.model import split_tenant_name, tenant_name
from engine.service.translate import Violations, check_name
from engine.service.translate_decision import write_time
from engine.state.breakers import NORMAL, SLOW, BreakerState, Subject, SubjectKind
from engine.state.pauses import Pause, PauseScope
from signalbox.v1 import channel_service_pb2 as contract
from signalbox.v1 import state_pb2

MAX_REASON: Final = 512

STATES: Final = {n: name.removeprefix("BREAKER_STATE_") for name, n in state_pb2.BreakerState.items() if n}
SUBJECTS: Final = {
    PauseScope.PROVIDER: SubjectKind.PROVIDER,
    PauseScope.CHANNEL: SubjectKind.CHANNEL,
    PauseScope.PLATFORM: SubjectKind.PLATFORM,
}

_NOTHING: Final = (PauseScope.PLATFORM, "")


def read_scope(wire: contract.PauseScope, bad: Violations) -> tuple[PauseScope, str]:
    """Read what is meant: its kind, and its name as pauses know it."""
    which = wire.WhichOneof("scope")
    if which == "everything":
        if not wire.everything:
            bad.add("scope.everything", "must be true; name something else to mean less")
        return _NOTHING
    if which in ("provider", "channel"):
        name = str(getattr(wire, which))
        check_name(name, f"scope.{which}", bad)
        return PauseScope(which), name
    if which in ("line", "campaign"):
        named: contract.TenantName = getattr(wire, which)
        check_name(named.tenant, f"scope.{which}.tenant", bad)
        check_name(named.name, f"scope.{which}.name", bad)
        return PauseScope(which), tenant_name(named.tenant, named.name)
    bad.add("scope", "is required: a provider, a channel, a line, a campaign or everything")
    return _NOTHING


def check_known(scope: PauseScope, name: str, known: Collection[str], bad: Violations) -> None:
    """Note that a provider or channel is none that there is: what is misspelt would stop nothing."""
    if scope in (PauseScope.PROVIDER, PauseScope.CHANNEL) and name and name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(known) or 'none'}"
        bad.add(f"scope.{scope}", f'"{name:.60}" is no {scope}; {hint}')


def read_subject(scope: PauseScope, name: str, bad: Violations) -> Subject:
    """Read whose breaker is meant."""
    if scope not in SUBJECTS:
        bad.add(f"scope.{scope}", "has no breaker; name a provider, a channel or everything")
    return Subject(SUBJECTS.get(scope, SubjectKind.PLATFORM), name)


def read_breaker(wire: contract.SetBreakerRequest, now_ms: int, bad: Violations) -> BreakerState | None:
    """Read the state to force; None = give it back to the rules."""
    if wire.state and wire.state not in STATES:
        bad.add("state", f"must be one of {', '.join(STATES.values())}, or left out")
    state = STATES.get(wire.state, NORMAL)
    if state == SLOW and not 0 < wire.speed < 1:
        bad.add("speed", f"{wire.speed:g} is no share of the usual rate; it must be more than 0 and less than 1")
    elif state != SLOW and wire.speed:
        bad.add("speed", "is for SLOW alone; leave it out")
    if not wire.state:
        return None
    return BreakerState(state, wire.speed, forced=True, by=wire.by, since_ms=now_ms)


def write_breaker(breaker: BreakerState | None) -> contract.BreakerStatus:
    """Write the state of a breaker; None is NORMAL."""
    if breaker is None:
        return contract.BreakerStatus(state=state_pb2.BREAKER_STATE_NORMAL)
    wire = contract.BreakerStatus(
        state=f"BREAKER_STATE_{breaker.state}",
        speed=breaker.speed if breaker.state == SLOW else 0.0,
        rule_id="" if breaker.forced or breaker.state == NORMAL else breaker.by,
        forced=breaker.forced,
    )
    if breaker.since_ms and breaker.state != NORMAL:
        wire.since.CopyFrom(write_time(breaker.since_ms))
    return wire


def write_pause(pause: Pause) -> contract.PauseStatus:
    """Write something paused."""
    wire = contract.PauseStatus(by=pause.by, reason=pause.reason, since=write_time(pause.at_ms))
    if pause.scope is PauseScope.PLATFORM:
        wire.scope.everything = True
    elif pause.scope in (PauseScope.PROVIDER, PauseScope.CHANNEL):
        setattr(wire.scope, pause.scope, pause.name)
    else:
        tenant, name = split_tenant_name(pause.name)
        getattr(wire.scope, pause.scope).CopyFrom(contract.TenantName(tenant=tenant, name=name))
    return wire
