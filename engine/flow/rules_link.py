"""The connection to one rules process, from its first word to its end.

Answers come in the order of progress, several exchanges at a time; every sign of life counts for all that wait. When
matches are waited for and nothing comes within the first limit, nobody waits any longer and nobody asks; after a second
limit the process is killed, since one that is stopped or caught in a loop shows itself in no other way. Between the
two lies the machine that was merely busy: a late word, and the process is asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import pickle
import struct
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from engine.errors import MatcherUnavailable
from engine.flow.blocks import ConjunctionLike, blocks
from engine.flow.rules_frames import (
    Fingerprint,
    FrameReader,
    Kind,
    LoadEnd,
    LoadRequest,
    frame,
    pack_match,
    unpack_code,
    unpack_matches,
)

log = logging.getLogger(__name__)

MAX_WAITING = 100_000
"""Fingerprints that may wait for an answer; beyond it the interpreter is the quicker one to ask."""

_SECOND_LOOK_S = 0.001
_NUMBERS = 1 << 32


@dataclass(slots=True)
class Counters:
    """What happened so far, over all processes."""

    exchanges: int = 0  # calls of match that were sent
    fingerprints: int = 0  # fingerprints in them
    timeouts: int = 0  # silences after which a process was killed
    errors: int = 0  # errors that a process reported
    deaths: int = 0  # processes that ended without being asked to
    restarts: int = 0  # processes begun after the first one
    refused: int = 0  # calls of match that were not sent: no process, unknown version, too many waiting


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, in seconds, the process may be silent."""

    answer_s: float  # while matches are waited for; then the interpreter answers
    kill_s: float  # while matches are waited for; then it counts as hung
    install_s: float  # while it compiles a block


@dataclass(frozen=True, slots=True)
class InstalledVersion:
    """A version as the rules process knows it: by number."""

    number: int
    programs: tuple[Sequence[ConjunctionLike], ...]


class _Exchange:
    """Matches asked for and the answers so far."""

    __slots__ = ("answers", "expected", "future", "version")

    def __init__(self, future: asyncio.Future[list[tuple[int, ...]]], version: int, expected: int) -> None:
        self.future = future
        self.version = version
        self.expected = expected
        self.answers: list[tuple[int, ...]] = []


class _Load:
    """A load under way and the pieces so far."""

    __slots__ = ("body", "future")

    def __init__(self, future: asyncio.Future[tuple[bytes, LoadEnd, str]]) -> None:
        self.future = future
        self.body = bytearray()


