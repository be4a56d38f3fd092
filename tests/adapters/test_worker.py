"""The worker: one attempt at a time for a step, written before it is made, and what follows from each outcome."""

from __future__ import annotations

import pytest

from adapters.base import Attempt, Outcome, Result
from adapters.dispatch import Bounds
from adapters.retry import RetryPolicy
from engine.decision.change import Event
from engine.decision.life import State
from engine.decision.model import Content, Reason
from engine.state.breakers import Subject, SubjectKind
from engine.state.connection import Store
from engine.state.pauses import PauseScope
from tests.adapters.rig import HOUR, NO_RECEIPTS, NOON, PATIENCE_S, Rig, Scripted, traits, until

USER = ("bank", "u1")


# ---- the call ----


async def test_a_step_goes_from_its_lane_to_its_provider(rig: Rig) -> None:
    """The attempt carries our reference, the wording, the address and the end of its life, and the entry is gone."""
    message_id = await rig.accept(content=Content("t", "common", "", "", (("sms", "", "short", "", ""),)))

    assert await rig.work() == 1

    step = await rig.step(message_id)
    (call,) = rig.adapter.calls
    assert call == Attempt(
        reference=f"{message_id}.1.1",
        message_id=message_id,
        step=1,
        number=1,
        channel="sms",
        addresses=("+8613800000001",),
        category="NOTIFICATION",
        priority="P2",
        expire_ms=NOON + HOUR,
        tenant="bank",
        line="cards",
        content=Content("t", "short", "", ""),
    )
    assert (step.state, step.attempts[0].outcome) == (State.SENT, "OK")
    assert [event for event, _ in await rig.trace(message_id)] == [Event.ATTEMPTED, Event.ANSWERED]
    assert await rig.waiting() == 0


async def test_without_receipts_an_ok_is_all_there_will_be(store: Store) -> None:
    """An adapter that tells no receipts ends a step as UNCONFIRMED with its OK."""
    rig = Rig(store, Scripted(traits=NO_RECEIPTS))
    message_id = await rig.accept()

    await rig.work()

    assert (await rig.step(message_id)).state is State.UNCONFIRMED
    assert (await rig.life(message_id)).is_final


async def test_a_receipt_that_stays_away(rig: Rig) -> None:
    """An accepted step waits for its receipt as long as its provider says, and is UNCONFIRMED then."""
    message_id = await rig.accept()
    await rig.work()

    await rig.pass_time(HOUR - 1)
    assert (await rig.step(message_id)).state is State.SENT
    await rig.pass_time(1)
    assert (await rig.step(message_id)).state is State.UNCONFIRMED


async def test_all_addresses_of_a_user(rig: Rig) -> None:
    """With `address: all` every valid binding is in one attempt, the newest first; the message's own come before."""
    for at_ms, value in enumerate(("old", "new", "dead")):
        await rig.identities.bind(USER, "sms", value, NOON + at_ms)
    binding = (await rig.identities.read([USER]))[USER].binding("sms", "dead")
    assert binding is not None
    await rig.identities.invalidate(USER, "sms", "dead", binding.version)
    await rig.accept(addresses=(), user_id="u1", all_addresses=True)

    await rig.work()

    assert [call.addresses for call in rig.adapter.calls] == [("new", "old")]


async def test_nowhere_to_send_it(rig: Rig) -> None:
    """A step without an address fails without an attempt, as a dead letter."""
    message_id = await rig.accept(addresses=())

    await rig.work()

    step = await rig.step(message_id)
    assert (step.state, step.reason, step.dead) == (State.FAILED, Reason.NO_ADDRESS, True)
    assert not rig.adapter.calls


# ---- outcomes ----


