"""A server of one's own: started for one command on a free port, with data of its own, and stopped with it.

Run as a program (`python -m cli.private_server`) this file is that server: `signalbox serve` which ends when the
process that started it does, whatever way that ends.
"""

from __future__ import annotations

import ctypes
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final

from cli.interrupts import ignoring_signals
from cli.problems import CannotStart

ROOT: Final = Path(__file__).resolve().parent.parent
"""Where the checkout is."""

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 15.0
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
    """Start a server with these rules, give its address, and stop it. Raises CannotStart with what it complained of.

    `rules` is the folder of rollout.yaml, or one version's folder; that version is then the one that decides.
    """
    place, process = Path(mkdtemp(prefix="signalbox-")), None
    try:
        with (place / "stderr").open("wb") as log:
            process = _start(place, rules.resolve(), log.fileno())
        yield _address(process, place / "stderr")
    finally:
        with ignoring_signals():  # a second Ctrl-C would leave the server or its folder behind
            if process is not None:
                _stop(process)
            rmtree(place, ignore_errors=True)


def _environment(place: Path, rules: Path) -> dict[str, str]:
    tests = rules.parent / "rule_tests"
    if not (rules / "rollout.yaml").is_file():
        rules, tests = _root_of_one(place, rules), place / "rule_tests"
        tests.mkdir()
    paths = [str(ROOT), str(ROOT / "proto"), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
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


def _start(place: Path, rules: Path, log: int) -> subprocess.Popen[bytes]:
    # A process group of its own: Ctrl-C is for us, and we stop the server when we are done with it.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "cli.private_server", "--data-dir", str(place / "data")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        env=_environment(place, rules),
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
