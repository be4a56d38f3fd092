"""Leases: one holder at a time."""

from __future__ import annotations

import asyncio

from engine.state.connection import Store
from engine.state.leases import Leases


async def test_one_of_a_hundred_gets_it(store: Store) -> None:
    """Of 100 who want a lease one gets it, and keeps it as long as it renews it."""
    holders = [Leases(store, f"process-{number}") for number in range(100)]

    won = await asyncio.gather(*(holder.take("judge", 60_000) for holder in holders))

    assert won.count(True) == 1
    assert await holders[won.index(True)].take("judge", 60_000)
    assert await holders[won.index(False)].take("another", 60_000)


async def test_a_lease_ends(store: Store) -> None:
    """Given back, another may take it; only the holder can give it back."""
    first, second = Leases(store, "first"), Leases(store, "second")
    await first.take("judge", 60_000)

    assert not await second.end("judge")
    assert not await second.take("judge", 60_000)
    assert await first.end("judge")
    assert await second.take("judge", 60_000)
    assert 0 < await store.call("PTTL", store.keys.lease("judge")) <= 60_000