@pytest.mark.parametrize(
    ("outcome", "state", "dead"),
    [
        (Outcome.CONTENT, State.FAILED, False),
        (Outcome.OPTOUT, State.FAILED, False),
        (Outcome.DEAD, State.FAILED, True),
        (Outcome.AUTH, State.FAILED, True),
        (Outcome.BUDGET, State.FAILED, True),
        (Outcome.CONFIG, State.FAILED, True),
        (Outcome.RETRY, State.QUEUED, False),
        (Outcome.THROTTLE, State.QUEUED, False),
        (Outcome.AMBIGUOUS, State.SENDING, False),
    ],
)
async def test_every_outcome(rig: Rig, outcome: Outcome, state: State, dead: bool) -> None:
    """Each outcome of a lone provider has its consequence, and the entry is done with."""
    rig.adapter.answers = [Result(outcome, code="E1")]
    message_id = await rig.accept()

    await rig.work()

    step = await rig.step(message_id)
    assert (step.state, step.dead, len(rig.adapter.calls)) == (state, dead, 1)
    assert step.attempts[0].outcome == outcome
    assert await rig.waiting() == 0


async def test_a_dead_address_is_not_tried_again(rig: Rig) -> None:
    """DEAD marks the binding that was used, unless it was bound anew meanwhile."""
    await rig.identities.bind(USER, "sms", "gone", NOON)
    rig.adapter.answers = [Result(Outcome.DEAD)]
    await rig.accept(addresses=(), user_id="u1")

    await rig.work()

    assert await rig.identities.resolve(USER, "sms") == []


async def test_an_opt_out_told_by_the_provider(rig: Rig) -> None:
    """OPTOUT is noted for the user, this channel and this category; the address stays valid."""
    await rig.identities.bind(USER, "sms", "here", NOON)
    rig.adapter.answers = [Result(Outcome.OPTOUT)]
    await rig.accept(addresses=(), user_id="u1")

    await rig.work()

    user = (await rig.identities.read([USER]))[USER]
    assert user.opted_out_at("sms", "NOTIFICATION") == NOON
    assert user.opted_out_at("sms", "TRANSACTION") is None
    assert len(await rig.identities.resolve(USER, "sms")) == 1


async def test_a_retry_is_a_timer(rig: Rig) -> None:
    """RETRY goes again after a pause that grows, as a new attempt of the same step."""
    rig.adapter.answers = [Result(Outcome.RETRY), Result(Outcome.RETRY)]
    message_id = await rig.accept()

    await rig.work()
    assert [timer.due_ms - NOON for timer in await rig.pass_time(500)] == [500]
    await rig.work()
    assert [timer.due_ms - rig.clock.now_ms() for timer in await rig.pass_time(1000)] == [0]
    await rig.work()

    assert [call.number for call in rig.adapter.calls] == [1, 2, 3]
    assert (await rig.step(message_id)).state is State.SENT


async def test_tries_end(store: Store) -> None:
    """A step whose tries are used up is a dead letter."""
    rig = Rig(store, policy=RetryPolicy(tries=2))
    rig.adapter.answers = [Result(Outcome.RETRY)] * 9
    message_id = await rig.accept()

    for _ in range(3):
        await rig.work()
        await rig.pass_time(60_000 - 1)

    assert (await rig.step(message_id)).state is State.FAILED
    assert len(rig.adapter.calls) == 2


async def test_a_throttled_provider_is_left_alone(rig: Rig) -> None:
    """After THROTTLE no step goes to that provider before the time it asked for; then all do."""
    rig.bounds["carrier-a"] = Bounds(concurrency=1)
    rig.adapter.answers = [Result(Outcome.THROTTLE, retry_after_ms=3_000)]
    worker = rig.worker(timeless=True)
    ids = [await rig.accept() for _ in range(3)]

    await worker.run_once()
    assert len(rig.adapter.calls) == 1
    assert await rig.waiting() == 2
    assert [timer.due_ms - NOON for timer in await rig.pass_time(2_999)] == []
    assert await worker.run_once() == 0

    assert [timer.due_ms - NOON for timer in await rig.pass_time(1_000)] == [3_500]
    await worker.run_once()

    assert len(rig.adapter.calls) == 4
    assert [(await rig.step(each)).state for each in ids] == [State.SENT] * 3


# ---- several providers ----


