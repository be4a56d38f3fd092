"""The server's side of the rules process: started, asked, timed, and replaced when it fails.

The one idea: nothing here can keep a decision waiting. An exchange is answered within its limit or ends with
MatcherUnavailable, upon which the plain interpreter answers; the process is killed and another one started, with every
installed version, before it is asked again. Only the event loop's thread may use these objects.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import pickle
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import MatcherUnavailable
from engine.flow.blocks import ConjunctionLike
from engine.flow.rules_frames import Fingerprint, LoadEnd, LoadRequest
from engine.flow.rules_link import Counters, InstalledVersion, Limits, RulesLink

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the package `engine`."""

_START = "import sys; sys.path[:0] = sys.argv[1].split(':'); from engine.flow.rules_worker import main; main()"
_LOAD_TRIES = 3
_STEADY_S = 5.0


@dataclass(frozen=True, slots=True)
class RulesProcessOptions:
    """How the rules process is run. All times are seconds."""

    loader: str = "engine.flow.loading:load_version"  # package.module:function, run in a child for each load
    import_paths: tuple[Path, ...] = (ROOT,)  # put before the interpreter's own; the process sees no PYTHONPATH
    answer_limit_s: float = 0.020  # silence after which the interpreter answers instead
    kill_limit_s: float = 0.200  # silence after which the process counts as hung, not just as short of processor time
    load_limit_s: float = 60.0
    load_memory_bytes: int = 2 << 30
    start_limit_s: float = 10.0  # until it is ready, with every version installed
    first_pause_s: float = 0.05  # before the first restart; doubled for each next one
    longest_pause_s: float = 1.0
    stop_limit_s: float = 1.0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What came of a load: `result` is what the load function returned, None unless `end` is DONE."""

    result: Any
    end: LoadEnd
    detail: str = ""


class RulesProcess:
    """One rules process after the other, under the same address.

    `counters` may be read at any time.
    """

    def __init__(self, options: RulesProcessOptions | None = None) -> None:
        self._options = options or RulesProcessOptions()
        self.counters = Counters()
        self._versions: dict[str, InstalledVersion] = {}
        self._numbers = itertools.count(1)
        self._link: RulesLink | None = None
        self._process: Process | None = None
        self._ready = asyncio.Event()
        self._loading = asyncio.Lock()
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """True while there is a process that can be asked."""
        return self._link is not None

    @property
    def pid(self) -> int | None:
        """The process id of the one that is ready, for status and tests."""
        return self._process.pid if self._link is not None and self._process is not None else None

    async def start(self) -> None:
        """Start the process and wait until it can match; raises MatcherUnavailable if it does not get there."""
        self._ready.clear()
        self._supervisor = asyncio.create_task(self._supervise(), name="rules-process")
        try:
            await self.wait_ready()
        except MatcherUnavailable:
            await self.stop()
            raise

    async def wait_ready(self) -> None:
        """Wait for a process that can be asked; raises MatcherUnavailable after `start_limit_s`."""
        await self._usable()

    async def stop(self) -> None:
        """End the process and whatever it is loading; exchanges under way end with MatcherUnavailable."""
        if self._supervisor is not None:
            supervisor, self._supervisor = self._supervisor, None
            supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await supervisor
            self._ready.set()  # whoever waits for another process learns that none will come

    # What it is asked

    async def match(self, key: str, program: int, fingerprints: Sequence[Fingerprint]) -> list[tuple[int, ...]]:
        """For each fingerprint, the sorted indexes of the rules of an installed version that match.

        Waits as long as answers keep coming, and at most `answer_limit_s` for the next one. Raises MatcherUnavailable.
        """
        link, version = self._link, self._versions.get(key)
        if link is None or version is None:
            self.counters.refused += 1
            raise MatcherUnavailable("the rules process is away" if link is None else "this version is not installed")
        return await link.match(version, program, fingerprints)

    async def install(self, key: str, programs: Sequence[Sequence[ConjunctionLike]]) -> None:
        """Have a version's conjunctions compiled, in parts between which matching goes on; known keys are kept.

        The version is also installed in every later process until it is released. Raises MatcherUnavailable when no
        process could take it now; a version that raises anything else is not kept.
        """
        version = self._versions.get(key)
        if version is None:
            version = self._versions[key] = InstalledVersion(next(self._numbers), tuple(programs))
        for last in (False, True):
            link = await self._usable()
            try:
                return await link.install(version)
            except MatcherUnavailable:
                if last:
                    raise
            except Exception:
                self.release(key)  # or no later process could be given its versions
                raise

    def release(self, key: str) -> None:
        """Forget a version; what it holds is freed when the exchanges under way are over. Unknown keys are ignored."""
        version = self._versions.pop(key, None)
        if version is not None and self._link is not None:
            self._link.release(version)

    async def load(self, *arguments: object) -> LoadReport:
        """Run the load function with these arguments in a child of the rules process; one load at a time.

        Never raises for what the function does; a load lost with its process is begun again, three times at most.
        """
        options = self._options
        request = LoadRequest(options.loader, arguments, options.load_limit_s, options.load_memory_bytes)
        async with self._loading:
            for _ in range(_LOAD_TRIES):
                report = await self._load_once(request)
                if report.end is not LoadEnd.AWAY:
                    break
            return report

    async def _load_once(self, request: LoadRequest) -> LoadReport:
        try:
            link = await self._usable()
            # The process keeps the limit itself; the longer wait here is for the case that it hangs.
            async with asyncio.timeout(request.seconds + self._options.start_limit_s):
                body, end, detail = await link.load(request)
        except TimeoutError:
            link.kill()
            return LoadReport(None, LoadEnd.TIME, "the rules process did not answer")
        except MatcherUnavailable as error:
            return LoadReport(None, LoadEnd.AWAY, str(error))
        if end is LoadEnd.RAISED:
            return _raised(detail)
        if end is not LoadEnd.DONE:
            return LoadReport(None, end, detail)
        try:
            # In a thread: tens of thousands of small objects, during which the loop gets its turns.
            return LoadReport(await asyncio.to_thread(pickle.loads, body), end)
        except Exception as error:
            log.exception("the result of a load cannot be read")
            return LoadReport(None, LoadEnd.RAISED, f"its result cannot be read: {type(error).__qualname__}")

    # Keeping one alive

    async def _usable(self) -> RulesLink:
        try:
            async with asyncio.timeout(self._options.start_limit_s):
                while self._link is None:
                    if self._supervisor is None:
                        raise MatcherUnavailable("the rules process was stopped")
                    await self._ready.wait()
                return self._link
        except TimeoutError:
            raise MatcherUnavailable("the rules process does not start; the log tells why") from None

    async def _supervise(self) -> None:
        """Run one process after the other, with growing pauses while they do not last."""
        loop = asyncio.get_running_loop()
        pause = self._options.first_pause_s
        while True:
            begun = loop.time()
            try:
                async with self._one_process() as link:
                    if not link.lost.is_set():
                        self._link = link
                        self._ready.set()
                    await link.lost.wait()
            except (OSError, TimeoutError, MatcherUnavailable) as error:
                log.error("the rules process did not start: %s", str(error) or type(error).__name__)
            except Exception:
                # A defect of ours; without this task nobody would ever start another process.
                log.exception("the rules process could not be kept; another one is started")
            else:
                self.counters.deaths += 1
                log.warning("the rules process is gone; the interpreter answers meanwhile")
            if loop.time() - begun > _STEADY_S:
                pause = self._options.first_pause_s
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._options.longest_pause_s)
            self.counters.restarts += 1

    @contextlib.asynccontextmanager
    async def _one_process(self) -> AsyncIterator[RulesLink]:
        """A process that is ready and holds every version; at the end it is gone and reaped, whatever happened."""
        options = self._options
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = process = await self._spawn(theirs)
            except BaseException:
                ours.close()
                raise
        kill_s = max(options.kill_limit_s, options.answer_limit_s)
        limits = Limits(options.answer_limit_s, kill_s, options.start_limit_s)
        link = RulesLink(process, self.counters, limits, self._forget_link)
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=ours)
            async with asyncio.timeout(options.start_limit_s):
                await link.greeted
                await self._install_all(link)
            yield link
        finally:
            self._forget_link()
            link.close()
            await _ended(process, options.stop_limit_s)

    def _forget_link(self) -> None:
        self._link = None
        self._ready.clear()

    async def _install_all(self, link: RulesLink) -> None:
        """Install every version, and none that was released meanwhile."""
        for key, version in list(self._versions.items()):
            await link.install(version)
            if key not in self._versions:
                link.release(version)

    async def _spawn(self, theirs: socket.socket) -> Process:
        descriptor = theirs.fileno()
        paths = ":".join(map(str, self._options.import_paths))
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-c", _START, paths, self._options.loader, str(descriptor), str(os.getpid())),
            stdin=DEVNULL,
            stdout=DEVNULL,
            pass_fds=(descriptor,),
            start_new_session=True,  # a Ctrl-C in the terminal is the server's affair
        )


def _raised(detail: str) -> LoadReport:
    """Log where the load function raised, as the log tells every exception, and report of which kind it was."""
    kind, _, places = detail.partition("\n")
    log.error("loading a version raised an exception", extra={"exception": kind, "places": places})
    return LoadReport(None, LoadEnd.RAISED, f"{kind}; the log tells where")


async def _ended(process: Process, limit_s: float) -> None:
    """Wait for a process whose socket is closed; kill it when it takes longer than `limit_s`."""
    try:
        async with asyncio.timeout(limit_s):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
