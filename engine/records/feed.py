"""What becomes of messages as a stream that can be left and taken up again: the events of all messages in order.

The number an event is given when it is recorded is the cursor. Recorders commit one after the other, so an event is
never seen before one with a smaller number.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, select

from engine.errors import FieldViolation, InvalidInput
from engine.records.database import Database
from engine.records.documents import read_decision
from engine.records.queries import RecordedEvent, read_event
from engine.records.tables import events, messages

LOOK: Final = 2_000
"""Events looked at in one go."""

IDLE_SECONDS: Final = 0.5
"""How long what another process recorded may go unnoticed."""


class Change(NamedTuple):
    """One event of one message; `state` is the message's after all that is recorded of it."""

    cursor: str
    message_id: str
    accepted_ms: int
    state: str
    event: RecordedEvent


class Changes(NamedTuple):
    """Some changes in order, and the cursor behind all that was looked at for them."""

    changes: tuple[Change, ...]
    cursor: str


class Feed:
    """The changes recorded in a database. All methods raise RecordsUnavailable."""

    def __init__(self, database: Database, look: int = LOOK, idle_s: float = IDLE_SECONDS) -> None:
        self._database = database
        self._look = look
        self._idle_s = idle_s
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Something was recorded by this process: those who follow look at once."""
        self._news.set()
        self._news = asyncio.Event()

    async def end(self) -> str:
        """The cursor behind everything recorded so far."""
        asked = select(func.max(events.c.seq))
        last: int | None = await self._database.read(lambda connection: connection.execute(asked).scalar())
        return _cursor(last or 0)

    async def after(self, cursor: str, tenant: str, line: str = "", campaign: str = "") -> Changes:
        """The changes of a tenant's messages behind a cursor, perhaps of one line or campaign only.

        Raises InvalidInput when the text is no cursor.
        """
        after = _seq(cursor)
        named = {"tenant": tenant, "line": line, "campaign": campaign}
        named = {name: value for name, value in named.items() if value}
        return await self._database.read(lambda connection: _after(connection, after, named, self._look))

    async def follow(self, cursor: str, tenant: str, line: str = "", campaign: str = "") -> AsyncIterator[Changes]:
        """Yield the changes behind a cursor (empty: from now on) as they come, without end; cursors move on in between.

        Raises InvalidInput when the text is no cursor.
        """
        cursor = cursor or await self.end()
        while True:
            news = self._news
            found = await self.after(cursor, tenant, line, campaign)
            if found.cursor != cursor:
                cursor = found.cursor
                yield found
                continue
            try:
                await asyncio.wait_for(news.wait(), self._idle_s)
            except TimeoutError:
                continue


def _after(connection: Connection, after: int, named: dict[str, str], look: int) -> Changes:
    e, m = events.c, messages.c
    looked = select(e.seq).where(e.seq > after).order_by(e.seq).limit(look).subquery()
    last = connection.execute(select(func.max(looked.c.seq))).scalar()
    if last is None:
        return Changes((), _cursor(after))
    asked = select(e.seq, e.message_id, e.accepted_ms, m.state, m.decision, e.number, e.at_ms, e.kind, e.step, e.detail)
    asked = asked.join_from(events, messages, (m.message_id == e.message_id) & (m.accepted_ms == e.accepted_ms))
    asked = asked.where(e.seq > after, e.seq <= last, *(m[name] == value for name, value in named.items()))
    rows = connection.execute(asked.order_by(e.seq))
    return Changes(tuple(_change(*row) for row in rows), _cursor(last))


def _change(seq: int, message_id: str, accepted_ms: int, state: str, decision: str, *event: Any) -> Change:
    number = event[0]
    # The first event is the decision that the message came in with, and that stands with the message.
    first = read_decision(json.loads(decision)) if number == 1 else None
    return Change(_cursor(seq), message_id, accepted_ms, state, read_event(*event, first=first))


def _cursor(seq: int) -> str:
    return f"e{seq}"


def _seq(cursor: str) -> int:
    digits = cursor.removeprefix("e")
    if cursor[:1] != "e" or not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise InvalidInput([FieldViolation("cursor", "it is none that this stream gave; begin without one")])
    return int(digits)