async def test_the_next_provider_takes_over(store: Store) -> None:
    """A provider that is out for a step hands over at once: nothing is counted or charged anew."""
    first, second = Scripted("carrier-a"), Scripted("carrier-b")
    rig = Rig(store, first, second)
    first.answers = [Result(Outcome.AUTH)]
    message_id = await rig.accept()
    before = await rig.life(message_id)

    await rig.work()

    life = await rig.life(message_id)
    assert [one.provider for one in life.steps[0].attempts] == ["carrier-a", "carrier-b"]
    assert (life.counted, life.paid, life.decided_ms) == (before.counted, before.paid, before.decided_ms)
    assert life.steps[0].state is State.SENT
    assert not rig.decider.jobs
    assert await rig.waiting() == 0


async def test_a_paused_provider_is_passed_over(store: Store) -> None:
    """While the first provider is paused, the second sends; the rule's own order outranks that of the settings."""
    first, second = Scripted("carrier-a"), Scripted("carrier-b")
    rig = Rig(store, first, second)
    await rig.control.pause(PauseScope.PROVIDER, "carrier-b", "ops", "", NOON)
    await rig.accept(providers=("carrier-b", "carrier-a"))

    await rig.work()

    assert (len(first.calls), len(second.calls)) == (1, 0)


async def test_nobody_is_well_for_a_step(store: Store) -> None:
    """A step whose only provider is paused comes back by a timer, without an event, and goes when that resumes."""
    first, second = Scripted("carrier-a"), Scripted("carrier-b")
    rig = Rig(store, first, second)
    await rig.control.pause(PauseScope.PROVIDER, "carrier-b", "ops", "", NOON)
    message_id = await rig.accept(providers=("carrier-b",))

    await rig.work()
    assert (await rig.step(message_id)).state is State.QUEUED
    assert await rig.trace(message_id) == []
    await rig.control.resume(PauseScope.PROVIDER, "carrier-b", NOON)
    assert [timer.due_ms - NOON for timer in await rig.pass_time(5_000)] == [5_000]
    await rig.work()

    assert (len(first.calls), len(second.calls)) == (0, 1)


async def test_the_next_provider_is_away(store: Store) -> None:
    """When one provider is out for a step and the other one paused, the step waits for that one: it has not failed."""
    first, second = Scripted("carrier-a"), Scripted("carrier-b")
    rig = Rig(store, first, second)
    await rig.control.pause(PauseScope.PROVIDER, "carrier-b", "ops", "", NOON)
    first.answers = [Result(Outcome.CONFIG)]
    message_id = await rig.accept()

    await rig.work()
    await rig.control.resume(PauseScope.PROVIDER, "carrier-b", NOON)
    await rig.pass_time(5_000)
    await rig.work()

    assert [one.provider for one in (await rig.step(message_id)).attempts] == ["carrier-a", "carrier-b"]


async def test_the_lanes_of_a_paused_channel_are_not_read(rig: Rig) -> None:
    """A paused channel's steps stay where they are."""
    await rig.control.pause(PauseScope.CHANNEL, "sms", "ops", "", NOON)
    await rig.accept()

    assert await rig.work() == 0
    await rig.control.resume(PauseScope.CHANNEL, "sms", NOON)
    assert await rig.work() == 1


# ---- at the dequeue ----


async def test_an_expired_step_is_not_sent(rig: Rig) -> None:
    """A message whose life is over at the dequeue ends as EXPIRED."""
    message_id = await rig.accept()
    rig.clock.advance(HOUR)

    await rig.work()

    assert (await rig.step(message_id)).state is State.EXPIRED
    assert (rig.adapter.calls, await rig.waiting()) == ([], 0)


async def test_a_stale_step_is_decided_again(rig: Rig) -> None:
    """An entry older than a minute is decided again, and sent when the step is taken."""
    message_id = await rig.accept()
    rig.clock.advance(60_001)

    await rig.work()

    assert len(rig.decider.jobs) == 1
    assert (await rig.step(message_id)).state is State.SENT


async def test_an_opt_out_after_the_decision(rig: Rig) -> None:
    """An opt-out that is newer than the decision leads to another one; an older one does not."""
    rig.decider.drops = True
    await rig.identities.opt_out(("bank", "u1"), "sms", "NOTIFICATION", NOON - 1)
    await rig.identities.opt_out(("bank", "u2"), "", "NOTIFICATION", NOON)
    sent, dropped = await rig.accept(), await rig.accept()

    await rig.work()

    assert (await rig.step(sent)).state is State.SENT
    assert (await rig.step(dropped)).state is State.DROPPED
    assert await rig.waiting() == 0


