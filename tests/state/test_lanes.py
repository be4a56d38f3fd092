"""Lanes: the most urgent first, every entry somebody's, nothing lost with a worker."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from engine.state.apply import Change, Changes, Put
from engine.state.connection import Store
from engine.state.lanes import Entry, Lanes
from tests.state.records import id_of, putting, write_record

URGENT: Final = ("sms", "P0", False)
SINGLE: Final = ("sms", "P2", False)
BULK: Final = ("sms", "P2", True)
HOUR_MS: Final = 3_600_000


async def fill(store: Store, *changes: Change) -> int:
    """Enqueue steps of user 1; return the partition."""
    message_id = await write_record(store)
    await Changes(store).apply([change._replace(message_id=message_id) for change in changes])
    return store.keys.partition_of(message_id)


async def test_lanes_are_emptied_in_order(store: Store) -> None:
    """Reading takes all of one lane before the next, in the order wanted, and never more than asked for."""
    partition = await fill(
        store, putting("", 1, bulk=True), putting("", 2), putting("", 3), putting("", 4, "P0"), putting("", 5, "P0")
    )
    lanes = Lanes(store)

    first = await lanes.read("w1", partition, [URGENT, SINGLE, BULK], 3)
    rest = await lanes.read("w1", partition, [URGENT, SINGLE, BULK], 10)

    assert [(entry.lane[1:4], entry.step) for entry in first] == [(URGENT, 4), (URGENT, 5), (SINGLE, 2)]
    assert [(entry.lane[1:4], entry.step) for entry in rest] == [(SINGLE, 3), (BULK, 1)]
    assert {entry.message_id for entry in first + rest} == {id_of(store, 1)}
    assert await lanes.read("w1", partition, [URGENT, SINGLE, BULK], 10) == []


async def test_a_lane_not_wanted_is_left(store: Store) -> None:
    """What stands in a paused channel's lane stays there until the lane is read."""
    partition = await fill(store, putting("", 1))
    lanes = Lanes(store, ["sms"])

    assert await lanes.read("w1", partition, [URGENT], 10) == []
    assert (await lanes.depths())["sms", "P2"] == 1
    assert len(await lanes.read("w1", partition, [SINGLE], 10)) == 1


async def test_every_partition_in_one_exchange(store: Store) -> None:
    """Reading all partitions finds what lies in any of them."""
    ids = [await write_record(store, user) for user in range(20)]
    await Changes(store).apply([putting(message_id) for message_id in ids])

    entries = await Lanes(store).read_all("w1", [URGENT, SINGLE], 100)

    assert sorted(entry.message_id for entry in entries) == sorted(ids)
    assert all(store.keys.partition_of(entry.message_id) == entry.lane.partition for entry in entries)


async def test_workers_share_without_overlap(store: Store) -> None:
    """Ten workers who read at once get every step exactly once."""
    ids = [await write_record(store, user) for user in range(60)]
    await Changes(store).apply([putting(message_id) for message_id in ids])
    lanes = Lanes(store)

    shares = await asyncio.gather(*(lanes.read_all(f"w{number}", [SINGLE], 3) for number in range(10)))

    assert sorted(entry.message_id for share in shares for entry in share) == sorted(ids)


async def test_a_done_entry_is_gone(store: Store) -> None:
    """An entry done with in a change is neither in its lane nor pending, and cannot be claimed."""
    partition = await fill(store, putting("", 1))
    lanes = Lanes(store, ["sms"])
    entries = await lanes.read("w1", partition, [SINGLE], 10)

    await Changes(store).apply([Change(entries[0].message_id, 1, events=[b"\x01"], done=entries)])

    assert set((await lanes.depths()).values()) == {0}
    assert await lanes.claim("w2", 0) == []


