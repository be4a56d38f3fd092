"""Cancelling: taking messages back, as far as nothing of them is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from engine.decision import transitions
from engine.decision.life import State
from engine.errors import StateUnavailable
from engine.flow.lives import change_life
from engine.flow.operating import Cancelled
from engine.records.queries import Queries, Wanted
from engine.state.apply import Changes
from engine.state.keys import Keys
from engine.state.messages import Messages

PAGE: Final = 1_000
LOOK_EVERY_S: Final = 0.05
PATIENCE_S: Final = 20.0

FINAL: Final = frozenset(state.name for state in State if state.is_final)


class Backlog(Protocol):
    """What the recorder has still to do."""

    async def backlog(self) -> int:
        """How many changes are not recorded."""


class Cancelling:
    """Takes messages back; all methods raise StateUnavailable."""

    def __init__(
        self,
        messages: Messages,
        changes: Changes,
        queries: Queries,
        backlog: Backlog,
        keys: Keys,
        now_ms: Callable[[], int],
    ) -> None:
        self._messages = messages
        self._changes = changes
        self._queries = queries
        self._backlog = backlog
        self._keys = keys
        self._now_ms = now_ms

    async def message(self, message_id: str) -> bool | None:
        """Take one message back: was something of it stopped? None when the state knows nothing of it."""
        if await self._messages.read_one(message_id) is None:
            return None
        return await self._stop(message_id)

    async def campaign(self, tenant: str, campaign: str) -> Cancelled:
        """Take back the unfinished messages of a campaign that were accepted until now."""
        return await self._sweep(Wanted(tenant, campaign=campaign))

    async def line(self, tenant: str, line: str) -> Cancelled:
        """Take back the unfinished messages of a line that were accepted until now."""
        return await self._sweep(Wanted(tenant, line=line))

    async def _stop(self, message_id: str) -> bool:
        now_ms = self._now_ms()
        changed = await change_life(
            self._messages, self._changes, self._keys, message_id, lambda life: transitions.cancel(life, now_ms)
        )
        return changed is not None

    async def _sweep(self, wanted: Wanted) -> Cancelled:
        """Go through what is recorded, once everything accepted before this call is."""
        await self._recorded()
        cancelled = too_late = 0
        token = ""
        while True:
            page = await self._queries.page(wanted, PAGE, token)
            open_ones = [one.message_id for one in page.messages if one.state not in FINAL]
            stopped = await asyncio.gather(*(self._stop(message_id) for message_id in open_ones))
            cancelled += sum(stopped)
            too_late += len(page.messages) - sum(stopped)
            token = page.next
            if not token:
                return Cancelled(cancelled, too_late)

    async def _recorded(self) -> None:
        """Wait until the recorder has seen what was there when the call began.

        Raises StateUnavailable when that takes long: a campaign that is half cancelled would be worse than a second
        call.
        """
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        left = await self._backlog.backlog()
        while left > 0:
            if asyncio.get_running_loop().time() > deadline:
                raise StateUnavailable("the records are far behind, so not all messages are known; call again")
            await asyncio.sleep(LOOK_EVERY_S)
            left = min(left, await self._backlog.backlog())
