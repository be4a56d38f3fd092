"""Receipts: early, late, repeated, in any order, by either name, each noted once."""

from __future__ import annotations

from itertools import permutations

import pytest

from adapters.base import Outcome, Receipt, ReceiptKind, Result
from adapters.receipts import Fate, Reported
from engine.decision.change import Event
from engine.decision.life import State
from engine.decision.model import Message
from engine.decision.packing import digests
from engine.state.messages import Recorded
from tests.adapters.rig import HOUR, NOON, Rig

KINDS = (ReceiptKind.DELIVERED, ReceiptKind.READ, ReceiptKind.CLICKED)


def by_reference(message_id: str, kind: ReceiptKind = ReceiptKind.DELIVERED, attempt: int = 1) -> Receipt:
    """A receipt that carries our reference."""
    return Receipt("carrier-a", kind, NOON, reference=f"{message_id}.1.{attempt}")


def by_own_id(provider_id: str, kind: ReceiptKind = ReceiptKind.DELIVERED, at_ms: int = NOON) -> Receipt:
    """A receipt that carries the provider's own id."""
    return Receipt("carrier-a", kind, at_ms, provider_id=provider_id, code="D")


def fates(reported: list[Reported]) -> list[Fate]:
    """What was done."""
    return [one.fate for one in reported]


@pytest.mark.parametrize("named", ["reference", "id"])
async def test_a_delivery(rig: Rig, named: str) -> None:
    """A receipt ends the step as DELIVERED, by our reference as by the provider's id, and is noted once."""
    rig.adapter.answers = [Result(Outcome.OK, provider_id="own")]
    message_id = await rig.accept()
    await rig.work()
    receipt = by_reference(message_id) if named == "reference" else by_own_id("own")

    assert fates(await rig.receipts().report([receipt, receipt])) == [Fate.NOTED, Fate.REPEATED]
    assert fates(await rig.receipts().report([receipt])) == [Fate.REPEATED]

    assert (await rig.step(message_id)).state is State.DELIVERED
    assert [event for event, _ in await rig.trace(message_id)].count(Event.RECEIPT) == 1
    assert await rig.pass_time(HOUR) == []


@pytest.mark.parametrize("order", list(permutations(KINDS)))
async def test_any_order(rig: Rig, order: tuple[ReceiptKind, ...]) -> None:
    """Whatever comes first delivers; the others are lines of the trace, and the end is the same."""
    message_id = await rig.accept()
    await rig.work()

    for kind in order:
        await rig.receipts().report([by_reference(message_id, kind)])

    step = await rig.step(message_id)
    assert (step.state, sorted(step.attempts[0].receipts)) == (State.DELIVERED, sorted(KINDS))
    ends = [detail for event, detail in await rig.trace(message_id) if event is Event.ENDED]
    assert ends == [{"state": "DELIVERED"}]


async def test_a_failure(rig: Rig) -> None:
    """A failed delivery ends the step as FAILED; delivered afterwards is noted and changes no state."""
    message_id = await rig.accept()
    await rig.work()

    done = await rig.receipts().report([by_reference(message_id, ReceiptKind.FAILED), by_reference(message_id)])

    assert fates(done) == [Fate.NOTED, Fate.NOTED]
    assert (await rig.step(message_id)).state is State.FAILED


@pytest.mark.parametrize("named", ["reference", "id"])
async def test_quicker_than_the_answer(rig: Rig, named: str) -> None:
    """A receipt that comes while the call is under way is kept, and counts when the answer is there."""
    message_id = await rig.accept()
    rig.adapter.answers = [Result(Outcome.OK, provider_id="own")]
    receipt = by_reference(message_id) if named == "reference" else by_own_id("own", at_ms=NOON - 7)
    seen: list[Reported] = []

    async def comes() -> None:
        seen.extend(await rig.receipts().report([receipt]))

    rig.adapter.during = comes
    await rig.work()

    assert fates(seen) == [Fate.NOTED if named == "reference" else Fate.KEPT]
    assert (await rig.step(message_id)).state is State.DELIVERED
    told = [detail["reported_ms"] for event, detail in await rig.trace(message_id) if event is Event.RECEIPT]
    assert told == [receipt.at_ms]
    assert fates(await rig.receipts().report([receipt])) == [Fate.REPEATED]


async def test_a_late_one(rig: Rig) -> None:
    """A receipt after the end of its wait is noted; the step stays UNCONFIRMED."""
    message_id = await rig.accept()
    await rig.work()
    await rig.pass_time(HOUR)

    assert fates(await rig.receipts().report([by_reference(message_id)])) == [Fate.NOTED]
    assert (await rig.step(message_id)).state is State.UNCONFIRMED


async def test_after_a_retry(rig: Rig) -> None:
    """A receipt about an earlier attempt delivers a step that waits to be tried again: it is not sent twice."""
    rig.adapter.answers = [Result(Outcome.AMBIGUOUS)]
    message_id = await rig.accept(category="ONE_TIME_PASSWORD")
    await rig.work()

    await rig.receipts().report([by_reference(message_id)])
    assert await rig.pass_time(HOUR) == []
    await rig.work()

    assert (await rig.step(message_id)).state is State.DELIVERED
    assert len(rig.adapter.calls) == 1


