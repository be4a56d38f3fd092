"""Timers: what falls due at a time, kept where a crash cannot lose it.

A timer is set, moved and removed by `admit` and `apply` alone, in the same script that writes what it belongs to. So
whoever handles a due one may die half-way: it is still there, and the record's version keeps it from counting twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from engine.decision.change import TimerKind
from engine.state.connection import Store
from engine.state.lanes import PRIORITIES

_LEAST_OF_EACH: Final = 16


class Timer(NamedTuple):
    """One due time of a message; `step` is 0 where it is about the message as a whole."""

    message_id: str
    kind: TimerKind
    step: int
    due_ms: int
    priority: str


def timer_member(message_id: str, kind: str, step: int) -> str:
    """The name of a timer within its set: of one kind there is one for each step."""
    return f"{message_id}#{kind}#{step}"


class Timers:
    """All timers; all methods raise StateUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        every = range(store.keys.partitions)
        self._keys = {rank: [store.keys.timers(partition, rank) for partition in every] for rank in PRIORITIES}

    async def due(self, now_ms: int, limit: int) -> list[Timer]:
        """Return up to `limit` timers that are due, P0 before P1, and of one priority the earliest first.

        They stay until `apply` or `admit` removes them. When more are due than asked for, a partition's share is
        bounded, so the earliest of all may have to wait for the next call.
        """
        found: list[Timer] = []
        for rank, keys in self._keys.items():
            if len(found) >= limit:
                break
            each = max(_LEAST_OF_EACH, 2 * (limit - len(found)) // len(keys))
            replies = await self._store.pipeline(
                [("ZRANGEBYSCORE", key, "-inf", now_ms, "WITHSCORES", "LIMIT", 0, each) for key in keys]
            )
            due = [timer for reply in replies for timer in _timers(reply, rank)]
            found += sorted(due, key=attrgetter("due_ms"))
        return found[:limit]

    async def next_due(self) -> int | None:
        """When the next timer of all is due; None when there is none."""
        commands = [("ZRANGE", key, 0, 0, "WITHSCORES") for keys in self._keys.values() for key in keys]
        firsts = [int(float(reply[1])) for reply in await self._store.pipeline(commands) if reply]
        return min(firsts, default=None)

    async def depth(self) -> dict[str, int]:
        """How many timers there are, by priority."""
        replies = await self._store.pipeline([("ZCARD", key) for keys in self._keys.values() for key in keys])
        each = self._store.keys.partitions
        return {rank: sum(replies[at * each : (at + 1) * each]) for at, rank in enumerate(self._keys)}


def _timers(reply: Sequence[bytes], priority: str) -> list[Timer]:
    timers = []
    for member, due_ms in zip(reply[::2], reply[1::2], strict=True):
        message_id, kind, step = member.decode().rsplit("#", 2)
        timers.append(Timer(message_id, TimerKind(kind), int(step), int(float(due_ms)), priority))
    return timers
