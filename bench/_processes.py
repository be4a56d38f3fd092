"""Servers started for a benchmark, each in a process of its own, and what they cost: processor time and memory."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from _common import ROOT

READY_S: Final = 60.0
STOP_S: Final = 15.0
_READY = re.compile(rb"^ready grpc=(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that is ready."""

    address: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Processor time it has used so far, all threads, without its children."""
        used = self.process.cpu_times()
        return float(used.user + used.system)

    def held_mb(self) -> tuple[float, float]:
        """Memory held now by it and by its children, in megabytes (10**6 bytes).

        Proportional shares (PSS), so that pages which a forked child shares count once.
        """
        return _pss_mb(self.process), sum(map(_pss_mb, self.process.children(recursive=True)))


def _pss_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0  # a load that has just ended


@contextmanager
def started(program: Sequence[str], log: Path, extra: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Run a Python program that prints a ready line, and end it with the block.

    Raises SystemExit with its complaint when it does not get ready.
    """
    paths = os.pathsep.join((str(ROOT), str(ROOT / "proto")))
    with log.open("wb") as complaints:
        process = subprocess.Popen(
            [sys.executable, *program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=os.environ | {"PYTHONPATH": paths} | dict(extra or {}),
            process_group=0,
        )
    try:
        yield Served(_address(process, log), psutil.Process(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def signalbox(
    folder: Path,
    rules: Path,
    tests: Path,
    *,
    role: str = "all",
    program: Sequence[str] = ("-P", "-m", "cli.private_server"),
    **settings: str,
) -> Iterator[Served]:
    """`signalbox serve` with these rules and data of its own below `folder`; it ends when this process does.

    `program` is what is run in the place of `cli.private_server`.
    """
    extra = {
        "SIGNALBOX_SERVER_PORT": "0",
        "SIGNALBOX_RULES_DIR": str(rules),
        "SIGNALBOX_RULES_TESTS_DIR": str(tests),
        "SIGNALBOX_LOG_LEVEL": "warning",
        **settings,
    }
    flags = ("--data-dir", str(folder / "data"), "--role", role)
    with started((*program, *flags), folder / "signalbox.log", extra) as server:
        yield server


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.stdout is not None
    said, deadline = b"", time.monotonic() + READY_S
    while (ready := _READY.search(said)) is None or b"\n" not in said[ready.start() :]:
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        more = os.read(process.stdout.fileno(), 4096) if readable else b""
        if not more:
            complaint = log.read_text(encoding="utf-8", errors="replace")[-4000:]
            raise SystemExit(f"the server was not ready:\n{complaint}")
        said += more
    return ready[1].decode()
