"""The checker finds what is planted, and nothing where all is well."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checker import Account, Answer, Facts, Limit, Line, Seen, broken_promises
from tests.test_server import ROOT, environment

HOUR_MS = 3_600_000
FACTS = Facts(
    1_000,
    (Limit("few", 2, HOUR_MS), Limit("sms", 1, HOUR_MS, channels=("sms",))),
    (Account("cards", "sms", 5, 10),),
    ("TRANSACTION",),
)


class Run:
    """A run in which all is well: the user u1 gets a message by sms and one by push, the third is dropped.

    The fourth, to another user, was sent twice, and the trace says so.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.answers: list[Answer] = []
        self.told: dict[str, Line] = {}
        self.send("m1", "u1", "sms")
        self.send("m2", "u1", "push")
        self.answers.append(Answer("m3", "bank", "u1", "m3", "TRANSACTION", "cards", "DROP", "LIMIT_REACHED", False))
        self.told["m3"] = {"state": "DROPPED", "reason": "LIMIT_REACHED", "steps": [], "events": [event(1, "DECIDED")]}
        self.send("m4", "u4", "push")
        self.call("m4", 2)
        self.told["m4"]["events"].insert(2, event(0, "ATTEMPTED", 1, attempt=2.0, may_be_duplicated=True))
        number(self.told["m4"])

    def send(self, message_id: str, user_id: str, channel: str) -> None:
        """A message that goes out and arrives."""
        self.answers.append(
            Answer(message_id, "bank", user_id, message_id, "TRANSACTION", "cards", "SEND", "", False, (channel,))
        )
        self.call(message_id, 1, channel)
        self.lines.append({"kind": "receipt", "message_id": message_id, "step": 1, "receipt": "DELIVERED"})
        self.told[message_id] = {
            "state": "DELIVERED",
            "reason": "",
            "steps": [{"number": 1, "channel": channel, "state": "DELIVERED", "reason": ""}],
            "events": [
                event(1, "DECIDED"),
                event(2, "ATTEMPTED", 1, attempt=1.0),
                event(3, "ENDED", 1, state="DELIVERED"),
            ],
        }

    def call(self, message_id: str, attempt: int, channel: str = "push", **fields: Any) -> None:
        """A call that a carrier took."""
        self.lines.append(
            {
                "kind": "accepted",
                "at": 2_000 + len(self.lines),
                "message_id": message_id,
                "step": 1,
                "attempt": attempt,
                "reference": f"{message_id}.1.{attempt}",
                "channel": channel,
                "delivered": True,
                **fields,
            }
        )

    def complaints(self) -> list[str]:
        """What the checker says."""
        return broken_promises(Seen(deepcopy(self.lines)), self.answers, self.told, FACTS)


def event(place: int, kind: str, step: int = 0, **detail: Any) -> Line:
    """A line of a trace."""
    return {"number": place, "kind": kind, "step": step, "detail": detail}


def number(told: Line) -> None:
    """Number the lines of a trace anew."""
    for place, one in enumerate(told["events"], 1):
        one["number"] = place


def state(run: Run, message_id: str, name: str, reason: str = "") -> None:
    """Let the server say of a message and of its step that this became of it."""
    told = run.told[message_id]
    told["state"], told["reason"] = name, reason
    for step in told["steps"]:
        step["state"], step["reason"] = name, reason
    for one in told["events"]:
        if one["kind"] == "ENDED":
            one["detail"]["state"] = name


def without(run: Run, message_id: str, *kinds: str) -> None:
    """Take lines about a message out of the carriers' logs."""
    run.lines = [line for line in run.lines if line["message_id"] != message_id or line["kind"] not in kinds]


def test_all_is_well() -> None:
    """Nothing is found where there is nothing."""
    assert Run().complaints() == []


