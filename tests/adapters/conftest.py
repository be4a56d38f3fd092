"""The tests of the workers and receipts share the real Redis of the tests of the state."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from engine.state.connection import Store
from tests.adapters.rig import Rig
from tests.state.conftest import redis_server, store

__all__ = ["redis_server", "store"]


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    """A worker's surroundings, with one scripted provider for SMS."""
    made = Rig(store)
    await made.lanes.ensure_groups()
    yield made
    await made.end()
