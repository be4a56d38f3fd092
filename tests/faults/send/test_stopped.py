"""Processes that are stopped for a while and go on as if nothing had been: what they had in hand is others' by then."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.faults.send.run import Run, Trouble, run_of
from tests.faults.send.servers import until
from tests.faults.send.world import CATEGORIES, SOME_SEEDS

EVERY = [name for _number, name in CATEGORIES]

CLAIM_S = 1.0
"""As the settings of the world say."""


def stop_for(run: Run, name: str, seconds: float) -> Trouble:
    """A trouble: this process is stopped, and goes on after so long."""

    async def trouble() -> None:
        since = time.monotonic()
        run.servers.signal(name, signal.SIGSTOP)
        await until(lambda: time.monotonic() > since + seconds, "the end of a pause")
        run.servers.signal(name, signal.SIGCONT)

    return trouble


@pytest.mark.parametrize("seed", SOME_SEEDS)
async def test_a_worker_sleeps_longer_than_its_claim(tmp_path: Path, seed: int) -> None:
    """Others take its steps over; awake again it begins no attempt that is not its own, and its late answers fit in.

    What was stopped in the middle of a call reaches the carrier after it had said that there was no such call. So any
    category may go out twice here, and the trace says so.
    """
    names = ("intake", "worker-1", "worker-2", "recorder")
    async with run_of(tmp_path, seed, names) as run:
        pause_s = CLAIM_S * run.random.uniform(2, 3)
        await run.under_load(*(stop_for(run, name, pause_s) for name in ("worker-1", "worker-2", "worker-1")))
        await run.ends_well(goes_again=EVERY)
