"""Calls that come together travel together: many tasks ask for one thing each, Redis is asked once.

While a call is under way the next ones gather, so that groups grow by themselves when there is much to do, and nobody
waits when there is little.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

FLIGHTS: Final = 2
"""Calls under way at once: Redis works on one while Python packs the other."""


class Coalescer(Generic[Asked, Answer]):
    """Turns single questions into calls of `ask`, which answers as many in the same order.

    At most `most` questions go into one call. What `ask` raises is raised to everybody of that call.
    """

    def __init__(self, ask: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]], most: int) -> None:
        self._ask = ask
        self._most = most
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._woken = False

    async def one(self, asked: Asked) -> Answer:
        """Ask for one thing."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        self._wake()
        return await future

    def _wake(self) -> None:
        """Have the questions of this turn of the event loop sent at its end."""
        if self._waiting and not self._woken and len(self._flights) < FLIGHTS:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._woken = False
        group = list(islice(self._waiting, self._most))
        for _ in group:
            self._waiting.popleft()
        if group:
            flight = asyncio.ensure_future(self._fly(group))
            self._flights.add(flight)
            flight.add_done_callback(self._landed)
        self._wake()

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._wake()

    async def _fly(self, group: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._ask([asked for asked, _ in group])
        except BaseException as error:
            for _, future in group:
                if not future.done():  # its caller may have gone
                    future.set_exception(error) if isinstance(error, Exception) else future.cancel()
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), answer in zip(group, answers, strict=True):
            if not future.done():
                future.set_result(answer)