async def closed(rig: Rig) -> str:
    """A message that is delivered, recorded, and of which only the rest is kept; return its id."""
    message_id = await rig.accept(user_id="u1")
    await rig.work()
    await rig.receipts().report([by_reference(message_id)])
    record = await rig.messages.read_one(message_id)
    assert record is not None
    kept = digests(Message("bank", "cards", "u1", "NOTIFICATION", "P2"))
    assert await rig.messages.recorded([Recorded(message_id, record.n, kept, HOUR)]) == [True]
    return message_id


async def test_after_it_was_recorded(rig: Rig) -> None:
    """A click on a message that was recorded long ago is still noted, once, and told to the recorder."""
    message_id = await closed(rig)
    click = by_reference(message_id, ReceiptKind.CLICKED)

    assert fates(await rig.receipts().report([click])) == [Fate.NOTED]
    assert fates(await rig.receipts().report([click])) == [Fate.REPEATED]

    record = await rig.messages.read_one(message_id)
    assert record is not None
    assert (record.body, record.final, record.events != b"") == (None, True, True)


async def test_an_opt_out(rig: Rig) -> None:
    """OPTED_OUT is noted for the user, this channel and this category, from when we know it; the delivery stands."""
    message_id = await rig.accept(user_id="u1")
    await rig.work()
    rig.clock.advance(5_000)
    await rig.receipts().report([by_reference(message_id)])

    await rig.receipts().report([by_reference(message_id, ReceiptKind.OPTED_OUT)])

    user = (await rig.identities.read([("bank", "u1")]))["bank", "u1"]
    assert user.opted_out_at("sms", "NOTIFICATION") == NOON + 5_000
    assert (await rig.step(message_id)).state is State.DELIVERED


async def test_an_opt_out_after_it_was_recorded(rig: Rig) -> None:
    """Whose message it was is asked of the records then."""
    message_id = await closed(rig)

    async def user_of(asked: str) -> tuple[str, str] | None:
        return ("bank", "u1") if asked == message_id else None

    await rig.receipts(user_of).report([by_reference(message_id, ReceiptKind.OPTED_OUT)])

    user = (await rig.identities.read([("bank", "u1")]))["bank", "u1"]
    assert user.opted_out_at("sms", "NOTIFICATION") == NOON


async def test_unknown_attempts(rig: Rig) -> None:
    """What names no attempt of ours is rejected with a reason and hinders no other; an unknown id is kept."""
    message_id = await rig.accept()
    await rig.work()
    other = rig.store.keys.message_id("bank", "nobody", "r")

    reported = await rig.receipts().report(
        [
            by_reference("nonsense"),
            by_reference("p99-" + "0" * 32),
            by_reference(other),
            by_reference(message_id, attempt=2),
            by_reference(message_id)._replace(provider="carrier-b"),
            Receipt("carrier-a", ReceiptKind.DELIVERED, NOON),
            by_own_id("never seen"),
            by_reference(message_id),
        ]
    )

    assert fates(reported) == [Fate.REJECTED] * 6 + [Fate.KEPT, Fate.NOTED]
    assert all(one.error for one in reported[:6])


async def test_many_at_once(rig: Rig) -> None:
    """A batch of receipts of many messages, with several of each, loses none."""
    ids = [await rig.accept() for _ in range(50)]
    await rig.work()

    reported = await rig.receipts().report([by_reference(each, kind) for kind in KINDS for each in ids])

    assert fates(reported) == [Fate.NOTED] * 150
    assert {len((await rig.step(each)).attempts[0].receipts) for each in ids} == {3}


async def test_what_adapters_tell(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The sink of the adapters takes receipts in; one that is rejected is logged and not told again."""
    message_id = await rig.accept()
    await rig.work()

    await rig.receipts().sink([by_reference(message_id), by_reference("nonsense")])

    assert (await rig.step(message_id)).state is State.DELIVERED
    assert "rejected" in caplog.text


async def test_an_opt_out_that_was_quicker_than_the_answer(rig: Rig) -> None:
    """It names the attempt as the provider does, which nobody knows yet: the next message knows of it all the same."""
    rig.adapter.answers = [Result(Outcome.OK, provider_id="own")]
    quick = [by_own_id("own", ReceiptKind.OPTED_OUT)]

    async def during() -> None:
        assert fates(await rig.receipts().report(quick)) == [Fate.KEPT]

    rig.adapter.during = during
    message_id = await rig.accept()
    await rig.work()

    assert (await rig.step(message_id)).attempts[0].receipts == ["OPTED_OUT"]
    user = await rig.identities.read([("bank", "u1")])
    assert user[("bank", "u1")].opted_out_at("sms", "NOTIFICATION") == NOON
