"""What the server answers, in the short words of the tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Final

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, error_details_pb2
from grpc_status import rpc_status

from signalbox.v1 import decision_pb2, message_pb2
from signalbox.v1 import message_service_pb2 as contract
from tests.acceptance.rules import DAY_S, FIRST_DAY_S

CHINA: Final = timezone(timedelta(hours=8))

TOLD: Final = ("provider", "outcome", "kind", "state", "reason", "may_be_duplicated", "error")
"""What of an event's detail stands in a story."""


class Days:
    """Texts for times, counted from the day that a test plays on."""

    def __init__(self) -> None:
        self.midnight_ms = FIRST_DAY_S * 1000

    def begin_after(self, now_ms: int) -> None:
        """Begin to count with the first whole day after a time."""
        while self.midnight_ms <= now_ms:
            self.midnight_ms += DAY_S * 1000

    def ms(self, text: str) -> int:
        """Read "09:00", "09:00:05" or "+1 09:00"."""
        days, _, hours = text.rpartition(" ")
        parts = [int(part) for part in hours.split(":")]
        seconds = sum(part * size for part, size in zip(parts, (3600, 60, 1), strict=False))
        return self.midnight_ms + (int(days or 0) * DAY_S + seconds) * 1000

    def stamp(self, text: str) -> Timestamp:
        """Read a time as the wire has it."""
        stamp = Timestamp()
        stamp.FromMilliseconds(self.ms(text))
        return stamp

    def text(self, at_ms: int) -> str:
        """Write a time; milliseconds that are not 0 are told too."""
        days, rest_ms = divmod(at_ms - self.midnight_ms, DAY_S * 1000)
        clock = (datetime(2000, 1, 1, tzinfo=CHINA) + timedelta(milliseconds=rest_ms)).strftime("%H:%M:%S")
        clock = clock.removesuffix(":00") + (f".{rest_ms % 1000:03d}" if rest_ms % 1000 else "")
        return f"{days:+d} {clock}" if days else clock


class Said:
    """A decision."""

    def __init__(self, wire: decision_pb2.Decision, days: Days) -> None:
        self.wire = wire
        self.verdict = decision_pb2.Verdict.Name(wire.verdict).removeprefix("VERDICT_")
        self.reason = _reason(wire.reason)
        self.until = days.text(wire.until.ToMilliseconds()) if wire.HasField("until") else ""
        self.strategy = message_pb2.Strategy.Name(wire.plan.strategy).removeprefix("STRATEGY_")
        self.channels = [step.channel for step in wire.plan.steps]
        self.refusals = {one.channel: _reason(one.reason) for one in wire.refusals}
        self.decided_by = wire.decided_by

    def __str__(self) -> str:
        plan = "+".join(self.channels)
        return " ".join(part for part in (self.verdict, self.reason, self.until, plan) if part)


class Accepted(Said):
    """The answer to one message."""

    def __init__(self, wire: contract.SendResponse, days: Days) -> None:
        super().__init__(wire.decision, days)
        self.id: str = wire.message_id
        self.repeated: bool = wire.repeated


class Life:
    """All about one message. `story` has a line for each event, such as "22:00 2 ENDED DELIVERED"."""

    def __init__(self, wire: contract.GetResponse, days: Days) -> None:
        self.wire = wire
        self.state = state_name(wire.record.state)
        self.steps = {one.channel: state_name(one.state) for one in wire.record.steps}
        self.story = [_line(event, days) for event in wire.events]
        assert [event.number for event in wire.events] == list(range(1, len(wire.events) + 1))

    def told(self, kind: str) -> list[str]:
        """The lines of one kind."""
        return [line for line in self.story if kind in line]


class Refused(Exception):
    """A call that was refused: the name of its code, and the fields that it names."""

    def __init__(self, error: Any) -> None:
        super().__init__(error.code().name, error.details())
        self.code: str = error.code().name
        self.fields = _fields(error)


def _fields(error: grpc.RpcError) -> list[str]:
    status, found = rpc_status.from_call(error), []
    for detail in status.details if status is not None else ():
        request = error_details_pb2.BadRequest()
        if detail.Unpack(request):
            found += [violation.field for violation in request.field_violations]
    return found


def code_name(number: int) -> str:
    """The name of a status code."""
    return str(code_pb2.Code.Name(number))


def state_name(number: int) -> str:
    """The name of a message's state."""
    return contract.MessageState.Name(number).removeprefix("MESSAGE_STATE_")


def _reason(number: int) -> str:
    return decision_pb2.Reason.Name(number).removeprefix("REASON_").replace("UNSPECIFIED", "")


def _line(event: contract.MessageEvent, days: Days) -> str:
    detail = MessageToDict(event.detail)
    words = [days.text(event.at.ToMilliseconds())]
    words += [str(event.step)] if event.step else []
    words.append(contract.EventKind.Name(event.kind).removeprefix("EVENT_KIND_"))
    words += [str(Said(event.decision, days))] if event.HasField("decision") else []
    words += [name if detail[name] is True else str(detail[name]) for name in TOLD if name in detail]
    if "due_ms" in detail:
        words.append("at " + days.text(int(detail["due_ms"])))
    return " ".join(words)
