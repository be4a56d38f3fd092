"""A bad day with two simulated carriers: all that can happen happens, and what the carriers saw is what we say."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from adapters.retry import RetryPolicy
from adapters.schedule import TimelineSchedule
from engine.decision.change import Event
from engine.decision.life import State
from engine.state.connection import Store
from tests.adapters.making import Timeline, carrier
from tests.adapters.rig import HOUR, Rig

CATEGORIES = ("ONE_TIME_PASSWORD", "TRANSACTION", "MARKETING")
MESSAGES = 150


async def work(rig: Rig, deaths: Random) -> int:
    """A worker does what there is to do, or dies over it; return more than 0 unless all is done."""
    dies_after = deaths.randrange(0, 600)
    worker = asyncio.ensure_future(rig.worker(f"w{deaths.random()}", timeless=True).run_once())
    while not worker.done() and dies_after:
        dies_after -= 1
        await asyncio.sleep(0)
    worker.cancel()
    await asyncio.wait([worker])
    return 1 if worker.cancelled() else worker.result()


async def play(rig: Rig, schedule: TimelineSchedule, deaths: Random) -> None:
    """Move the clock from event to event until nothing more can happen; workers die on the way, and others follow."""
    receipts = rig.receipts()
    for adapter in rig.adapters:
        await adapter.start(receipts.sink)
    while True:
        while await work(rig, deaths) + len(await rig.pass_time(0)):
            await schedule.run_due(rig.clock.now_ms())
        ends = [end for end in (await rig.timers.next_due(), schedule.next_due()) if end is not None]
        if not ends:
            return
        rig.clock.advance(max(0, min(ends) - rig.clock.now_ms()))
        await schedule.run_due(rig.clock.now_ms())


@pytest.mark.parametrize("seed", range(3))
async def test_a_rough_day(store: Store, tmp_path: Path, seed: int) -> None:
    """Every step ends as the carriers' own log says, though workers die all the time; no second copy without a word."""
    timeline = Timeline(tmp_path)
    settings = {"profile": "rough", "receipt_wait_ms": HOUR, "seed": seed}
    carriers = [carrier(timeline.surroundings, settings, name) for name in ("carrier-a", "carrier-b")]
    rig = Rig(store, *carriers, policy=RetryPolicy(repeats=frozenset(CATEGORIES[:2])))
    rig.clock = timeline.clock
    ids = [await rig.accept(category=CATEGORIES[number % 3]) for number in range(MESSAGES)]

    await play(rig, timeline.schedule, Random(seed))
    for adapter in carriers:
        await adapter.stop()

    lines = [json.loads(line) for path in tmp_path.rglob("*.jsonl") for line in path.read_text().splitlines()]
    accepted = Counter(line["message_id"] for line in lines if line["kind"] == "accepted")
    receipts = {line["message_id"] for line in lines if line["kind"] == "receipt" and line["receipt"] == "DELIVERED"}
    states = Counter[State]()
    for each in ids:
        step = await rig.step(each)
        states[step.state] += 1
        trace = await rig.trace(each)
        assert step.state.is_final
        assert [event for event, _ in trace].count(Event.ENDED) == 1
        assert step.state is not State.FAILED or not accepted[each] or each not in receipts
        assert accepted[each] or step.state not in (State.DELIVERED, State.UNCONFIRMED)
        if accepted[each] > 1:
            assert any(detail.get("may_be_duplicated") for _, detail in trace)
    assert await rig.waiting() == 0
    assert len(states) >= 3
    assert states[State.DELIVERED] > MESSAGES / 2
