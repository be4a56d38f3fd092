"""The carrier's own account of what it was asked and what it told: JSON lines, one per call and one per receipt told.

It is the truth that a checker compares our books with, and from it pending receipts are planned again after a restart.
A call's line is written before its answer is given. Several processes may append; the one that holds the lock tells the
receipts. It survives the death of every process, not that of the machine. It is never shortened; delete it while
everything is stopped. Readable by its owner alone: it holds addresses and texts.

| field | of which lines | meaning |
| --- | --- | --- |
| at | all | when, ms |
| kind | all | accepted, refused, unreached (lost on the way: the carrier never saw it), receipt |
| provider, channel, reference, message_id, step, attempt | all | which call |
| addresses, category, tenant, line | calls | to whom, and for what |
| title, text, html, url; template, params | calls | what was to be said; empty ones are left out |
| outcome, provider_id | calls | what the caller is answered; AMBIGUOUS = nothing |
| delivered | accepted | whether the receiver got it |
| receipts | accepted | what will be told: [due ms, kind, happened ms, code] |
| receipt, happened, call, nth | receipt | what was told; the call's place in the file; which of its receipts, from 0 |
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from engine.errors import ConfigurationError

CHUNK_BYTES: Final = 256 * 1024
SEARCH_BYTES: Final = 64 * 1024 * 1024
"""How far back from its end `find` looks."""

_write_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


class CarrierLog:
    """One log file. `open` it first; every other method raises OSError when the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._settled_path = path.with_name(path.name + ".settled")
        self._handle = -1
        self._torn = False

    def open(self) -> None:
        """Open the file, made when missing; raises ConfigurationError when that fails. Twice does nothing."""
        if self._handle >= 0:
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(f"the log {self.path} cannot be used: {error.strerror}") from error
        size = self.size()
        self._torn = size > 0 and os.pread(self._handle, 1, size - 1) != b"\n"

    def close(self) -> None:
        """Close the file and give the lock back; twice does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def take(self) -> bool:
        """Try to become the one that tells the receipts; True when we are, until `close`."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def size(self) -> int:
        """The length of the file in bytes."""
        return os.fstat(self._handle).st_size

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Write lines at the end, all in one go. On an OSError none of them counts."""
        # What UTF-8 cannot hold, half of a surrogate pair, becomes an escape that JSON reads.
        data = "".join(_write_json(line) + "\n" for line in lines).encode("utf-8", "backslashreplace")
        if self._torn:
            data = b"\n" + data
        self._torn = True  # half a line, of ours or of one who died, must not swallow the next
        written = os.write(self._handle, data)
        self._torn = written != len(data)
        if self._torn:
            raise OSError(f"only {written} of {len(data)} bytes could be written")

    def read(self, position: int) -> tuple[list[tuple[int, dict[str, Any]]], int]:
        """Return the next whole lines from `position`, each with its place, and the position after them.

        Some 256 KiB at a time; nothing at the end. What is no line of ours is passed over.
        """
        length = CHUNK_BYTES
        while True:
            data = os.pread(self._handle, length, position)
            end = data.rfind(b"\n") + 1
            if end or len(data) < length:
                break
            length *= 2
        lines = []
        for raw in data[:end].splitlines(keepends=True):
            if (line := _line(raw)) is not None:
                lines.append((position, line))
            position += len(raw)
        return lines, position

    def find(self, reference: str, most_bytes: int = SEARCH_BYTES) -> tuple[dict[str, Any] | None, bool]:
        """Return the last line about a reference, if there is one in the last `most_bytes`, and whether that was all.

        Takes up to 100 ms for 64 MiB; meant for a thread.
        """
        needle = b'"reference":' + _write_json(reference).encode("utf-8", "backslashreplace") + b","
        end = self.size()
        least = max(0, end - most_bytes)
        while end > least:
            start = max(least, end - 4 * CHUNK_BYTES)
            data = os.pread(self._handle, end - start + len(needle) - 1, start)
            place = data.rfind(needle)
            if place >= 0 and (line := self._line_around(start + place)) and line["reference"] == reference:
                return line, True
            end = start if place < 0 else start + place
        return None, least == 0

    def _line_around(self, position: int) -> dict[str, Any] | None:
        """Return the line that a position lies in. Nothing that can be long stands before a reference."""
        before = max(0, position - 4096)
        start = before + os.pread(self._handle, position - before, before).rfind(b"\n") + 1
        lines, _ = self.read(start)
        return lines[0][1] if lines and lines[0][0] == start else None

    def settled(self) -> int:
        """The position before which no receipt is left to be told; 0 when nobody knows."""
        try:
            position = int(self._settled_path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0
        return position if 0 <= position <= self.size() else 0

    def settle(self, position: int) -> None:
        """Note that position."""
        fresh = self._settled_path.with_name(self._settled_path.name + ".new")
        fresh.write_text(f"{position}\n", encoding="ascii")
        os.replace(fresh, self._settled_path)


def _line(raw: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "kind" in line and "reference" in line else None
