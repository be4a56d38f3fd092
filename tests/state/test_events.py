"""Events: every change is pointed at until somebody is done with it."""

from __future__ import annotations

from engine.state.apply import Change, Changes
from engine.state.connection import Store
from engine.state.events import Events
from tests.state.records import write_record


async def test_changes_are_pointed_at_until_done(store: Store) -> None:
    """Each change gives one pointer, which is delivered once and stays until it is done."""
    ids = [await write_record(store, user) for user in range(10)]
    await Changes(store).apply([Change(ids[0], 1, events=[b"\x01"])])
    events = Events(store)

    pointers = await events.read("r1", 100)

    assert sorted(pointer.message_id for pointer in pointers) == sorted([*ids, ids[0]])
    assert await events.read("r1", 100) == []
    assert await events.backlog() == 11
    await events.done(pointers[:4])
    assert await events.backlog() == 7
    await events.done(pointers)
    assert await events.backlog() == 0
    assert await events.claim("r2", 0, 100) == []
    await events.done([])


async def test_a_dead_recorders_pointers_are_taken_over(store: Store) -> None:
    """What a recorder read and did not finish another one gets."""
    await write_record(store)
    events = Events(store)
    read = await events.read("dead", 100)

    assert await events.claim("r2", 3_600_000, 100) == []
    assert await events.claim("r2", 0, 100) == read


async def test_no_partition_is_starved(store: Store) -> None:
    """A small read takes of every partition, its oldest first."""
    for user in range(400):
        await write_record(store, user)
    events = Events(store)

    first = await events.read("r1", 64)

    assert {pointer.partition for pointer in first} == set(range(store.keys.partitions))
    assert len(first) == 64
    assert sorted(first, key=lambda p: (p.partition, p.entry_id)) == first


async def test_what_has_happened_can_be_waited_for(store: Store) -> None:
    """What was pointed at until now is done when its pointers are, whatever comes after it."""
    events = Events(store)
    assert await events.is_done(await events.newest())
    for user in range(20):
        await write_record(store, user)
    newest = await events.newest()
    before = await events.read("r1", 100)
    await write_record(store, 99)

    await events.done(before[1:])
    assert not await events.is_done(newest)
    await events.done(before)
    assert await events.is_done(newest)
    assert await events.backlog() == 1