class RulesLink(asyncio.Protocol):
    """Frames to and from one process. `lost` is set when it is gone; every waiting call then has its exception."""

    def __init__(self, process: Process, counters: Counters, limits: Limits, on_lost: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._counters = counters
        self._limits = limits
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader()
        self._numbers = itertools.count(1)
        self._exchanges: dict[int, _Exchange] = {}
        self._loads: dict[int, _Load] = {}
        self._parts: dict[int, asyncio.Future[None]] = {}
        self._installed: set[int] = set()
        self._installing = asyncio.Lock()
        self._leaving: set[int] = set()
        self._waiting = 0
        self._heard = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._looked_twice = False
        self._suspect = False
        self.greeted: asyncio.Future[None] = self._loop.create_future()
        self.lost = asyncio.Event()
        self._handlers: dict[int, Callable[[int, bytes], None]] = {
            Kind.READY: self._on_ready,
            Kind.MATCHED: self._on_matched,
            Kind.INSTALLED: self._on_installed,
            Kind.LOADED: self._on_loaded,
            Kind.LOAD_OVER: self._on_load_over,
            Kind.FAILED: self._on_failed,
        }

    # Requests

    async def match(
        self, version: InstalledVersion, program: int, fingerprints: Sequence[Fingerprint]
    ) -> list[tuple[int, ...]]:
        """Ask for matches; raises MatcherUnavailable."""
        if not fingerprints:
            return []
        if self._suspect or version.number not in self._installed or self._waiting + len(fingerprints) > MAX_WAITING:
            self._counters.refused += 1
            raise MatcherUnavailable("the rules process is silent, busy, or does not have this version yet")
        try:
            body = pack_match(version.number, program, fingerprints)
        except struct.error as error:
            raise MatcherUnavailable(f"a fingerprint cannot be sent: {error}") from None
        number = self._number()
        self._write(frame(Kind.MATCH, number, body))
        self._counters.exchanges += 1
        self._counters.fingerprints += len(fingerprints)
        return await self._expect(number, version.number, len(fingerprints))

    def _expect(self, number: int, version: int, count: int) -> asyncio.Future[list[tuple[int, ...]]]:
        """Wait from now on for the answers of an exchange, with an eye on the clock."""
        if not self._exchanges:
            self._heard = self._loop.time()
        exchange = self._exchanges[number] = _Exchange(self._loop.create_future(), version, count)
        self._waiting += count
        if self._alarm is None:
            self._alarm = self._loop.call_later(self._limits.answer_s, self._listen)
        return exchange.future

    async def install(self, version: InstalledVersion) -> None:
        """Send a version block by block, each when the one before is compiled; raises MatcherUnavailable."""
        async with self._installing:
            if version.number in self._installed:
                return
            for program, conjunctions in enumerate(version.programs):
                await self._install_part(version.number, program, [])
                for block in blocks(conjunctions):
                    await self._install_part(version.number, program, [(c.rule, c.tests) for c in block])
            self._installed.add(version.number)

    async def _install_part(self, version: int, program: int, conjunctions: list[tuple[int, object]]) -> None:
        number = self._number()
        self._write(frame(Kind.INSTALL, number, pickle.dumps((version, program, conjunctions))))
        future = self._parts[number] = self._loop.create_future()
        try:
            async with asyncio.timeout(self._limits.install_s):
                await future
        except TimeoutError:
            self.kill()
            raise MatcherUnavailable("the rules process did not compile a block in time") from None
        finally:
            self._parts.pop(number, None)

    def release(self, version: InstalledVersion) -> None:
        """Free a version once nothing under way asks for it."""
        self._installed.discard(version.number)
        self._leaving.add(version.number)
        self._let_go(version.number)

    def _let_go(self, version: int) -> None:
        if version in self._leaving and all(e.version != version for e in self._exchanges.values()):
            self._leaving.discard(version)
            with contextlib.suppress(MatcherUnavailable):
                self._write(frame(Kind.RELEASE, version))

    async def load(self, request: LoadRequest) -> tuple[bytes, LoadEnd, str]:
        """Run a load; the body is the pickle of its result. Raises MatcherUnavailable when the process goes away."""
        number = self._number()
        self._write(frame(Kind.LOAD, number, pickle.dumps(request)))
        load = self._loads[number] = _Load(self._loop.create_future())
        try:
            return await load.future
        finally:
            self._loads.pop(number, None)

    def _number(self) -> int:
        return next(self._numbers) % _NUMBERS

    def _write(self, data: bytes) -> None:
        if self._transport is None or self.lost.is_set():
            raise MatcherUnavailable("the rules process is gone")
        self._transport.write(data)

    # Answers

    def _on_ready(self, number: int, body: bytes) -> None:
        if not self.greeted.done():
            self.greeted.set_result(None)

    def _on_matched(self, number: int, body: bytes) -> None:
        exchange = self._exchanges.get(number)
        if exchange is None:
            return
        answers = unpack_matches(body)
        exchange.answers += answers
        self._waiting -= len(answers)
        if len(exchange.answers) == exchange.expected:
            self._finish(number)
            if not exchange.future.done():
                exchange.future.set_result(exchange.answers)

    def _on_installed(self, number: int, body: bytes) -> None:
        part = self._parts.get(number)
        if part is not None and not part.done():
            part.set_result(None)

    def _on_loaded(self, number: int, body: bytes) -> None:
        if number in self._loads:
            self._loads[number].body += body

    def _on_load_over(self, number: int, body: bytes) -> None:
        load = self._loads.get(number)
        if load is not None and not load.future.done():
            code, detail = unpack_code(body)
            load.future.set_result((bytes(load.body), LoadEnd(code), detail))

    def _on_failed(self, number: int, body: bytes) -> None:
        """What a process holds after an error is not to be trusted, so it is replaced; code 0 is a plain no."""
        code, text = unpack_code(body)
        if code == 0:
            if number in self._exchanges:
                future = self._exchanges[number].future
                self._finish(number)
                _fail(future, text)
            return
        self._counters.errors += 1
        log.error("the rules process reported an error and is replaced: %s (code %d)", text, code)
        self.kill(text)

    def _finish(self, number: int) -> None:
        exchange = self._exchanges.pop(number)
        self._waiting -= exchange.expected - len(exchange.answers)
        if exchange.version in self._leaving:
            self._let_go(exchange.version)

    # Life and death

    def _listen(self) -> None:
        """The alarm: look whether the process was silent for too long."""
        self._alarm = None
        if not self._exchanges and not self._suspect:
            return
        limit = self._limits.kill_s if self._suspect else self._limits.answer_s
        left = self._heard + limit - self._loop.time()
        if left <= 0 and not self._looked_twice:
            # Perhaps it was this loop that was late, and the answer lies in the socket: read that first.
            self._looked_twice = True
            left = _SECOND_LOOK_S
        if left <= 0:
            left = self._on_silence()
        if not self.lost.is_set():
            self._alarm = self._loop.call_later(left, self._listen)

    def _on_silence(self) -> float:
        """Do what is to be done at a limit and return the time until the next."""
        self._looked_twice = False
        if not self._suspect:
            self._suspect = True
            self._counters.timeouts += 1
            self._fail_exchanges(f"the rules process was silent for {1000 * self._limits.answer_s:g} ms")
        elif not self._parts:  # compiling a block may take longer, and has a limit of its own
            log.error("the rules process was silent for %g ms and is killed", 1000 * self._limits.kill_s)
            self.kill()
        return self._limits.kill_s - self._limits.answer_s

    def kill(self, why: str = "the rules process is gone") -> None:
        """End the process now."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self.close()
        self._end(why)

    def close(self) -> None:
        """Close the connection, upon which a healthy process ends by itself."""
        if self._transport is not None:
            self._transport.abort()

    def _fail_exchanges(self, text: str) -> None:
        exchanges = list(self._exchanges.values())
        self._exchanges.clear()
        self._waiting = 0
        for exchange in exchanges:
            _fail(exchange.future, text)
        for version in list(self._leaving):
            self._let_go(version)

    def _end(self, text: str) -> None:
        """Tell everybody, once, that no answer will come any more."""
        if self.lost.is_set():
            return
        self.lost.set()
        self._on_lost()
        if self._alarm is not None:
            self._alarm.cancel()
        self._fail_exchanges(text)
        for part in self._parts.values():
            _fail(part, text)
        for load in self._loads.values():
            _fail(load.future, text)
        if not self.greeted.done():
            self.greeted.set_exception(MatcherUnavailable(text))
            self.greeted.exception()  # perhaps nobody waits for it any more, and that is fine

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._looked_twice = self._suspect = False
        try:
            for kind, number, body in self._reader.feed(data):
                self._handlers[kind](number, body)
        except Exception:
            log.exception("the rules process sent what cannot be read and is replaced")
            self.kill()

    def connection_lost(self, error: Exception | None) -> None:
        self._end("the rules process is gone")


def _fail(future: asyncio.Future[Any], text: str) -> None:
    if not future.done():
        future.set_exception(MatcherUnavailable(text))
