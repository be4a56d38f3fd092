"""What the tests of the directory of users share: who is in it, and stores that die or wait at a chosen exchange."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from engine.state.connection import Store
from engine.state.identities import Identities
from engine.state.user_changes import GivenBinding, GivenUser

TENANT = "bank"
ANN, BEN, EVE = (TENANT, "ann"), (TENANT, "ben"), (TENANT, "eve")


def given(user_id: str, *bindings: GivenBinding, **fields: Any) -> GivenUser:
    """A user of the tests' tenant, as put."""
    return GivenUser(TENANT, user_id, bindings=bindings, **fields)


class Died(Exception):
    """The process is gone."""


class GatedStore:
    """A store that asks before and after each exchange with Redis, and so can be stopped at any of them."""

    def __init__(self, store: Store, gate: Callable[[], Awaitable[None]]) -> None:
        self.keys = store.keys
        self._store = store
        self._gate = gate

    async def pipeline(self, commands: Sequence[Any]) -> list[Any]:
        """One exchange, between two gates: a process dies before its question or after the answer, unheard."""
        await self._gate()
        replies = await self._store.pipeline(commands)
        await self._gate()
        return replies


def gated(store: Store, gate: Callable[[], Awaitable[None]]) -> Identities:
    """A process of its own that can be stopped."""
    return Identities(GatedStore(store, gate))  # type: ignore[arg-type]


def dying(store: Store, after_gates: int) -> Identities:
    """A process that dies at the given gate, counted from 0."""
    left = after_gates

    async def gate() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Died

    return gated(store, gate)
