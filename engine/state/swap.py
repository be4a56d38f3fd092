"""Compare-and-set of one field of a hash: for what is small, seldom written, and written by several."""

from __future__ import annotations

from typing import Final

from engine.state.connection import Store
from engine.state.scripts import Script

_SWAP: Final = Script("swap")


async def swap(store: Store, key: str, field: str, before: bytes, after: bytes) -> bool:
    """Set a field that still has the value `before`; empty means absent. False: it had another, nothing was changed.

    Raises StateUnavailable.
    """
    return bool(await store.run(_SWAP, (key,), (field, before, after)))
