"""Pauses: what an operator has stopped, and the messages that wait for it to go on.

A paused provider or channel, or the platform, leaves its steps in their lanes. A paused line or campaign holds its
messages, which an index remembers. Resume makes them fall due; since a process may not know of the resume for a moment
and hold one message more, it is only over when for a while nothing more was found.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import msgpack

from engine.state.connection import Store
from engine.state.lanes import PRIORITIES
from engine.state.scripts import Script
from engine.state.swap import swap

FORMAT: Final = 1

OVER_AFTER_MS: Final = 10_000
"""A resume is over when nothing was held any more after this: many times what a process may be behind."""

MOST_IN_A_SCRIPT: Final = 500

_RELEASE: Final = Script("held_release")


class PauseScope(StrEnum):
    """What can be paused."""

    PROVIDER = "provider"
    CHANNEL = "channel"
    LINE = "line"  # its name as `tenant_name` writes it
    CAMPAIGN = "campaign"  # likewise
    PLATFORM = "platform"  # its name is empty


class Pause(NamedTuple):
    """One thing that is paused, by whom, why and since when.

    `resumed_ms` is 0 while it is paused; after that what it held is being released.
    """

    scope: PauseScope
    name: str
    by: str
    reason: str
    at_ms: int
    resumed_ms: int = 0


def pause_field(scope: str, name: str) -> str:
    """The field of a pause in the hash of pauses."""
    return f"{scope}\0{name}"


def pack_pause(pause: Pause) -> bytes:
    """Write a pause; scope and name stand in the field."""
    packed: bytes = msgpack.packb((FORMAT, *pause[2:]))
    return packed


def unpack_pause(field: bytes, packed: bytes) -> Pause:
    """Read what `pack_pause` wrote."""
    scope, _, name = field.decode().partition("\0")
    form, *values = msgpack.unpackb(packed)
    assert form == FORMAT, f"a pause of format {form}"
    return Pause(PauseScope(scope), name, *values)


class Held:
    """The messages that pauses of lines and campaigns hold; all methods raise StateUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def count(self, scope: str, name: str) -> int:
        """How many messages a pause holds."""
        keys = self._store.keys
        commands = [("ZCARD", keys.held(partition, scope, name)) for partition in range(keys.partitions)]
        return sum(await self._store.pipeline(commands))

    async def release(self, scope: str, name: str, now_ms: int) -> int:
        """Let up to 500 messages of each partition fall due now; return how many. Call again until it is 0."""
        keys = self._store.keys
        return sum(
            await self._store.pipeline(
                [
                    _RELEASE.command(
                        [keys.held(each, scope, name), *(keys.timers(each, rank) for rank in PRIORITIES)],
                        (now_ms, MOST_IN_A_SCRIPT),
                    )
                    for each in range(keys.partitions)
                ]
            )
        )

    async def release_resumed(self, now_ms: int) -> int:
        """Do the next part of every resume that is not over; return how many messages fell due.

        To be called about once a second by one process, and again at once while it answers more than 0.
        """
        moved = 0
        pauses = await self._store.call("HGETALL", self._store.keys.pauses)
        for field, packed in zip(pauses[::2], pauses[1::2], strict=True):
            pause = unpack_pause(field, packed)
            if pause.resumed_ms:
                here = await self.release(pause.scope, pause.name, now_ms)
                if not here and now_ms >= pause.resumed_ms + OVER_AFTER_MS:
                    await swap(self._store, self._store.keys.pauses, field.decode(), packed, b"")
                moved += here
        return moved
