"""A server whose clock stands still, runs ahead, falls behind or jumps about; Redis has the right time all along."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

import grpc
import pytest

import server
from engine.config import load_config
from signalbox.v1.message_service_pb2 import SendRequest
from signalbox.v1.message_service_pb2_grpc import MessageServiceStub
from tests.faults.send.load import Clients
from tests.faults.send.run import Run
from tests.faults.send.servers import Servers, until
from tests.faults.send.world import SOME_SEEDS, request_of, requests_of, totals_for, write_world

NEWS, OFFER = 2, 3
"""Categories: at most 2 news in 1 s, then they are held; at most 3 offers a day, then they are dropped."""

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
MESSAGES: Final = 300
FURTHEST_MS: Final = 7_000


def right_ms() -> int:
    """The time as it is."""
    return time.time_ns() // 1_000_000


class Clock:
    """A clock that can be set wrong."""

    def __init__(self) -> None:
        self._read: Callable[[], int] = right_ms

    def now_ms(self) -> int:
        """The time that it shows."""
        return self._read()

    def off_by(self, ms: int) -> None:
        """Run ahead, or behind, from now on."""
        self._read = lambda: right_ms() + ms

    def stop(self) -> None:
        """Stand still from now on."""
        frozen_ms = right_ms()
        self._read = lambda: frozen_ms


@asynccontextmanager
async def running(folder: Path, seed: int, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """A whole server in this process, by this clock."""
    write_world(folder, seed)
    flags = {("server", "port"): ("--port", 0), ("data", "dir"): ("--data-dir", folder / "data")}
    config = load_config(folder / "settings.toml", {}, {**flags, ("rules", "dir"): ("--rules", folder / "rules")})
    monkeypatch.setattr(server, "SystemClock", lambda: clock)
    monkeypatch.setattr(server, "SWEEP_EVERY_S", 0.1)
    servers = Servers(folder)
    async with AsyncExitStack() as parts, Clients(servers) as clients:
        servers.address = await server.start(config, parts)
        run = Run(seed, servers, clients, Random(seed), right_ms(), totals_for(MESSAGES))
        await clients.grant(run.totals)
        yield run
        await clients.close()


@pytest.fixture
def clock() -> Clock:
    """A clock that is right so far."""
    return Clock()


@pytest.fixture
async def run(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """A server by that clock."""
    async with running(tmp_path, 3, clock, monkeypatch) as one:
        yield one


async def refused(run: Run, request: SendRequest) -> bool:
    """Is this message refused because the clocks differ? Any other refusal is an error."""
    channel = await run.clients.connected()
    try:
        await MessageServiceStub(channel).Send(request, timeout=20)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE or "clock" not in str(error.details()):
            raise
        return True
    return False


async def test_a_clock_that_is_off_refuses_and_counts_nothing(run: Run, clock: Clock) -> None:
    """More than a second ahead or behind nothing is decided; the same messages are new when the clock is right."""
    for off_ms in (-DAY_MS, -1_200, 1_200, DAY_MS):
        offers = [request_of(f"offer-{number}", f"user{off_ms}", OFFER) for number in range(4)]
        clock.off_by(off_ms)
        assert [await refused(run, offer) for offer in offers] == [True] * 4

        clock.off_by(0)
        answers = [await run.clients.send_one(offer) for offer in offers]
        assert [answer.verdict for answer in answers] == ["SEND", "SEND", "SEND", "DROP"]
        assert not any(answer.repeated for answer in answers)


async def test_a_clock_that_stands_still_refuses_after_a_second(run: Run, clock: Clock) -> None:
    """Until then it decides as if no time passed, so nobody gets more than a limit; then it refuses."""
    clock.stop()
    since, count = time.monotonic(), 0
    while not await refused(run, request_of(f"news-{count}", "user", NEWS)):
        count += 1
        assert time.monotonic() < since + 30
    assert time.monotonic() - since < 5
    assert count > 0

    clock.off_by(0)
    held = [await run.clients.send_one(request_of(f"news-{number}", "user", NEWS)) for number in range(count)]
    assert [answer.verdict for answer in held] == ["SEND"] * min(count, 2) + ["HOLD"] * max(0, count - 2)
    assert all(answer.repeated for answer in held)


async def test_a_clock_that_goes_back_frees_no_limit(run: Run, clock: Clock) -> None:
    """Within the second that is allowed it may go back and forth as it likes: three offers a day remain three."""
    verdicts = []
    for number in range(30):
        clock.off_by(run.random.choice((-900, -500, 0, 500, 900)))
        verdicts.append((await run.clients.send_one(request_of(f"offer-{number}", "user", OFFER))).verdict)

    assert verdicts == ["SEND"] * 3 + ["DROP"] * 27


async def test_a_clock_that_was_days_ahead_has_ended_nothing(run: Run, clock: Clock) -> None:
    """What is held, queued and counted is so still when the clock is right again."""
    verdicts = [(await run.clients.send_one(request_of(f"offer-{n}", "user", OFFER))).verdict for n in range(4)]
    assert verdicts == ["SEND"] * 3 + ["DROP"]
    later = request_of("later", "later", OFFER)
    later.message.send_after.FromMilliseconds(right_ms() + HOUR_MS)
    held = await run.clients.send_one(later)
    assert (held.verdict, held.reason) == ("HOLD", "SCHEDULED")

    clock.off_by(30 * DAY_MS)
    since = time.monotonic()
    await until(lambda: time.monotonic() > since + 1, "some looks at what is over")
    clock.off_by(0)
    answer = await run.clients.send_one(request_of("offer-5", "user", OFFER))
    assert (answer.verdict, answer.reason) == ("DROP", "LIMIT_REACHED")
    assert (await run.clients.get(held.message_id))["state"] == "HELD"


@pytest.mark.parametrize("seed", SOME_SEEDS)
async def test_a_clock_that_jumps_under_load(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Some calls are refused meanwhile; in the end the checker finds nothing."""
    async with running(tmp_path, seed, clock, monkeypatch) as run:
        sending = asyncio.ensure_future(run.clients.send(requests_of(seed, MESSAGES), each=5, clients=4))
        for _ in range(20):
            clock.off_by(run.random.choice((-FURTHEST_MS, -1_500, -900, -300, 300, 900, 1_500, FURTHEST_MS)))
            answers, since = len(run.clients.answers), time.monotonic()
            await until(
                lambda a=answers, s=since: len(run.clients.answers) > a + 20 or time.monotonic() > s + 0.2, "a jump"
            )
        clock.off_by(0)
        await sending
        assert run.clients.called_again > 0
        run.began_ms -= FURTHEST_MS  # by a clock that jumped, the short windows can have passed sooner
        await run.checked()


async def test_a_clock_that_jumps_ahead_ends_nothing(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Limits that seem to be over are not swept away: when the clock is right again, three offers a day are three."""
    monkeypatch.setattr(server, "SWEEP_EVERY_S", 0.001)
    async with running(tmp_path, 3, clock, monkeypatch) as run:
        offers = [request_of(f"offer-{number}", "user", OFFER) for number in range(4)]
        before = [(await run.clients.send_one(offer)).verdict for offer in offers[:3]]
        clock.off_by(86_400_000)
        await until(lambda: "forgetting limits that are over has to wait" in caplog.text, "a refused sweep")
        clock.off_by(0)

        assert before == ["SEND"] * 3
        assert (await run.clients.send_one(offers[3])).verdict == "DROP"
