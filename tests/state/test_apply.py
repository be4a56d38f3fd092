"""Changes to messages: all of one or nothing of it."""

from __future__ import annotations

import asyncio
from random import Random

import msgpack
import pytest

from engine.decision.change import TimerKind
from engine.state.apply import REMOVED, Change, Changes, MoveMoney, Put, SetIndex, SetTimer
from engine.state.connection import Store
from engine.state.events import Events
from engine.state.lanes import Lanes
from engine.state.messages import Messages
from engine.state.timers import Timer, Timers
from tests.state.records import NOW_MS, putting, write_record


async def contents(store: Store) -> dict[bytes, object]:
    """All that is in Redis, to compare."""
    keys = await store.call("KEYS", "*")
    return dict(zip(keys, await store.pipeline([("DUMP", key) for key in keys]), strict=True))


async def everything(store: Store, message_id: str, expected: int) -> Change:
    """A change that touches everything there is."""
    keys = store.keys
    partition = keys.partition_of(message_id)
    entry = (await Lanes(store).read("w1", partition, [("sms", "P2", False)], 10))[0]
    return Change(
        message_id,
        expected,
        fields={"l": b"life", "q": b"later"},
        removed=("a",),
        events=[b"\x91\x02", b"\x91\x03"],
        final=True,
        done=[entry],
        put=[Put("push", "P0", True, 2)],
        timers=[SetTimer("P1", TimerKind.RETRY, 2, NOW_MS + 5), SetTimer("P2", TimerKind.HOLD, 0, REMOVED)],
        indexes=[SetIndex(keys.dead(partition), NOW_MS), SetIndex(keys.held(partition, "line", "bank/cards"), REMOVED)],
        money=[MoveMoney("bank\0sms", 45_000, -45_000)],
    )


async def prepare(store: Store) -> tuple[str, int]:
    """A message with a step in a lane, a timer, a place in an index, and an account."""
    message_id = await write_record(store)
    partition = store.keys.partition_of(message_id)
    held = store.keys.held(partition, "line", "bank/cards")
    change = putting(message_id)._replace(
        timers=[SetTimer("P2", TimerKind.HOLD, 0, NOW_MS)], indexes=[SetIndex(held, NOW_MS)]
    )
    assert await Changes(store).apply([change]) == [1]
    slices = msgpack.packb([1, "CNY", 2**52, 90_000, 7])
    await store.call("HSET", store.keys.slices(partition), "bank\0sms", slices)
    return message_id, partition


async def test_a_change_happens_as_a_whole(store: Store) -> None:
    """Record, events, lanes, timers, indexes and money all move with one change."""
    message_id, partition = await prepare(store)

    change = await everything(store, message_id, expected=1)
    assert await Changes(store).apply([change]) == [2]

    record = (await Messages(store).read([message_id]))[0]
    assert record is not None
    assert (record.n, record.life, record.later_outline, record.admission) == (2, b"life", b"later", None)
    assert (record.events, record.count, record.final) == (b"\x91\x01\x91\x02\x91\x03", 3, True)
    assert (record.body, record.expire_ms) == (b"body", NOW_MS + 86_400_000)
    assert await Lanes(store, ["sms", "push"]).depths() == {
        **{(channel, f"P{rank}"): 0 for channel in ("sms", "push") for rank in range(4)},
        ("push", "P0"): 1,
    }
    assert await Timers(store).due(NOW_MS + 5, 10) == [Timer(message_id, TimerKind.RETRY, 2, NOW_MS + 5, "P1")]
    assert await store.call("ZRANGE", store.keys.dead(partition), 0, -1) == [message_id.encode()]
    assert await store.call("EXISTS", store.keys.held(partition, "line", "bank/cards")) == 0
    packed = await store.call("HGET", store.keys.slices(partition), "bank\0sms")
    assert msgpack.unpackb(packed) == [1, "CNY", 2**52 + 45_000, 45_000, 7]
    assert len(await Events(store).read("r1", 100)) == 2


async def test_a_conflict_changes_nothing(store: Store) -> None:
    """A change computed from another version leaves every key as it was, whatever the change holds."""
    message_id, _ = await prepare(store)
    change = await everything(store, message_id, expected=1)
    before = await contents(store)

    for expected in (2, 7):
        assert await Changes(store).apply([change._replace(expected=expected)]) == [0]
    gone = change._replace(expected=0, fields={}, removed=(), events=(), final=None)
    assert await Changes(store).apply([gone]) == [0]

    assert await contents(store) == before


