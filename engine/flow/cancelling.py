"""Cancelling: taking messages back, as far as nothing of them is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from engine.decision import transitions
from engine.decision.life import State
from engine.errors import StateUnavailable
from engine.flow.lives import change_life
from engine.flow.operating import Cancelled
from engine.flow.recorded import Pointers, until_recorded
from engine.records.queries import Queries, Wanted
from engine.state.apply import Changes
from engine.state.keys import Keys
from engine.state.messages import Messages

PAGE: Final = 1_000
PATIENCE_S: Final = 20.0

FINAL: Final = frozenset(state.name for state in State if state.is_final)


class Cancelling:
    """Takes messages back; all methods raise StateUnavailable."""

    def __init__(
        self,
        messages: Messages,
        changes: Changes,
        queries: Queries,
        pointers: Pointers,
        keys: Keys,
        now_ms: Callable[[], int],
    ) -> None:
        self._messages = messages
        self._changes = changes
        self._queries = queries
        self._pointers = pointers
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
        if not await until_recorded(self._pointers, PATIENCE_S):
            # A campaign that is half cancelled would be worse than a second call.
            raise StateUnavailable("the records are far behind, so not all messages are known; call again")
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
