"""A few connections shared by all, and a bound on what may be under way on them.

Small questions travel together on the first one; when large ones keep it busy, on the next, so that a single message
need not wait behind a batch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from engine.errors import ConfigurationError, StateUnavailable
from engine.state.refusals import CALL_AGAIN
from engine.state.wire import Reply, Wire

WIRES: Final = 8
BUSY_BYTES: Final = 16 << 10
MOST_BYTES: Final = 64 << 20
"""Sent and not yet answered, over all connections. One exchange alone may be larger."""
ROOM_WAIT_S: Final = 5.0
CONNECT_LIMIT_S: Final = 5.0

Connect = Callable[[], AbstractConnection]


def connections(url: str, client_name: str) -> Connect:
    """Makes connections, not yet open, as a URL says. Raises ConfigurationError when it cannot be understood."""
    try:
        pool: Any = ConnectionPool.from_url(
            url,
            client_name=client_name,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            # The limit is ours: redis-py's own goes through asyncio.wait_for, which can swallow a cancellation.
            socket_connect_timeout=None,
            socket_timeout=None,
        )
        pool.make_connection()
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"the URL of Redis cannot be used: {error}") from error
    make: Connect = pool.make_connection
    return make


class Wires:
    """Connections made on demand, and again when they were lost."""

    def __init__(self, make: Connect) -> None:
        self._make = make
        self._wires: list[Wire | None] = [None] * WIRES
        self._connecting: dict[int, asyncio.Task[Wire]] = {}
        self._room = Room(MOST_BYTES)

    async def exchange(self, packed: bytes, count: int, limit_s: float) -> list[Reply]:
        """Send `count` packed commands and return their answers; raises StateUnavailable.

        Waits for room at most 5 s, then for the answers at most `limit_s`.
        """
        await self._room.take(len(packed))
        try:
            return await (await self._wire()).send(packed, count, limit_s)
        finally:
            self._room.give(len(packed))

    async def exchange_apart(self, groups: Sequence[tuple[bytes, int]], limit_s: float) -> list[Reply]:
        """Send groups of packed commands, each with its number of them, over as many connections as are free.

        Returns the answers of all in order; raises StateUnavailable. Redis reads 16 KiB of each connection, carries out
        what is whole, and writes to disk once for all of it: large groups side by side wait for the disk together.
        """
        if len(groups) == 1:
            return await self.exchange(*groups[0], limit_s)
        size = sum(len(packed) for packed, _count in groups)
        sent: list[asyncio.Future[list[Reply]]] = []
        await self._room.take(size)
        try:
            for packed, count in groups:
                sent.append((await self._wire()).send(packed, count, limit_s))
            return [reply for replies in await asyncio.gather(*sent) for reply in replies]
        finally:
            for one in sent:
                if not one.cancel() and not one.cancelled():
                    one.exception()  # taken note of: the first one is told
            self._room.give(size)

    async def close(self) -> None:
        """Close every connection."""
        for task in list(self._connecting.values()):
            task.cancel()
            await asyncio.wait([task])
        for wire in self._wires:
            if wire is not None:
                await wire.close()

    async def _wire(self) -> Wire:
        place = self._place()
        wire = self._wires[place]
        return await self._connected(place) if wire is None or wire.lost.is_set() else wire

    def _place(self) -> int:
        """The first connection that is not busy, else the one with the least to do."""
        least, found = MOST_BYTES, 0
        for place, wire in enumerate(self._wires):
            load = 0 if wire is None else wire.unanswered_bytes
            if load < BUSY_BYTES:
                return place
            if load < least:
                least, found = load, place
        return found

    async def _connected(self, place: int) -> Wire:
        """One attempt for all who wait for it; a caller that goes away does not end it."""
        task = self._connecting.get(place)
        if task is None:
            task = self._connecting[place] = asyncio.create_task(
                Wire.connect(self._make(), CONNECT_LIMIT_S), name="redis-connect"
            )
            task.add_done_callback(lambda done: self._keep(place, done))
        wire = await asyncio.shield(task)
        if wire.lost.is_set():
            raise StateUnavailable(f"the connection to the state (Redis) was lost; {CALL_AGAIN}")
        return wire

    def _keep(self, place: int, done: asyncio.Task[Wire]) -> None:
        del self._connecting[place]
        if not done.cancelled() and done.exception() is None:
            self._wires[place] = done.result()


class Room:
    """So many bytes may be under way; who finds no room waits in line, first come, first served."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        """Take room for `size` bytes; raises StateUnavailable when there is none for 5 s."""
        if not self._line and self._fits(size):
            self._free -= size
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((size, turn))
        try:
            async with asyncio.timeout(ROOM_WAIT_S):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give(size)
            elif (size, turn) in self._line:
                self._line.remove((size, turn))
                self._admit()
            if isinstance(error, TimeoutError):
                raise StateUnavailable(f"too much is under way to the state (Redis); {CALL_AGAIN}") from None
            raise

    def give(self, size: int) -> None:
        """Give room back."""
        self._free += size
        self._admit()

    def _admit(self) -> None:
        while self._line and (self._line[0][1].cancelled() or self._fits(self._line[0][0])):
            size, turn = self._line.popleft()
            if not turn.done():
                self._free -= size
                turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return size <= self._free or self._free == self._size
