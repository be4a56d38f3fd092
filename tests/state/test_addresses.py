"""The reverse index under every order of exchanges: writers who race, and die, leave it a superset of the truth."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from engine.state.connection import Store
from engine.state.identities import Identities
from tests.state.directory import ANN, BEN, TENANT, Died, gated

PLACES = (("sms", "1"), ("sms", "2"))
Step = Callable[[Identities], Coroutine[Any, Any, Any]]

STEPS: list[Step] = [
    lambda identities: identities.bind(ANN, "sms", "1", 1),
    lambda identities: identities.bind(ANN, "sms", "1", 2),
    lambda identities: identities.unbind(ANN, "sms", "1"),
    lambda identities: identities.unbind(ANN, "sms", "1"),
    lambda identities: identities.opt_out(ANN, "", "MARKETING", 1),
    lambda identities: identities.reverse(TENANT, "sms", "1"),
    lambda identities: identities.bind(BEN, "sms", "1", 1),
    lambda identities: identities.unbind(BEN, "sms", "1"),
]


class Race:
    """Processes of which, at any time, one may go on: by one exchange, chosen by chance that can be repeated."""

    def __init__(self, store: Store, seed: int, deaths: float) -> None:
        self._store = store
        self._chance = random.Random(seed)
        self._deaths = deaths
        self._waiting: list[asyncio.Future[None]] = []

    async def run(self, tasks: int) -> None:
        """Let so many processes do a few things each, until all are through or dead."""
        running = [asyncio.create_task(self._process()) for _ in range(tasks)]
        while not all(one.done() for one in running):
            await self._quiet(running)
            if self._waiting:
                self._waiting.pop(self._chance.randrange(len(self._waiting))).set_result(None)
        await asyncio.gather(*running)

    async def _process(self) -> None:
        identities = gated(self._store, self._gate)
        for step in self._chance.choices(STEPS, k=2):
            try:
                await step(identities)
            except Died:
                return

    async def _gate(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn
        if self._chance.random() < self._deaths:
            raise Died

    async def _quiet(self, running: list[asyncio.Task[None]]) -> None:
        """Until every process that still runs waits for its turn."""
        while len(self._waiting) < sum(not one.done() for one in running):
            await asyncio.sleep(0)


@pytest.mark.parametrize("deaths", [0.0, 0.05])
async def test_no_order_of_exchanges_hides_a_binding(store: Store, deaths: float) -> None:
    """Four processes that bind, unbind and look up the same address, in hundreds of orders."""
    for seed in range(150):
        await store.call("FLUSHDB")
        await Race(store, seed, deaths).run(4)

        identities = Identities(store)
        records = await identities.read([ANN, BEN])
        expected = {user[1] for user, record in records.items() if record.binding("sms", "1")}
        assert expected == {one.user_id for one in await identities.reverse(TENANT, "sms", "1")}, f"seed {seed}"


async def test_nothing_is_left_over_when_nobody_died(store: Store) -> None:
    """An address that nobody holds takes no memory, and neither does the user's place in it."""
    identities = Identities(store)
    await identities.bind(ANN, "sms", "1", 1)
    await identities.unbind(ANN, "sms", "1")

    assert [key for key in await store.call("KEYS", "*") if b":a:" in key] == []
