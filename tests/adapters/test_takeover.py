"""Workers that die, freeze, or meet at one step: what may have gone out is asked about, nothing is sent in secret."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgpack
import pytest

from adapters.base import Outcome, Receipt, ReceiptKind, Result
from adapters.receipts import Fate
from engine.clock import HandClock
from engine.decision import transitions
from engine.decision.change import Event
from engine.decision.life import State, pack_life
from engine.decision.model import Admission, Charge, Reason, Refusal
from engine.decision.outline import OutlineCandidate, Shape, pack_admission, pack_shape
from engine.errors import ClockDiffers, StateUnavailable
from engine.flow.lives import change_life
from engine.ruleset.effects import ChannelChoice
from engine.state.apply import Change
from engine.state.connection import Store
from engine.state.pauses import PauseScope
from engine.state.slices import Slices
from tests.adapters.rig import HOUR, NO_RECEIPTS, NOON, PATIENCE_S, Rig, Scripted, traits, until

# ---- a worker dies ----


async def test_a_worker_that_dies_before_the_attempt(rig: Rig) -> None:
    """What it had in hand is sent by another one, once, and nothing is doubtful about it."""
    message_id = await rig.accept()
    await rig.taken_by("dead")

    await rig.work()

    assert (await rig.step(message_id)).state is State.SENT
    assert [detail for event, detail in await rig.trace(message_id) if event is Event.ATTEMPTED] == [
        {"attempt": 1, "provider": "carrier-a"}
    ]


async def dies_in_the_call(rig: Rig, **fields: Any) -> str:
    """Have a worker die in the middle of an attempt; return the message's id."""
    message_id = await rig.accept(**fields)
    await rig.taken_by("dead")
    await rig.attempted(message_id)
    return message_id


async def test_the_provider_knows(rig: Rig) -> None:
    """An attempt that a dead worker left open is settled by asking the provider, without another call."""
    message_id = await dies_in_the_call(rig, category="MARKETING")
    rig.adapter.known[f"{message_id}.1.1"] = Result(Outcome.OK, provider_id="own")

    await rig.work()

    assert (await rig.step(message_id)).state is State.SENT
    assert (rig.adapter.calls, rig.adapter.asked) == ([], [f"{message_id}.1.1"])


async def test_the_provider_says_it_never_came(rig: Rig) -> None:
    """Then it goes again, whatever the category; since the other worker may only be slow, the trace has its doubts."""
    message_id = await dies_in_the_call(rig, category="MARKETING")
    rig.adapter.known[f"{message_id}.1.1"] = Result(Outcome.RETRY, code="NOT_RECEIVED")

    await rig.work()
    await rig.pass_time(500)
    await rig.work()

    attempts = [detail for event, detail in await rig.trace(message_id) if event is Event.ATTEMPTED]
    assert [detail.get("may_be_duplicated", False) for detail in attempts] == [False, True]
    assert (await rig.step(message_id)).state is State.SENT


@pytest.mark.parametrize(
    ("category", "calls", "state"),
    [
        ("ONE_TIME_PASSWORD", 1, State.SENT),
        ("TRANSACTION", 0, State.UNKNOWN),
        ("MARKETING", 0, State.UNKNOWN),
    ],
)
async def test_nobody_can_tell(rig: Rig, category: str, calls: int, state: State) -> None:
    """Where the provider cannot tell either, the category decides: again, and said so, or never."""
    message_id = await dies_in_the_call(rig, category=category)

    await rig.work()
    await rig.pass_time(500)
    await rig.work()
    if calls == 0:
        assert (await rig.step(message_id)).state is State.SENDING
        await rig.pass_time(HOUR)

    assert (await rig.step(message_id)).state is state
    assert len(rig.adapter.calls) == calls


async def test_no_receipt_will_tell(store: Store) -> None:
    """Of a provider without receipts an unsettled attempt is UNKNOWN at once."""
    rig = Rig(store, Scripted(traits=NO_RECEIPTS))
    message_id = await dies_in_the_call(rig, category="MARKETING")

    await rig.work()

    assert (await rig.step(message_id)).state is State.UNKNOWN


@pytest.mark.parametrize("early", [True, False])
async def test_a_receipt_tells(rig: Rig, early: bool) -> None:
    """A receipt settles it, whether it comes before the entry is taken over or after."""
    message_id = await dies_in_the_call(rig, category="MARKETING")
    receipt = Receipt("carrier-a", ReceiptKind.DELIVERED, rig.clock.now_ms(), f"{message_id}.1.1")
    if early:
        await rig.receipts().report([receipt])

    await rig.work()
    if not early:
        assert [one.fate for one in await rig.receipts().report([receipt])] == [Fate.NOTED]

    assert (await rig.step(message_id)).state is State.DELIVERED
    assert not rig.adapter.calls