async def test_a_dead_workers_entries_are_claimed_once(store: Store) -> None:
    """Those who claim a dead worker's entries get different ones, and are told that they were delivered before."""
    ids = [await write_record(store, user) for user in range(30)]
    await Changes(store).apply([putting(message_id) for message_id in ids])
    lanes = Lanes(store, ["sms"])
    dead = await lanes.read_all("dead", [SINGLE], 100)
    assert {entry.deliveries for entry in dead} == {1}
    assert await lanes.claim("w1", HOUR_MS) == []

    claimed = await lanes.claim("w1", 0, 2) + await lanes.claim("w2", HOUR_MS)

    assert len(claimed) == 2 * store.keys.partitions
    assert {entry.deliveries for entry in claimed} == {2}
    rest = await lanes.claim("w1", 0)
    assert sorted(entry.message_id for entry in rest) == sorted(ids)


async def test_claims_cover_the_whole_installation(store: Store) -> None:
    """Entries of every channel, priority and kind are claimed, the urgent ones of a partition first."""
    message_id = await write_record(store)
    kinds = [(channel, f"P{rank}", bulk) for rank in (3, 0) for channel in ("sms", "push") for bulk in (True, False)]
    puts = [Put(*kind, 1) for kind in kinds]
    await Changes(store).apply([Change(message_id, 1, put=puts)])
    lanes = Lanes(store, ["sms", "push"])
    await lanes.read_all("dead", kinds, 100)

    claimed = await lanes.claim("w1", 0)

    assert sorted(entry.lane[1:4] for entry in claimed) == sorted(kinds)
    assert [entry.lane.priority for entry in claimed] == ["P0"] * 4 + ["P3"] * 4


async def test_a_thawed_worker_cannot_keep_what_was_claimed(store: Store) -> None:
    """Keeping renews what is still one's own, and says what is another's or done by now."""
    partition = await fill(store, putting("", 1), putting("", 2), putting("", 3))
    lanes = Lanes(store, ["sms"])
    mine = await lanes.read("frozen", partition, [SINGLE], 10)
    assert await lanes.keep("frozen", mine) == [True, True, True]

    taken = await lanes.claim("w2", 0, 1)
    await Changes(store).apply([Change(mine[1].message_id, 1, done=mine[1:2])])

    assert [entry.step for entry in taken] == [1]
    assert await lanes.keep("frozen", mine) == [False, False, True]
    assert await lanes.keep("w2", taken) == [True]


async def test_a_deleted_entry_does_not_stay_pending(store: Store) -> None:
    """An entry that somebody deleted without acknowledging it is cleared away by a claim."""
    partition = await fill(store, putting("", 1), putting("", 2))
    lanes = Lanes(store, ["sms"])
    entries = await lanes.read("dead", partition, [SINGLE], 10)
    key = entries[0].lane.key
    await store.call("XDEL", key, entries[0].entry_id)

    assert [entry.step for entry in await lanes.claim("w2", 0)] == [2]

    assert (await store.call("XPENDING", key, "workers"))[0] == 1


async def test_silent_consumers_are_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that is gone leaves nothing behind, unless it still owns an entry that another has to claim."""
    monkeypatch.setattr("engine.state.streams.GONE_AFTER_MS", -1)
    partition = await fill(store, putting("", 1))
    lanes = Lanes(store, ["sms"])
    for consumer in ("owner", "idle"):
        await lanes.read(consumer, partition, [SINGLE], 1)
    key = store.keys.lane(partition, *SINGLE)

    await lanes.ensure_groups()

    consumers = await store.call("XINFO", "CONSUMERS", key, "workers")
    assert [consumer[1] for consumer in consumers] == [b"owner"]
    assert len(await lanes.claim("w2", 0)) == 1


async def test_groups_keep_what_is_in_them(store: Store) -> None:
    """Making the groups again loses no entry, and what was put in before the group was made is delivered."""
    partition = await fill(store, putting("", 1), putting("", 2))
    lanes = Lanes(store)
    await lanes.ensure_groups(["sms"])
    first: list[Entry] = await lanes.read("w1", partition, [SINGLE], 1)

    await lanes.ensure_groups(["sms", "push"])

    assert [entry.step for entry in first] == [1]
    assert [entry.step for entry in await lanes.read("w1", partition, [SINGLE], 9)] == [2]
    assert len(await lanes.claim("w2", 0)) == 2
    assert ("push", "P0") in await lanes.depths()
