"""The embedded Redis: a private redis-server, kept alive by one of the processes that use it.

It outlives a server that is killed, and the next one adopts it; it is started again when it dies itself. Of several
processes on one folder the holder of a lock supervises, the others only connect, and look whether the lock came free.
While there is no Redis, callers get StateUnavailable; nothing waits here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from engine.errors import ConfigurationError, SignalboxError, StateUnavailable
from engine.state.redis_process import RedisFolder, find_binary, has_ended, try_lock
from engine.state.requirements import info_fields
from engine.state.wire import Reply, Wire, pack
from engine.state.wires import connections

log = logging.getLogger(__name__)

SUPERVISOR_LOCK: Final = "lock"
TRIES: Final = 3
"""So many starts in a row fail before `start` gives up; supervision never does."""


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """How the embedded Redis is run. All times are seconds."""

    fsync: str = "always"  # with anything less, what was acknowledged can be lost: see docs/guarantees.md
    start_limit_s: float = 15.0  # until it listens and answers
    load_limit_s: float = 900.0  # until it has read its data, about 10 s a gigabyte
    silence_limit_s: float = 2.0  # until a question to it counts as not answered
    grace_s: float = 0.5  # for a server that has the folder and does not listen yet
    look_s: float = 0.05  # between two looks, where the kernel does not tell us
    first_pause_s: float = 0.05  # before the second start in a row; doubled for each next one
    longest_pause_s: float = 2.0
    steady_s: float = 5.0  # after so long the pauses begin anew
    stop_limit_s: float = 60.0


class EmbeddedRedis:
    """The Redis of one folder. `start` returns when it answers; until `stop` it is kept so.

    `client_name` is for the connections of its owner, which must not keep it from being shut down.
    """

    def __init__(self, path: Path, settings: EmbeddedSettings) -> None:
        self._folder = RedisFolder(path)
        self._settings = settings
        self._task: asyncio.Task[None] | None = None
        self._lock: int | None = None
        self._begun: asyncio.Future[None] | None = None
        self._child: int | None = None
        self._failures = 0
        self.client_name = f"signalbox-{os.getpid()}-{secrets.token_hex(4)}"

    @property
    def url(self) -> str:
        """Where to connect; good for this process, and only until `stop`."""
        return f"unix://{quote(self._folder.socket)}"

    @property
    def supervises(self) -> bool:
        """Whether it is this process that keeps the server alive."""
        return self._lock is not None

    async def start(self) -> None:
        """Start the server or find it running; returns when it answers.

        Raises ConfigurationError when it cannot run here, StateUnavailable when it does not come to answer.
        """
        self._lock = self._try_lock()
        if self._lock is not None:
            self._begun = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._supervise(), name="embedded-redis")
        try:
            await (self._begun or self._until_ready(lambda: None))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop supervising. Nothing is left running, unless others are connected."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        # The supervisor may have left just before us: then we are the last one out.
        self._lock = self._lock if self._lock is not None else self._try_lock()
        if self._lock is not None:
            try:
                await self._shut_down()
            except (SignalboxError, TimeoutError) as error:
                log.warning("redis-server was left running: %s", error)
            finally:
                os.close(self._lock)
                self._lock = None
        self._folder.close()

    # ---- supervision ----

    def _try_lock(self) -> int | None:
        return try_lock(self._folder.path / SUPERVISOR_LOCK)

    async def _supervise(self) -> None:
        """Wait for the lock, then keep one server after the other, with growing pauses while they do not last."""
        settings, loop = self._settings, asyncio.get_running_loop()
        while self._lock is None:
            await asyncio.sleep(settings.look_s)
            with contextlib.suppress(ConfigurationError):  # it could be locked at the start, so that will pass
                self._lock = self._try_lock()
        pause = 0.0
        while True:
            begun = loop.time()
            await self._keep_one()
            if loop.time() - begun > settings.steady_s:
                pause = 0.0
            await asyncio.sleep(pause)
            pause = min(max(2 * pause, settings.first_pause_s), settings.longest_pause_s)

    async def _keep_one(self) -> None:
        """Have a server that answers, and stay until it ends."""
        try:
            pid = await self._bring_up()
            self._serves()
            await self._until_ended(pid)
            log.warning("redis-server (process %d) ended; it is started again", pid)
        except SignalboxError as error:
            log.error("redis-server cannot be used: %s", error)
            self._complain(error)
        except Exception:
            # A defect of ours; without this task nobody would ever start another server.
            log.exception("redis-server could not be kept; it is tried again")
            self._complain(StateUnavailable("the embedded redis-server could not be kept; the log tells why"))

    def _serves(self) -> None:
        if self._begun is not None and not self._begun.done():
            self._begun.set_result(None)

    def _complain(self, error: SignalboxError) -> None:
        """Let `start` raise what stands in the way, once it is known to stay there."""
        self._failures += 1
        stays = self._failures >= TRIES or isinstance(error, ConfigurationError)
        if stays and self._begun is not None and not self._begun.done():
            self._begun.set_exception(error)

    async def _bring_up(self) -> int:
        """Adopt the server that listens, else start one; returns its process id (0: not visible) when it answers."""
        folder, settings = self._folder, self._settings
        while folder.listener() is None:
            if self._child is not None:
                has_ended(self._child)
            self._child = folder.spawn(await asyncio.to_thread(find_binary), settings.fsync)
            if not await self._listens(self._child):
                await asyncio.to_thread(folder.kill_remains)
        pid = folder.listener() or 0
        await self._until_ready(self._folder.refuse_silence)
        await self._adopt()
        return pid

    async def _listens(self, child: int | None) -> bool:
        """Wait until somebody listens: our child, or whoever has the folder. False when that does not happen in time.

        Raises StateUnavailable when the child ended.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self._settings.grace_s if child is None else self._settings.start_limit_s)
        while self._folder.listener() is None:
            if child is not None and has_ended(child):
                raise StateUnavailable(f"redis-server does not start: {self._folder.log_end()}")
            if loop.time() > deadline:
                return False
            await asyncio.sleep(self._settings.look_s / 5)
        return True

    async def _until_ready(self, check: Callable[[], None]) -> None:
        """Ask until the server answers and has read its data; `check` raises when there is no sense in asking on.

        Raises StateUnavailable in the end too.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        limit_s = self._settings.start_limit_s
        while True:
            try:
                if (await self._info("persistence"))["loading"] == "0":
                    return
                limit_s = self._settings.load_limit_s
            except StateUnavailable as error:
                check()
                if loop.time() - begun > limit_s:
                    raise StateUnavailable(f"redis-server on {self._folder.path} is not ready: {error}") from error
            await asyncio.sleep(self._settings.look_s / 5)

    async def _adopt(self) -> None:
        """Make sure that the server that answers is ours and runs by these settings, whoever started it."""
        folder = os.fsdecode((await self._ask("CONFIG", "GET", "dir"))[1])
        if not self._folder.is_at(folder):
            raise ConfigurationError(f"the redis-server that answers in {self._folder.path} keeps its data in {folder}")
        await self._ask("CONFIG", "SET", "appendfsync", self._settings.fsync)
        self._folder.note_version((await self._info("server"))["redis_version"])

    async def _until_ended(self, pid: int) -> None:
        try:
            handle = os.pidfd_open(pid) if pid else None
        except OSError:  # already gone, or a kernel that does not know these
            handle = None
        if handle is None:
            while True:
                await asyncio.sleep(self._settings.look_s)
                if self._folder.listener() is None:
                    return
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(handle, ended.set)
        try:
            # The number may have gone to another process before we opened it.
            if self._folder.listener() == pid:
                await ended.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
            has_ended(pid)

    # ---- the way to it ----

    async def _shut_down(self) -> None:
        """Have the server write everything and end, unless other processes are connected."""
        pid = self._folder.listener()
        if pid is None:
            self._folder.kill_remains()  # we may have been stopped while it started
            return
        if await self._is_shared():
            log.info("redis-server (process %d) goes on for the other processes that use it", pid)
            return
        with contextlib.suppress(StateUnavailable):
            await self._ask("SHUTDOWN")
        async with asyncio.timeout(self._settings.stop_limit_s):
            await self._until_ended(pid)

    async def _is_shared(self) -> bool:
        """Whether others are connected. Looks again before it says so: some may just have left."""
        for last in (False, False, True):
            clients = (await self._ask("CLIENT", "LIST")).splitlines()
            if all(f" name={self.client_name} ".encode() in client for client in clients):
                return False
            if not last:
                await asyncio.sleep(self._settings.look_s)
        return True

    async def _info(self, section: str) -> dict[str, str]:
        return info_fields(await self._ask("INFO", section))

    async def _ask(self, *command: str) -> Reply:
        """One command on a connection of its own; raises StateUnavailable or StateRefused."""
        limit_s = self._settings.silence_limit_s
        wire = await Wire.connect(connections(self.url, self.client_name)(), limit_s)
        try:
            (reply,) = await wire.send(pack([command]), 1, limit_s)
        finally:
            await wire.close()
        if isinstance(reply, SignalboxError):
            raise reply
        return reply
