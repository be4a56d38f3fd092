"""kill -9 at random moments of a run: nothing accepted is lost, nothing is overdrawn, nothing goes twice unsaid."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.send.run import Run, Trouble, run_of
from tests.faults.send.world import SEEDS


def kill(run: Run, name: str) -> Trouble:
    """A trouble: this process is killed and started anew; redis is started by whoever supervises it."""

    async def trouble() -> None:
        if name == "redis":
            run.servers.kill_redis()
            return
        run.servers.kill(name)
        if name in ("all", "intake"):
            await run.servers.start(name)
        else:
            run.servers.begin(name)

    return trouble


def kill_both(run: Run, name: str) -> Trouble:
    """A trouble: redis and a process die together, and the next one finds neither."""

    async def trouble() -> None:
        run.servers.kill_redis()
        await kill(run, name)()

    return trouble


def restart(run: Run, name: str) -> Trouble:
    """A trouble that is none: a process is asked to stop, and ends well."""

    async def trouble() -> None:
        await run.servers.stop(name)
        await run.servers.start(name)

    return trouble


@pytest.mark.parametrize("seed", SEEDS)
async def test_everything_in_one_process(tmp_path: Path, seed: int) -> None:
    """The server dies, redis-server dies, both at once, and the server is asked to stop; in any order."""
    async with run_of(tmp_path, seed) as run:
        troubles = [kill(run, "all"), kill(run, "redis"), kill_both(run, "all"), restart(run, "all")]
        run.random.shuffle(troubles)
        await run.under_load(*troubles)
        await run.ends_well()


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_process_for_each_role(tmp_path: Path, seed: int) -> None:
    """Intake, two workers, recorder and redis-server die one after the other, or two at once; in any order."""
    names = ("intake", "worker-1", "worker-2", "recorder")
    async with run_of(tmp_path, seed, names) as run:
        troubles = [kill(run, name) for name in (*names, "redis")] + [kill_both(run, "worker-2")]
        run.random.shuffle(troubles)
        await run.under_load(*troubles)
        await run.ends_well()
