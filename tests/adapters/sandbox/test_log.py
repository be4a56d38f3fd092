"""The carrier's own account."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from adapters.sandbox import log as log_module
from adapters.sandbox.log import CarrierLog
from engine.errors import ConfigurationError


def line(reference: str, **more: object) -> dict[str, object]:
    """A line of the log."""
    return {"at": 1, "kind": "accepted", "provider": "carrier-a", "reference": reference, "outcome": "OK", **more}


@pytest.fixture
def log(tmp_path: Path) -> CarrierLog:
    """An open, empty log."""
    made = CarrierLog(tmp_path / "deep" / "carrier-a.jsonl")
    made.open()
    return made


def everything(log: CarrierLog, position: int = 0) -> list[dict[str, object]]:
    """All lines from a position on."""
    found = []
    while True:
        lines, after = log.read(position)
        if after == position:
            return found
        found += [line for _, line in lines]
        position = after


def test_lines_come_back_as_written(log: CarrierLog) -> None:
    """What is appended is read again, whatever is in it and however long it is, and each line's place leads to it."""
    written = [line(f"m{n}.1.1", text="\u2028\r\n\x85\x00 🚂 \ud83d" * n) for n in range(50)]
    written.append(line("long.1.1", text="字" * log_module.CHUNK_BYTES))
    for first in range(0, len(written), 10):
        log.append(written[first : first + 10])

    assert written == everything(log)
    assert written[3] == log.read(log.read(0)[0][3][0])[0][0][1]
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert "字" in log.path.read_text(encoding="utf-8")


def test_half_a_line_swallows_nothing(log: CarrierLog) -> None:
    """What a dying writer left half written is passed over, and the next line stands by itself."""
    log.append([line("a.1.1")])
    with log.path.open("ab") as file:
        file.write(b'{"kind":"accepted","refer')
    waiting = everything(log)
    second = CarrierLog(log.path)
    second.open()
    second.append([line("b.1.1")])

    assert [line("a.1.1")] == waiting
    assert [line("a.1.1"), line("b.1.1")] == everything(log)


def test_a_full_disk(log: CarrierLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that could only be written in part is an error, does not count, and harms no later one."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:20]))
    with pytest.raises(OSError, match="only 20 of"):
        log.append([line("a.1.1")])
    monkeypatch.undo()
    log.append([line("b.1.1")])

    assert [line("b.1.1")] == everything(log)


def test_a_call_is_found(log: CarrierLog) -> None:
    """The last line about a reference is found by that field alone, near or far, or it is said that there is none."""
    forged = line("x.1.1", params={"reference": "a.1.1", "z": 1}, text='"reference":"a.1.1",')
    log.append([line("a.1.1"), line("a.1.1", outcome="RETRY"), line('q"\n.1.1'), forged])
    log.append(line(f"m{n}.1.1", text="x" * 5_000) for n in range(300))

    assert (line("a.1.1", outcome="RETRY"), True) == log.find("a.1.1")
    assert (line('q"\n.1.1'), True) == log.find('q"\n.1.1')
    assert (forged, True) == log.find("x.1.1")
    assert log.find("a.1") == (None, True)
    assert log.find("a.1.1", most_bytes=100_000) == (None, False)


def test_one_holds_the_lock(log: CarrierLog) -> None:
    """Only one of those who have the log open may tell receipts, until it closes the file."""
    second = CarrierLog(log.path)
    second.open()

    assert [log.take(), log.take(), second.take()] == [True, True, False]
    log.close()
    log.close()
    assert second.take()


def test_how_far_it_is_settled(log: CarrierLog) -> None:
    """The settled position is kept; one that cannot be true of this file is 0."""
    log.append([line("a.1.1")])
    unknown, whole = log.settled(), log.size()
    log.settle(whole)
    known = log.settled()
    log.settle(whole + 1)
    beyond = log.settled()
    (log.path.parent / "carrier-a.jsonl.settled").write_text("???")

    assert [0, whole, 0, 0] == [unknown, known, beyond, log.settled()]


def test_a_strange_place(tmp_path: Path) -> None:
    """A log that cannot be opened is a sentence about settings; lines of another origin are passed over."""
    with pytest.raises(ConfigurationError, match="cannot be used: Is a directory"):
        CarrierLog(tmp_path).open()
    strange = tmp_path / "strange"
    strange.write_bytes(b"\xff\n[]\n3\n{}\n" + json.dumps(line("a.1.1")).encode() + b"\n\n")
    log = CarrierLog(strange)
    log.open()

    assert [line("a.1.1")] == everything(log)