async def test_a_provider_that_was_taken_out_of_the_settings(rig: Rig) -> None:
    """An open attempt of a provider that is configured no more is UNKNOWN: nobody can be asked."""
    message_id = await rig.accept(category="MARKETING")
    await rig.taken_by("dead")
    rig.adapter.name = "gone"
    await rig.attempted(message_id)
    rig.adapter.name = "carrier-a"

    await rig.work()

    assert (await rig.step(message_id)).state is State.UNKNOWN


# ---- a worker freezes ----


async def test_two_workers_and_one_entry(rig: Rig) -> None:
    """A worker that was stopped for longer than its claim asks whether a step is still its own: one call in all."""
    ids = [await rig.accept(category="ONE_TIME_PASSWORD") for _ in range(20)]
    frozen, others = await rig.taken_by("frozen"), await rig.claimed_by("other")
    for hand in frozen:
        hand.sure_s = float("-inf")

    one, other = rig.sending("frozen"), rig.sending("other")
    await asyncio.gather(*map(one.see_through, frozen), *map(other.see_through, others))

    assert sorted(call.message_id for call in rig.adapter.calls) == sorted(ids)
    assert {(await rig.step(each)).state for each in ids} == {State.SENT}
    assert [event for each in ids for event, _ in await rig.trace(each)] == [Event.ATTEMPTED, Event.ANSWERED] * 20
    assert await rig.waiting() == 0


