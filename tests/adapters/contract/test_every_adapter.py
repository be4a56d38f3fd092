"""What every adapter promises, whatever its provider; the adapters stand in `cases.py`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from adapters.base import GRACE_MS, Adapter, Attempt, Outcome, Result
from engine.decision.model import Content
from tests.adapters.contract.cases import CASES, REFUSALS, Case, with_mood
from tests.adapters.making import Inbox, attempt, real_time

STRANGE = [
    attempt(1, addresses=()),
    attempt(2, addresses=("",)),
    attempt(3, addresses=tuple(f"+86139{n:08d}" for n in range(1_000))),
    attempt(4, content=Content("", "", "", "")),
    attempt(5, content=Content("标题", "x" * 200_000, "<b>" * 10_000, "https://example.org/?q=%00")),
    attempt(6, content=Content("\x00\x1b[31m", "half a pair \ud83d, \u2028 and 🚂", "", "")),
    attempt(7, content=None, template="T1", params={"a": [1, None, {"b": 0.1}], "": True}),
    attempt(8, content=None),
    attempt(9, expire_ms=0),
    attempt(10, reference='a"b\n.1.1', category="", priority="", tenant="", line=""),
]


def ids(pairs: list[tuple[Case, str]]) -> list[str]:
    """How the parameters are named in reports."""
    return [f"{case.name}-{mood}" for case, mood in pairs]


def each_mood(*moods: str) -> pytest.MarkDecorator:
    """Run a test for every adapter whose peer can be in one of these moods."""
    pairs = with_mood(*moods)
    return pytest.mark.parametrize(("case", "mood"), pairs, ids=ids(pairs))


def made(case: Case, mood: str, folder: Path) -> Adapter:
    """The adapter with a peer in this mood."""
    return case.moods[mood](real_time(folder))


async def sent(adapter: Adapter, what: Attempt) -> Result:
    """Send, within the time that the adapter names and the grace of the worker, times four for a busy machine."""
    async with asyncio.timeout((adapter.traits.timeout_ms + 4 * GRACE_MS) / 1000):
        result = await adapter.send(what)
    assert isinstance(result, Result)
    assert isinstance(result.outcome, Outcome)
    assert set(result.dead) <= set(what.addresses)
    assert result.retry_after_ms >= 0
    return result


def test_the_list_is_complete() -> None:
    """Every adapter of the list can be accepted, refused in some way, and left without an answer."""
    for case in CASES:
        assert {"accepts", "silent"} <= case.moods.keys(), case.name
        assert case.moods.keys() & {outcome.value for outcome in REFUSALS}, case.name


@each_mood("accepts")
def test_what_the_worker_must_know(case: Case, mood: str, tmp_path: Path) -> None:
    """Name, channel and traits are there before the start, and the traits make sense together."""
    adapter = made(case, mood, tmp_path)
    traits = adapter.traits

    assert adapter.name
    assert adapter.channel
    assert traits.timeout_ms >= 1
    assert traits.concurrency >= 1
    assert traits.max_rate is None or traits.max_rate > 0
    assert traits.receipt_wait_ms >= 0
    assert not traits.receipts or traits.receipt_wait_ms > 0


@each_mood("accepts")
async def test_an_accepted_call_is_ok(case: Case, mood: str, tmp_path: Path) -> None:
    """What the provider accepts is OK, with no dead address and no hint to wait."""
    adapter = made(case, mood, tmp_path)
    await adapter.start(Inbox())

    result = await sent(adapter, attempt())

    assert (result.outcome, result.retry_after_ms, result.dead) == (Outcome.OK, 0, ())
    await adapter.stop()


@each_mood(*REFUSALS)
async def test_a_refusal_is_typed(case: Case, mood: str, tmp_path: Path) -> None:
    """Each way in which the provider refuses is its own outcome, with the provider's code."""
    adapter = made(case, mood, tmp_path)
    await adapter.start(Inbox())
    call = attempt()

    result = await sent(adapter, call)

    assert Outcome(mood) == result.outcome
    assert result.code
    assert (call.addresses if mood == Outcome.DEAD else ()) == result.dead
    await adapter.stop()


@each_mood("silent", "unreachable")
async def test_silence_is_ambiguous_in_time(case: Case, mood: str, tmp_path: Path) -> None:
    """A provider that does not answer leaves the call AMBIGUOUS, not before and not long after its time is over."""
    adapter = made(case, mood, tmp_path)
    await adapter.start(Inbox())
    began = time.monotonic()

    result = await sent(adapter, attempt())

    assert result.outcome == Outcome.AMBIGUOUS
    assert (time.monotonic() - began) * 1000 >= adapter.traits.timeout_ms * 0.9
    await adapter.stop()


