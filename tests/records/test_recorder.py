"""The recorder: everything that happened stands in SQL, once, in order, whatever died on the way."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.clock import HandClock
from engine.errors import ClockDiffers, RecordsUnavailable, StateUnavailable
from engine.records.database import FILE, Database
from engine.records.queries import Queries, Trace
from engine.records.recorder import Recorder
from engine.state.connection import Store
from engine.state.events import Events, Pointer
from engine.state.messages import Record
from tests.decision.rulesets import DAY, MINUTE, NOON
from tests.records.lives import Living, request
from tests.state.conftest import redis_server, store

__all__ = ["redis_server", "store"]  # fixtures


class Died(Exception):
    """The recorder is gone."""


class Mortal:
    """Passes calls on until the recorder is to die: before a call is made, or after it and before its answer comes."""

    def __init__(self, target: object, step: Callable[[], None]) -> None:
        self._target = target
        self._step = step

    def __getattr__(self, name: str) -> Any:
        async def call(*args: object, **named: object) -> object:
            self._step()
            answer = await getattr(self._target, name)(*args, **named)
            self._step()
            return answer

        return call


@pytest.fixture
def living(store: Store) -> Living:
    """Messages in a Redis."""
    return Living(store)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Database]:
    """A SQLite database that does not wait long for others."""
    database = await Database.open(None, tmp_path, lock_wait_ms=20)
    yield database
    await database.close()


def recorder(living: Living, database: Database, consumer: str = "one") -> Recorder:
    """A recorder that has just started."""
    return Recorder(living.messages, Events(living.store), database, HandClock(NOON), consumer)


async def record_all(living: Living, database: Database) -> None:
    """Record everything there is."""
    one = recorder(living, database)
    while await one.run_once():
        pass


async def trace(database: Database, message_id: str) -> Trace:
    """A message as it is recorded."""
    found = await Queries(database).trace(message_id)
    assert found is not None
    return found


def told(found: Trace) -> list[tuple[int, str]]:
    """The numbers and kinds of a trace."""
    return [(event.number, event.kind) for event in found.events]


LIFE = ["DECIDED", "ATTEMPTED", "ANSWERED", "RECEIPT", "ENDED"]


async def live(living: Living, number: int = 1) -> str:
    """A message is accepted, sent and delivered."""
    message_id = await living.accept(request(number))
    await living.send(message_id, NOON + 10)
    await living.report(message_id, "DELIVERED", NOON + 20)
    return message_id


# ---- one message ----


async def test_a_whole_life(living: Living, database: Database) -> None:
    """What was asked, what was decided, every step and every event; then the record is closed."""
    message_id = await living.accept(request())
    await record_all(living, database)
    first = (await trace(database, message_id)).message
    await living.send(message_id, NOON + 10)
    await living.report(message_id, "DELIVERED", NOON + 20)
    await record_all(living, database)
    last = await trace(database, message_id)

    assert (first.message, first.accepted_ms, first.state) == (request(), NOON, "QUEUED")
    assert (first.decision.verdict.name, first.decision.decided_by) == ("SEND", "to-push")
    assert (last.message.state, last.message.updated_ms) == ("DELIVERED", NOON + 20)
    assert told(last) == list(enumerate(LIFE, 1))
    assert last.events[0].decision is last.message.decision
    assert last.events[2].detail == {"attempt": 1, "provider": "carrier", "outcome": "OK", "provider_id": "c-1"}
    assert [(s.number, s.channel, s.state, s.provider, s.attempts) for s in last.message.steps] == [
        (1, "push", "DELIVERED", "carrier", 1)
    ]


async def test_a_final_record_is_closed(living: Living, sqlite: Database) -> None:
    """Body and events leave Redis, digests remain, nothing counts as unrecorded, and no pointer is left."""
    message_id = await live(living)
    await record_all(living, sqlite)
    record = await living.record(message_id)

    assert (record.body, record.events, record.count) == (None, b"", len(LIFE))
    assert record.digests is not None
    assert await living.unrecorded() == await Events(living.store).backlog() == 0


async def test_a_late_receipt_goes_on_with_the_numbers(living: Living, sqlite: Database) -> None:
    """An event of a closed record has the next number, and takes nothing away."""
    message_id = await live(living)
    await record_all(living, sqlite)
    record = await living.record(message_id)
    late = b"\x95\x01\xcf" + (NOON + 90).to_bytes(8, "big") + b"\x04\x01\x80"
    await living.write(message_id, {"n": record.n + 1, "e": late, "c": record.count + 1})
    await record_all(living, sqlite)
    found = await trace(sqlite, message_id)

    assert told(found) == list(enumerate([*LIFE, "RECEIPT"], 1))
    assert (found.message.state, found.message.updated_ms) == ("DELIVERED", NOON + 90)


async def test_a_dropped_message(living: Living, sqlite: Database) -> None:
    """A refusal is recorded like any other life."""
    message_id = await living.accept(request(category="MARKETING"))
    await record_all(living, sqlite)
    found = await trace(sqlite, message_id)

    assert (found.message.state, found.message.decision.reason.name) == ("DROPPED", "COMPLIANCE")
    assert (found.message.steps, told(found)) == ((), [(1, "DECIDED")])


async def test_what_was_decided_again_is_told_in_the_trace(living: Living, sqlite: Database) -> None:
    """The first decision stays the message's; the later one is an event, whole, and moves the state on."""
    asked = request(scene="later")
    message_id = await living.accept(asked)
    await record_all(living, sqlite)
    held = (await trace(sqlite, message_id)).message
    await living.decide_again(message_id, asked, NOON + 8 * 60 * MINUTE)
    await record_all(living, sqlite)
    found = await trace(sqlite, message_id)

    assert held.state == "HELD"
    assert found.message.state == "QUEUED"
    decisions = [event.decision for event in found.events]
    assert [one.verdict.name for one in decisions if one] == ["HOLD", "SEND"]
    assert decisions[1] is not None
    assert decisions[1].plan is not None
    assert [charge.account for charge in decisions[1].plan.steps[0].charges] == ["cards/mail"]


