"""The numbers of limits."""

from __future__ import annotations

from engine.state.connection import Store
from engine.state.limit_ids import LimitIds


async def test_a_name_keeps_its_number(store: Store) -> None:
    """Numbers count from 1; a name has the same for every server, whatever names come with it and after it."""
    first, other = LimitIds(store), LimitIds(store)

    numbers = dict(await first.of(["sms", "push", "sms"]))
    assert numbers == {"push": 1, "sms": 2}
    assert numbers | {"mail": 3} == await other.of(["mail", "sms", "push"])
    assert numbers | {"mail": 3} == await first.of(["mail"])


async def test_a_known_number_is_not_asked_for(store: Store) -> None:
    """Once known, a number needs no Redis."""
    ids = LimitIds(store)
    await ids.of(["sms"])
    await store.close()

    assert await ids.of(["sms"]) == {"sms": 1}
