"""Events: the pointers "this message changed", for the recorder.

What happened stands in the message's record; a pointer only names the message. One that comes twice, or for a message
that changed again meanwhile, costs a look and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from engine.state.connection import Store
from engine.state.streams import Found, Group

GROUP: Final = "recorder"

_LEAST_OF_EACH: Final = 16


class Pointer(NamedTuple):
    """A message changed; the entry is the reader's until it is done."""

    partition: int
    entry_id: str
    message_id: str


class Events:
    """The pointers of all partitions; all methods raise StateUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = [[store.keys.events(partition)] for partition in range(store.keys.partitions)]
        self._group = Group(store, GROUP)
        self.waited_for = asyncio.Event()
        """Somebody of this process waits for what is recorded: the recorder need not gather more."""

    async def read(self, consumer: str, count: int) -> list[Pointer]:
        """Read about `count` new pointers, a like share of each partition and its oldest first."""
        return _pointers(await self._group.read(consumer, self._keys, self._share(count)))

    async def claim(self, consumer: str, idle_ms: int, count: int) -> list[Pointer]:
        """Take over about `count` pointers that nobody touched for `idle_ms` (by Redis' clock).

        A recorder that starts and is the only one asks with 0: what one before it left undone.
        """
        return _pointers(await self._group.claim(consumer, self._keys, idle_ms, self._share(count)))

    async def done(self, pointers: Iterable[Pointer]) -> None:
        """Take pointers out: what they pointed at is recorded."""
        entries: dict[str, list[str]] = {}
        for pointer in pointers:
            entries.setdefault(self._keys[pointer.partition][0], []).append(pointer.entry_id)
        await self._group.finish(entries)

    async def backlog(self) -> int:
        """How many pointers are not done."""
        return sum(await self._group.lengths([key for each in self._keys for key in each]))

    async def newest(self) -> list[str]:
        """Return the newest pointer of each partition, for `is_done`; empty where there is none."""
        self.waited_for.set()
        replies = await self._store.pipeline([("XREVRANGE", key, "+", "-", "COUNT", 1) for (key,) in self._keys])
        return [reply[0][0].decode() if reply else "" for reply in replies]

    async def is_done(self, newest: Sequence[str]) -> bool:
        """Are these done, and all before them?"""
        asked = [(key, last) for (key,), last in zip(self._keys, newest, strict=True) if last]
        replies = await self._store.pipeline([("XRANGE", key, "-", last, "COUNT", 1) for key, last in asked])
        return not any(replies)

    def _share(self, count: int) -> int:
        return max(_LEAST_OF_EACH, count // len(self._keys))


def _pointers(found: Sequence[Sequence[Found]]) -> list[Pointer]:
    return [
        Pointer(partition, each.entry_id, each.message_id)
        for partition, entries in enumerate(found)
        for each in entries
    ]
