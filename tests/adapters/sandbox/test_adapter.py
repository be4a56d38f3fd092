"""The simulated carrier as a whole: its log is the truth, and its receipts survive it."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Outcome, ReceiptKind
from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.profile import profile_of
from tests.adapters.making import NOON, Inbox, Timeline, attempt, carrier, real_time

PERFECT = {"profile": "perfect"}


def log_of(folder: Path) -> list[dict[str, Any]]:
    """What the carrier wrote."""
    text = (folder / "sandbox" / "carrier-a.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line]


def told(inbox: Inbox) -> Counter[tuple[str, str]]:
    """How often each receipt came."""
    return Counter((receipt.reference, receipt.kind.value) for receipt in inbox.receipts)


def planned(folder: Path) -> Counter[tuple[str, str]]:
    """How often each receipt was to come, by the log."""
    return Counter((line["reference"], kind) for line in log_of(folder) for _, kind, _, _ in line.get("receipts", ()))


async def test_a_call_stands_in_the_log_before_its_answer(tmp_path: Path) -> None:
    """Whoever dies while it waits for the answer leaves a line that says what was accepted."""
    adapter = carrier(real_time(tmp_path), {**PERFECT, "answer_ms": [60_000, 60_000], "timeout_ms": 120_000})
    await adapter.start(Inbox())
    call = asyncio.ensure_future(adapter.send(attempt(7, step=2, number=3)))
    await asyncio.sleep(0)
    line = log_of(tmp_path)[0]
    call.cancel()

    assert tuple(line[name] for name in ("kind", "provider", "channel", "step", "attempt")) == (
        "accepted",
        "carrier-a",
        "sms",
        2,
        3,
    )
    assert attempt(7, step=2, number=3).reference == line["reference"]
    assert line["text"] == "您的账户支出 200.00 元"
    assert line["addresses"] == ["+8613800000007"]
    assert line["delivered"]
    await adapter.stop()


async def run_of(folder: Path, settings: dict[str, Any], calls: int = 400) -> tuple[Inbox, list[str]]:
    """Send on the messages' clock to the end, and what came back."""
    timeline, inbox = Timeline(folder), Inbox()
    adapter = carrier(timeline.surroundings, settings)
    await adapter.start(inbox)
    outcomes = []
    for serial in range(calls):
        outcomes.append((await adapter.send(attempt(serial))).outcome.value)
        next_ms = timeline.clock.now_ms() + 10
        await timeline.run_on(next_ms)
        timeline.clock.advance(next_ms - timeline.clock.now_ms())
    await timeline.run_on()
    await adapter.stop()
    return inbox, outcomes


async def test_a_run_can_be_repeated(tmp_path: Path) -> None:
    """On the messages' clock the same calls have the same answers and the same receipts, to the millisecond."""
    first = await run_of(tmp_path / "first", {"profile": "rough"})
    again = await run_of(tmp_path / "again", {"profile": "rough"})
    other = await run_of(tmp_path / "other", {"profile": "rough", "seed": 1})

    assert first[0].receipts == again[0].receipts
    assert first[1] == again[1]
    assert log_of(tmp_path / "first") == log_of(tmp_path / "again")
    assert other[1] != first[1]


async def test_what_is_told_is_what_was_planned(tmp_path: Path) -> None:
    """Every receipt of the plan is told, as often as planned, at the time it is due; then it is in the log."""
    inbox, _ = await run_of(tmp_path, {"profile": "rough", "seed": 3})
    lines = log_of(tmp_path)

    assert told(inbox) == planned(tmp_path)
    assert told(inbox) == Counter((line["reference"], line["receipt"]) for line in lines if line["kind"] == "receipt")
    due = {(line["reference"], nth): plan[0] for line in lines for nth, plan in enumerate(line.get("receipts", ()))}
    for line in lines:
        if line["kind"] == "receipt":
            assert line["at"] == due[line["reference"], line["nth"]]