async def test_frozen_after_attempted_was_written(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was stopped between "attempted" and the call does not make it when the step is another's by then."""
    message_id = await rig.accept(category="ONE_TIME_PASSWORD")
    (hand,) = await rig.taken_by("frozen")
    write = rig.changes.apply_one

    async def freezes(change: Change) -> int:
        monkeypatch.setattr(rig.changes, "apply_one", write)
        version = await write(change)
        hand.sure_s = float("-inf")
        for other in await rig.claimed_by("other"):
            await rig.sending("other").see_through(other)
        return version

    monkeypatch.setattr(rig.changes, "apply_one", freezes)
    await rig.sending("frozen").see_through(hand)
    assert not rig.adapter.calls

    await rig.pass_time(500)
    await rig.work()
    assert [call.number for call in rig.adapter.calls] == [2]
    assert (await rig.step(message_id)).state is State.SENT


async def test_an_attempt_of_the_next_owner(rig: Rig) -> None:
    """A worker that has lost an entry, which it had itself taken over, leaves the attempt of its next owner alone."""
    message_id = await rig.accept(category="ONE_TIME_PASSWORD")
    await rig.taken_by("dead")
    (lost,) = await rig.claimed_by("frozen")
    (hand,) = await rig.claimed_by("other")
    rig.adapter.during = lambda: rig.sending("frozen").see_through(lost)

    await rig.sending("other").see_through(hand)

    assert [event for event, _ in await rig.trace(message_id)] == [Event.ATTEMPTED, Event.ANSWERED]
    assert len(rig.adapter.calls) == 1


async def test_an_attempt_of_nobody_known(rig: Rig) -> None:
    """An open attempt that is not ours, of a step that nobody has dropped, is somebody's who is at it: hands off."""
    message_id = await rig.accept()
    (hand,) = await rig.taken_by("one")
    await rig.attempted(message_id)

    await rig.sending("one").see_through(hand)

    assert (await rig.step(message_id)).attempt is not None
    assert await rig.waiting() == 1


async def test_claimed_from_itself(rig: Rig) -> None:
    """A worker that finds its own step among those that nobody touched does not begin it a second time."""
    worker = rig.start(rig.worker())
    rig.adapter.open.clear()
    rig.adapter.traits = traits(timeout_ms=PATIENCE_S * 1000)
    message_id = await rig.accept()
    await until(lambda: rig.adapter.calls)

    taking = asyncio.ensure_future(worker.run_once())  # takes over everything, whoever had it
    lane = rig.store.keys.lane(rig.store.keys.partition_of(message_id), "sms", "P2", False)
    while (await rig.store.call("XPENDING", lane, "workers", "-", "+", 1))[0][3] == 1:
        await asyncio.sleep(0)
    rig.adapter.open.set()
    await taking

    assert (worker.in_hand, len(rig.adapter.calls)) == (0, 1)
    assert [event for event, _ in await rig.trace(message_id)] == [Event.ATTEMPTED, Event.ANSWERED]


@pytest.mark.parametrize("category", ["ONE_TIME_PASSWORD", "MARKETING"])
async def test_the_frozen_worker_comes_back_with_the_answer(rig: Rig, category: str) -> None:
    """Its answer still counts: nothing is sent again that it has sent, and nothing ends as UNKNOWN that is known."""
    message_id = await rig.accept(category=category)
    (hand,) = await rig.taken_by("frozen")

    async def taken_over() -> None:
        for other in await rig.claimed_by("other"):
            await rig.sending("other").see_through(other)

    rig.adapter.during = taken_over
    await rig.sending("frozen").see_through(hand)

    assert (await rig.step(message_id)).state is State.SENT
    assert await rig.pass_time(60_000) == []
    await rig.work()
    assert len(rig.adapter.calls) == 1


async def test_it_comes_back_with_a_refusal(store: Store) -> None:
    """An answer that sends a step on, when its entry has gone already, brings the step back by a timer."""
    first, second = Scripted("carrier-a"), Scripted("carrier-b")
    rig = Rig(store, first, second)
    message_id = await rig.accept(category="MARKETING")
    (hand,) = await rig.taken_by("frozen")

    async def taken_over() -> None:
        for other in await rig.claimed_by("other"):
            await rig.sending("other").see_through(other)

    first.during, first.answers = taken_over, [Result(Outcome.AUTH)]
    await rig.sending("frozen").see_through(hand)
    await rig.pass_time(0)
    await rig.work()

    assert (await rig.step(message_id)).state is State.SENT
    assert (len(first.calls), len(second.calls)) == (1, 1)


# ---- somebody else is quicker ----


async def test_a_lost_compare_and_set(rig: Rig) -> None:
    """When the record changes under an answer, the answer is written on what is there now, without another call."""
    message_id = await rig.accept()
    receipt = Receipt("carrier-a", ReceiptKind.READ, rig.clock.now_ms(), f"{message_id}.1.1")
    rig.adapter.during = lambda: rig.receipts().report([receipt])

    await rig.work()

    step = await rig.step(message_id)
    assert (step.state, step.attempts[0].outcome, step.attempts[0].receipts) == (State.DELIVERED, "OK", ["READ"])
    assert (len(rig.adapter.calls), await rig.waiting()) == (1, 0)


async def test_an_answer_outlives_its_entry(rig: Rig) -> None:
    """An answer is written even when another worker has the entry by then, and the record has changed too."""
    message_id = await rig.accept()
    (hand,) = await rig.taken_by("one")
    receipt = Receipt("carrier-a", ReceiptKind.READ, rig.clock.now_ms(), f"{message_id}.1.1")

    async def much_happens() -> None:
        hand.lost = True
        await rig.receipts().report([receipt])

    rig.adapter.during = much_happens
    await rig.sending("one").see_through(hand)

    assert (await rig.step(message_id)).state is State.DELIVERED


async def test_cancelled_just_before(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that is cancelled after it was read and before its attempt is written is not sent."""
    message_id = await rig.accept()
    write = rig.changes.apply_one

    async def cancelled_first(change: Change) -> int:
        monkeypatch.setattr(rig.changes, "apply_one", write)
        keys, now_ms = rig.store.keys, rig.clock.now_ms()
        await change_life(rig.messages, rig.changes, keys, message_id, lambda life: transitions.cancel(life, now_ms))
        return await write(change)

    monkeypatch.setattr(rig.changes, "apply_one", cancelled_first)
    await rig.work()

    assert (await rig.step(message_id)).state is State.CANCELLED
    assert (rig.adapter.calls, await rig.waiting()) == ([], 0)


# ---- the state is away ----


def fails_after(write: Callable[[Change], Awaitable[int]], which: int) -> Callable[[Change], Awaitable[int]]:
    """A write that is carried out, but says once that it may not have been."""
    made = 0

    async def uncertain(change: Change) -> int:
        nonlocal made
        made += 1
        answer = await write(change)
        if made == which:
            raise StateUnavailable("the answer was lost")
        return answer

    return uncertain


@pytest.mark.parametrize("which", [1, 2])
async def test_an_uncertain_write(rig: Rig, monkeypatch: pytest.MonkeyPatch, which: int) -> None:
    """Whether "attempted" or the answer was written is found out: one call, nothing doubtful, nothing forgotten."""
    monkeypatch.setattr("adapters.sending.TROUBLE_S", (0.001, 0.001))
    monkeypatch.setattr(rig.changes, "apply_one", fails_after(rig.changes.apply_one, which))
    message_id = await rig.accept(category="MARKETING")

    await rig.work()

    step = await rig.step(message_id)
    assert (step.state, [one.outcome for one in step.attempts]) == (State.SENT, ["OK"])
    assert (len(rig.adapter.calls), rig.adapter.asked, await rig.waiting()) == (1, [], 0)


async def test_an_uncertain_fail_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that was handed to the next provider by a write that nobody confirmed goes there all the same."""
    first, second = Scripted("carrier-a"), Scripted("carrier-b")
    rig = Rig(store, first, second)
    monkeypatch.setattr("adapters.sending.TROUBLE_S", (0.001, 0.001))
    monkeypatch.setattr(rig.changes, "apply_one", fails_after(rig.changes.apply_one, 2))
    first.answers = [Result(Outcome.AUTH)]
    message_id = await rig.accept()

    await rig.work()

    assert [one.outcome for one in (await rig.step(message_id)).attempts] == ["AUTH", "OK"]
    assert await rig.waiting() == 0


async def test_an_answer_is_kept_while_the_state_is_away(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a provider said is written down when the state is back, however many tries that takes."""
    monkeypatch.setattr("adapters.sending.TROUBLE_S", (0.001, 0.001))
    put, failures = rig.index.put, [StateUnavailable("away")] * 3

    async def away(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return await put(*arguments)

    monkeypatch.setattr(rig.index, "put", away)
    message_id = await rig.accept()

    await rig.work()

    assert (await rig.step(message_id)).state is State.SENT
    assert (len(rig.adapter.calls), failures) == (1, [])


async def test_a_worker_that_dies_after_its_step_was_dropped(rig: Rig) -> None:
    """Decided again, refused, and then nobody wrote what follows: whoever takes the entry over gives the money back
    and lets the record come to its end."""
    message_id = await rig.accept()
    keys, cost = rig.store.keys, Charge("cards/sms", 45_000, "CNY")
    slices, partition = Slices(rig.store), keys.partition_of(message_id)
    await slices.grant(partition, ("bank", "cards/sms"), "CNY", 100_000, 1, NOON)
    life = await rig.life(message_id)
    life.steps[0].charges, life.paid = [(1, cost)], {("cards/sms", 1)}
    candidate = OutlineCandidate(1, ChannelChoice("sms"), ((0, True),), ())
    shape = pack_shape(Shape("v1", "DISTRIBUTION", "default", (candidate,), {}))
    outline = b"\x93\x01" + shape + msgpack.packb((NOON, NOON + HOUR, "P2", None, (cost,), ()))
    admission = pack_admission(Admission((), (Refusal(Reason.OPTED_OUT),)))
    again = ("n", 2, "l", pack_life(life), "q", outline, "r", admission)
    await rig.store.call("HSET", keys.message(message_id), *again)
    await rig.taken_by("dead")

    await rig.work()

    record = await rig.messages.read_one(message_id)
    assert record is not None
    assert (record.final, record.later_outline, rig.adapter.calls) == (True, None, [])
    assert (await rig.step(message_id)).state is State.DROPPED
    (slice_,) = await slices.read(partition, [("bank", "cards/sms")])
    assert slice_ is not None
    assert (slice_.left, await rig.waiting()) == (145_000, 0)


# ---- a clock is wrong ----


async def test_nothing_expires_by_a_wrong_clock(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is a day ahead waits with what seems to be over; right again, it sends it."""
    monkeypatch.setattr("adapters.sending.TROUBLE_S", (0.001, 0.001))
    message_id = await rig.accept()
    now_ms = rig.clock.now_ms()
    rig.clock.advance(24 * HOUR)
    asked: list[int] = []

    async def on_time() -> None:
        asked.append(1)
        if len(asked) < 3:
            raise ClockDiffers(24 * HOUR)
        sending._parts = replace(sending._parts, clock=HandClock(now_ms))

    sending = rig.sending("one")
    sending._parts = replace(sending._parts, on_time=on_time)
    (hand,) = await rig.taken_by("one")
    await sending.see_through(hand)

    assert len(asked) == 3
    assert (await rig.step(message_id)).state is State.SENT


async def test_an_uncertain_return_to_the_lane(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that nobody sends now goes back into its lane once, also when nobody confirmed that it did."""
    monkeypatch.setattr("adapters.sending.TROUBLE_S", (0.001, 0.001))
    monkeypatch.setattr(rig.changes, "apply_one", fails_after(rig.changes.apply_one, 1))
    message_id = await rig.accept()
    (hand,) = await rig.taken_by("one")
    await rig.control.pause(PauseScope.CHANNEL, "sms", "somebody", "", NOON)

    await rig.sending("one").see_through(hand)

    assert (await rig.waiting(), (await rig.step(message_id)).state) == (1, State.QUEUED)
