"""The recorder: what happened to messages goes from Redis into SQL, in batches, behind everything else's back.

    pointers -> records -> rows -> one transaction -> final records are closed -> pointers are done

Every step may be repeated. A pointer is done only after its message is committed, so a recorder killed at any point
leaves pointers that the next one takes up; rows that are there already are known by their record's version and by the
numbers of their events. While SQL is away it waits and tries again; nothing but its own backlog depends on it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from engine.clock import Clock, OnTime, always_on_time
from engine.decision.packing import digests
from engine.errors import SignalboxError, StateUnavailable
from engine.records.database import Database
from engine.records.rows import Told, tell
from engine.records.writing import write_told
from engine.state.events import Events, Pointer
from engine.state.messages import Messages, Record, Recorded

log = logging.getLogger(__name__)

BATCH: Final = 500
"""Pointers taken up in one go."""

IDLE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 2.0

FEW: Final = 64
GATHER_SECONDS: Final = 0.2
"""After fewer changes than these it waits a moment for more: a transaction costs as much for one as for fifty, and a
message that changes four times in that moment is recorded once."""


CLAIM_EVERY_SECONDS: Final = 10.0
CLAIM_IDLE_MS: Final = 30_000
"""Pointers that another recorder left lying for so long are taken over."""


_BREATH: Final = 16

MOST_ASIDE: Final = 10_000
"""Messages that cannot be recorded and are remembered as such, so that each is told of once."""


class _Work(NamedTuple):
    """A record, what it tells, and the digests that may take its body's place."""

    record: Record
    told: Told
    digests: bytes | None


class Recorder:
    """Writes what happens into a database. `committed` is called after every commit.

    `on_time` raises ClockDiffers when the clock is not to be gone by: how long a record stays is told by it.
    """

    def __init__(
        self,
        messages: Messages,
        events: Events,
        database: Database,
        clock: Clock,
        consumer: str,
        committed: Callable[[], None] = lambda: None,
        on_time: OnTime = always_on_time,
    ) -> None:
        self._messages = messages
        self._events = events
        self._database = database
        self._clock = clock
        self._consumer = consumer
        self._committed = committed
        self._on_time = on_time
        self._pointers: list[Pointer] = []
        self._starting = True
        self._claim_at_s = float("-inf")
        self._aside: set[str] = set()
        self.trouble = ""
        """Why nothing can be recorded now; empty when all is well."""

    async def run(self, stop: asyncio.Event) -> None:
        """Record until `stop` is set; waits longer and longer, up to 2 s, while SQL or Redis is away.

        Any other error is a fault of ours, and is told as one. It does not end the recorder: sooner or later nothing
        more could be taken in.
        """
        pause_s = IDLE_SECONDS
        while not stop.is_set():
            try:
                busy = await self.run_once()
            except Exception as error:
                pause_s = min(2 * max(pause_s, IDLE_SECONDS), LONGEST_PAUSE_SECONDS)
                self._note(str(error) or repr(error), None if isinstance(error, SignalboxError) else error)
            else:
                pause_s = GATHER_SECONDS if busy else IDLE_SECONDS
                self._note("")
                if busy >= FEW:
                    continue
            await _pause((stop, self._events.waited_for), pause_s)
            self._events.waited_for.clear()

    async def run_once(self, most: int = BATCH) -> int:
        """Take up about `most` pointers and return how many were; 0 when there was nothing to do.

        Raises RecordsUnavailable, StateUnavailable, StateFull, StateRefused or ClockDiffers; the next call goes on with
        the same.
        """
        if not self._pointers:
            try:
                self._pointers = await self._next(most)
            except StateUnavailable:
                self._starting = True  # Redis may have handed us pointers in an answer that never came
                raise
        pointers = self._pointers
        if not pointers:
            return 0
        records = await self._messages.read(list(dict.fromkeys(pointer.message_id for pointer in pointers)))
        work = await self._write(await asyncio.to_thread(self._decode, records))
        if work:
            self._committed()
            await self._on_time()
            now_ms = self._clock.now_ms()
            await self._messages.recorded([_closing(one, now_ms) for one in work])
        await self._events.done(pointer for pointer in pointers if pointer.message_id not in self._aside)
        self._pointers = []
        return len(pointers)

    async def _next(self, most: int) -> list[Pointer]:
        """Take up pointers: when starting those that somebody left undone, and from time to time too; else new ones."""
        now_s = asyncio.get_running_loop().time()
        if self._starting or now_s >= self._claim_at_s:
            idle_ms = 0 if self._starting else CLAIM_IDLE_MS
            claimed = await self._events.claim(self._consumer, idle_ms, most)
            claimed = [pointer for pointer in claimed if pointer.message_id not in self._aside]
            if claimed:
                return claimed
            self._starting, self._claim_at_s = False, now_s + CLAIM_EVERY_SECONDS
        return await self._events.read(self._consumer, most)

    def _decode(self, records: Sequence[Record | None]) -> list[_Work]:
        """Decode records, in a thread; one that went meanwhile was recorded long ago."""
        work = []
        for place, record in enumerate(records):
            if place % _BREATH == 0:
                time.sleep(0)  # the event loop, which answers callers, need not wait for the interpreter's lock
            if record is None or record.id in self._aside:
                continue
            try:
                work.append(_decoded(record))
            except Exception:
                self._put_aside(record.id, "cannot be read")
        return work

    async def _write(self, work: list[_Work]) -> list[_Work]:
        """Commit what was told, and return what was committed; a row that SQL will not have stops no other."""
        if not work:
            return []
        try:
            await self._database.write(lambda connection: write_told(connection, [one.told for one in work]))
        except SQLAlchemyError:
            if len(work) == 1:
                self._put_aside(work[0].record.id, "is refused by the database")
                return []
            half = len(work) // 2
            return await self._write(work[:half]) + await self._write(work[half:])
        return work

    def _put_aside(self, message_id: str, why: str) -> None:
        """Leave a message's pointers where they are: a later version, or a mended one, may record them."""
        log.exception("message %s %s and is not recorded until the next start", message_id, why)
        if len(self._aside) >= MOST_ASIDE:
            self._aside.clear()
        self._aside.add(message_id)

    def _note(self, trouble: str, fault: Exception | None = None) -> None:
        if trouble and not self.trouble:
            log.error("nothing is recorded for now: %s", trouble, exc_info=fault)
        elif self.trouble and not trouble:
            log.info("recording goes on")
        self.trouble = trouble


def _decoded(record: Record) -> _Work:
    told = tell(record)
    message = told.message if record.final else None
    return _Work(record, told, digests(message) if message is not None else None)


def _closing(work: _Work, now_ms: int) -> Recorded:
    record = work.record
    return Recorded(record.id, record.n, work.digests, record.until_ms - now_ms)


async def _pause(ends: Iterable[asyncio.Event], seconds: float) -> None:
    """Wait so long, or until one of these comes true."""
    waits = [asyncio.ensure_future(end.wait()) for end in ends]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
