"""Reading the records: one message with its trace, and lists, newest first, page by page.

A page is cut by key, never by count, so paging costs the same on every page and nothing is passed over or told twice
when messages arrive meanwhile. What no index finds (verdict, state) is looked for among a bounded number of rows: such
a page may be short, or empty, and still have one after it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select, tuple_

from engine.decision.ledger_model import UserKey
from engine.decision.life import State
from engine.decision.model import Decision, Message
from engine.errors import FieldViolation, InvalidInput
from engine.records.database import Database
from engine.records.documents import StepStatus, read_decision, read_message, read_steps
from engine.records.tables import events, messages

MOST_LISTED: Final = 1_000
"""Messages on a page."""

MOST_EVENTS: Final = 10_000
"""Events told of one message, its first ones; more stay in the table."""

OPEN: Final = tuple(state.name for state in State if not state.is_final)

LOOK: Final = 5_000
"""Rows a page looks at for what no index finds."""


class RecordedMessage(NamedTuple):
    """A message as it is recorded; `decision` is the first one, `state` and `steps` are how far it has come."""

    message_id: str
    accepted_ms: int
    expire_ms: int
    updated_ms: int
    priority: str
    state: str
    message: Message
    decision: Decision
    steps: tuple[StepStatus, ...]


class RecordedEvent(NamedTuple):
    """One line of a message's trace; `decision` is set where it was decided."""

    number: int
    at_ms: int
    kind: str
    step: int
    decision: Decision | None
    detail: Mapping[str, Any]