async def test_the_usual_carrier_leads_to_supplements(tmp_path: Path) -> None:
    """With the usual profile some deliveries are told after a minute, after five, twice, or never; few fail."""
    inbox, outcomes = await run_of(tmp_path, {}, calls=3_000)
    lines = log_of(tmp_path)
    accepted = {line["reference"]: line["at"] for line in lines if line["kind"] == "accepted"}
    heard: dict[str, int] = {}
    for line in lines:
        if line["kind"] == "receipt" and line["receipt"] in ("DELIVERED", "FAILED"):
            heard.setdefault(line["reference"], line["at"] - accepted[line["reference"]])
    waits = list(heard.values())

    assert 10 < sum(wait > 60_000 for wait in waits) < 150
    assert 0 < sum(wait > 300_000 for wait in waits) < 100
    assert 10 < len(accepted.keys() - heard.keys()) < 100
    assert max(waits) < profile_of({}).receipt_wait_ms
    assert max(told(inbox).values()) == 2
    assert 0 < sum(outcome != "OK" for outcome in outcomes) < 100


async def test_receipts_survive_a_death(tmp_path: Path) -> None:
    """Receipts that were due while nobody ran are told by the next one, those told already are not."""
    timeline, first, second = Timeline(tmp_path), Inbox(), Inbox()
    settings = {**PERFECT, "receipt_ms": [0, 60_000]}
    dying = carrier(timeline.surroundings, settings)
    await dying.start(first)
    for serial in range(300):
        await dying.send(attempt(serial))
    await timeline.run_on(NOON + 30_000)
    die(dying)
    timeline = Timeline(tmp_path)
    timeline.clock.advance(3_600_000)
    heir = carrier(timeline.surroundings, {**PERFECT, "receipts": False})
    await heir.start(second)
    await timeline.run_on()
    await heir.stop()

    assert 0 < len(first.receipts) < 300
    assert 0 < len(second.receipts) < 300
    assert planned(tmp_path) == told(first) + told(second)


def die(adapter: SandboxAdapter) -> None:
    """End as a killed process does: no farewell, and the kernel closes the file."""
    watch = adapter._reporter._watch
    assert watch is not None
    watch.cancel()
    adapter._log.close()


async def test_another_process_takes_over(tmp_path: Path) -> None:
    """Of two carriers on one log one tells the receipts of both, and when it ends the other goes on."""
    first, second = Inbox(), Inbox()
    one, two = (carrier(real_time(tmp_path), PERFECT) for _ in "12")
    await one.start(first)
    await two.start(second)
    for serial in range(20):
        await (one, two)[serial % 2].send(attempt(serial))
    await first.until(lambda: len(first.receipts) == 20)
    await one.stop()
    for serial in range(20, 30):
        await two.send(attempt(serial))
    await second.until(lambda: len(second.receipts) == 10)
    await two.stop()

    assert set(range(30)) == {int(line["message_id"][4:], 16) for line in log_of(tmp_path) if line["kind"] == "receipt"}
    assert planned(tmp_path) == told(first) + told(second)


async def test_a_sink_that_fails_is_told_again(tmp_path: Path) -> None:
    """Receipts that could not be taken are told again after a pause that grows, none lost, none twice."""
    timeline, inbox = Timeline(tmp_path), Inbox()
    adapter = carrier(timeline.surroundings, PERFECT)
    await adapter.start(inbox)
    inbox.broken = True
    for serial in range(10):
        await adapter.send(attempt(serial))
    await timeline.run_on(NOON + 60_000)
    tries = inbox.refused
    inbox.broken = False
    await timeline.run_on()
    await adapter.stop()

    assert tries == 6  # at 0, 1, 3, 7, 15, 31 seconds
    assert planned(tmp_path) == told(inbox)
    assert {1} == set(told(inbox).values())


async def test_it_reads_on_from_where_all_was_settled(tmp_path: Path) -> None:
    """After a good end the next one does not read the past again, and tells nothing of it."""
    await run_of(tmp_path, {"profile": "rough"}, calls=50)
    settled = int((tmp_path / "sandbox" / "carrier-a.jsonl.settled").read_text())
    inbox, _ = await run_of(tmp_path, PERFECT, calls=0)

    assert (tmp_path / "sandbox" / "carrier-a.jsonl").stat().st_size == settled
    assert inbox.receipts == []


