"""Changes to messages after admission: one compare-and-set each, with all that has to move along.

Who changes a message reads its record, computes the life that follows, and hands in a `Change` with the version it
read. Either all of the change happens or, when somebody else was quicker, nothing: then read again and compute again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import msgpack

from engine.state.coalesce import Coalescer
from engine.state.connection import Store
from engine.state.keys import Keys
from engine.state.lanes import Entry
from engine.state.scripts import Command, Script
from engine.state.timers import timer_member

REMOVED: Final = -1
"""In place of a due time or a score: take it out."""

MOST_IN_A_SCRIPT: Final = 128
"""Changes of one script call; it keeps others waiting for some 2 ms."""

MOST_AT_ONCE: Final = 1024

_APPLY: Final = Script("apply")
_NOTHING: Final[Mapping[str, bytes | int]] = MappingProxyType({})


class Put(NamedTuple):
    """A step to enqueue."""

    channel: str
    priority: str
    bulk: bool
    step: int


class SetTimer(NamedTuple):
    """A timer to set or to move, or, with REMOVED, to take out."""

    priority: str
    kind: str
    step: int
    due_ms: int


class SetIndex(NamedTuple):
    """An entry of the message in a sorted set of its partition (`Keys.dead`, `Keys.held`), or REMOVED from it.

    `member` is the message's id where it is empty.
    """

    key: str
    score: int
    member: str = ""


class MoveMoney(NamedTuple):
    """What is added to a slice, in micros of its unit; `account` is its field in the hash of slices."""

    account: str
    left: int
    spent: int


class Change(NamedTuple):
    """What shall become of a message whose record has the version `expected`; 0 says that there is no record any more.

    `events` are packed one by one. `final` True says that nothing more will happen but late receipts, False that an
    operator opens it again, None that it stays as it is. `done` are the lane entries that led to the change. Without
    fields, events and `final` the record, and its version, stay as they are.
    """

    message_id: str
    expected: int
    fields: Mapping[str, bytes | int] = _NOTHING
    removed: Sequence[str] = ()
    events: Sequence[bytes] = ()
    final: bool | None = None
    done: Sequence[Entry] = ()
    put: Sequence[Put] = ()
    timers: Sequence[SetTimer] = ()
    indexes: Sequence[SetIndex] = ()
    money: Sequence[MoveMoney] = ()


class Changes:
    """Applies changes; all methods raise StateUnavailable, and then whether it happened is unknown: read again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._together: Coalescer[Change, int] = Coalescer(self.apply, MOST_AT_ONCE)

    async def apply_one(self, change: Change) -> int:
        """Apply one change, together with those of others in the same turn of the event loop: see `apply`."""
        return await self._together.one(change)

    async def apply(self, changes: Sequence[Change]) -> list[int]:
        """Apply changes, each on its own; return each record's new version, 0 for a conflict.

        For a message without a record (`expected` 0) it is 1. Raises ValueError, before anything is done, for a
        message id of another installation, and for a change that writes to a record that is not there.
        """
        groups: dict[int, list[int]] = {}
        for at, change in enumerate(changes):
            groups.setdefault(self._store.keys.partition_of(change.message_id), []).append(at)
        parts = [
            (partition, group[start : start + MOST_IN_A_SCRIPT])
            for partition, group in groups.items()
            for start in range(0, len(group), MOST_IN_A_SCRIPT)
        ]
        replies = await self._store.pipeline(
            [_command(self._store.keys, partition, [changes[at] for at in part]) for partition, part in parts]
        )
        versions = [0] * len(changes)
        for (_, part), answers in zip(parts, replies, strict=True):
            for at, version in zip(part, answers, strict=True):
                versions[at] = version
        return versions


class _Names(dict[str, int]):
    """The keys of one call; asking for one that is new gives it the next number."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self) + 1
        return number


def _command(keys: Keys, partition: int, changes: Sequence[Change]) -> Command:
    names = _Names({keys.events(partition): 1, keys.slices(partition): 2})
    packed = [_packed(keys, partition, names, change) for change in changes]
    return _APPLY.command(list(names), packed)


def _packed(keys: Keys, partition: int, names: _Names, change: Change) -> bytes:
    message_id, expected, fields, removed, events, final, done, put, timers, indexes, money = change
    if not expected and (fields or removed or events or final is not None):
        raise ValueError(f"a change of {message_id} writes to its record, which it says is not there")
    sets = [
        word
        for rank, kind, step, due_ms in timers
        for word in (names[keys.timers(partition, rank)], timer_member(message_id, kind, step), due_ms)
    ]
    for key, score, member in indexes:
        sets += (names[key], member or message_id, score)
    packed: bytes = msgpack.packb(
        (
            *(message_id, names[keys.message(message_id)], expected),
            [word for field in fields.items() for word in field] if fields else (),
            *(removed, b"".join(events), len(events), -1 if final is None else int(final)),
            [word for entry in done for word in (names[entry.lane.key], entry.entry_id)],
            [word for p in put for word in (names[keys.lane(partition, p.channel, p.priority, p.bulk)], p.step)],
            *(sets, [word for each in money for word in each]),
        ),
        use_bin_type=False,  # Redis' own msgpack knows no binary
    )
    return packed
