"""One connection to Redis that many callers share: what they ask is sent together, answers come back in order.

A caller that goes away leaves only its answer unread. A connection that is lost, or on which the next answer stays
away too long, ends with StateUnavailable for everybody on it. Against redis-py's pool this takes a tenth of the time
per command and needs no connection for each caller; redis-py still does what happens once: URL, TLS, password.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import hiredis
from redis.asyncio.connection import AbstractConnection

from engine.errors import SignalboxError, StateUnavailable
from engine.state.refusals import CALL_AGAIN, answered, ours
from engine.state.scripts import Command

Reply = Any
"""What Redis answers, as RESP2 has it: bytes, int, None, lists of these; for an error one of ours, not raised."""

WATCH_S: Final = 0.25


_LOST: Final = f"the connection to the state (Redis) was lost; {CALL_AGAIN}"
_pack: Any = hiredis.pack_command  # its own types know commands of one word only


def pack(commands: Iterable[Command]) -> bytes:
    """Commands as they travel. Raises TypeError for a word that is neither text, bytes nor a number."""
    return b"".join(map(_pack, commands))


class _Exchange:
    """Commands sent together and the answers so far."""

    __slots__ = ("answer", "count", "deadline", "replies", "size")

    def __init__(self, answer: asyncio.Future[list[Reply]], count: int, size: int, deadline: float) -> None:
        self.answer = answer
        self.count = count
        self.size = size
        self.deadline = deadline
        self.replies: list[Reply] = []


class Wire(asyncio.Protocol):
    """An open connection. `unanswered_bytes` tells how busy it is, `lost` whether it is still good."""

    def __init__(self, connection: AbstractConnection) -> None:
        # The one thing that redis-py keeps to itself. Kept here, because it closes the transport when it is collected.
        self._writer, connection._writer = connection._writer, None
        assert self._writer is not None, "the connection is open"
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(protocolError=_broken, replyError=answered)
        self._exchanges: deque[_Exchange] = deque()
        self._unsent: list[bytes] = []
        self._watch: asyncio.TimerHandle | None = None
        self.unanswered_bytes = 0
        self.lost = asyncio.Event()
        self._transport = self._writer.transport
        self._transport.set_protocol(self)
        # What ended before we listened would never be told to us.
        if self._transport.is_closing() or (connection._reader is not None and connection._reader.at_eof()):
            self.lost.set()
            self._transport.abort()

    @classmethod
    async def connect(cls, connection: AbstractConnection, limit_s: float) -> Wire:
        """Connect and log in; raises StateUnavailable, or StateRefused when the password is wrong."""
        connect: Callable[[], Awaitable[None]] = connection.connect
        try:
            with ours():
                async with asyncio.timeout(limit_s):
                    await connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        wire = cls(connection)
        if wire.lost.is_set():
            raise StateUnavailable(_LOST)
        return wire

    def send(self, packed: bytes, count: int, limit_s: float) -> asyncio.Future[list[Reply]]:
        """Send `count` packed commands with what others send in this turn of the loop; the future has the answers.

        It fails with StateUnavailable. A wire that is lost must not be asked.
        """
        answer: asyncio.Future[list[Reply]] = self._loop.create_future()
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(packed)
        self._exchanges.append(_Exchange(answer, count, len(packed), self._loop.time() + limit_s))
        self.unanswered_bytes += len(packed)
        if self._watch is None:
            self._watch = self._loop.call_later(WATCH_S, self._look)
        return answer

    async def close(self) -> None:
        """Close the connection; whoever still waits gets StateUnavailable."""
        self._transport.abort()
        await self.lost.wait()

    def _flush(self) -> None:
        if not self.lost.is_set():
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _look(self) -> None:
        """Give the connection up when its next answer is overdue."""
        self._watch = None
        if self._exchanges:
            if self._loop.time() > self._exchanges[0].deadline:
                self._fail(f"the state (Redis) did not answer in time; {CALL_AGAIN}")
                self._transport.abort()
            else:
                self._watch = self._loop.call_later(WATCH_S, self._look)

    # ---- what the loop calls ----

    def data_received(self, data: bytes) -> None:
        """Hand each answer to whom it belongs."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                exchange = self._exchanges[0]
                exchange.replies.append(reply)
                if len(exchange.replies) == exchange.count:
                    self._exchanges.popleft()
                    self.unanswered_bytes -= exchange.size
                    if not exchange.answer.done():
                        exchange.answer.set_result(exchange.replies)
        except (SignalboxError, IndexError) as error:
            self._fail(f"the state answered something that is not Redis ({error}); {CALL_AGAIN}")
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell everybody who waits."""
        self._fail(_LOST)

    def _fail(self, sentence: str) -> None:
        self.lost.set()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        while self._exchanges:
            answer = self._exchanges.popleft().answer
            if not answer.done():
                answer.set_exception(StateUnavailable(sentence))
        self.unanswered_bytes = 0


def _broken(text: str) -> SignalboxError:
    return StateUnavailable(text)
