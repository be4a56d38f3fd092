"""Where a message is found: in the state, in the records, or in both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.decision.change import Change, Event
from engine.flow.lookup import Lookup
from engine.records.database import Database
from engine.records.queries import Queries, Trace
from engine.state.messages import Record
from tests.decision.rulesets import DAY, NOON
from tests.flow.lived import accepted, asked, attempted, closed, delivered, id_of, record

WANTED = asked(campaign="spring")


class Held:
    """The state, holding at most one record."""

    def __init__(self, held: Record | None) -> None:
        self._held = held

    async def read_one(self, message_id: str) -> Record | None:
        return self._held


async def found(database: Database, held: Record | None) -> Trace | None:
    """What is told of the message while the state holds this."""
    messages: Any = Held(held)
    return await Lookup(messages, Queries(database)).get(id_of(WANTED))


def kinds(trace: Trace | None) -> list[tuple[int, str]]:
    """The lines of a trace by number and kind."""
    assert trace is not None
    return [(event.number, event.kind) for event in trace.events]


async def test_it_is_found_right_after_it_was_accepted(database: Database) -> None:
    """Before anything is recorded, the state tells all of it."""
    trace = await found(database, accepted(WANTED))

    assert trace is not None
    assert trace.message.message == WANTED
    assert (trace.message.message_id, trace.message.accepted_ms, trace.message.state) == (id_of(WANTED), NOON, "QUEUED")
    assert [(step.number, step.channel, step.state) for step in trace.message.steps] == [(1, "push", "QUEUED")]
    assert trace.message.decision.decided_by == "to-push"
    assert kinds(trace) == [(1, "DECIDED")]
    assert trace.events[0].decision == trace.message.decision


async def test_it_is_found_long_after_the_state_has_forgotten_it(database: Database) -> None:
    """Then the records tell all of it, in the same words."""
    whole = accepted(WANTED, attempted, delivered)
    live = await found(database, whole)
    await record(database, whole)

    trace = await found(database, None)

    assert trace is not None
    assert live is not None
    assert trace.message._replace(decision=live.message.decision) == live.message
    assert kinds(trace) == kinds(live) == [(1, "DECIDED"), (2, "ATTEMPTED"), (3, "ANSWERED"), (4, "ENDED")]


async def test_a_closed_record_is_completed_by_what_is_recorded(database: Database) -> None:
    """Its body and its events have gone, what it came to has not; what happened since is there too."""
    whole = accepted(WANTED, attempted, delivered, final=True)
    await record(database, whole)
    late = Change(None, NOON + DAY)  # type: ignore[arg-type]  # nothing of it is looked at
    late.tell(Event.RECEIPT, 1, kind="READ")

    trace = await found(database, replace(closed(whole, WANTED), events=b"".join(late.events), count=whole.count + 1))

    assert trace is not None
    assert (trace.message.state, trace.message.message) == ("DELIVERED", WANTED)
    assert kinds(trace)[3:] == [(4, "ENDED"), (5, "RECEIPT")]
    assert trace.message.updated_ms == NOON + DAY


async def test_an_earlier_life_under_the_same_id_is_not_mixed_in(database: Database) -> None:
    """A request that was sent anew after its time begins a trace of its own."""
    await record(database, accepted(WANTED, attempted, delivered))

    trace = await found(database, accepted(WANTED, at_ms=NOON + 9 * DAY))

    assert trace is not None
    assert trace.message.accepted_ms == NOON + 9 * DAY
    assert kinds(trace) == [(1, "DECIDED")]


async def test_what_nobody_knows_is_not_found(database: Database) -> None:
    """Neither the state nor the records know of it."""
    assert await found(database, None) is None