@each_mood()
async def test_nothing_is_raised(case: Case, mood: str, tmp_path: Path) -> None:
    """Strange attempts, all at once, end in typed outcomes and never in an exception, whatever the provider does."""
    adapter = made(case, mood, tmp_path)
    await adapter.start(Inbox())

    results = await asyncio.gather(*(sent(adapter, strange) for strange in STRANGE))

    assert len(STRANGE) == len(results)
    await adapter.stop()


@each_mood()
async def test_no_call_without_a_start(case: Case, mood: str, tmp_path: Path) -> None:
    """Before the start and after the stop a call is RETRY, a question is unanswered, and nothing is raised."""
    adapter = made(case, mood, tmp_path)
    before = await sent(adapter, attempt(1)), await adapter.query(attempt(1).reference)
    await adapter.start(Inbox())
    await adapter.stop()
    after = await sent(adapter, attempt(2)), await adapter.query(attempt(2).reference)

    assert [(result.outcome, answer) for result, answer in (before, after)] == [(Outcome.RETRY, None)] * 2


@each_mood("accepts")
async def test_stopping_twice(case: Case, mood: str, tmp_path: Path) -> None:
    """Stopping needs no start, may be repeated, at once too, and does not disturb calls under way."""
    await made(case, mood, tmp_path).stop()
    adapter = made(case, mood, tmp_path)
    await adapter.start(Inbox())
    calls = [asyncio.ensure_future(sent(adapter, attempt(n))) for n in range(20)]
    await asyncio.sleep(0)

    await asyncio.gather(adapter.stop(), adapter.stop())
    await adapter.stop()

    assert {result.outcome for result in await asyncio.gather(*calls)} <= {
        Outcome.OK,
        Outcome.RETRY,
        Outcome.AMBIGUOUS,
    }


@each_mood("accepts")
async def test_as_many_calls_as_it_says(case: Case, mood: str, tmp_path: Path) -> None:
    """As many calls at once as its traits allow are all answered."""
    adapter = made(case, mood, tmp_path)
    await adapter.start(Inbox())
    many = adapter.traits.concurrency

    results = await asyncio.gather(*(sent(adapter, attempt(n)) for n in range(many)))

    assert [Outcome.OK] * many == [result.outcome for result in results]
    await adapter.stop()


@each_mood("silent")
async def test_a_cancelled_call_leaves_it_whole(case: Case, mood: str, tmp_path: Path) -> None:
    """A call that is cancelled ends as a cancelled one, and the next is served."""
    adapter = made(case, mood, tmp_path)
    await adapter.start(Inbox())
    call = asyncio.ensure_future(adapter.send(attempt(1)))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert (await sent(adapter, attempt(2))).outcome == Outcome.AMBIGUOUS
    await adapter.stop()


@each_mood("accepts", "silent")
async def test_receipts_name_the_attempt(case: Case, mood: str, tmp_path: Path) -> None:
    """A receipt names the provider, and the attempt by our reference or by the id that its answer gave."""
    adapter, inbox = made(case, mood, tmp_path), Inbox()
    if not adapter.traits.receipts:
        pytest.skip("this provider tells no receipts")
    await adapter.start(inbox)
    calls = [attempt(n, step=n % 3 + 1, number=n % 4 + 1) for n in range(1, 11)]
    results = await asyncio.gather(*(sent(adapter, call) for call in calls))

    await inbox.until(lambda: len(inbox.receipts) >= len(calls))

    names = {call.reference for call in calls} | {result.provider_id for result in results} - {""}
    assert {adapter.name} == {receipt.provider for receipt in inbox.receipts}
    assert all((receipt.reference or receipt.provider_id) in names for receipt in inbox.receipts)
    assert all(receipt.at_ms > 0 for receipt in inbox.receipts)
    await adapter.stop()


@each_mood("accepts", "silent", "unreachable", *REFUSALS)
async def test_a_query_tells_what_became_of_it(case: Case, mood: str, tmp_path: Path) -> None:
    """Asked about a call, it says OK if it was accepted, the refusal if refused, and RETRY if it never arrived."""
    adapter = made(case, mood, tmp_path)
    if not adapter.traits.query:
        pytest.skip("this provider cannot be asked")
    await adapter.start(Inbox())
    await sent(adapter, attempt())
    expected = {"accepts": Outcome.OK, "silent": Outcome.OK, "unreachable": Outcome.RETRY}

    answer = await adapter.query(attempt().reference)
    other = await adapter.query(attempt(2).reference)

    assert expected.get(mood, mood) == (answer and answer.outcome)
    assert other is None or other.outcome is Outcome.RETRY
    await adapter.stop()
