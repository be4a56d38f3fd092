"""Timers: due in order of urgency, and there until what they ask for is done."""

from __future__ import annotations

from engine.decision.change import TimerKind
from engine.state.apply import REMOVED, Change, Changes, SetTimer
from engine.state.connection import Store
from engine.state.timers import Timer, Timers
from tests.state.records import NOW_MS, write_record


async def set_timer(store: Store, user: int, priority: str, due_ms: int, kind: TimerKind = TimerKind.HOLD) -> str:
    """Set a timer of some user's message; return the message's id."""
    message_id = await write_record(store, user)
    await Changes(store).apply([Change(message_id, 1, timers=[SetTimer(priority, kind, 0, due_ms)])])
    return message_id


async def test_urgent_timers_come_first(store: Store) -> None:
    """P0 comes before P1 over all partitions, and of one priority the earliest first."""
    for user in range(40):
        await set_timer(store, user, f"P{user % 4}", NOW_MS - user % 7)
    timers = Timers(store)

    due = await timers.due(NOW_MS, 100)

    assert len({store.keys.partition_of(timer.message_id) for timer in due}) == store.keys.partitions
    assert [(timer.priority, timer.due_ms) for timer in due] == sorted((f"P{u % 4}", NOW_MS - u % 7) for u in range(40))
    assert await timers.due(NOW_MS, 11) == due[:11]
    assert await timers.depth() == {"P0": 10, "P1": 10, "P2": 10, "P3": 10}


async def test_a_timer_is_due_at_its_millisecond(store: Store) -> None:
    """Not a millisecond before, and at its time."""
    message_id = await set_timer(store, 1, "P2", NOW_MS, TimerKind.RECEIPT)
    timers = Timers(store)

    assert await timers.due(NOW_MS - 1, 10) == []
    assert await timers.due(NOW_MS, 10) == [Timer(message_id, TimerKind.RECEIPT, 0, NOW_MS, "P2")]


async def test_the_next_due_time_is_known(store: Store) -> None:
    """The earliest of all priorities and partitions; nothing when there is no timer."""
    timers = Timers(store)
    assert await timers.next_due() is None

    for user, due_ms in enumerate((NOW_MS + 9, NOW_MS + 3, NOW_MS + 5)):
        await set_timer(store, user, f"P{user}", due_ms)

    assert await timers.next_due() == NOW_MS + 3


async def test_a_timer_moves_and_goes(store: Store) -> None:
    """Setting one of the same kind and step again moves it; reading one does not remove it."""
    message_id = await set_timer(store, 1, "P1", NOW_MS)
    changes, timers = Changes(store), Timers(store)

    await changes.apply([Change(message_id, 1, timers=[SetTimer("P1", TimerKind.HOLD, 0, NOW_MS + 10)])])
    assert await timers.due(NOW_MS, 10) == []
    assert len(await timers.due(NOW_MS + 10, 10)) == len(await timers.due(NOW_MS + 10, 10)) == 1

    await changes.apply([Change(message_id, 1, timers=[SetTimer("P1", TimerKind.HOLD, 0, REMOVED)])])
    assert await timers.depth() == {"P0": 0, "P1": 0, "P2": 0, "P3": 0}
