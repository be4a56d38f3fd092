"""The rules process is asked, hurt in every way, and never keeps a caller waiting. All processes here are real."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pickle
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.errors import MatcherUnavailable
from engine.flow.rules_frames import LoadEnd
from engine.flow.rules_process import ROOT, RulesProcess, RulesProcessOptions
from engine.logs import JsonFormatter
from tests.flow.stand_in import Conjunction, one_each

FAKES = Path(__file__).parent / "fakes"
PATIENT = RulesProcessOptions(
    loader="tests.flow.stand_in:work", answer_limit_s=2.0, kill_limit_s=4.0, first_pause_s=0.01
)
"""Limits that a busy machine keeps too; a test that is about a limit sets its own."""


def rules_processes() -> list[psutil.Process]:
    """Our children that are rules processes, or what is left of one; other tests of this run may have others."""
    children = psutil.Process().children()
    return [
        one for one in children if one.status() == psutil.STATUS_ZOMBIE or "rules_worker" in " ".join(one.cmdline())
    ]


@contextlib.asynccontextmanager
async def running(options: RulesProcessOptions = PATIENT) -> AsyncIterator[RulesProcess]:
    """A started process with the version `v` of ten rules, one for each class of the only term."""
    rules = RulesProcess(options)
    await rules.start()
    try:
        await rules.install("v", [one_each(10)])
        yield rules
    finally:
        await rules.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until a condition holds; ten seconds are an error."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.to_thread(os.sched_yield)


def alive(pid: int | None) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_it_matches() -> None:
    """Each fingerprint gets the rules that match, in the order asked, and the exchange is counted."""
    async with running() as rules:
        assert await rules.match("v", 0, [(3,), (77,), (0,)]) == [(3,), (), (0,)]
        assert await rules.match("v", 0, []) == []
        assert (rules.counters.exchanges, rules.counters.fingerprints) == (1, 3)


async def test_a_version_without_terms_matches_always() -> None:
    """Fingerprints may be empty: then the rules without tests match."""
    async with running() as rules:
        await rules.install("empty", [[Conjunction(4, ())], []])

        assert await rules.match("empty", 0, [(), ()]) == [(4,), (4,)]
        assert await rules.match("empty", 1, [()]) == [()]


async def test_exchanges_do_not_mix() -> None:
    """A hundred callers at once, small and large, each get their own answers."""
    async with running() as rules:
        asked = [[((i + j) % 12,) for j in range(1 + i * 7 % 400)] for i in range(100)]
        expected = [[(c,) if c < 10 else () for (c,) in part] for part in asked]

        assert expected == await asyncio.gather(*(rules.match("v", 0, part) for part in asked))


async def test_an_unknown_version_is_unavailable() -> None:
    """A version that is not installed, or no longer, is MatcherUnavailable and does no harm."""
    async with running() as rules:
        rules.release("v")
        for key in ("v", "w"):
            with pytest.raises(MatcherUnavailable):
                await rules.match(key, 0, [(1,)])

        await rules.install("v", [one_each(2)])
        assert await rules.match("v", 0, [(1,)]) == [(1,)]
        assert (rules.counters.refused, rules.counters.deaths) == (2, 0)


async def test_a_release_waits_for_what_is_under_way() -> None:
    """An exchange that was begun before a version is released is still answered."""
    async with running() as rules:
        under_way = asyncio.create_task(rules.match("v", 0, [(1,)] * 5000))
        await asyncio.sleep(0)
        rules.release("v")

        assert await under_way == [(1,)] * 5000


async def test_what_cannot_be_packed_is_unavailable() -> None:
    """A fingerprint that does not fit the frames is the interpreter's, not an error of another kind."""
    async with running() as rules:
        with pytest.raises(MatcherUnavailable):
            await rules.match("v", 0, [(-1,)])
        with pytest.raises(MatcherUnavailable):
            await rules.match("v", 0, [(1,), (1, 2)])


async def test_a_killed_process_is_replaced() -> None:
    """SIGKILL: whoever waits is told at once, and a new process answers for every installed version."""
    async with running() as rules:
        old = rules.pid
        os.kill(old, signal.SIGKILL)
        with pytest.raises(MatcherUnavailable):
            await rules.match("v", 0, [(1,)])
        await rules.wait_ready()

        assert await rules.match("v", 0, [(1,)]) == [(1,)]
        assert rules.pid != old
        assert (rules.counters.deaths, rules.counters.restarts, rules.counters.timeouts) == (1, 1, 0)


