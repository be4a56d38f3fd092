"""The records cannot be written for a while: sending goes on, and in the end they have everything."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.checker import Answer
from tests.faults.send.run import Run, run_of
from tests.faults.send.servers import until
from tests.faults.send.world import SOME_SEEDS, request_of

DISK_BYTES = 8 << 20
LOCKED = "nothing is recorded for now"
CODE, OFFER = 0, 3
"""Categories: codes are charged, offers are free."""

Waiting = list[asyncio.Task[Answer]]


async def sending_goes_on(run: Run) -> Waiting:
    """Messages that cost nothing are accepted and sent while nothing can be recorded.

    That is so though others, which have to wait for money, come together with them and again and again.
    """
    calls = run.servers.calls()
    charged = [
        asyncio.ensure_future(run.clients.send_one(request_of(f"c{n}", f"c{n}", CODE, "poor"))) for n in range(20)
    ]
    free = [request_of(f"free-{number}", f"free-{number}", OFFER) for number in range(200)]
    asked = time.monotonic()
    await asyncio.gather(*map(run.clients.send_one, free))
    assert time.monotonic() - asked < 10
    assert not any(one.done() for one in charged)
    await until(lambda: run.servers.calls() >= calls + 200, "calls while nothing can be recorded")
    return charged


async def have_their_answers(waiting: Waiting) -> None:
    """Those who had to wait for money are told now that there is none."""
    answers = await asyncio.gather(*waiting)
    assert {(answer.verdict, answer.reason) for answer in answers} == {("DROP", "ACCOUNT_UNKNOWN")}


async def until_noticed(run: Run) -> None:
    """Wait until the recorder has said so."""
    await until(lambda: LOCKED in run.servers.log.read_text(encoding="utf-8"), "trouble of the recorder")


@pytest.mark.parametrize("seed", SOME_SEEDS)
async def test_somebody_locks_the_database(tmp_path: Path, seed: int) -> None:
    """Another process holds the write lock longer than anybody waits for it; what needs no money goes on."""
    async with run_of(tmp_path, seed) as run:
        sending = run.begin_load()
        await run.until_share(0.2)
        with closing(sqlite3.connect(run.servers.data / "records.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await until_noticed(run)
            waiting = await sending_goes_on(run)
            other.execute("ROLLBACK")
        await sending
        await have_their_answers(waiting)
        await run.ends_well()


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """A file system of a few megabytes; only root may mount one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("even root cannot mount a file system here, as in many containers")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """Take all the room that is left."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return filler


@pytest.mark.parametrize("seed", SOME_SEEDS)
async def test_the_disk_of_the_records_is_full(tmp_path: Path, seed: int) -> None:
    """Nothing fits into the database any more; when there is room again it takes everything in."""
    disk = tmp_path / "disk"
    with small_disk(disk):
        settings = f'[records]\nurl = "sqlite:///{disk}/records.db"\n'
        async with run_of(tmp_path, seed, settings=settings) as run:
            sending = run.begin_load()
            await run.until_share(0.2)
            filler = fill(disk)
            await until_noticed(run)
            waiting = await sending_goes_on(run)
            filler.unlink()
            await sending
            await have_their_answers(waiting)
            await run.ends_well()
