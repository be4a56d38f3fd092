"""A redis-server of the bench's own, or a server's embedded one: its memory, its processor time, calls played to it.

Calls are played as packed bytes over several sockets, so that Redis is what is measured.
"""

from __future__ import annotations

import selectors
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any, Final, NamedTuple

import _common  # noqa: F401  # puts the project on the path
import hiredis
import psutil
import redis

from engine.state.redis_process import PID_FILE, SOCKET, configuration, find_binary

READY_S: Final = 10.0
AT_ONCE: Final = 1 << 18
SOCKETS: Final = 16
"""Connections on which calls are played, a partition's part of a batch under way on each; more are hardly faster."""


class Calls(NamedTuple):
    """Calls sent together: how many there are, for how many messages, and their bytes."""

    count: int
    messages: int
    packed: bytes


class Redis:
    """A redis-server, by its folder."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / SOCKET)
        self.client = redis.Redis(unix_socket_path=self.path)
        deadline = monotonic() + READY_S
        while True:
            try:
                self.client.ping()
                break
            except redis.RedisError:
                if monotonic() > deadline:
                    raise SystemExit(f"no redis-server answers in {folder}") from None
                sleep(0.02)
        self._process = psutil.Process(int((folder / PID_FILE).read_text()))

    def cpu_seconds(self) -> float:
        """Processor time it has used so far."""
        used = self._process.cpu_times()
        return float(used.user + used.system)

    def used_memory(self) -> int:
        """Bytes in use, by its own account."""
        return int(self.client.info("memory")["used_memory"])

    def memory_of(self, pattern: str) -> tuple[int, int]:
        """Delete the hashes with such names; returns the bytes that this frees, and how many fields they had."""
        names = list(self.client.scan_iter(match=pattern, count=10_000))
        fields = 0
        before = self.used_memory()
        for at in range(0, len(names), 1_000):
            pipeline = self.client.pipeline(transaction=False)
            for name in names[at : at + 1_000]:
                pipeline.hlen(name)
                pipeline.delete(name)
            fields += sum(pipeline.execute()[::2])
        return before - self.used_memory(), fields

    def play(self, calls: Sequence[Calls]) -> float:
        """Send calls, in order on `SOCKETS` connections; returns the seconds until the last answer.

        Raises SystemExit when one is answered with an error.
        """
        with selectors.DefaultSelector() as selector:
            waiting = iter(calls)
            for _ in range(SOCKETS):
                player = _Player(self.path, waiting)
                selector.register(player.socket, selectors.EVENT_READ, player)
            began, open_ = perf_counter(), {key.data for key in list(selector.get_map().values())}
            for player in list(open_):
                if not player.next():
                    open_.discard(player)
            while open_:
                for key, _ in selector.select():
                    if not key.data.read():
                        open_.discard(key.data)
            took = perf_counter() - began
            for key in list(selector.get_map().values()):
                key.data.socket.close()
        return took


class _Player:
    """One socket: the next calls go out when those before are answered."""

    def __init__(self, path: str, calls: Iterator[Calls]) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * AT_ONCE)
        self._calls = calls
        self._reader = hiredis.Reader()
        self._open = 0

    def next(self) -> bool:
        """Send the next calls; False when there are none."""
        calls = next(self._calls, None)
        if calls is None:
            return False
        self._open = calls.count
        self.socket.sendall(calls.packed)
        return True

    def read(self) -> bool:
        """Take in answers; False when they were the last."""
        self._reader.feed(self.socket.recv(AT_ONCE))
        while (reply := self._reader.gets()) is not False:
            if isinstance(reply, hiredis.ReplyError):
                raise SystemExit(f"a call that was played again failed: {reply}")
            self._open -= 1
        return self._open > 0 or self.next()


@contextmanager
def own_redis(folder: Path) -> Iterator[Redis]:
    """A redis-server with the configuration of the embedded one (appendfsync always), empty."""
    folder.mkdir()
    binary = find_binary()
    (folder / "redis.conf").write_text(configuration(binary.version, folder, "always"), encoding="utf-8")
    process = subprocess.Popen([binary.path, folder / "redis.conf"], stdout=subprocess.DEVNULL)
    try:
        yield Redis(folder)
    finally:
        process.terminate()
        process.wait()


def about(found: Redis) -> dict[str, Any]:
    """Which Redis it is and how it writes."""
    settings = found.client.config_get("appendfsync")
    return {"version": found.client.info("server")["redis_version"], "appendfsync": settings["appendfsync"]}
