"""Messages on their way, for tests: as the state has them, and put into the records as the recorder would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import insert

from engine.decision import transitions
from engine.decision.change import Change, Event
from engine.decision.decided import begin
from engine.decision.judge import Judge
from engine.decision.life import Life, State, pack_life
from engine.decision.model import Message
from engine.decision.outline import pack_admission, unpack_outline
from engine.decision.packing import digests, pack_message
from engine.decision.session import Session, judge_now
from engine.decision.session import State as Given
from engine.records.database import Database
from engine.records.rows import tell
from engine.records.tables import events, messages
from engine.state.keys import Keys
from engine.state.messages import Record
from tests.decision.rulesets import NOON, ZONE, by_interpreter, message, ruleset, user

KEYS = Keys(4, 64)
RULES = ruleset(routing="- {id: to-push, then: {supplement: [{channel: push, wait: 60s}, {channel: sms}]}}")

Happening = Callable[[Change, Life], None]


def asked(request_id: str = "r", **fields: Any) -> Message:
    """A message with a request_id."""
    return message(request_id=request_id, **fields)


def id_of(wanted: Message) -> str:
    """The id that a message gets."""
    return KEYS.message_id(wanted.tenant, wanted.user_id, wanted.request_id)


def accepted(wanted: Message, *then: Happening, at_ms: int = NOON, final: bool = False) -> Record:
    """The record of a message that was accepted at a time; then this happened to it, a second apart."""
    judge = Judge(RULES)
    (judged,) = judge_now(
        Session(judge, Given({("t", wanted.user_id): user()}, default_zone=ZONE)), [(wanted, at_ms)], by_interpreter
    )
    outline = judge.pack_outline(judged.proposal)
    life = begin(unpack_outline(outline), judged.admission, wanted)
    first = Change(life, at_ms)
    first.tell(Event.DECIDED, 0)
    log = [*first.events]
    for number, happening in enumerate(then, 1):
        change = Change(life, at_ms + number * 1000)
        happening(change, life)
        log += change.events
    return Record(
        *(id_of(wanted), 1 + len(then), at_ms + 1, judged.proposal.expire_ms),
        *(pack_message(wanted), None, outline, pack_admission(judged.admission), None, None),
        *(pack_life(life) if then else None, b"".join(log), len(log), 0, final),
    )


def attempted(change: Change, life: Life) -> None:
    """A provider is called for the first step."""
    transitions.attempt(change, life.steps[0], "carrier-a")


def delivered(change: Change, life: Life) -> None:
    """The provider took it, and a receipt says that it arrived."""
    step = life.steps[0]
    transitions.answer(change, step, step.attempts[0], "OK", "x-1", "")
    change.end(step, State.DELIVERED)
    life.remaining = []


async def record(database: Database, told_of: Record) -> None:
    """Put a message into the records as it stands."""
    told = tell(told_of)
    assert told.first is not None
    row = {"message_id": told_of.id, "accepted_ms": told.accepted_ms, **told.first, **told.now}

    def write(connection: Any) -> None:
        connection.execute(insert(messages).values(row))
        connection.execute(insert(events), told.events)

    await database.write(write)


def closed(told_of: Record, wanted: Message) -> Record:
    """The record once it is final and recorded: without its body and its events."""
    return Record(
        *(told_of.id, told_of.n, told_of.until_ms, told_of.expire_ms, None, digests(wanted)),
        *(told_of.outline, told_of.admission, None, None, told_of.life, b"", told_of.count, 0, True),
    )
