"""Breakers: the state of each provider and channel and of the platform, as the rules or an operator have set it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import msgpack

from engine.state.connection import Store
from engine.state.swap import swap

FORMAT: Final = 1

NORMAL: Final = "NORMAL"
SLOW: Final = "SLOW"
PAUSED: Final = "PAUSED"


class SubjectKind(StrEnum):
    """What has a state."""

    PROVIDER = "provider"
    CHANNEL = "channel"
    PLATFORM = "platform"  # its name is empty


class Subject(NamedTuple):
    """One thing that has a state."""

    kind: SubjectKind
    name: str

    @property
    def field(self) -> str:
        """Its name in hashes."""
        return f"{self.kind}\0{self.name}"


class BreakerState(NamedTuple):
    """The state of one thing; one that is NORMAL and was not forced to be so is not kept.

    `speed` is the share of the usual rate (SLOW only). `forced`: an operator set it, and no rule changes it. `by` is
    the operator or the rule. By itself it ends after `back_windows` windows in a row (0 = never) with an error rate
    below `back_error_rate`; `calm_windows` such windows have passed, and `judged_ms` is the start of the last one
    judged.
    """

    state: str
    speed: float = 0.0
    forced: bool = False
    by: str = ""
    reason: str = ""
    since_ms: int = 0
    back_windows: int = 0
    back_error_rate: float = 0.0
    calm_windows: int = 0
    judged_ms: int = 0


def pack_breaker(state: BreakerState | None) -> bytes:
    """Write a state; None, which stands for NORMAL, is nothing."""
    return b"" if state is None else msgpack.packb((FORMAT, *state))


def unpack_breaker(packed: bytes) -> BreakerState:
    """Read what `pack_breaker` wrote."""
    form, *values = msgpack.unpackb(packed)
    assert form == FORMAT, f"a breaker of format {form}"
    return BreakerState(*values)


def unpack_subject(field: bytes) -> Subject:
    """Read `Subject.field`."""
    kind, _, name = field.decode().partition("\0")
    return Subject(SubjectKind(kind), name)


class Breakers:
    """The states of all subjects; all methods raise StateUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> dict[Subject, BreakerState]:
        """Return the states that are kept."""
        reply = await self._store.call("HGETALL", self._store.keys.breakers)
        return {unpack_subject(f): unpack_breaker(v) for f, v in zip(reply[::2], reply[1::2], strict=True)}

    async def swap(self, subject: Subject, before: BreakerState | None, after: BreakerState | None) -> bool:
        """Set a state that is still `before` (None: not kept); False when it is not, and nothing was changed."""
        key = self._store.keys.breakers
        return await swap(self._store, key, subject.field, pack_breaker(before), pack_breaker(after))

    async def force(self, subject: Subject, state: BreakerState | None) -> None:
        """Set a state whatever it was, for an operator; None gives the subject back to the rules, NORMAL at first."""
        key = self._store.keys.breakers
        if state is None:
            await self._store.call("HDEL", key, subject.field)
        else:
            await self._store.call("HSET", key, subject.field, pack_breaker(state._replace(forced=True)))
