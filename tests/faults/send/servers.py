"""Real processes of a server, with the means to be rude to them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from tests.faults.send.world import MESSAGES
from tests.test_server import SERVE, WAIT_S, environment

LOOK_S: Final = 0.005
PATIENCE_S: Final = 60.0 + MESSAGES / 50

BYTES_OF_A_CALL: Final = 700
"""In a carrier's log, with the receipts it leads to."""


async def until(condition: Callable[[], object], what: str) -> None:
    """Look again until a condition holds; past the deadline it is an error.

    Between two looks the processor is left to the processes that are waited for.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true in time"
        await rest(LOOK_S)


async def rest(seconds: float) -> None:
    """Do nothing for a moment, as a client does before it calls again."""
    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=seconds)


class Servers:
    """The processes on one folder, by name; a name begins with its role, such as worker-2."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self.address = ""
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._redis: set[int] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        for name in list(self._running):
            self.kill(name)
        self.kill_redis()

    async def start(self, *names: str) -> None:
        """Start processes, all at once, and wait until they work."""
        begun = [(name, self.begin(name)) for name in names]
        for name, process in begun:
            assert process.stdout is not None
            line = await asyncio.to_thread(process.stdout.readline)
            assert line, f"{name} did not start: {self._end_of_log()}"
            address = line.split()[1].removeprefix("grpc=")
            self.address = address if address != "-" else self.address

    def begin(self, name: str) -> subprocess.Popen[str]:
        """Start a process; when it works, nobody is told."""
        flags = ("--config", "settings.toml", "--data-dir", "data", "--rules", "rules", "--port", "0")
        with self.log.open("a", encoding="utf-8") as log:
            process = self._running[name] = subprocess.Popen(
                [*SERVE, *flags, "--role", name.partition("-")[0]],
                cwd=self.folder,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return process

    def _end_of_log(self) -> str:
        return self.log.read_text(encoding="utf-8")[-3000:]

    def kill(self, name: str) -> None:
        """kill -9, as seen from outside: it is gone at once."""
        process = self._running.pop(name)
        process.kill()
        process.wait(WAIT_S)
        assert process.stdout is not None
        process.stdout.close()

    async def stop(self, *names: str) -> None:
        """Ask processes to stop, one after the other; each must end well."""
        for name in names or list(self._running):
            process = self._running[name]
            process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(process.wait, WAIT_S)
            # One that was killed a moment ago may only be starting again: it has no handler for the signal yet.
            assert code in (0, -signal.SIGTERM), f"{name} ended with {code}: {self._end_of_log()}"
            assert process.stdout is not None
            process.stdout.close()
            del self._running[name]

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send any signal, such as SIGSTOP and SIGCONT."""
        self._running[name].send_signal(number)

    def redis(self) -> psutil.Process | None:
        """The embedded redis-server, if one is there."""
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int((self.data / "redis" / "redis.pid").read_text(encoding="ascii")))
            # The number may long be another's.
            if "redis-server" in process.name() and Path(process.cwd()) == self.data / "redis":
                return process
        return None

    def kill_redis(self) -> None:
        """kill -9 of the embedded redis-server, if one is there just now."""
        redis = self.redis()
        if redis is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                redis.kill()

    @property
    def logs(self) -> Path:
        """Where the carriers write down what they are asked."""
        return self.data / "sandbox"

    def calls(self) -> int:
        """Roughly how many calls the carriers have had, told by the size of their logs."""
        return sum(path.stat().st_size for path in self.logs.glob("*.jsonl")) // BYTES_OF_A_CALL
