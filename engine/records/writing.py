"""What records tell, written into the tables in one transaction; what is there already is known and left alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from engine.records.rows import Told
from engine.records.tables import RECORDER_MARK, events, marks, messages

log = logging.getLogger(__name__)


def write_told(connection: Connection, told: Sequence[Told]) -> None:
    """Bring the rows of these messages up to date.

    Recorders commit one after the other, so that events are seen in the order of their numbers.
    """
    connection.execute(select(marks.c.value).where(marks.c.name == RECORDER_MARK).with_for_update())
    known = _known(connection, told)
    new, changed, lines = [], [], []
    for one in told:
        before = known.get((one.message_id, one.accepted_ms))
        if before is None:
            if one.first is None:
                log.warning("message %s is closed, but the records do not know it", one.message_id)
                continue
            new.append({"message_id": one.message_id, "accepted_ms": one.accepted_ms, **one.first, **one.now})
            lines += one.events
        elif one.n > before.recorded_n:
            updated_ms = max(one.now["updated_ms"], before.updated_ms)
            own = {"its_id": one.message_id, "its_time": one.accepted_ms}
            changed.append({**one.now, "updated_ms": updated_ms, **own})
            lines += [line for line in one.events if line["number"] > before.events]
    for statement, rows in ((insert(messages), new), (_CHANGE, changed), (insert(events), lines)):
        if rows:
            connection.execute(statement, rows)


def _known(connection: Connection, told: Sequence[Told]) -> dict[tuple[str, int], Any]:
    c = messages.c
    asked = select(c.message_id, c.accepted_ms, c.recorded_n, c.events, c.updated_ms)
    rows = connection.execute(asked.where(c.message_id.in_([one.message_id for one in told])))
    return {(row.message_id, row.accepted_ms): row for row in rows}


_CHANGE: Final = (
    update(messages)
    .where(messages.c.message_id == bindparam("its_id"), messages.c.accepted_ms == bindparam("its_time"))
    .values({name: bindparam(name) for name in ("state", "steps", "updated_ms", "recorded_n", "events")})
)
