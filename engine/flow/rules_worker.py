"""The rules process: it answers matches at once, and does everything slower a little at a time in between.

One loop, one thread. A MATCH is judged when it arrives, for at most a slice of time; what is left of a big one, and
each part of an INSTALL, waits in a queue that goes round. A LOAD runs in a forked child (load_child.py) whose result
is passed on in small pieces, only while nothing else is to be sent. The end of the socket is the end of the process.
"""

from __future__ import annotations

import contextlib
import gc
import pickle
import selectors
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from importlib import import_module

from engine.errors import MatcherUnavailable
from engine.flow.durable_matcher import DurableError, DurableMatcher
from engine.flow.load_child import LoadChild, die_with_parent
from engine.flow.rules_frames import (
    PIECE,
    FrameReader,
    Kind,
    LoadEnd,
    LoadRequest,
    frame,
    pack_code,
    pack_matches,
    unpack_match,
)
from engine.ruleset.classes import Conjunction

SLICE_S = 0.002
"""How long one job may run before the others have their turn, and before a part of its answer is sent."""

_RECEIVE = 1 << 18

Job = Iterator[None]
"""Work that pauses (yields) whenever others should have their turn."""


class RulesWorker:
    """Serves one socket until its other end closes."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)
        self._reader = FrameReader()
        self._versions: dict[int, DurableMatcher] = {}
        self._jobs: deque[Job] = deque()
        self._load: LoadChild | None = None
        self._heard: LoadChild | None = None
        self._urgent: deque[bytes] = deque()
        self._pieces: deque[bytes] = deque()
        self._sending = memoryview(b"")
        self._open = True
        self._handlers: dict[int, Callable[[int, bytes], None]] = {
            Kind.MATCH: lambda number, body: self._start(self._match(number, body)),
            Kind.INSTALL: lambda number, body: self._start(self._install(number, body)),
            Kind.RELEASE: self._release,
            Kind.LOAD: self._begin_load,
        }

    def run(self) -> None:
        """Say READY and serve; returns when the other end has closed, with no child left behind."""
        self._send(Kind.READY, 0)
        self._flush()
        try:
            while self._open:
                for key, events in self._selector.select(self._patience()):
                    if key.fileobj is self._socket:
                        if events & selectors.EVENT_READ:
                            self._receive()
                    elif self._load is not None and key.fileobj is self._load:
                        self._pass_on(self._load)
                self._check_load()
                self._advance()
                self._flush()
                self._hear(self._load if not self._sending else None)
        finally:
            self._end_load(LoadEnd.REPLACED)

    def _patience(self) -> float | None:
        """How long the loop may wait for something to happen."""
        if self._jobs:
            return 0
        return None if self._load is None else max(0.0, self._load.deadline - time.monotonic())

    # Requests

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._open = False
        for kind, number, body in self._reader.feed(data):
            self._handlers[kind](number, body)

    def _start(self, job: Job) -> None:
        """Run a job at once for its first slice when nothing is waiting; else it queues up behind the others."""
        self._jobs.append(job)
        if len(self._jobs) == 1:
            self._advance()
            self._flush()

    def _advance(self) -> None:
        """Give the job at the head one slice."""
        if self._jobs:
            job = self._jobs.popleft()
            with contextlib.suppress(StopIteration):
                next(job)
                self._jobs.append(job)

    def _match(self, number: int, body: bytes) -> Job:
        version, program, fingerprints = unpack_match(body)
        done: list[tuple[int, ...]] = []
        try:
            until = time.perf_counter() + SLICE_S
            for fingerprint in fingerprints:
                done += self._versions[version].match(program, (fingerprint,))
                if time.perf_counter() > until:
                    self._send(Kind.MATCHED, number, pack_matches(done))
                    done.clear()
                    yield
                    until = time.perf_counter() + SLICE_S
        except KeyError:
            self._send(Kind.FAILED, number, pack_code(0, "this version is not installed"))
        except Exception as error:
            self._fail(number, error)
        else:
            self._send(Kind.MATCHED, number, pack_matches(done))

    def _install(self, number: int, body: bytes) -> Job:
        """One part is one step: it is about one block, and a block cannot be compiled by halves."""
        try:
            version, program, conjunctions = pickle.loads(body)
            matcher = self._versions.setdefault(version, DurableMatcher())
            matcher.add(program, [Conjunction(*conjunction) for conjunction in conjunctions])
        except Exception as error:
            self._fail(number, error)
        else:
            self._send(Kind.INSTALLED, number)
        yield from ()

    def _release(self, number: int, body: bytes) -> None:
        matcher = self._versions.pop(number, None)
        if matcher is not None:
            matcher.close()

    def _fail(self, number: int, error: Exception) -> None:
        code = error.code if isinstance(error, DurableError) else -1
        text = str(error) if isinstance(error, MatcherUnavailable) else f"{type(error).__name__}: {error}"
        self._send(Kind.FAILED, number, pack_code(code, text))

    # Loading

    def _begin_load(self, number: int, body: bytes) -> None:
        self._end_load(LoadEnd.REPLACED)
        request: LoadRequest = pickle.loads(body)
        self._load = LoadChild(number, request, self._forget)

    def _forget(self) -> None:
        """In the child: let go of the server's socket, or its end would never be seen."""
        self._selector.close()
        self._socket.close()

    def _pass_on(self, load: LoadChild) -> None:
        data = load.read(PIECE)
        if data:
            self._pieces.append(frame(Kind.LOADED, load.number, data))
        if load.over:
            self._end_load()

    def _hear(self, load: LoadChild | None) -> None:
        """Listen to this load's pipe, or to none: while frames wait to be sent, its result waits in the pipe."""
        if self._heard is not load:
            if self._heard is not None:
                self._selector.unregister(self._heard)
            if load is not None:
                self._selector.register(load, selectors.EVENT_READ)
            self._heard = load

    def _check_load(self) -> None:
        if self._load is not None and time.monotonic() >= self._load.deadline:
            self._end_load(LoadEnd.TIME)

    def _end_load(self, why: LoadEnd | None = None) -> None:
        if self._load is not None:
            load, self._load = self._load, None
            self._hear(None)
            end, text = load.close(why)
            self._pieces.append(frame(Kind.LOAD_OVER, load.number, pack_code(end, text)))

    # Answers

    def _send(self, kind: Kind, number: int, body: bytes = b"") -> None:
        self._urgent.append(frame(kind, number, body))

    def _flush(self) -> None:
        """Send what the socket takes; a frame begun is finished first, then matches, then pieces of a load."""
        try:
            while self._sending or self._urgent or self._pieces:
                if not self._sending:
                    self._sending = memoryview((self._urgent or self._pieces).popleft())
                self._sending = self._sending[self._socket.send(self._sending) :]
        except BlockingIOError:
            pass
        except OSError:
            self._open = False
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._sending else 0)
        if self._selector.get_key(self._socket).events != wanted:
            self._selector.modify(self._socket, wanted)


def main() -> None:
    """Serve a socket; the last three arguments are the load function, the socket's descriptor, the parent's id."""
    loader, descriptor, parent = sys.argv[-3:]
    die_with_parent(int(parent))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then stops us in order
    with contextlib.suppress(Exception):  # what fails here fails again, with its reason, in each load
        import_module(loader.partition(":")[0])  # once, instead of in every child
    gc.freeze()
    RulesWorker(socket.socket(fileno=int(descriptor))).run()