async def test_strange_lines_stop_nothing(tmp_path: Path) -> None:
    """Lines that another hand put into the log are passed over, and the rest is told."""
    path = tmp_path / "sandbox" / "carrier-a.jsonl"
    path.parent.mkdir()
    path.write_text(
        'nonsense\n{"kind":"accepted","reference":"a.1.1","receipts":[[1,"EATEN",1,""]]}\n'
        '{"kind":"receipt","reference":"a.1.1","call":"x"}\n{"kind":"accepted","reference":"half'
    )
    inbox, _ = await run_of(tmp_path, PERFECT, calls=5)

    assert len(inbox.receipts) == 5


async def test_a_question_is_answered_by_any_process(tmp_path: Path) -> None:
    """What became of a call is known to a process that did not make it, from the log."""
    timeline = Timeline(tmp_path)
    settings = {**PERFECT, "retry": 0.3, "dead": 0.2, "unreached": 0.2, "unanswered": 0.2}
    asker, maker = carrier(timeline.surroundings, settings), carrier(timeline.surroundings, settings)
    await asker.start(Inbox())
    await maker.start(Inbox())
    for serial in range(60):
        await maker.send(attempt(serial))
    answers = [await asker.query(attempt(serial).reference) for serial in range(61)]
    own = [await maker.query(attempt(serial).reference) for serial in range(61)]
    await asker.stop()
    await maker.stop()

    assert own == answers
    truth = {"accepted": "OK", "unreached": "RETRY"}
    lines = [line for line in log_of(tmp_path) if line["kind"] != "receipt"]
    assert [*(truth.get(line["kind"], line["outcome"]) for line in lines), "RETRY"] == [
        answer and answer.outcome for answer in answers
    ]
    assert {"OK", "RETRY", "DEAD"} == {answer.outcome for answer in answers if answer}


async def test_overrun_and_out(tmp_path: Path) -> None:
    """Beyond its rate the carrier throttles with a hint, in an outage it refuses everything, and then it is back."""
    timeline = Timeline(tmp_path)
    outage = {"from": "2026-01-05T12:00:10+08:00", "until": "2026-01-05T12:00:20+08:00"}
    adapter = carrier(timeline.surroundings, {**PERFECT, "throttle_above": 3, "outages": [outage]})
    await adapter.start(Inbox())
    course = []
    for second in (0, 1, 10, 20):
        timeline.clock.advance(second * 1_000 + NOON - timeline.clock.now_ms())
        results = [await adapter.send(attempt(second * 10 + n)) for n in range(4)]
        course.append([result.outcome.value for result in results])
    await adapter.stop()

    throttled = ["OK", "OK", "OK", "THROTTLE"]
    assert [throttled, throttled, ["RETRY"] * 4, throttled] == course
    assert results[-1].retry_after_ms == 1_000


async def test_a_full_disk_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the carrier cannot write down it has not accepted: the call may go again, and nothing is raised."""
    timeline, inbox = Timeline(tmp_path), Inbox()
    adapter = carrier(timeline.surroundings, PERFECT)
    await adapter.start(inbox)

    def full(handle: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    refused = await adapter.send(attempt(1))
    monkeypatch.undo()
    accepted = await adapter.send(attempt(1, number=2))
    await timeline.run_on()
    await adapter.stop()

    assert (refused.outcome, refused.code) == (Outcome.RETRY, "LOG")
    assert accepted.outcome == Outcome.OK
    assert [(attempt(1, number=2).reference, ReceiptKind.DELIVERED)] == [(r.reference, r.kind) for r in inbox.receipts]


async def test_receipts_that_cannot_be_noted_are_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receipt told while the disk is full is not told again by the same process."""
    timeline, inbox = Timeline(tmp_path), Inbox()
    adapter = carrier(timeline.surroundings, PERFECT)
    await adapter.start(inbox)
    await adapter.send(attempt(1))

    def full(handle: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    await timeline.run_on()
    monkeypatch.undo()
    await adapter.send(attempt(2))
    await timeline.run_on()
    await adapter.stop()

    assert [int(receipt.reference[4:36], 16) for receipt in inbox.receipts] == [1, 2]
