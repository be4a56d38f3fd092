"""What operators and breakers have stopped or slowed, as every process sees it.

Hot paths ask a picture that is at most 200 ms old; a process sees its own writes at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.decision import model
from engine.state.breakers import (
    NORMAL,
    PAUSED,
    SLOW,
    Breakers,
    BreakerState,
    Subject,
    SubjectKind,
    unpack_breaker,
    unpack_subject,
)
from engine.state.connection import Store
from engine.state.pauses import Held, Pause, PauseScope, pack_pause, pause_field, unpack_pause
from engine.state.swap import swap

LOOK_EVERY_S: Final = 0.2

Paused = tuple[str, str]
"""(scope, name)"""


@dataclass(frozen=True, slots=True)
class ControlView:
    """What is paused and what state everything is in, at one time. Equal pictures are one object."""

    pauses: Mapping[Paused, Pause] = field(default_factory=dict)
    breakers: Mapping[Subject, BreakerState] = field(default_factory=dict)
    facts: model.Breakers = field(default_factory=model.Breakers)

    def paused(self, scope: str, name: str = "") -> bool:
        """Has an operator paused this?"""
        return (scope, name) in self.pauses

    def holding(self, tenant: str, line: str, campaign: str) -> Pause | None:
        """Return the pause that holds messages of this line and campaign ("" for none), or None."""
        if not self.pauses:
            return None
        found = self.pauses.get((PauseScope.LINE, model.tenant_name(tenant, line)))
        if found is None and campaign:
            found = self.pauses.get((PauseScope.CAMPAIGN, model.tenant_name(tenant, campaign)))
        return found

    def speed(self, provider: str, channel: str) -> float:
        """The share of its usual rate at which a provider sends on a channel: 1 = as usual, 0 = not at all.

        The slowest of what applies to it: the provider, the channel and the platform.
        """
        subjects = ((SubjectKind.PROVIDER, provider), (SubjectKind.CHANNEL, channel), (SubjectKind.PLATFORM, ""))
        return min(self._speed(kind, name) for kind, name in subjects)

    def _speed(self, kind: SubjectKind, name: str) -> float:
        if (kind.value, name) in self.pauses:
            return 0.0
        breaker = self.breakers.get(Subject(kind, name))
        if breaker is None:
            return 1.0
        return {SLOW: breaker.speed, PAUSED: 0.0}.get(breaker.state, 1.0)

    def state(self, subject: Subject) -> str:
        """NORMAL, SLOW or PAUSED; what an operator has paused is PAUSED."""
        if (subject.kind.value, subject.name) in self.pauses:
            return PAUSED
        breaker = self.breakers.get(subject)
        return NORMAL if breaker is None else breaker.state


class Control:
    """Pauses and breakers, to read and to set; all methods raise StateUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._breakers = Breakers(store)
        self.held = Held(store)
        self._view = ControlView()
        self._seen: list[Any] = [[], []]
        self._looked_s = float("-inf")
        self._writes = 0
        self._looking = asyncio.Lock()

    # ---- the picture ----

    async def view(self) -> ControlView:
        """Return the picture, from a look at most 200 ms ago."""
        if self._stale():
            async with self._looking:
                if self._stale():
                    await self._look()
        return self._view

    def _stale(self) -> bool:
        return asyncio.get_running_loop().time() >= self._looked_s + LOOK_EVERY_S

    async def _look(self) -> None:
        writes, asked_s = self._writes, asyncio.get_running_loop().time()
        keys = self._store.keys
        seen = await self._store.pipeline([("HGETALL", keys.pauses), ("HGETALL", keys.breakers)])
        if seen != self._seen:
            self._view = _view(*seen)
            self._seen = seen
        if writes == self._writes:  # what we wrote meanwhile may not be in the answer
            self._looked_s = asked_s

    def _forget(self) -> None:
        self._writes += 1
        self._looked_s = float("-inf")

    # ---- pauses ----

    async def pause(self, scope: PauseScope, name: str, by: str, reason: str, now_ms: int) -> None:
        """Pause something; what is paused already is so by the newer word."""
        packed = pack_pause(Pause(scope, name, by, reason, now_ms))
        await self._store.call("HSET", self._store.keys.pauses, pause_field(scope, name), packed)
        self._forget()

    async def resume(self, scope: PauseScope, name: str, now_ms: int) -> bool:
        """Let something go on; False when it was not paused.

        What a line or campaign held falls due by `Held.release_resumed`, from its next call on.
        """
        key, member = self._store.keys.pauses, pause_field(scope, name)
        while packed := await self._store.call("HGET", key, member):
            pause = unpack_pause(member.encode(), packed)
            if pause.resumed_ms:
                return False
            holds = scope in (PauseScope.LINE, PauseScope.CAMPAIGN)
            after = pack_pause(pause._replace(resumed_ms=max(now_ms, 1))) if holds else b""
            done = await swap(self._store, key, member, packed, after)
            self._forget()
            if done:
                return True
        return False

    async def pauses(self) -> list[Pause]:
        """Return what is paused now, the oldest first."""
        reply = await self._store.call("HGETALL", self._store.keys.pauses)
        return sorted(_pauses(reply).values(), key=lambda pause: (pause.at_ms, pause.scope, pause.name))

    # ---- breakers ----

    async def breakers(self) -> dict[Subject, BreakerState]:
        """Return the states that are kept, as they are now."""
        return await self._breakers.all()

    async def swap_breaker(self, subject: Subject, before: BreakerState | None, after: BreakerState | None) -> bool:
        """Set a state that is still `before` (None: not kept); False when it is not, and nothing was changed."""
        done = await self._breakers.swap(subject, before, after)
        self._forget()
        return done

    async def force_breaker(self, subject: Subject, state: BreakerState | None) -> None:
        """Set a state for an operator, whatever it was; None gives the subject back to the rules, NORMAL at first."""
        await self._breakers.force(subject, state)
        self._forget()


def _pauses(reply: list[bytes]) -> dict[Paused, Pause]:
    found = [unpack_pause(*each) for each in zip(reply[::2], reply[1::2], strict=True)]
    return {(pause.scope.value, pause.name): pause for pause in found if not pause.resumed_ms}


def _view(pauses: list[bytes], breakers: list[bytes]) -> ControlView:
    states = {unpack_subject(f): unpack_breaker(v) for f, v in zip(breakers[::2], breakers[1::2], strict=True)}
    view = ControlView(_pauses(pauses), states)
    names = {subject.name for subject in states if subject.kind is SubjectKind.CHANNEL}
    names |= {name for scope, name in view.pauses if scope == PauseScope.CHANNEL}
    channels = {name: view.state(Subject(SubjectKind.CHANNEL, name)) for name in sorted(names)}
    facts = model.Breakers(
        view.state(Subject(SubjectKind.PLATFORM, "")),
        {name: state for name, state in channels.items() if state != NORMAL},
        frozenset(name for scope, name in view.pauses if scope == PauseScope.LINE),
        frozenset(name for scope, name in view.pauses if scope == PauseScope.CAMPAIGN),
    )
    return ControlView(view.pauses, view.breakers, facts)
