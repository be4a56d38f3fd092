"""All about one message, right after it was accepted and long after: the live record, completed by what is recorded.

The live record knows first; what is final and recorded leaves it, and the SQL side tells the rest. Where both speak, a
line of the trace is known by its number.
"""

from __future__ import annotations

import json

from engine.records.documents import read_decision, read_steps
from engine.records.queries import Queries, RecordedEvent, RecordedMessage, Trace, read_event
from engine.records.rows import Row, Told, tell
from engine.state.messages import Messages


class Lookup:
    """Finds messages by their id."""

    def __init__(self, messages: Messages, queries: Queries) -> None:
        self._messages = messages
        self._queries = queries

    async def get(self, message_id: str) -> Trace | None:
        """Return a message with every event so far, or None when nothing is known of it.

        The id must be one: see `Keys.partition_of`. Raises StateUnavailable, and RecordsUnavailable when only the SQL
        side can answer.
        """
        record = await self._messages.read_one(message_id)
        if record is None:
            return await self._queries.trace(message_id)
        told = tell(record)
        recorded = None
        if told.first is None or told.last > len(told.events):
            recorded = await self._queries.trace(message_id)
            if recorded is not None and recorded.message.accepted_ms != told.accepted_ms:
                recorded = None  # an earlier life under the same id
        return _merged(told, recorded)


def _merged(told: Told, recorded: Trace | None) -> Trace | None:
    if told.first is not None and told.message is not None:
        head = _head(told, told.first)
    elif recorded is not None:
        now = told.now
        head = recorded.message._replace(
            state=now["state"],
            steps=read_steps(now["steps"]),
            updated_ms=max(now["updated_ms"], recorded[0].updated_ms),
        )
    else:
        return None
    live = tuple(_event(row, head) for row in told.events)
    before = told.last - len(live)
    earlier = [event for event in recorded.events if event.number <= before] if recorded is not None else []
    return Trace(head, (*earlier, *live))


def _head(told: Told, first: Row) -> RecordedMessage:
    assert told.message is not None  # the caller looked
    return RecordedMessage(
        message_id=told.message_id,
        accepted_ms=told.accepted_ms,
        expire_ms=first["expire_ms"],
        updated_ms=told.now["updated_ms"],
        priority=first["priority"],
        state=told.now["state"],
        message=told.message,
        decision=read_decision(json.loads(first["decision"])),
        steps=read_steps(told.now["steps"]),
    )


def _event(row: Row, head: RecordedMessage) -> RecordedEvent:
    return read_event(row["number"], row["at_ms"], row["kind"], row["step"], row["detail"], first=head.decision)
