"""Message records: reading them, and closing those that are final and recorded.

A record is written by `admit` (the first time) and by `apply` (from then on); both count its version up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgpack

from engine.state.coalesce import Coalescer
from engine.state.connection import Store
from engine.state.scripts import Script

GARBAGE_AFTER_MS: Final = 3_600_000
"""A closed record outlives its time by this much, so that no clock a little behind finds it gone too early."""

MOST_AT_ONCE: Final = 512

_FIELDS: Final = ("n", "u", "x", "b", "d", "p", "a", "q", "r", "l", "e", "c", "k", "z")
_RECORDED: Final = Script("recorded")


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it stands in Redis; what is packed stays packed.

    `n` is its version, for the next compare-and-set. Until `until_ms` it counts for idempotency, at `expire_ms` the
    message's life ends. `body` is None once the message is final and recorded; then the `digests` are there. The
    `later_*` are a decision that is not yet part of `life`. `events` are msgpack arrays one after the other: the last
    ones of the `count` there were so far. `unrecorded` bytes still count against the bound of the SQL side.
    """

    id: str
    n: int
    until_ms: int
    expire_ms: int
    body: bytes | None
    digests: bytes | None
    outline: bytes | None
    admission: bytes | None
    later_outline: bytes | None
    later_admission: bytes | None
    life: bytes | None
    events: bytes
    count: int
    unrecorded: int
    final: bool


class Recorded(NamedTuple):
    """The SQL side has version `n` of a message. `digests` take the place of its body if it is closed.

    `stays_ms` is how long a closed record is kept from now on: what is left of its time, by the clock in use.
    """

    message_id: str
    n: int
    digests: bytes | None
    stays_ms: int


class Messages:
    """The message records; all methods raise StateUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reads: Coalescer[str, Record | None] = Coalescer(self.read, MOST_AT_ONCE)

    async def read_one(self, message_id: str) -> Record | None:
        """Read one record, together with what others read in the same turn of the event loop."""
        return await self._reads.one(message_id)

    async def read(self, message_ids: Sequence[str]) -> list[Record | None]:
        """Read records, None where there is none. The ids must be ids: see `Keys.partition_of`."""
        key = self._store.keys.message
        replies = await self._store.pipeline([("HMGET", key(each), *_FIELDS) for each in message_ids])
        return [_record(each, values) for each, values in zip(message_ids, replies, strict=True)]

    async def recorded(self, done: Sequence[Recorded]) -> list[bool]:
        """Close the records that are final and still what was recorded; say which were closed.

        Whatever was recorded counts no longer as unrecorded. To repeat it does no harm.
        """
        keys = self._store.keys
        groups: dict[int, list[int]] = {}
        for at, each in enumerate(done):
            groups.setdefault(keys.partition_of(each.message_id), []).append(at)
        replies = await self._store.pipeline(
            [
                _RECORDED.command(
                    [keys.load(partition), keys.dead(partition), *(keys.message(done[at].message_id) for at in group)],
                    [_packed(done[at]) for at in group],
                )
                for partition, group in groups.items()
            ]
        )
        return _in_order(len(done), groups.values(), replies)


def _packed(done: Recorded) -> bytes:
    stays_ms = max(done.stays_ms, 0) + GARBAGE_AFTER_MS
    # Redis' own msgpack knows no binary.
    packed: bytes = msgpack.packb((done.message_id, done.n, done.digests, stays_ms), use_bin_type=False)
    return packed


def _in_order(count: int, groups: Iterable[list[int]], replies: Sequence[Sequence[int]]) -> list[bool]:
    closed = [False] * count
    for group, answers in zip(groups, replies, strict=True):
        for at, answer in zip(group, answers, strict=True):
            closed[at] = answer == 1
    return closed


def _record(message_id: str, values: Sequence[Any]) -> Record | None:
    n, until, expire, body, digests, outline, admission, later, its, life, events, count, size, final = values
    if n is None:
        return None
    return Record(
        *(message_id, int(n), int(until or 0), int(expire or 0)),
        *(body, digests, outline, admission, later, its, life),
        *(events or b"", int(count or 0), int(size or 0), final is not None),
    )