async def test_a_paused_campaign(rig: Rig) -> None:
    """A step of a paused line or campaign is decided again before it is sent."""
    await rig.control.pause(PauseScope.CAMPAIGN, "bank/spring", "ops", "", NOON)
    rig.decider.drops = True
    await rig.accept(campaign="spring")
    await rig.accept(campaign="autumn")

    await rig.work()

    assert [job.lived.message.campaign for job in rig.decider.jobs] == ["spring"]
    assert len(rig.adapter.calls) == 1


async def test_an_entry_without_a_message(rig: Rig) -> None:
    """An entry whose message has gone, or whose step is final, is taken out."""
    message_id = await rig.accept()
    await rig.store.call("DEL", rig.store.keys.message(message_id))

    assert await rig.work() == 1
    assert (rig.adapter.calls, await rig.waiting()) == ([], 0)


# ---- silence ----


async def test_a_silent_provider_is_asked(rig: Rig) -> None:
    """When no answer comes in time the provider is asked, and its word counts as the answer."""
    rig.adapter.open.clear()
    rig.adapter.traits = traits(timeout_ms=1)
    message_id = await rig.accept()
    rig.adapter.known[f"{message_id}.1.1"] = Result(Outcome.OK, provider_id="own-1")

    await rig.work()

    step = await rig.step(message_id)
    assert (step.state, step.attempts[0].outcome, step.attempts[0].provider_id) == (State.SENT, "OK", "own-1")


@pytest.mark.parametrize("category", ["ONE_TIME_PASSWORD", "MARKETING"])
async def test_silence_without_an_answer(rig: Rig, category: str) -> None:
    """Where nobody can tell, a one-time password goes again and says so; marketing ends as UNKNOWN."""
    rig.adapter.answers = [Result(Outcome.AMBIGUOUS)]
    message_id = await rig.accept(category=category)

    await rig.work()
    if category == "MARKETING":
        assert (await rig.step(message_id)).state is State.SENDING
        await rig.pass_time(HOUR)
        assert (await rig.step(message_id)).state is State.UNKNOWN
        assert len(rig.adapter.calls) == 1
        return
    await rig.pass_time(500)
    await rig.work()
    told = [detail for event, detail in await rig.trace(message_id) if event is Event.ATTEMPTED]
    assert [detail.get("may_be_duplicated", False) for detail in told] == [False, True]


async def test_a_provider_that_breaks_its_contract(rig: Rig) -> None:
    """An exception out of `send` is silence: nobody knows how far the call got."""
    rig.adapter.answers = [RuntimeError("a bug")]
    message_id = await rig.accept(category="MARKETING")

    await rig.work()

    assert (await rig.step(message_id)).attempts[0].outcome == "AMBIGUOUS"


async def test_what_may_have_gone_out_never_counts_as_failed(store: Store) -> None:
    """A step that gave up after an ambiguous attempt does not end as FAILED: nobody knows."""
    rig = Rig(store, Scripted(traits=NO_RECEIPTS), policy=RetryPolicy(tries=2))
    rig.adapter.answers = [Result(Outcome.AMBIGUOUS), Result(Outcome.RETRY)]
    message_id = await rig.accept(category="ONE_TIME_PASSWORD")

    await rig.work()
    await rig.pass_time(500)
    await rig.work()

    assert (await rig.step(message_id)).state is State.UNKNOWN


# ---- breakers ----


async def test_breakers_see_every_call(rig: Rig) -> None:
    """Calls are counted for provider, channel and platform; what is the message's own fault is no error."""
    rig.adapter.answers = [Result(Outcome.RETRY), Result(Outcome.CONTENT), Result(Outcome.AMBIGUOUS)]
    for _ in range(4):
        await rig.accept()

    await rig.work()
    await rig.windows.flush()

    windows = await rig.windows.read(NOON - NOON % 60_000)
    for subject in (
        Subject(SubjectKind.PROVIDER, "carrier-a"),
        Subject(SubjectKind.CHANNEL, "sms"),
        Subject(SubjectKind.PLATFORM, ""),
    ):
        window = windows[subject]
        assert (window.count, window.errors, window.timeouts) == (4, 2, 1)


