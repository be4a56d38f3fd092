"""The way to Redis: commands in groups, scripts, and errors that are ours.

Nothing is ever repeated by itself, because whether a command was carried out is unknown when its answer did not come.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgpack

from engine.clock import Clock
from engine.errors import ClockDiffers, ConfigurationError, SignalboxError, StateUnavailable
from engine.state.embedded import EmbeddedRedis, EmbeddedSettings
from engine.state.keys import DEFAULT_BUCKETS, DEFAULT_PARTITIONS, Keys
from engine.state.requirements import check_server
from engine.state.scripts import Argument, Command, Script, with_text
from engine.state.wire import Reply, pack
from engine.state.wires import Wires, connections

FORMAT_VERSION: Final = 1
ANSWER_LIMIT_S: Final = 10.0
PATIENT_TRIES: Final = 150
PATIENT_PAUSE_S: Final = 0.1
LARGEST_GAP_MS: Final = 1_000
"""A clock that is further off Redis' own is not gone by; `admit.lua` has the same bound."""


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Which Redis, and what is pinned in it. Without a URL it is the embedded one, below `data_dir`."""

    url: str | None = None
    data_dir: Path = Path("data")
    partitions: int = DEFAULT_PARTITIONS
    buckets: int = DEFAULT_BUCKETS
    embedded: EmbeddedSettings = field(default_factory=EmbeddedSettings)


class Store:
    """An open way to Redis; `await Store.open(options)`, in the end `await store.close()`.

    Its methods raise StateUnavailable, StateFull and StateRefused, scripts ClockDiffers too. Commands that wait
    inside Redis (BLOCK) have no place here: others share the connection.
    """

    def __init__(self, wires: Wires, keys: Keys, server: EmbeddedRedis | None = None) -> None:
        self.keys = keys
        self.server = server
        self._wires = wires

    @classmethod
    async def open(cls, options: StoreOptions) -> Store:
        """Connect, check what the Redis promises, and pin the numbers of partitions and buckets.

        The embedded Redis is started, or found running, first. Raises ConfigurationError when this Redis cannot be
        used, StateUnavailable when it does not answer.
        """
        try:
            keys = Keys(options.partitions, options.buckets)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        if options.url is not None:
            return await cls(Wires(connections(options.url, "signalbox")), keys)._ready()
        server = EmbeddedRedis(options.data_dir / "redis", options.embedded)
        await server.start()
        return await cls(Wires(connections(server.url, server.client_name)), keys, server)._ready()

    async def _ready(self) -> Store:
        try:
            if self.server is None:
                await check_server(self.call)
                await self._pin()
            else:
                await patiently(self._pin)
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Close the connections; an embedded Redis that nobody else uses is shut down, with everything on disk."""
        await self._wires.close()
        if self.server is not None:
            await self.server.stop()

    # ---- commands ----

    async def call(self, *command: Argument) -> Reply:
        """One command."""
        return (await self.pipeline((command,)))[0]

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Reply:
        """Run a script; Redis is told its text when it does not know it, as after a restart."""
        return (await self.pipeline((script.command(keys, args),)))[0]

    async def pipeline(
        self, commands: Sequence[Command], *, raise_on_error: bool = True, limit_s: float = ANSWER_LIMIT_S
    ) -> list[Reply]:
        """Send commands in one go and return their answers in order; no transaction, each stands for itself.

        An error is raised (the first one, after all were carried out) or, without `raise_on_error`, stands among the
        answers. Scripts that Redis did not know run after the other commands.
        """
        if not commands:
            return []
        return await self._settled(commands, await self._exchange(commands, limit_s), raise_on_error, limit_s)

    async def pipelines(
        self, groups: Sequence[Sequence[Command]], *, raise_on_error: bool = True, limit_s: float = ANSWER_LIMIT_S
    ) -> list[Reply]:
        """Do with several groups what `pipeline` does with one; the answers of all in order.

        The commands of a group are carried out in order, large groups side by side.
        """
        if not groups:
            return []
        replies = await self._wires.exchange_apart([(pack(group), len(group)) for group in groups], limit_s)
        return await self._settled([one for group in groups for one in group], replies, raise_on_error, limit_s)

    async def _settled(
        self, commands: Sequence[Command], replies: list[Reply], raise_on_error: bool, limit_s: float
    ) -> list[Reply]:
        failed = [at for at, reply in enumerate(replies) if isinstance(reply, SignalboxError)]
        if failed:
            unknown = [at for at in failed if getattr(replies[at], "code", "") == "NOSCRIPT"]
            if unknown:
                again = await self._exchange([with_text(commands[at]) for at in unknown], limit_s)
                for at, reply in zip(unknown, again, strict=True):
                    replies[at] = reply
            if raise_on_error:
                _raise_first(replies)
        return replies

    async def _exchange(self, commands: Sequence[Command], limit_s: float) -> list[Reply]:
        return await self._wires.exchange(pack(commands), len(commands), limit_s)

    # ---- what is true of the whole ----

    async def clock_gap_ms(self, clock: Clock) -> int:
        """How far a clock is ahead of Redis' own (negative: behind). The time that the question took is no gap."""
        before = clock.now_ms()
        seconds, micros = await self.call("TIME")
        there = int(seconds) * 1000 + int(micros) // 1000
        return min(0, clock.now_ms() - there) or max(0, before - there)

    async def check_clock(self, clock: Clock) -> None:
        """Raise ClockDiffers when a clock is too far off Redis' own to let anything end or be forgotten by it."""
        gap_ms = await self.clock_gap_ms(clock)
        if abs(gap_ms) > LARGEST_GAP_MS:
            raise ClockDiffers(gap_ms)

    async def _pin(self) -> None:
        """Write both numbers down at first start; raises ConfigurationError when others are written there."""
        wanted = [FORMAT_VERSION, self.keys.partitions, self.keys.buckets]
        _, held = await self.pipeline((("SETNX", Keys.pinned, msgpack.packb(wanted)), ("GET", Keys.pinned)))
        if (found := msgpack.unpackb(held)) != wanted:
            raise ConfigurationError(
                f"this Redis holds data of an installation with {found[1]} partitions and {found[2]} buckets "
                f"(format {found[0]}), not {wanted[1]} and {wanted[2]} (format {wanted[0]}). Both are fixed at the "
                "first start: configure these numbers again, or use an empty Redis"
            )


async def patiently(act: Callable[[], Awaitable[None]]) -> None:
    """Do what a start needs, and again while Redis is away: one that was there dies at times, and is back in a moment.

    `act` must be a thing that can be done twice. Raises StateUnavailable when Redis stays away for 15 s.
    """
    for _ in range(PATIENT_TRIES):
        with contextlib.suppress(StateUnavailable):
            return await act()
        await asyncio.sleep(PATIENT_PAUSE_S)
    await act()


def _raise_first(replies: list[Reply]) -> None:
    for reply in replies:
        if isinstance(reply, SignalboxError):
            raise reply
