"""Lanes: the durable queues of steps, one for each partition, channel, priority and kind.

Steps are put in by `admit` and `apply`; a worker reads them, and `apply` takes them out in the same script that writes
what became of them. A worker that dies leaves its entries pending; another one claims them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from engine.state.connection import Store
from engine.state.streams import Found, Group

PRIORITIES: Final = ("P0", "P1", "P2", "P3")
"""The most urgent first."""

GROUP: Final = "workers"

Wanted = tuple[str, str, bool]
"""(channel, priority, bulk)"""


class Lane(NamedTuple):
    """One queue; `key` is its name in Redis."""

    partition: int
    channel: str
    priority: str
    bulk: bool
    key: str


class Entry(NamedTuple):
    """A step that waits in a lane. `deliveries` above 1 says that a worker before had it and did not finish it."""

    message_id: str
    step: int
    lane: Lane
    entry_id: str
    deliveries: int = 1


class Lanes:
    """All lanes of some channels; all methods raise StateUnavailable."""

    def __init__(self, store: Store, channels: Iterable[str] = ()) -> None:
        self._store = store
        self._group = Group(store, GROUP)
        self._wanted: tuple[Wanted, ...] = ()
        self._lanes = lru_cache(maxsize=4096)(self._make_lanes)
        self._know(channels)

    def _know(self, channels: Iterable[str]) -> None:
        names = dict.fromkeys((*(channel for channel, _, _ in self._wanted), *channels))
        self._wanted = tuple((name, rank, bulk) for rank in PRIORITIES for bulk in (False, True) for name in names)

    def _make_lanes(self, partition: int, wanted: tuple[Wanted, ...]) -> tuple[Lane, ...]:
        return tuple(Lane(partition, *each, self._store.keys.lane(partition, *each)) for each in wanted)

    def _all(self) -> list[tuple[Lane, ...]]:
        return [self._lanes(partition, self._wanted) for partition in range(self._store.keys.partitions)]

    async def ensure_groups(self, channels: Iterable[str] = ()) -> None:
        """Learn of channels and make what their lanes need; lanes that nobody told of are made when first read."""
        self._know(channels)
        await self._group.ensure([_keys(lanes) for lanes in self._all()])

    async def read(self, consumer: str, partition: int, wanted: Sequence[Wanted], count: int) -> list[Entry]:
        """Read up to `count` new steps of one partition, exhausting each lane before the next one in `wanted`."""
        lanes = self._lanes(partition, tuple(wanted))
        return _entries(lanes, (await self._group.read(consumer, [_keys(lanes)], count))[0])

    async def read_all(self, consumer: str, wanted: Sequence[Wanted], count: int) -> list[Entry]:
        """Read up to `count` new steps of every partition, in one exchange; the order holds within a partition."""
        asked = tuple(wanted)
        every = [self._lanes(partition, asked) for partition in range(self._store.keys.partitions)]
        found = await self._group.read(consumer, [_keys(lanes) for lanes in every], count)
        return [entry for lanes, each in zip(every, found, strict=True) for entry in _entries(lanes, each)]

    async def claim(self, consumer: str, idle_ms: int, count: int = 100) -> list[Entry]:
        """Take over steps, up to `count` of each partition, that no worker touched for `idle_ms` (by Redis' clock)."""
        every = self._all()
        found = await self._group.claim(consumer, [_keys(lanes) for lanes in every], idle_ms, count)
        return [entry for lanes, each in zip(every, found, strict=True) for entry in _entries(lanes, each)]

    async def keep(self, consumer: str, entries: Sequence[Entry]) -> list[bool]:
        """Say that these are still worked on; False where another worker has claimed one, or it is done with."""
        return await self._group.keep(consumer, [(e.lane.partition, e.lane.key, e.entry_id) for e in entries])

    async def depths(self) -> dict[tuple[str, str], int]:
        """How many steps wait or are under way, by (channel, priority)."""
        lanes = [lane for each in self._all() for lane in each]
        depths: dict[tuple[str, str], int] = {}
        for lane, length in zip(lanes, await self._group.lengths(_keys(lanes)), strict=True):
            depths[lane.channel, lane.priority] = depths.get((lane.channel, lane.priority), 0) + length
        return depths


def _keys(lanes: Iterable[Lane]) -> list[str]:
    return [lane.key for lane in lanes]


def _entries(lanes: Sequence[Lane], found: Iterable[Found]) -> list[Entry]:
    return [Entry(each.message_id, each.step, lanes[each.at], each.entry_id, each.deliveries) for each in found]
