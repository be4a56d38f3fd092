"""The index of providers' ids: whatever comes first, the receipt finds its attempt."""

from __future__ import annotations

import pytest

from engine.state import receipt_index
from engine.state.connection import Store
from engine.state.receipt_index import Early, Named, ReceiptIndex

OWN = Named("carrier-a", "own-1")
LATER, SOONER = Early("READ", 2_000), Early("DELIVERED", 1_000, "00")


async def test_first_the_answer(store: Store) -> None:
    """An id that was put is found until its time is over, and nothing is kept for it."""
    index = ReceiptIndex(store)

    assert await index.put(OWN, "m.1.1", 60_000) == []
    assert await index.find_or_keep([(OWN, SOONER)]) == ["m.1.1"]

    assert await index.put(OWN, "m.1.1", 60_000) == []
    assert 0 < await store.call("PTTL", store.keys.receipt(OWN.digest)) <= 60_000


async def test_first_the_receipts(store: Store) -> None:
    """Receipts that came before are handed over in the order in which they happened, until they are taken."""
    index = ReceiptIndex(store)

    assert await index.find_or_keep([(OWN, LATER), (OWN, SOONER), (OWN, LATER)]) == [True] * 3

    assert await index.put(OWN, "m.1.1", 60_000) == [SOONER, LATER]
    assert await index.put(OWN, "m.1.1", 60_000) == [SOONER, LATER]
    await index.taken(OWN)
    assert await index.put(OWN, "m.1.1", 60_000) == []


async def test_ids_are_their_providers(store: Store) -> None:
    """The same id of two providers stands for two attempts."""
    index = ReceiptIndex(store)
    await index.put(Named("a", "1"), "m.1.1", 60_000)
    await index.put(Named("b", "1"), "m.2.1", 60_000)

    asked = [Named("a", "1"), Named("b", "1"), Named("", "a1")]
    assert await index.find_or_keep([(one, SOONER) for one in asked]) == ["m.1.1", "m.2.1", True]


async def test_what_is_kept_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """When receipts for too many unknown ids are kept, further ones are refused, but not for ids among these."""
    monkeypatch.setattr(receipt_index, "MOST_KEPT", 1)
    index = ReceiptIndex(store)
    ids = [Named("carrier-a", str(number)) for number in range(40)]

    kept = [
        named for named, done in zip(ids, await index.find_or_keep([(o, SOONER) for o in ids]), strict=True) if done
    ]

    assert len(kept) == store.keys.partitions
    assert await index.find_or_keep([(one, LATER) for one in kept]) == [True] * len(kept)
    await index.taken(kept[0])
    assert True in await index.find_or_keep([(one, SOONER) for one in ids if one not in kept])


async def test_what_is_kept_does_not_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt that nobody ever asks for goes by itself, and its place is free then."""
    monkeypatch.setattr(receipt_index, "KEPT_MS", 1)
    monkeypatch.setattr(receipt_index, "MOST_KEPT", 1)
    index = ReceiptIndex(store)
    await index.find_or_keep([(OWN, SOONER)])
    while await store.call("EXISTS", store.keys.early(OWN.digest)):
        pass

    assert await index.put(OWN, "m.1.1", 60_000) == []
    same = next(o for n in range(99) if store.keys.partition((o := Named("x", str(n))).digest) == partition_of(store))
    assert await index.find_or_keep([(same, SOONER)]) == [True]


def partition_of(store: Store) -> int:
    """Where the one id lies."""
    return store.keys.partition(OWN.digest)