async def test_a_stopped_process_is_killed_and_replaced() -> None:
    """SIGSTOP: the silence ends the wait within the first limit, and at the second one the process."""
    async with running(replace(PATIENT, answer_limit_s=0.1, kill_limit_s=0.3)) as rules:
        old = rules.pid
        os.kill(old, signal.SIGSTOP)
        begun = time.monotonic()
        answers = await asyncio.gather(*(rules.match("v", 0, [(1,)]) for _ in range(3)), return_exceptions=True)
        waited = time.monotonic() - begun
        with pytest.raises(MatcherUnavailable):
            await rules.match("v", 0, [(1,)])
        await until(lambda: rules.pid not in (None, old))

        assert all(isinstance(answer, MatcherUnavailable) for answer in answers)
        assert waited < 2
        assert await rules.match("v", 0, [(1,)]) == [(1,)]
        assert (rules.counters.timeouts, rules.counters.refused, rules.counters.restarts) == (1, 1, 1)
        assert not alive(old)


async def test_a_process_that_was_only_held_up_is_asked_again() -> None:
    """One that speaks again before the second limit keeps its life and its work."""
    async with running(replace(PATIENT, answer_limit_s=0.1, kill_limit_s=30)) as rules:
        old = rules.pid
        os.kill(old, signal.SIGSTOP)
        with pytest.raises(MatcherUnavailable):
            await rules.match("v", 0, [(1,)])
        os.kill(old, signal.SIGCONT)
        await rules.install("w", [one_each(1)])

        assert await rules.match("v", 0, [(1,)]) == [(1,)]
        assert (rules.pid, rules.counters.restarts) == (old, 0)


async def test_a_late_loop_is_not_taken_for_a_silent_process() -> None:
    """When this side was busy past the limit, the answer that lies in the socket counts."""
    async with running(replace(PATIENT, answer_limit_s=0.1)) as rules:
        asked = asyncio.create_task(rules.match("v", 0, [(1,)]))
        await asyncio.sleep(0)
        busy_until = time.monotonic() + 0.2
        while time.monotonic() < busy_until:
            pass

        assert await asked == [(1,)]
        assert rules.counters.timeouts == 0


async def test_an_error_code_is_unavailable_and_replaces_the_process() -> None:
    """An error code of durable-rules reaches the caller with its number; the next process answers again."""
    async with running(replace(PATIENT, import_paths=(FAKES, ROOT))) as rules:
        with pytest.raises(MatcherUnavailable, match="303"):
            await rules.match("v", 0, [(303,)])
        await rules.wait_ready()

        assert await rules.match("v", 0, [(1,)]) == [()]
        assert (rules.counters.errors, rules.counters.restarts) == (1, 1)


async def test_a_process_that_cannot_start_is_unavailable(tmp_path: Path) -> None:
    """Where the process never gets ready, `start` says so and leaves nothing behind."""
    others = rules_processes()
    (tmp_path / "engine.py").write_text("raise SystemExit(1)", encoding="utf-8")
    rules = RulesProcess(replace(PATIENT, import_paths=(tmp_path,), start_limit_s=0.5))

    with pytest.raises(MatcherUnavailable):
        await rules.start()
    with pytest.raises(MatcherUnavailable):
        await rules.match("v", 0, [(1,)])
    assert rules_processes() == others


async def test_stopping_leaves_no_process() -> None:
    """After `stop` neither the process nor a load is left, not even as a zombie."""
    others = rules_processes()
    async with running() as rules:
        load = asyncio.create_task(rules.load("loop"))
        process = psutil.Process(rules.pid)
        await until(lambda: bool(process.children()))
        family = [rules.pid, *(child.pid for child in process.children())]
        await rules.stop()
        await until(lambda: not any(map(alive, family)))

        assert LoadEnd.AWAY is (await load).end
        assert rules_processes() == others


async def test_a_dead_server_takes_the_process_along() -> None:
    """When the server's end of the socket closes for whatever reason, the process ends, and its load with it."""
    async with running() as rules:
        load = asyncio.create_task(rules.load("loop"))
        process = psutil.Process(rules.pid)
        await until(lambda: bool(process.children()))
        family = [rules.pid, *(child.pid for child in process.children())]
        os.kill(rules.pid, signal.SIGKILL)
        await until(lambda: not any(map(alive, family)))
        load.cancel()


