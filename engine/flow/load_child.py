"""One load of a rule version, in a forked child of the rules process.

The one idea: a child can be thrown away. Whatever a hostile folder does to it (endless loop, all the memory, a crash
inside a library) the rules process goes on matching, the load ends with a reason, and no memory is left behind.
The rules process has one thread, so the fork is safe.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import resource
import signal
import struct
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

from engine.flow.rules_frames import LoadEnd, LoadRequest

_HEADER = struct.Struct("=BQ")
_PR_SET_PDEATHSIG = 1
_NICENESS = 10
_MAX_TEXT = 4_000

MAX_RESULT = 256 << 20
"""Bytes of a pickled result; a loaded version of 500 rules has far less than a hundredth of it."""


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when `parent` goes, however it goes; exits if it is gone already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class LoadChild:
    """A load under way. `fileno` becomes readable when there is something to `read`."""

    def __init__(self, number: int, request: LoadRequest, forget: Callable[[], None]) -> None:
        """Fork. In the child `forget` is called first, to close what only the parent may hold."""
        self.number = number
        self.deadline = time.monotonic() + request.seconds
        self._left: int | None = None
        self._end = LoadEnd.CRASHED
        self._text = b""
        self._pipe, out = os.pipe()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _run(request, out, parent, forget)
        os.close(out)

    def fileno(self) -> int:
        """The read end of the child's pipe."""
        return self._pipe

    @property
    def over(self) -> bool:
        """True when nothing more is to be read: the whole result came, or the child is gone without it."""
        return self._left == 0

    def read(self, limit: int) -> bytes:
        """Take a piece of the result, at most `limit` bytes, perhaps none. Call only when readable and not over."""
        if self._left is None:
            self._left = self._head()
            return b""
        data = os.read(self._pipe, min(limit, self._left))
        self._left -= len(data)
        if not data:
            self._end, self._left = LoadEnd.CRASHED, 0
        if self._end is LoadEnd.DONE:
            return data
        self._text += data
        return b""

    def _head(self) -> int:
        """Read how it ended and the length of what follows. One write of a few bytes comes whole or not at all."""
        data = os.read(self._pipe, _HEADER.size)
        if len(data) < _HEADER.size:
            return 0
        code, length = _HEADER.unpack(data)
        self._end = LoadEnd(code)
        return int(length)

    def close(self, why: LoadEnd | None = None) -> tuple[LoadEnd, str]:
        """End the child, whatever it is doing, leave no zombie, and tell how the load went.

        `why` is the caller's reason when the load is given up before its end.
        """
        os.kill(self._pid, signal.SIGKILL)  # nothing happens to one that has ended already
        status = os.waitpid(self._pid, 0)[1]
        os.close(self._pipe)
        if why is not None:
            return why, ""
        if self._end is LoadEnd.CRASHED:
            return self._end, _death(status)
        return self._end, self._text.decode("utf-8", "replace")


def _death(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"ended by signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit code {os.waitstatus_to_exitcode(status)}"


def _run(request: LoadRequest, out: int, parent: int, forget: Callable[[], None]) -> NoReturn:
    """The child's whole life. It never returns into the parent's loop."""
    code = 1
    with contextlib.suppress(BaseException):
        forget()
        die_with_parent(parent)
        _bound(request)
        end, body = _result(request)
        _write(out, _HEADER.pack(end, len(body)))
        _write(out, body)
        code = 0
    os._exit(code)


def _bound(request: LoadRequest) -> None:
    """Bound memory, leave no core file, and give way to the processes that decide."""
    for limit, value in ((resource.RLIMIT_AS, request.memory_bytes), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))
    os.nice(_NICENESS)


def _result(request: LoadRequest) -> tuple[LoadEnd, bytes]:
    try:
        module, _, name = request.function.partition(":")
        loaded = getattr(import_module(module), name)(*request.arguments)
        body = pickle.dumps(loaded, pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        return LoadEnd.MEMORY, b""
    except BaseException as error:  # even SystemExit is only an answer here
        return LoadEnd.RAISED, _explain(error)
    return (LoadEnd.DONE, body) if len(body) <= MAX_RESULT else (LoadEnd.TOO_LARGE, b"")


def _explain(error: BaseException) -> bytes:
    """The error's kind, and below it the places it passed; never its text, which may quote a rule or a rule test."""
    places = "".join(traceback.format_tb(error.__traceback__, limit=-20))
    return f"{type(error).__qualname__}\n{places[-_MAX_TEXT:]}".encode("utf-8", "replace")


def _write(out: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]
