"""Leases: which process does what only one needs to do, such as judging breakers.

A lease spares work; it guards nothing. A process that was stopped may wake up with one that another has by now, so what
it does must be safe when two do it.
"""

from __future__ import annotations

from typing import Final

from engine.state.connection import Store
from engine.state.scripts import Script

_TAKE: Final = Script("lease")
_END: Final = Script("lease_end")


class Leases:
    """The leases of one holder, whose name no other process has; all methods raise StateUnavailable."""

    def __init__(self, store: Store, holder: str) -> None:
        self._store = store
        self._holder = holder

    async def take(self, what: str, ttl_ms: int) -> bool:
        """Take a lease, or renew it, for `ttl_ms` from now on (by Redis' clock); False while another has it."""
        return bool(await self._store.run(_TAKE, (self._store.keys.lease(what),), (self._holder, ttl_ms)))

    async def end(self, what: str) -> bool:
        """Give a lease back before its time; False when it was another's already."""
        return bool(await self._store.run(_END, (self._store.keys.lease(what),), (self._holder,)))
