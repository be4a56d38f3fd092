"""A message's record as rows of the tables: decoding only, no database and no Redis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.decision.change import Event, unpack_events
from engine.decision.decided import begin, decide_again
from engine.decision.life import Life, unpack_life
from engine.decision.model import Admission, Decision, Message
from engine.decision.outline import Outline, unpack_admission, unpack_outline
from engine.decision.packing import unpack_message
from engine.decision.settle import settle
from engine.records.documents import decision_document, steps_of, write, write_message, write_steps
from engine.state.messages import Record

Row = dict[str, Any]

_NOBODY = Message("", "", "", "", "")


class Told(NamedTuple):
    """What a record tells: `first` is what never changes, None once the body has gone; `now` how far it has come.

    `events` are in order, the last of them has the number `last`. `message` is the body, where it is still there.
    """

    message_id: str
    accepted_ms: int
    n: int
    last: int
    first: Row | None
    now: Row
    events: list[Row]
    message: Message | None


def tell(record: Record) -> Told:
    """Decode a record. Whatever it raises, the record is none that this version wrote."""
    assert record.outline is not None
    assert record.admission is not None  # both are written with the record itself
    outline, admission = unpack_outline(record.outline), unpack_admission(record.admission)
    message = unpack_message(record.body) if record.body is not None else None
    life = _life(record, outline, admission, message or _NOBODY)
    events = _events(record, outline.now_ms)
    updated_ms = events[-1]["at_ms"] if events else outline.now_ms
    now = {"state": life.state.name, "steps": write_steps(steps_of(life)), "updated_ms": updated_ms}
    now |= {"recorded_n": record.n, "events": record.count}
    first = _first(message, outline, settle(outline, admission)) if message is not None else None
    return Told(record.id, outline.now_ms, record.n, record.count, first, now, events, message)


def _life(record: Record, outline: Outline, admission: Admission, message: Message) -> Life:
    """Return the life as it is, with a decision that is not yet part of it."""
    life = unpack_life(record.life) if record.life else begin(outline, admission, message)
    if record.later_outline is not None and record.later_admission is not None:
        decide_again(life, unpack_outline(record.later_outline), unpack_admission(record.later_admission))
    return life


def _first(message: Message, outline: Outline, decision: Decision) -> Row:
    names = ("tenant", "line", "user_id", "request_id", "scene", "campaign", "owner", "department", "category")
    return {
        **{name: getattr(message, name) for name in names},
        "priority": outline.priority,
        "expire_ms": outline.expire_ms,
        "verdict": decision.verdict.name,
        "reason": decision.reason.name if decision.reason else "",
        "strategy": decision.plan.strategy.name if decision.plan is not None else "",
        "until_ms": decision.until_ms,
        "decided_by": decision.decided_by,
        "version": decision.version,
        "decision": write(decision_document(decision)),
        "body": write_message(message),
    }


def _events(record: Record, accepted_ms: int) -> list[Row]:
    told = unpack_events(record.events)
    first = record.count - len(told) + 1
    return [
        {
            "message_id": record.id,
            "accepted_ms": accepted_ms,
            "number": number,
            "at_ms": at_ms,
            "kind": kind.name,
            "step": step,
            "detail": write(_detail(kind, detail)),
        }
        for number, (at_ms, kind, step, detail) in enumerate(told, first)
    ]


def _detail(kind: Event, detail: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an event tells; a decision after the first is told whole, the first one stands with its message."""
    if kind is Event.DECIDED and detail:
        decision = settle(unpack_outline(detail["outline"]), unpack_admission(detail["admission"]))
        return {"decision": decision_document(decision)}
    return detail
