"""A server of one's own: started for one command on a free port, with data of its own, and stopped with it.

Run as a program (`python -m cli.private_server`) this file is that server: `signalbox serve` which ends when the
process that started it does, whatever way that ends.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final

from cli.interrupts import ignoring_signals
from cli.problems import CannotStart
from engine.data_directory import LOCK_FILE

ROOT: Final = Path(__file__).resolve().parent.parent
"""Where the checkout is."""

SERVER_VARIABLE: Final = "SIGNALBOX_SERVER"
"""The environment variable that names the server to speak to. It is no setting of a server."""

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
"""How long a server may take to finish what is under way; then it is killed, which costs nothing that is promised."""

_READY = re.compile(rb"^ready grpc=(\S+)", re.MULTILINE)
_PR_SET_PDEATHSIG: Final = 1


def rules_root(given: Path | None) -> Path:
    """Return the folder of rollout.yaml: the given one, else the usual one. Raises CannotStart."""
    if given is not None and not given.is_dir():
        raise CannotStart(f"{given} is no folder")
    return given or rules_home() / "rules"


def rules_home() -> Path:
    """Return where `rules` and `rule_tests` are when nobody says so: here, or where there are no rules the checkout."""
    return ROOT if not Path("rules").is_dir() and (ROOT / "rules").is_dir() else Path()


@contextmanager
def private_server(rules: Path) -> Iterator[str]:
    """Start a server with these rules and data that nobody keeps, give its address, and stop it. Raises CannotStart."""
    with PrivateServer(rules) as server:
        yield server.address


class PrivateServer:
    """A server with rules of one's own, running while the `with` block lasts.

    `rules` is the folder of rollout.yaml, or one version's folder; that version is then the one that decides. `data` is
    the folder of what it keeps, made when it is missing; without one it keeps nothing. `settings` are further variables
    for its environment.
    """

    def __init__(self, rules: Path, data: Path | None = None, settings: Mapping[str, str] | None = None) -> None:
        self.address = ""
        self._rules, self._data, self._settings = rules, data, settings or {}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PrivateServer:
        """Start it. Raises CannotStart with what it complained of."""
        self._place = Path(mkdtemp(prefix="signalbox-"))
        try:
            self._environment = {**_environment(self._place, self._rules.resolve()), **self._settings}
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *ended: object) -> None:
        """Stop it."""
        with ignoring_signals():  # a second Ctrl-C would leave the server or its folder behind
            self._stop()
            rmtree(self._place, ignore_errors=True)

    def start(self) -> None:
        """Start it, or once more after it has ended; it then has another address. Raises CannotStart."""
        self._stop()
        data = self._data or self._place / "data"
        if self._data is not None:
            wait_for_data(data)
        with (self._place / "stderr").open("wb") as log:
            self._process = _start(data, log.fileno(), self._environment)
        self.address = _address(self._process, self._place / "stderr")

    @property
    def ended(self) -> bool:
        """Has it ended by itself?"""
        return self._process is not None and self._process.poll() is not None

    def _stop(self) -> None:
        if self._process is not None:
            _stop(self._process)
        self._process = None


def wait_for_data(data: Path) -> None:
    """Wait while a private server of an earlier command, which was killed perhaps, is still giving its data back.

    Raises CannotStart when the folder belongs to a server that stays.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while (holder := holder_of(data)) is not None:
        if not _is_private(holder) or time.monotonic() > deadline:
            raise CannotStart(
                f"the data folder {data} belongs to another running server, process {holder}",
                "speak to that one: --server ADDRESS; or take another folder: --data-dir DIR",
            )
        time.sleep(0.1)


def holder_of(data: Path) -> int | None:
    """Return the process of the server that uses a data folder, 0 where it does not tell; None when nobody does."""
    try:
        lock = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        told = os.pread(lock, 20, 0).strip()
        return int(told) if told.isdigit() else 0
    finally:
        os.close(lock)
    return None


def is_served(data: Path) -> bool:
    """Does a data folder belong to a server that stays, and not to the private one of a command?"""
    holder = holder_of(data)
    return holder is not None and not _is_private(holder)


def _is_private(process: int) -> bool:
    try:
        return b"cli.private_server" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it has just ended, or this system does not tell
        return True


def _environment(place: Path, rules: Path) -> dict[str, str]:
    tests = rules.parent / "rule_tests"
    if not (rules / "rollout.yaml").is_file():
        rules, tests = _root_of_one(place, rules), place / "rule_tests"
        tests.mkdir()
    paths = [str(ROOT), str(ROOT / "proto"), os.environ.get("PYTHONPATH", "")]
    inherited = {name: value for name, value in os.environ.items() if name != SERVER_VARIABLE}
    return inherited | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "SIGNALBOX_SERVER_HOST": "127.0.0.1",
        "SIGNALBOX_SERVER_PORT": "0",
        "SIGNALBOX_SERVER_MAX_BATCH": "1000",
        "SIGNALBOX_SERVER_MAX_MESSAGE_BYTES": str(256 << 20),
        "SIGNALBOX_RULES_DIR": str(rules),
        "SIGNALBOX_RULES_TESTS_DIR": str(tests),
        "SIGNALBOX_LOG_LEVEL": "warning",
        "SIGNALBOX_LOG_FORMAT": "text",
    }


def _root_of_one(place: Path, version: Path) -> Path:
    """Make a rules folder that serves one version, which stays where it is."""
    root = place / "rules"
    root.mkdir()
    (root / version.name).symlink_to(version, target_is_directory=True)
    (root / "rollout.yaml").write_text(f'stable: "{version.name}"\n', encoding="utf-8")
    return root


def _start(data: Path, log: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # A process group of its own: Ctrl-C is for us, and we stop the server when we are done with it.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "cli.private_server", "--data-dir", str(data)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        process_group=0,
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the ready line and return the address it tells."""
    assert process.stdout is not None
    said, deadline = b"", time.monotonic() + READY_SECONDS
    while not (ready := _READY.search(said)) or b"\n" not in said[ready.start() :]:
        left = deadline - time.monotonic()
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, left))
        more = os.read(process.stdout.fileno(), 4096) if readable else b""
        if not more:
            why = "ended" if readable else f"was not ready after {READY_SECONDS:.0f} s"
            complaint = log.read_text(encoding="utf-8", errors="replace").strip()
            raise CannotStart(f"the private server {why}" + (f":\n{complaint[-4000:]}" if complaint else ""))
        said += more
    return ready[1].decode("ascii", "replace")


def main() -> None:
    """Be the server: end with the process that started this one (Linux), then do what `signalbox serve` does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    from cli.main import main as signalbox

    sys.argv[1:1] = ["serve"]
    signalbox()


if __name__ == "__main__":
    main()
