"""`signalbox trace`: one message's life, for people and for programs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import signalbox
from cli.timeline import mask
from signalbox.v1 import message_pb2, message_service_pb2, state_pb2
from tests.cli.fake_server import NOW_MS, FakeServer, _recorded

EVENTS: list[tuple[int, str, int, dict[str, Any]]] = [
    (0, "DECIDED", 0, {}),
    (0, "ATTEMPTED", 1, {"attempt": 1, "provider": "first"}),
    (200, "ANSWERED", 1, {"attempt": 1, "provider": "first", "outcome": "RETRY", "code": "503"}),
    (200, "RETRY", 1, {"due_ms": NOW_MS + 5_000}),
    (5_000, "ATTEMPTED", 1, {"attempt": 2, "provider": "first", "may_be_duplicated": True}),
    (5_100, "ANSWERED", 1, {"attempt": 2, "provider": "first", "outcome": "OK", "provider_id": "x[1]"}),
    (90_000, "RECEIPT", 1, {"attempt": 2, "kind": "DELIVERED", "reported_ms": NOW_MS + 80_000}),
    (90_000, "ENDED", 1, {"state": "DELIVERED"}),
]


@pytest.fixture
def message_id(server: FakeServer) -> str:
    """A message with a life behind it."""
    message = message_pb2.Message(
        tenant="bank", user_id="u", request_id="r", line="cards", category="CATEGORY_SERVICE", priority="PRIORITY_P1"
    )
    message.content.text = "Hello [there]"
    message.addresses.add(channel="sms", value="+420000123")
    message.params["amount"] = 12
    made = _recorded(message, NOW_MS)
    for number, (after_ms, kind, step, detail) in enumerate(EVENTS, 1):
        event = made.events.add(number=number, kind=f"EVENT_KIND_{kind}", step=step)
        event.at.FromMilliseconds(NOW_MS + after_ms)
        event.detail.update(detail)
    made.events[0].decision.CopyFrom(made.decision)
    made.record.state = message_service_pb2.MESSAGE_STATE_DELIVERED
    server.records["bank", "u", "r"] = made
    return made.record.message_id


def run(server: FakeServer, *arguments: str) -> Result:
    return CliRunner().invoke(signalbox, ["trace", *arguments, "--server", server.address])


def test_programs_get_all_of_it_in_order(server: FakeServer, message_id: str) -> None:
    """The message, its decision with version and rule, every event with its details."""
    result = run(server, message_id, "--json")

    found = json.loads(result.stdout)
    assert list(found) == ["message", "record", "decision", "events"]
    decision = {name: found["decision"][name] for name in ("verdict", "reason", "strategy", "version", "decided_by")}
    assert decision == {
        "verdict": "SEND",
        "reason": "",
        "strategy": "SUPPLEMENT",
        "version": "1",
        "decided_by": "route",
    }
    assert [step["channel"] for step in found["decision"]["plan"]["steps"]] == ["push", "sms"]
    assert found["message"]["params"] == {"amount": 12}
    assert found["message"]["addresses"] == [{"channel": "sms", "value": "+420000123"}]
    assert [event["number"] for event in found["events"]] == list(range(1, 9))
    assert found["events"][2] == {
        "number": 3,
        "at": "2026-02-02T02:40:00.200Z",
        "kind": "ANSWERED",
        "step": 1,
        "attempt": 1,
        "provider": "first",
        "outcome": "RETRY",
        "code": "503",
    }
    assert (found["events"][6]["kind"], found["events"][6]["receipt"]) == ("RECEIPT", "DELIVERED")
    assert found["events"][0]["decision"]["verdict"] == "SEND"


def test_people_get_a_timeline_in_their_words(server: FakeServer, message_id: str) -> None:
    """Each event a line, the day once, addresses masked, whatever a text holds."""
    result = run(server, message_id, "--zone", "Europe/Prague")

    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[0] == f"{message_id}  DELIVERED"
    assert "Hello [there]" in lines
    assert "address sms: +4…23" in lines
    assert lines[lines.index("What happened") + 1 :] == [
        "2026-02-02 CET",
        "03:40:00.000  decided: SEND, SUPPLEMENT: push, sms (later) with UNSPECIFIED, decided by route",
        "03:40:00.000  1 push: attempt 1, handed to first",
        "03:40:00.200  1 push: first failed for now (503)",
        "03:40:00.200  1 push: will be tried again at 03:40:05",
        "03:40:05.000  1 push: attempt 2, handed to first; it may be duplicated: an earlier attempt may have gone out",
        "03:40:05.100  1 push: first took it (provider_id x[1])",
        "03:41:30.000  1 push: receipt for attempt 2: delivered, of 03:41:20",
        "03:41:30.000  1 push: DELIVERED",
    ]


def test_times_are_those_of_the_user(server: FakeServer, message_id: str) -> None:
    """Where the server knows their zone; of anybody else UTC."""
    unknown = run(server, message_id).stdout
    server.users["u"] = state_pb2.User(user_id="u", zone="Asia/Shanghai")
    known = run(server, message_id).stdout

    assert ("2026-02-02 UTC" in unknown, "2026-02-02 CST" in known) == (True, True)


def test_an_unknown_message_is_told(server: FakeServer) -> None:
    """With the exit code of something that was not as it was thought to be."""
    result = run(server, "p00-0")

    assert (result.exit_code, "nothing is known of it" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("address", "expected"), [("+420000123", "+4…23"), ("12345", "…"), ("ann@mail.invalid", "a…@mail.invalid")]
)
def test_an_address_cannot_be_read_off(address: str, expected: str) -> None:
    """Enough to know it again, too little to use it."""
    assert mask(address) == expected
