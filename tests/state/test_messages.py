"""Message records: read as they are, closed only when final, recorded and unchanged."""

from __future__ import annotations

import asyncio

import pytest

from engine.state.apply import Change, Changes, SetIndex
from engine.state.connection import Store
from engine.state.load import Load
from engine.state.messages import GARBAGE_AFTER_MS, Messages, Record, Recorded
from tests.state.records import DAY_MS, NOW_MS, id_of, write_record


async def read(store: Store, message_id: str) -> Record:
    """A record that is there."""
    record = (await Messages(store).read([message_id]))[0]
    assert record is not None
    return record


async def finish(store: Store, message_id: str) -> int:
    """Make a message final; return its version."""
    return (await Changes(store).apply([Change(message_id, 1, events=[b"\x91\x02"], final=True)]))[0]


async def test_a_record_reads_as_written(store: Store) -> None:
    """Reading gives what admit wrote, None where there is nothing, in the order asked for."""
    message_id = await write_record(store)

    expected = Record(
        *(message_id, 1, NOW_MS + DAY_MS, NOW_MS + DAY_MS, b"body", None, b"outline", b"admission"),
        *(None, None, None, b"\x91\x01", 1, 300, False),
    )
    assert await Messages(store).read([id_of(store, 2), message_id]) == [None, expected]
    assert await Messages(store).read([]) == []


async def test_single_reads_travel_together(store: Store) -> None:
    """Many tasks that read one record each get each its own."""
    ids = [await write_record(store, user) for user in range(50)]
    messages = Messages(store)

    records = await asyncio.gather(*(messages.read_one(message_id) for message_id in ids))

    assert [record.id for record in records if record] == ids


async def test_a_final_recorded_message_is_closed(store: Store) -> None:
    """Body and event log go, digests come, and the record ends by itself an hour after its time."""
    message_id = await write_record(store)
    n = await finish(store, message_id)

    assert await Messages(store).recorded([Recorded(message_id, n, b"digests", 5_000)]) == [True]

    record = await read(store, message_id)
    assert (record.body, record.digests, record.events, record.count) == (None, b"digests", b"", 2)
    assert (record.outline, record.admission, record.final) == (b"outline", b"admission", True)
    left = await store.call("PTTL", store.keys.message(message_id))
    assert GARBAGE_AFTER_MS < left <= GARBAGE_AFTER_MS + 5_000


async def test_time_that_is_over_still_leaves_an_hour(store: Store) -> None:
    """A record whose time is long over is not cut off at once."""
    message_id = await write_record(store)
    n = await finish(store, message_id)

    await Messages(store).recorded([Recorded(message_id, n, b"digests", -DAY_MS)])

    assert await store.call("PTTL", store.keys.message(message_id)) > GARBAGE_AFTER_MS - 60_000


@pytest.mark.parametrize("final", [True, False], ids=["changed since", "not final"])
async def test_anything_else_stays_open(store: Store, final: bool) -> None:
    """A record that changed since it was recorded, or that is not final, keeps everything and does not expire."""
    message_id = await write_record(store)
    n = await finish(store, message_id) - 1 if final else 1

    assert await Messages(store).recorded([Recorded(message_id, n, b"digests", 5_000)]) == [False]

    record = await read(store, message_id)
    assert (record.body, record.digests) == (b"body", None)
    assert record.events.startswith(b"\x91\x01")
    assert await store.call("PTTL", store.keys.message(message_id)) == -1


async def test_a_dead_letter_keeps_its_body(store: Store) -> None:
    """A message in the index of dead letters is recorded but not closed; out of it, it is closed."""
    message_id = await write_record(store)
    dead = store.keys.dead(store.keys.partition_of(message_id))
    changes, messages = Changes(store), Messages(store)
    await changes.apply([Change(message_id, 1, final=True, indexes=[SetIndex(dead, NOW_MS)])])

    assert await messages.recorded([Recorded(message_id, 2, b"digests", 5_000)]) == [False]
    assert (await read(store, message_id)).body == b"body"

    await changes.apply([Change(message_id, 2, indexes=[SetIndex(dead, -1)])])
    assert await messages.recorded([Recorded(message_id, 2, b"digests", 5_000)]) == [True]


async def test_a_late_event_keeps_its_number(store: Store) -> None:
    """What happens after closing goes on counting, and closing again keeps the digests."""
    message_id = await write_record(store)
    messages = Messages(store)
    n = await finish(store, message_id)
    await messages.recorded([Recorded(message_id, n, b"digests", 5_000)])

    assert await Changes(store).apply([Change(message_id, n, events=[b"\x91\x09"])]) == [n + 1]
    late = await read(store, message_id)
    assert (late.events, late.count, late.final) == (b"\x91\x09", 3, True)

    assert await messages.recorded([Recorded(message_id, n + 1, None, 5_000)]) == [True]
    assert (await read(store, message_id)).digests == b"digests"


async def test_recorded_bytes_are_taken_off_once(store: Store) -> None:
    """The counter of unrecorded bytes falls by a message's size when it is first recorded, final or not."""
    first, second = await write_record(store, 1, 300), await write_record(store, 2, 40)
    messages, load = Messages(store), Load(store, 1_000)
    assert await load.unrecorded() == 340

    done = [Recorded(first, 1, None, 0), Recorded(second, 7, None, 0), Recorded(id_of(store, 3), 1, None, 0)]
    for _ in range(3):
        assert await messages.recorded(done) == [False, False, False]
        assert await load.unrecorded() == 0