class Trace(NamedTuple):
    """A message and every event of it, in order."""

    message: RecordedMessage
    events: tuple[RecordedEvent, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages: what is empty does not restrict. Accepted from `since_ms` on and before `until_ms`."""

    tenant: str
    user_id: str = ""
    line: str = ""
    campaign: str = ""
    verdict: str = ""
    state: str = ""
    since_ms: int | None = None
    until_ms: int | None = None


class Page(NamedTuple):
    """Messages, the newest first; `next` is where the next page begins, empty after the last."""

    messages: tuple[RecordedMessage, ...]
    next: str


class Queries:
    """Questions to a database's records. All methods raise RecordsUnavailable."""

    def __init__(self, database: Database, look: int = LOOK) -> None:
        self._database = database
        self._look = look

    async def get(self, message_id: str) -> RecordedMessage | None:
        """The newest life of a message, or None."""
        return await self._database.read(lambda connection: _newest(connection, message_id))

    async def trace(self, message_id: str) -> Trace | None:
        """The newest life of a message with its events, or None."""
        return await self._database.read(lambda connection: _trace(connection, message_id))

    async def page(self, wanted: Wanted, size: int = 100, token: str = "") -> Page:
        """The messages behind the place a token names, at most `size`; raises InvalidInput for a token of others."""
        size = min(max(size, 1), MOST_LISTED)
        before = _read_token(token, wanted) if token else None
        return await self._database.read(lambda connection: _page(connection, wanted, size, before, self._look))

    async def user_of(self, message_id: str) -> UserKey | None:
        """Whose a message is, or None when it is not recorded."""
        found = await self.get(message_id)
        return (found.message.tenant, found.message.user_id) if found is not None else None

    async def unfinished(self) -> int:
        """Count the recorded messages that are not in a final state; it looks at all of them."""
        asked = select(func.count()).select_from(messages).where(messages.c.state.in_(OPEN))
        return await self._database.read(lambda connection: int(connection.execute(asked).scalar_one()))


Key = tuple[int, str]
"""(accepted in ms, message id): the order of every list."""

_KEY: Final = (messages.c.accepted_ms, messages.c.message_id)
_NEWEST_FIRST: Final = (messages.c.accepted_ms.desc(), messages.c.message_id.desc())


def _newest(connection: Connection, message_id: str) -> RecordedMessage | None:
    asked = select(messages).where(messages.c.message_id == message_id).order_by(messages.c.accepted_ms.desc()).limit(1)
    row = connection.execute(asked).one_or_none()
    return _message(row) if row is not None else None


def _trace(connection: Connection, message_id: str) -> Trace | None:
    message = _newest(connection, message_id)
    if message is None:
        return None
    c = events.c
    asked = select(c.number, c.at_ms, c.kind, c.step, c.detail)
    asked = asked.where(c.message_id == message_id, c.accepted_ms == message.accepted_ms)
    rows = connection.execute(asked.order_by(c.number).limit(MOST_EVENTS))
    return Trace(message, tuple(read_event(*row, first=message.decision) for row in rows))


def _message(row: Row[Any]) -> RecordedMessage:
    return RecordedMessage(
        message_id=row.message_id,
        accepted_ms=row.accepted_ms,
        expire_ms=row.expire_ms,
        updated_ms=row.updated_ms,
        priority=row.priority,
        state=row.state,
        message=read_message(row.body),
        decision=read_decision(json.loads(row.decision)),
        steps=read_steps(row.steps),
    )


def read_event(
    number: int, at_ms: int, kind: str, step: int, text: str, *, first: Decision | None = None
) -> RecordedEvent:
    """Read an event; `first` is the decision that its message came in with."""
    detail = json.loads(text)
    decision = None
    if kind == "DECIDED":
        told = detail.pop("decision", None)
        decision = first if told is None else read_decision(told)
    return RecordedEvent(number, at_ms, kind, step, decision, detail)


# ---- lists ----


def _page(connection: Connection, wanted: Wanted, size: int, before: Key | None, look: int) -> Page:
    indexed, others = _conditions(wanted)
    behind = select(*_KEY, messages.c.verdict, messages.c.state, messages.c.line, messages.c.campaign).where(*indexed)
    if before is not None:
        behind = behind.where(_is_before(before))
    behind = behind.order_by(*_NEWEST_FIRST)
    keys = [
        (row.accepted_ms, row.message_id)
        for row in connection.execute(_restricted(behind, others, look).limit(size + 1))
    ]
    if len(keys) > size:
        following: Key | None = keys[size - 1]
    else:
        following = _end_of_look(connection, behind, look) if others else None
    found = _rows(connection, keys[:size])
    return Page(tuple(_message(row) for row in found), _token(wanted, following) if following is not None else "")


def _conditions(wanted: Wanted) -> tuple[list[ColumnElement[bool]], Mapping[str, str]]:
    """Split what is wanted into what an index finds, and what its rows are looked through for."""
    c = messages.c
    named = {"user_id": wanted.user_id, "campaign": wanted.campaign, "line": wanted.line}
    named |= {"verdict": wanted.verdict, "state": wanted.state}
    named = {name: value for name, value in named.items() if value}
    lead = next((name for name in ("user_id", "campaign", "line") if name in named), None)
    indexed = [c.tenant == wanted.tenant]
    if lead is not None:
        indexed.append(c[lead] == named.pop(lead))
    if wanted.since_ms is not None:
        indexed.append(c.accepted_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        indexed.append(c.accepted_ms < wanted.until_ms)
    return indexed, named


def _is_before(key: Key) -> ColumnElement[bool]:
    """Is a row older than this one? Written out: MySQL finds no index for a comparison of pairs."""
    c = messages.c
    return and_(c.accepted_ms <= key[0], or_(c.accepted_ms < key[0], c.message_id < key[1]))


def _restricted(behind: Select[Any], others: Mapping[str, str], look: int) -> Select[Any]:
    if not others:
        return behind
    looked = behind.limit(look).subquery()
    kept = (looked.c[name] == value for name, value in others.items())
    return select(looked).where(*kept).order_by(looked.c.accepted_ms.desc(), looked.c.message_id.desc())


def _end_of_look(connection: Connection, behind: Select[Any], look: int) -> Key | None:
    """Return the last row that was looked at; None if there was none behind it."""
    rows = connection.execute(behind.with_only_columns(*_KEY).offset(look - 1).limit(2)).all()
    return (rows[0].accepted_ms, rows[0].message_id) if len(rows) > 1 else None


def _rows(connection: Connection, keys: Sequence[Key]) -> list[Row[Any]]:
    if not keys:
        return []
    asked = select(messages).where(tuple_(*_KEY).in_(keys)).order_by(*_NEWEST_FIRST)
    return list(connection.execute(asked))


# ---- tokens ----

_TOKEN_FORMAT: Final = 1


def _token(wanted: Wanted, key: Key) -> str:
    text = json.dumps([_TOKEN_FORMAT, _digest(wanted), *key]).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _read_token(token: str, wanted: Wanted) -> Key:
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        form, digest, accepted_ms, message_id = json.loads(text)
        if form == _TOKEN_FORMAT and digest == _digest(wanted) and isinstance(accepted_ms, int):
            return accepted_ms, str(message_id)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        pass
    raise InvalidInput([FieldViolation("page_token", "it does not belong to this list; take the first page again")])


def _digest(wanted: Wanted) -> str:
    return sha256(repr(wanted).encode()).hexdigest()[:16]
