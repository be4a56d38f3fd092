"""How much the SQL side is behind, in bytes, and who is refused because of it.

`admit` adds the size of a message to its partition's counter, and `Messages.recorded` takes it away once the message is
in SQL. While SQL is away the counters grow; before Redis is full of what nobody recorded, the least urgent are refused.
"""

from __future__ import annotations

import asyncio
from typing import Final

from engine.state.connection import Store

SHARES: Final = {"P3": 0.50, "P2": 0.70, "P1": 0.85, "P0": 1.00}
"""The share of the bound from which on a priority is refused."""

LOOK_EVERY_S: Final = 0.25
"""How old the answer may be: the bound can be passed by what comes in that time."""


class Load:
    """The bytes of messages that are not yet recorded, against a bound."""

    def __init__(self, store: Store, bound_bytes: int) -> None:
        self._store = store
        self._bound = bound_bytes
        self._keys = [store.keys.load(partition) for partition in range(store.keys.partitions)]
        self._refused: frozenset[str] = frozenset()
        self._looked_s = float("-inf")
        self._looking = asyncio.Lock()

    async def refuses(self, priority: str) -> bool:
        """Is a message of this priority refused now? Raises StateUnavailable."""
        return priority in await self.refused()

    async def refused(self) -> frozenset[str]:
        """Return the priorities that are refused now, from a look at most 250 ms ago. Raises StateUnavailable."""
        if self._stale():
            async with self._looking:
                if self._stale():
                    unrecorded = await self.unrecorded()
                    self._refused = frozenset(p for p, share in SHARES.items() if unrecorded >= share * self._bound)
                    self._looked_s = asyncio.get_running_loop().time()
        return self._refused

    def _stale(self) -> bool:
        return asyncio.get_running_loop().time() >= self._looked_s + LOOK_EVERY_S

    async def unrecorded(self) -> int:
        """Count the bytes now. Raises StateUnavailable."""
        replies = await self._store.pipeline([("HGET", key, "unrecorded") for key in self._keys])
        return sum(int(reply) for reply in replies if reply)