async def test_a_record_that_is_gone_comes_not_back(store: Store) -> None:
    """A change of a record that has disappeared is a conflict; what points at it can be cleared away."""
    message_id, partition = await prepare(store)
    entry = (await Lanes(store).read("w1", partition, [("sms", "P2", False)], 10))[0]
    await store.call("DEL", store.keys.message(message_id))
    changes = Changes(store)

    assert await changes.apply([Change(message_id, 1, fields={"l": b"life"})]) == [0]
    clearing = Change(message_id, 0, done=[entry], timers=[SetTimer("P2", TimerKind.HOLD, 0, REMOVED)])
    assert await changes.apply([clearing]) == [1]

    assert await store.call("EXISTS", store.keys.message(message_id)) == 0
    assert await Timers(store).next_due() is None
    assert set((await Lanes(store, ["sms"]).depths()).values()) == {0}
    with pytest.raises(ValueError, match="not there"):
        await changes.apply([Change(message_id, 0, fields={"l": b"life"})])


async def test_what_writes_nothing_is_no_new_version(store: Store) -> None:
    """A change of lanes and timers alone leaves the version and tells the recorder nothing."""
    message_id = await write_record(store)
    pointers = await Events(store).backlog()

    assert await Changes(store).apply([putting(message_id)]) == [1]

    assert await Events(store).backlog() == pointers


async def test_changes_of_one_call_follow_each_other(store: Store) -> None:
    """Changes of many messages go together, each is answered for itself and in order."""
    ids = [await write_record(store, user) for user in range(300)]
    changes = [Change(message_id, 1 + user % 2, events=[b"\x01"]) for user, message_id in enumerate(ids)]
    changes += [Change(ids[0], 2, events=[b"\x02"]), Change(ids[0], 2, events=[b"\x03"])]

    expected = [2 if user % 2 == 0 else 0 for user in range(300)] + [3, 0]
    assert await Changes(store).apply(changes) == expected


async def test_one_of_a_hundred_wins(store: Store) -> None:
    """Of 100 callers who read the same version one changes the record, and one step is enqueued."""
    message_id = await write_record(store)
    callers = [Changes(store) for _ in range(4)]

    answers = await asyncio.gather(
        *(
            callers[number % 4].apply_one(Change(message_id, 1, events=[b"\x01"], put=[Put("sms", "P0", False, 1)]))
            for number in range(100)
        )
    )

    assert sorted(answers) == [0] * 99 + [2]
    assert (await Lanes(store, ["sms"]).depths())["sms", "P0"] == 1


async def test_a_timer_counts_once(store: Store) -> None:
    """Of 100 callers who handle the same due timer one does what it asks for."""
    message_id = await write_record(store)
    changes = Changes(store)
    await changes.apply([Change(message_id, 1, timers=[SetTimer("P1", TimerKind.WAIT, 1, NOW_MS)])])

    async def handle() -> int:
        timer = (await Timers(store).due(NOW_MS, 1) or [None])[0]
        record = (await Messages(store).read([message_id]))[0]
        if timer is None or record is None:
            return 0
        removal = SetTimer(timer.priority, timer.kind, timer.step, REMOVED)
        return await changes.apply_one(
            Change(message_id, record.n, events=[b"\x01"], timers=[removal], put=[Put("push", "P1", False, 2)])
        )

    assert sorted(await asyncio.gather(*(handle() for _ in range(100)))) == [0] * 99 + [2]
    assert (await Lanes(store, ["push"]).depths())["push", "P1"] == 1


async def test_an_opened_message_stays(store: Store) -> None:
    """Opening a final message takes its final mark and its end of time away."""
    message_id = await write_record(store)
    key = store.keys.message(message_id)
    await Changes(store).apply([Change(message_id, 1, final=True)])
    await store.call("PEXPIRE", key, 60_000)

    assert await Changes(store).apply([Change(message_id, 2, final=False)]) == [3]

    assert await store.call("TTL", key) == -1
    record = (await Messages(store).read([message_id]))[0]
    assert record is not None
    assert not record.final


async def test_a_foreign_id_is_refused(store: Store) -> None:
    """A message id of another installation is an error before anything is done."""
    message_id = await write_record(store)
    before = await contents(store)

    with pytest.raises(ValueError, match="p99"):
        await Changes(store).apply([Change(message_id, 1, final=True), Change("p99-" + "0" * 32, 1, final=True)])

    assert await contents(store) == before


async def test_versions_count_what_was_written(store: Store) -> None:
    """Whatever is tried, version and event log grow by exactly the changes that were not refused."""
    random = Random(7)
    ids = [await write_record(store, user) for user in range(3)]
    versions, logs = dict.fromkeys(ids, 1), dict.fromkeys(ids, b"\x91\x01")
    for _ in range(60):
        group = [
            Change(random.choice(ids), random.randint(1, 1 + max(versions.values())), events=[random.randbytes(3)])
            for _ in range(random.randint(1, 6))
        ]
        for change, answer in zip(group, await Changes(store).apply(group), strict=True):
            fits = change.expected == versions[change.message_id]
            versions[change.message_id] += fits
            logs[change.message_id] += change.events[0] if fits else b""
            assert answer == (versions[change.message_id] if fits else 0)

    records = await Messages(store).read(ids)
    assert [(r.n, r.count, r.events) for r in records if r] == [(versions[i], versions[i], logs[i]) for i in ids]