async def test_a_new_life_under_the_same_id(living: Living, sqlite: Database) -> None:
    """Both lives are recorded; who asks for the id gets the newer one."""
    message_id = await live(living)
    await record_all(living, sqlite)
    await living.store.call("DEL", living.store.keys.message(message_id))
    await living.accept(request(), NOON + 2 * DAY)
    await record_all(living, sqlite)
    found = await trace(sqlite, message_id)

    assert (found.message.accepted_ms, found.message.state) == (NOON + 2 * DAY, "QUEUED")
    assert told(found) == [(1, "DECIDED")]


# ---- faults ----


async def test_a_recorder_may_die_anywhere(living: Living, opened: Database) -> None:
    """One dies at each step in turn; the next takes up what it left, and nothing is missing or there twice."""
    ids = [await live(living, number) for number in range(3)]
    ids += [await living.accept(request(number, category="MARKETING")) for number in range(3, 6)]
    for lives in range(12):
        left = [lives]

        def step(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Died

        parts = (Mortal(part, step) for part in (living.messages, Events(living.store), opened))
        mortal = Recorder(*parts, HandClock(NOON), f"mortal-{lives}")  # type: ignore[arg-type]  # they pass for the parts
        with contextlib.suppress(Died):
            while await mortal.run_once(2):
                pass
        ids.append(await live(living, 10 + lives))
    await record_all(living, opened)
    found = [told(await trace(opened, message_id)) for message_id in ids]

    whole, dropped = list(enumerate(LIFE, 1)), [(1, "DECIDED")]
    assert found == [whole] * 3 + [dropped] * 3 + [whole] * 12
    assert await living.unrecorded() == await Events(living.store).backlog() == 0


async def test_sql_locked_for_a_while(living: Living, opened: Database, tmp_path: Path) -> None:
    """The recorder says so, keeps what it has in hand, and goes on with it afterwards."""
    message_id = await living.accept(request())
    one = recorder(living, opened)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(RecordsUnavailable, match="locked"):
                await one.run_once()
    await living.send(message_id, NOON + 10)

    assert await one.run_once() == 1
    assert told(await trace(opened, message_id)) == list(enumerate(LIFE[:3], 1))


async def test_running_until_told_to_stop(living: Living, opened: Database, tmp_path: Path) -> None:
    """Trouble comes and goes by itself, and whoever waits for news is woken."""
    committed, stop = asyncio.Event(), asyncio.Event()
    one = Recorder(living.messages, Events(living.store), opened, HandClock(NOON), "one", committed.set)
    message_id = await living.accept(request())
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        running = asyncio.create_task(one.run(stop))
        async with asyncio.timeout(10):
            while not one.trouble:
                await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await committed.wait()
    stop.set()
    await running

    assert one.trouble == ""
    assert (await trace(opened, message_id)).message.state == "QUEUED"


async def test_two_recorders_share_the_work(living: Living, database: Database) -> None:
    """Whoever takes up a pointer, also one that the other is still busy with: every event is there once, in order."""
    ids = [await live(living, number) for number in range(20)]
    first, second = recorder(living, database, "one"), recorder(living, database, "two")
    await asyncio.gather(first.run_once(8), second.run_once(8))
    ids += [await live(living, number) for number in range(20, 30)]
    while sum(await asyncio.gather(first.run_once(8), second.run_once(8))):
        pass

    assert [told(await trace(database, message_id)) for message_id in ids] == [list(enumerate(LIFE, 1))] * 30


async def test_a_record_that_cannot_be_read_stops_no_other(
    living: Living, sqlite: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once and left where it is; the others are recorded."""
    broken = await living.accept(request(1))
    await living.store.call("HSET", living.store.keys.message(broken), "p", b"\x93\x02\x90\x90")
    fine = await living.accept(request(2))
    await record_all(living, sqlite)

    assert (await trace(sqlite, fine)).message.state == "QUEUED"
    assert await Queries(sqlite).get(broken) is None
    assert await Events(living.store).backlog() == 1
    assert [one.levelname for one in caplog.records] == ["ERROR"]


async def test_a_row_that_sql_refuses_stops_no_other(living: Living, sqlite: Database) -> None:
    """The batch is halved until the one that is at fault is alone."""
    ids = [await living.accept(request(number)) for number in range(8)]
    trigger = (
        "CREATE TRIGGER no BEFORE INSERT ON messages WHEN new.request_id = 'r3' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    await sqlite.write(lambda connection: connection.exec_driver_sql(trigger).close())
    await record_all(living, sqlite)
    found = [await Queries(sqlite).get(message_id) is not None for message_id in ids]

    assert found == [number != 3 for number in range(8)]


async def test_what_a_dead_recorder_left_is_taken_over(living: Living, sqlite: Database) -> None:
    """Pointers that another consumer holds are claimed at the start."""
    message_id = await living.accept(request())
    assert await Events(living.store).read("dead", 10)
    await record_all(living, sqlite)

    assert (await trace(sqlite, message_id)).message.state == "QUEUED"


async def test_an_answer_that_never_came_is_asked_for_again(
    living: Living, sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pointers that Redis handed out in the moment of its death are taken up at once, not after a while."""
    one = recorder(living, sqlite)
    await one.run_once()
    message_id = await living.accept(request())
    read = Events.read

    async def lost(self: Events, consumer: str, count: int) -> list[Pointer]:
        monkeypatch.undo()
        assert await read(self, consumer, count)
        raise StateUnavailable("the connection was lost")

    monkeypatch.setattr(Events, "read", lost)
    with pytest.raises(StateUnavailable):
        await one.run_once()
    assert await one.run_once() == 1

    assert (await trace(sqlite, message_id)).message.state == "QUEUED"


async def test_a_fault_of_ours_ends_no_recorder(
    living: Living, sqlite: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told with its place, and recording goes on: without it, sooner or later nothing more could be taken in."""
    message_id = await living.accept(request())
    read, faults = living.messages.read, [KeyError("a fault")]

    async def faulty(ids: Sequence[str]) -> list[Record | None]:
        if faults:
            raise faults.pop()
        return await read(ids)

    monkeypatch.setattr(living.messages, "read", faulty)
    committed, stop = asyncio.Event(), asyncio.Event()
    one = Recorder(living.messages, Events(living.store), sqlite, HandClock(NOON), "one", committed.set)
    running = asyncio.create_task(one.run(stop))
    async with asyncio.timeout(10):
        await committed.wait()
    stop.set()
    await running

    assert (await trace(sqlite, message_id)).message.state == "QUEUED"
    assert caplog.records[0].exc_info is not None


async def test_nothing_is_closed_by_a_wrong_clock(living: Living, sqlite: Database) -> None:
    """A machine that is days ahead would have requests forgotten too early: it is recorded, and closed afterwards."""
    message_id = await live(living)
    wrong = [True]

    async def on_time() -> None:
        if wrong:
            raise ClockDiffers(3 * DAY)

    one = Recorder(living.messages, Events(living.store), sqlite, HandClock(NOON), "one", on_time=on_time)
    with pytest.raises(ClockDiffers):
        await one.run_once()
    assert (await living.record(message_id)).body is not None

    wrong.clear()
    while await one.run_once():
        pass
    assert (await living.record(message_id)).body is None
    assert told(await trace(sqlite, message_id)) == list(enumerate(LIFE, 1))
