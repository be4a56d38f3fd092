"""What lanes and events have in common: streams of one partition that a group of consumers reads.

An entry belongs to the consumer that read it until it is acknowledged; then it is deleted too, so that a stream holds
what is still to be done and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from engine.state.connection import Store
from engine.state.scripts import Command, Script

GONE_AFTER_MS: Final = 3_600_000
"""A consumer that was silent for so long and owns nothing is forgotten."""

_READ: Final = Script("stream_read")
_CLAIM: Final = Script("stream_claim")
_KEEP: Final = Script("stream_keep")
_FINISH: Final = Script("stream_finish")
_GROUPS: Final = Script("stream_groups")


class Found(NamedTuple):
    """An entry that was read: `at` is its stream's place in the list asked for, `deliveries` counts from 1."""

    at: int
    entry_id: str
    message_id: str
    step: int
    deliveries: int


class Group:
    """One group of consumers, on any streams. Times are by Redis' clock."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    async def ensure(self, keys: Sequence[Sequence[str]]) -> None:
        """Make the group of streams, given partition by partition, and forget consumers that are long gone."""
        await self._store.pipeline([_GROUPS.command(each, (self._name, GONE_AFTER_MS)) for each in keys if each])

    async def read(self, consumer: str, keys: Sequence[Sequence[str]], count: int) -> list[list[Found]]:
        """Read up to `count` new entries of each partition, of its first stream before the second."""
        commands = [_READ.command(each, (self._name, consumer, count)) for each in keys]
        return [
            [
                Found(at - 1, entry.decode(), message.decode(), int(step or 0), 1)
                for at, entry, message, step in zip(*([iter(reply)] * 4), strict=True)
            ]
            for reply in await self._store.pipeline(commands)
        ]

    async def claim(self, consumer: str, keys: Sequence[Sequence[str]], idle_ms: int, count: int) -> list[list[Found]]:
        """Take over up to `count` entries of each partition that nobody touched for `idle_ms`."""
        commands = [_CLAIM.command(each, (self._name, consumer, idle_ms, count)) for each in keys]
        return [
            [
                Found(at - 1, entry.decode(), message.decode(), int(step or 0), deliveries)
                for at, entry, message, step, deliveries in zip(*([iter(reply)] * 5), strict=True)
            ]
            for reply in await self._store.pipeline(commands)
        ]

    async def keep(self, consumer: str, entries: Sequence[tuple[int, str, str]]) -> list[bool]:
        """Touch entries (partition, stream, entry id) that are still the consumer's, and say which are."""
        groups: dict[int, list[int]] = {}
        for at, entry in enumerate(entries):
            groups.setdefault(entry[0], []).append(at)
        replies = await self._store.pipeline(
            [self._keep(consumer, [entries[at] for at in group]) for group in groups.values()]
        )
        kept = [False] * len(entries)
        for group, answers in zip(groups.values(), replies, strict=True):
            for at, answer in zip(group, answers, strict=True):
                kept[at] = answer == 1
        return kept

    def _keep(self, consumer: str, entries: Sequence[tuple[int, str, str]]) -> Command:
        numbers = {key: number for number, key in enumerate(dict.fromkeys(key for _, key, _ in entries), 1)}
        pairs = [word for _, key, entry_id in entries for word in (numbers[key], entry_id)]
        return _KEEP.command(list(numbers), (self._name, consumer, *pairs))

    async def finish(self, entries: dict[str, list[str]]) -> int:
        """Acknowledge and delete entries, given by stream; return how many there were."""
        commands = [_FINISH.command((key,), (self._name, *ids)) for key, ids in entries.items()]
        return sum(await self._store.pipeline(commands))

    async def lengths(self, keys: Sequence[str]) -> list[int]:
        """How many entries each stream holds: not yet read, and read but not done."""
        return await self._store.pipeline([("XLEN", key) for key in keys])