PLANTS: dict[str, tuple[Callable[[Run], Any], str]] = {
    "lost": (lambda run: run.told.pop("m1"), "m1 .*knows nothing of it"),
    "open": (lambda run: state(run, "m1", "QUEUED"), "m1 .*no final state, it is QUEUED"),
    "one step open": (
        lambda run: run.told["m1"]["steps"].append({"number": 2, "channel": "push", "state": "SENT", "reason": ""}),
        "m1 .*no final state",
    ),
    "never sent": (lambda run: without(run, "m1", "accepted", "receipt"), "m1 .*no carrier has taken it"),
    "never arrived": (lambda run: without(run, "m1", "receipt"), "m1 .*no carrier has told that it arrived"),
    "no reason": (
        lambda run: (state(run, "m1", "FAILED"), without(run, "m1", "accepted", "receipt")),
        "m1 .*never reached a carrier, and no reason",
    ),
    "sent though dropped": (lambda run: run.call("m3", 1), "m3: it was dropped, and a carrier was called"),
    "sent, and said to be expired": (lambda run: state(run, "m1", "EXPIRED"), "m1 .*a carrier has taken it"),
    "arrived, and said to have failed": (lambda run: state(run, "m1", "FAILED"), "m1 .*it has arrived"),
    "unknown without an attempt": (
        lambda run: (state(run, "m1", "UNKNOWN"), run.told["m1"]["events"].pop(1), number(run.told["m1"])),
        "m1 .*never attempted",
    ),
    "two ends": (
        lambda run: run.told["m1"]["events"].append(event(4, "ENDED", 1, state="FAILED")),
        r"m1 .*these ends of it: \['DELIVERED', 'FAILED'\]",
    ),
    "no end": (lambda run: run.told["m1"]["events"].pop(), r"m1 .*these ends of it: \[\]"),
    "not what its steps are": (
        lambda run: run.told["m1"].update(state="UNCONFIRMED"),
        r"m1 .*it is UNCONFIRMED, and its steps are \['DELIVERED'\]",
    ),
    "a gap in the trace": (lambda run: run.told["m1"]["events"].pop(1), r"m1 .*numbered \[1, 3\]"),
    "a step nobody knows": (
        lambda run: run.call("m2", 1, step=7, reference="m2.7.1"),
        "m2 .*called for step 7, which the server does not know",
    ),
    "nobody asked": (lambda run: run.call("m9", 1), "m9: a carrier was called, and no client was told"),
    "one attempt twice": (lambda run: run.call("m4", 2), r"m4\.1\.2: 2 calls of one attempt"),
    "an unmarked copy": (
        lambda run: run.told["m4"]["events"][2]["detail"].pop("may_be_duplicated"),
        "m4, step 1: attempt 2 is a second copy, and the trace does not say so",
    ),
    "a copy of what never goes again": (
        lambda run: run.answers.__setitem__(3, run.answers[3]._replace(category="MARKETING")),
        "m4, step 1: 2 copies of a message in the category MARKETING",
    ),
    "over a limit": (lambda run: run.send("m5", "u1", "push"), "u1 got 3 messages, and the limit few has room for 2"),
    "over a limit of a channel": (
        lambda run: (run.send("m5", "u5", "sms"), run.send("m6", "u5", "sms")),
        "u5 got 2 messages, and the limit sms has room for 1",
    ),
    "over an account": (
        lambda run: [run.send(f"m{n}", f"u{n}", "sms") for n in (5, 6)],
        "3 steps of the line cards went out by sms at 5 micros each, and the account holds 10",
    ),
    "two answers": (
        lambda run: run.answers.append(run.answers[0]._replace(verdict="DROP", repeated=True)),
        "m1: answered .*SEND.* and then .*DROP",
    ),
    "new twice": (lambda run: run.answers.append(run.answers[0]), "m1: 2 answers say that it is new"),
}


@pytest.mark.parametrize("name", PLANTS)
def test_what_is_planted_is_found(name: str) -> None:
    """Each broken promise is found and named."""
    run, (plant, sentence) = Run(), PLANTS[name]
    plant(run)
    found = "\n".join(run.complaints())

    assert re.search(sentence, found), found


def test_a_later_window_has_room_again() -> None:
    """A limit counts from the beginning of the run, once for each window that may have passed."""
    run = Run()
    run.send("m5", "u1", "push")
    run.lines[-2]["at"] = FACTS.began_ms + HOUR_MS

    assert run.complaints() == []


def test_it_is_a_program(tmp_path: Path) -> None:
    """It reads files, says what it found, and its exit code tells whether all is well."""
    run = Run()
    (tmp_path / "logs").mkdir()
    half = '{"kind":"accep'  # somebody died over it
    (tmp_path / "logs" / "a.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in run.lines) + half)
    (tmp_path / "answers").write_text("".join(f"{json.dumps(answer._asdict())}\n" for answer in run.answers))
    (tmp_path / "facts").write_text(json.dumps(asdict(FACTS)))
    told = [{"message_id": message_id, **one} for message_id, one in run.told.items()]
    for lost, expected in ((0, (0, "4 messages, 0 broken promises\n")), (1, (1, "3 messages, 1 broken promises\n"))):
        (tmp_path / "told").write_text("".join(f"{json.dumps(one)}\n" for one in told[lost:]))
        done = subprocess.run(
            [sys.executable, ROOT / "tests" / "faults" / "checker.py"]
            + [f"--{name}={tmp_path / name}" for name in ("logs", "answers", "facts", "told")],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout.splitlines(keepends=True)[-1]) == expected, done.stderr
