"""Waiting until the records have what has happened so far, for those who answer from them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

LOOK_EVERY_S: Final = 0.02


class Pointers(Protocol):
    """What the recorder has still to do: `engine.state.events.Events`."""

    async def newest(self) -> list[str]:
        """Return the newest pointer of each partition."""

    async def is_done(self, newest: Sequence[str]) -> bool:
        """Are these done, and all before them?"""


async def until_recorded(pointers: Pointers, patience_s: float) -> bool:
    """Wait until everything that happened before this call is recorded; False when that takes too long.

    What happens meanwhile is not waited for, so a busy server keeps nobody. Raises StateUnavailable.
    """
    deadline = asyncio.get_running_loop().time() + patience_s
    newest = await pointers.newest()
    while not await pointers.is_done(newest):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    return True
