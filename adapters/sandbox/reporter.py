"""The carrier's back office: it reads in the log what was accepted and tells the receipts when they are due.

One process does it for all that append to the same log: the holder of its lock. When that one dies the next takes the
lock, reads the log from where everything was settled, and goes on; so a receipt is told at least once, unless its plan
says never. A sink that fails is told again after a pause that grows.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from adapters.base import Receipt, ReceiptKind, ReceiptSink
from adapters.sandbox.fate import Arrival
from adapters.sandbox.log import CarrierLog
from adapters.schedule import Schedule
from engine.clock import Clock

log = logging.getLogger(__name__)

BATCH: Final = 500
"""Receipts told in one go."""

MOST_PLANNED: Final = 1_000_000
"""Receipts planned at once, some 500 MB; beyond it the rest of the log waits, and its receipts come later."""

LOOK_S: Final = 0.2
"""How often the lock, and what other processes wrote, is looked for; in real time, since processes live in it."""

PATIENCE_MS: Final = 5_000
FIRST_PAUSE_MS: Final = 1_000
LONGEST_PAUSE_MS: Final = 30_000


class _Planned(NamedTuple):
    """A receipt to be told: `place` is that of its call in the log, `nth` which of the call's receipts it is."""

    due_ms: int
    place: int
    nth: int
    receipt: Receipt
    names: tuple[str, int, int]


