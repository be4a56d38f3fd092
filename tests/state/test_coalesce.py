"""Questions that come together are asked together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from engine.state.coalesce import FLIGHTS, Coalescer


class Server:
    """Doubles numbers, when it is let; 99 is more than it can bear."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self, numbers: Sequence[int]) -> list[int]:
        """The double of each."""
        self.groups.append(list(numbers))
        await self.open.wait()
        if 99 in numbers:
            raise OSError("99")
        return [2 * number for number in numbers]


async def test_one_turn_is_one_call() -> None:
    """What is asked in one turn of the event loop goes in one call, and each gets its own answer."""
    server = Server()
    together = Coalescer(server.ask, 100)

    assert await asyncio.gather(*map(together.one, range(50))) == [2 * number for number in range(50)]
    assert server.groups == [list(range(50))]


async def test_calls_are_bounded() -> None:
    """No call carries more than the bound, no more than two are under way, and the others gather meanwhile."""
    server = Server()
    server.open.clear()
    together = Coalescer(server.ask, 10)
    tasks = [asyncio.create_task(together.one(number)) for number in range(25)]
    while len(server.groups) < FLIGHTS:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)

    assert [len(group) for group in server.groups] == [10, 10]
    server.open.set()
    assert await asyncio.gather(*tasks) == [2 * number for number in range(25)]
    assert [len(group) for group in server.groups] == [10, 10, 5]


async def test_a_failure_is_everybodys_of_that_call() -> None:
    """An error reaches all who were in the call, and the next call is not harmed by it."""
    server = Server()
    together = Coalescer(server.ask, 100)

    answers = await asyncio.gather(*map(together.one, (12, 99)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [OSError, OSError]
    assert await together.one(1) == 2


async def test_who_has_gone_is_not_missed() -> None:
    """A caller that gives up takes nothing away from the others."""
    server = Server()
    server.open.clear()
    together = Coalescer(server.ask, 100)
    gone, stays = (asyncio.create_task(together.one(number)) for number in (1, 2))
    while not server.groups:
        await asyncio.sleep(0)

    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    server.open.set()

    assert await stays == 4
