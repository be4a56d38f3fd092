"""What the tests of the adapters share: an attempt to be made, surroundings, and an inbox for receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from adapters.base import Attempt, ProviderSpec, Receipt, Surroundings, reference_of
from adapters.sandbox.adapter import SandboxAdapter, build
from adapters.schedule import LoopSchedule, TimelineSchedule
from engine.clock import HandClock, SystemClock
from engine.decision.model import Content

NOON = 1_767_585_600_000
PATIENCE_S = 30


def attempt(serial: int = 1, *, step: int = 1, number: int = 1, **changes: Any) -> Attempt:
    """An ordinary attempt; its message is told by `serial`."""
    message_id = f"p{serial % 16:02d}-{serial:032x}"
    ordinary = Attempt(
        reference=reference_of(message_id, step, number),
        message_id=message_id,
        step=step,
        number=number,
        channel="sms",
        addresses=(f"+86138{serial:08d}",),
        category="TRANSACTION",
        priority="P1",
        expire_ms=NOON + 86_400_000,
        tenant="bank",
        line="cards",
        content=Content("", "您的账户支出 200.00 元", "", ""),
    )
    return ordinary._replace(**changes)


class Inbox:
    """A receipt sink that keeps what comes; while `broken` it takes nothing."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.broken = False
        self.refused = 0
        self._news = asyncio.Condition()

    async def __call__(self, receipts: Sequence[Receipt]) -> None:
        """Take receipts in."""
        async with self._news:
            self._news.notify_all()
            if self.broken:
                self.refused += 1
                raise OSError("the inbox is broken")
            self.receipts += receipts

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what came makes this true."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(condition)


def real_time(folder: Path) -> Surroundings:
    """Surroundings in which time passes by itself."""
    clock = SystemClock()
    return Surroundings(clock, LoopSchedule(clock), folder)


class Timeline:
    """Surroundings on the messages' clock, moved by hand from event to event."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock(NOON)
        self.schedule = TimelineSchedule()
        self.surroundings = Surroundings(self.clock, self.schedule, folder)

    async def run_on(self, until_ms: int | None = None) -> None:
        """Move to the next event until there is none, or none by that time."""
        while (due_ms := self.schedule.next_due()) is not None and (until_ms is None or due_ms <= until_ms):
            self.clock.advance(max(0, due_ms - self.clock.now_ms()))
            await self.schedule.run_due(self.clock.now_ms())


def carrier(surroundings: Surroundings, settings: Mapping[str, Any], name: str = "carrier-a") -> SandboxAdapter:
    """A simulated carrier."""
    made = build(ProviderSpec(name, "sandbox", "sms", settings), surroundings)
    assert isinstance(made, SandboxAdapter)
    return made