# ---- by itself ----


async def test_a_worker_by_itself(rig: Rig) -> None:
    """It reads, sends, and stops when it is told to, with nothing left in hand."""
    worker = rig.start(rig.worker())
    ids = [await rig.accept() for _ in range(40)]
    worker.wake()
    await until(lambda: len(rig.adapter.calls) == 40)
    worker.stop()
    await rig.stopped()

    assert (worker.in_hand, await rig.waiting()) == (0, 0)
    assert {(await rig.step(each)).state for each in ids} == {State.SENT}


async def test_calls_at_once_are_bounded(rig: Rig) -> None:
    """Never more calls are under way than the provider allows."""
    rig.adapter.traits = traits(concurrency=3)
    for _ in range(20):
        await rig.accept()

    await rig.work()

    assert (len(rig.adapter.calls), rig.adapter.most_at_once) == (20, 3)


async def test_the_urgent_overtakes(rig: Rig) -> None:
    """With more in hand than the provider can do with, an urgent step still comes in, and goes next."""
    rig.bounds["carrier-a"] = Bounds(concurrency=1, timeout_ms=PATIENCE_S * 1000)
    rig.adapter.open.clear()
    worker = rig.start(rig.worker())
    for _ in range(12):
        await rig.accept(category="MARKETING", priority="P3")
    door = rig.dispatch.gates["carrier-a"]
    await until(lambda: rig.adapter.calls and door.waiting and 1 + door.waiting == worker.in_hand)
    waiting = door.waiting
    await rig.accept(category="ONE_TIME_PASSWORD", priority="P0")
    await until(lambda: door.waiting > waiting)

    rig.adapter.open.set()
    await until(lambda: len(rig.adapter.calls) == 13)
    assert [call.priority for call in rig.adapter.calls[:3]] == ["P3", "P0", "P3"]


async def test_a_provider_that_refuses_everything(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody is told, once and not for every message."""
    rig.adapter.answers = [Result(Outcome.AUTH, code="401", detail="bad key")] * 3
    for _ in range(3):
        await rig.accept()

    await rig.work()

    told = [one.getMessage() for one in caplog.records if "somebody must act" in one.getMessage()]
    assert told == ["the provider carrier-a refuses every message (AUTH 401 bad key): somebody must act"]


async def test_drain(rig: Rig) -> None:
    """Asked to stop, a worker finishes the call under way and gives back the step that it had not begun."""
    rig.bounds["carrier-a"] = Bounds(concurrency=1, timeout_ms=PATIENCE_S * 1000)
    rig.adapter.open.clear()
    worker = rig.start(rig.worker())
    ids = [await rig.accept() for _ in range(2)]
    await until(lambda: rig.adapter.calls and worker.in_hand == 2)

    worker.stop()
    await until(lambda: worker.in_hand == 1)
    rig.adapter.open.set()
    await rig.stopped()

    states = sorted([(await rig.step(each)).state for each in ids])
    assert states == [State.QUEUED, State.SENT]
    assert (worker.in_hand, await rig.waiting(), len(rig.adapter.calls)) == (0, 1, 1)
    await rig.work()
    assert len(rig.adapter.calls) == 2


async def test_the_grace_is_bounded(rig: Rig) -> None:
    """A call that does not end in the time for draining is left open: another worker asks about it."""
    rig.bounds["carrier-a"] = Bounds(timeout_ms=PATIENCE_S * 1000)
    rig.adapter.open.clear()
    worker = rig.start(rig.worker(drain_ms=1))
    message_id = await rig.accept()
    await until(lambda: rig.adapter.calls)

    worker.stop()
    await rig.stopped()

    assert (await rig.step(message_id)).state is State.SENDING
    rig.adapter.known[f"{message_id}.1.1"] = Result(Outcome.OK)
    await rig.work()
    assert (await rig.step(message_id)).state is State.SENT
    assert len(rig.adapter.calls) == 1