class Reporter:
    """Tells the receipts of one log."""

    def __init__(self, carrier_log: CarrierLog, schedule: Schedule, clock: Clock) -> None:
        self._log = carrier_log
        self._schedule = schedule
        self._clock = clock
        self._sink: ReceiptSink | None = None
        self._holds = False
        self._position = 0
        self._seen = -1
        self._planned: list[_Planned] = []
        self._untold: dict[int, set[int]] = {}  # by the place of the call, so in the order of the log
        self._settled = -1
        self._not_before_ms = 0
        self._pause_ms = FIRST_PAUSE_MS
        self._armed: tuple[int, Callable[[], None]] | None = None
        self._idle = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    def start(self, sink: ReceiptSink) -> None:
        """Tell this sink from now on, beginning with what an earlier process left untold. The log is open."""
        self._sink = sink
        self._idle.set()
        self._take()
        self._watch = asyncio.ensure_future(self._look_again())

    def noticed(self) -> None:
        """A call was written that may have receipts."""
        if self._holds:
            self._wake(self._clock.now_ms())

    async def stop(self) -> None:
        """Finish what is being told and forget the rest, which stands in the log; twice does nothing."""
        self._sink = None
        if self._armed:
            self._armed[1]()
            self._armed = None
        if self._watch:
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._watch = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_MS / 1000):
                    await self._idle.wait()
        if self._holds:
            self._note_settled()
        self._holds = False

    def _take(self) -> None:
        self._holds = self._log.take()
        if self._holds:
            self._position = self._log.settled()
            self._planned.clear()
            self._untold.clear()
            self._wake(self._clock.now_ms())

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if not self._holds:
                    self._take()
                    continue
                if self._log.size() != self._seen or self._is_due(self._clock.now_ms()):
                    self._wake(self._clock.now_ms())
                self._note_settled()
            except OSError as error:
                log.warning("the log of the simulated carrier cannot be read: %s", error)

    def _wake(self, due_ms: int) -> None:
        """Have `_work` run at this time, unless it does so earlier anyway or we are stopped."""
        if self._sink is None:
            return
        # A clock that was set back must not turn a short rest into a long one.
        due_ms = max(due_ms, min(self._not_before_ms, self._clock.now_ms() + LONGEST_PAUSE_MS))
        if self._armed and self._armed[0] <= due_ms:
            return
        if self._armed:
            self._armed[1]()
        self._armed = due_ms, self._schedule.at(due_ms, self._work)

    async def _work(self, now_ms: int) -> None:
        self._armed = None
        if self._sink is None or not self._idle.is_set():
            return  # stopped; or at work, and then it looks at the log once more before it rests
        self._idle.clear()
        again_ms: int | None = None
        try:
            await self._read()
            await self._tell(now_ms)
            again_ms = self._next_look()
        except OSError as error:
            log.warning("the log of the simulated carrier cannot be read: %s", error)
            self._rest(now_ms)
            again_ms = self._not_before_ms
        finally:
            self._idle.set()
        if again_ms is not None:
            self._wake(again_ms)

    def _next_look(self) -> int | None:
        if self._log.size() != self._seen and len(self._planned) < MOST_PLANNED:
            return self._clock.now_ms()
        return self._planned[0].due_ms if self._planned else None

    # ---- reading ----

    async def _read(self) -> None:
        """Read to the end before anything is told: further down may stand that it was told already."""
        while self._sink is not None and len(self._planned) < MOST_PLANNED:
            size = self._log.size()
            lines, position = self._log.read(self._position)
            if position == self._position:
                self._seen = size  # perhaps with half a line at the end, which somebody died over
                return
            for place, line in lines:
                try:
                    self._understand(place, line)
                except (KeyError, TypeError, ValueError) as error:
                    log.warning("the log of the simulated carrier has a strange line at byte %d: %r", place, error)
            self._position = position
            await asyncio.sleep(0)

    def _understand(self, place: int, line: dict[str, Any]) -> None:
        if line["kind"] == Arrival.ACCEPTED and line.get("receipts"):
            plan = _plan_of(place, line)
            self._untold[place] = set(range(len(plan)))
            for planned in plan:
                heapq.heappush(self._planned, planned)
        elif line["kind"] == "receipt":
            self._told(line.get("call", -1), line.get("nth", -1))

    def _told(self, place: int, nth: int) -> None:
        if untold := self._untold.get(place):
            untold.discard(nth)
            if not untold:
                del self._untold[place]

    def _note_settled(self) -> None:
        position = next(iter(self._untold), self._position)
        if position != self._settled:
            try:
                self._log.settle(position)
            except OSError as error:
                log.warning("the simulated carrier cannot note how far it is; it will read more again: %s", error)
            self._settled = position

    # ---- telling ----

    def _is_due(self, now_ms: int) -> bool:
        return bool(self._planned) and self._planned[0].due_ms <= now_ms

    async def _tell(self, now_ms: int) -> None:
        while self._sink is not None and (batch := self._due(now_ms)):
            try:
                await self._sink([planned.receipt for planned in batch])
            except Exception as error:  # whatever it is, a carrier calls again
                log.warning("%d receipts were not taken; told again later: %s", len(batch), error)
                for planned in batch:
                    heapq.heappush(self._planned, planned)
                self._rest(now_ms)
                return
            self._pause_ms = FIRST_PAUSE_MS
            self._write_down(batch, now_ms)

    def _due(self, now_ms: int) -> list[_Planned]:
        batch: list[_Planned] = []
        while len(batch) < BATCH and self._is_due(now_ms):
            planned = heapq.heappop(self._planned)
            if planned.nth in self._untold.get(planned.place, ()):
                batch.append(planned)
        return batch

    def _rest(self, now_ms: int) -> None:
        self._not_before_ms = now_ms + self._pause_ms
        self._pause_ms = min(LONGEST_PAUSE_MS, self._pause_ms * 2)

    def _write_down(self, batch: list[_Planned], now_ms: int) -> None:
        try:
            self._log.append(_line(planned, now_ms) for planned in batch)
        except OSError as error:
            log.warning("%d receipts could not be written down; a restart tells them again: %s", len(batch), error)
        for planned in batch:
            self._told(planned.place, planned.nth)


def _plan_of(place: int, line: dict[str, Any]) -> list[_Planned]:
    """Return what an accepted call's line says will be told; of a strange one KeyError, TypeError, ValueError."""
    names = line["message_id"], line["step"], line["attempt"]
    return [
        _Planned(
            int(due_ms),
            place,
            nth,
            Receipt(line["provider"], ReceiptKind(kind), at_ms, line["reference"], line["provider_id"], code),
            names,
        )
        for nth, (due_ms, kind, at_ms, code) in enumerate(line["receipts"])
    ]


def _line(planned: _Planned, now_ms: int) -> dict[str, Any]:
    receipt = planned.receipt
    message_id, step, number = planned.names
    return {
        "at": now_ms,
        "kind": "receipt",
        "provider": receipt.provider,
        "reference": receipt.reference,
        "message_id": message_id,
        "step": step,
        "attempt": number,
        "receipt": receipt.kind,
        "happened": receipt.at_ms,
        "call": planned.place,
        "nth": planned.nth,
    }