async def test_a_load_gives_its_result() -> None:
    """What the load function returns comes back, however large, and it ran in a child of the process."""
    async with running() as rules:
        child = await rules.load("pid")
        large = await rules.load("large")

        assert LoadEnd.DONE is child.end
        assert child.result not in (os.getpid(), rules.pid)
        assert len(large.result) == 8 << 20


async def test_a_large_load_does_not_hold_up_matches() -> None:
    """While eight megabytes of a result pass through the socket, matches are answered in between."""
    async with running() as rules:
        load = asyncio.create_task(rules.load("large"))
        answered = 0
        while not load.done():
            assert await rules.match("v", 0, [(1,)]) == [(1,)]
            answered += 1

        assert answered > 5
        assert LoadEnd.DONE is load.result().end


@pytest.mark.parametrize(
    ("way", "end", "detail"),
    [
        ("raise", LoadEnd.RAISED, "RuntimeError; the log tells where"),
        ("leave", LoadEnd.RAISED, "SystemExit; the log tells where"),
        ("lambda", LoadEnd.RAISED, "Error; the log tells where"),
        ("crash", LoadEnd.CRASHED, "SIGSEGV"),
        ("exit", LoadEnd.CRASHED, "exit code 0"),
        ("eat", LoadEnd.MEMORY, ""),
        ("loop", LoadEnd.TIME, ""),
    ],
)
async def test_a_hostile_load_hurts_nobody(way: str, end: LoadEnd, detail: str) -> None:
    """However a load goes wrong, the report says how, and the same process goes on matching."""
    options = replace(PATIENT, load_memory_bytes=256 << 20, load_limit_s=0.3 if way == "loop" else 30)
    async with running(options) as rules:
        process = psutil.Process(rules.pid)
        load = asyncio.create_task(rules.load(way))
        while not load.done():
            assert await rules.match("v", 0, [(1,)]) == [(1,)]
        report = load.result()

        assert end is report.end
        assert detail in report.detail
        assert process.pid == rules.pid
        assert process.children() == []


async def test_where_a_load_raised_is_logged_and_nothing_it_said(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line in the log's own form, with kind and places, no text of the error; nothing goes to stderr beside it."""
    async with running() as rules:
        await rules.load("raise")

    (line,) = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert (line["level"], line["exception"]) == ("error", "RuntimeError")
    assert "stand_in.py" in line["places"]
    assert "in _raise" in line["places"]
    assert capfd.readouterr().err == ""


async def test_an_unexpected_exception_does_not_end_the_watch_over_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong in starting a process is logged, and the next attempt brings one that answers."""
    async with running() as rules:
        old, start, failed = rules.pid, asyncio.create_subprocess_exec, []

        async def fail_twice(*arguments: Any, **keywords: Any) -> asyncio.subprocess.Process:
            if len(failed) < 2:
                failed.append(KeyError("as told"))
                raise failed[-1]
            return await start(*arguments, **keywords)

        monkeypatch.setattr(asyncio, "create_subprocess_exec", fail_twice)
        os.kill(old, signal.SIGKILL)
        await until(lambda: rules.pid not in (None, old))

        assert await rules.match("v", 0, [(1,)]) == [(1,)]
        assert (rules.counters.deaths, rules.counters.restarts) == (1, 3)
        assert [r.exc_info[0] for r in caplog.records if r.exc_info] == [KeyError, KeyError]


async def test_a_version_that_cannot_be_sent_does_not_stay_in_the_way() -> None:
    """Installing it raises, and the next process starts without it."""
    async with running() as rules:
        with pytest.raises((AttributeError, pickle.PicklingError)):
            await rules.install("bad", [[Conjunction(lambda: 0, ())]])
        os.kill(rules.pid, signal.SIGKILL)
        with pytest.raises(MatcherUnavailable):
            await rules.match("v", 0, [(1,)])
        await rules.wait_ready()

        assert await rules.match("v", 0, [(1,)]) == [(1,)]
        assert (rules.counters.deaths, rules.counters.restarts) == (1, 1)


async def test_a_load_is_begun_again_when_the_process_dies() -> None:
    """A load lost with its process is repeated; one that kills the process each time is given up."""
    async with running() as rules:
        report = await rules.load("kill-parent")
        await rules.wait_ready()

        assert LoadEnd.AWAY is report.end
        assert rules.counters.deaths == 3
        assert await rules.match("v", 0, [(1,)]) == [(1,)]
