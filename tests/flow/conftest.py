"""What the tests of the flow share: an open database of records, and the real Redis of the tests of the state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.records.database import Database
from tests.state.conftest import redis_server, store

__all__ = ["redis_server", "store"]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open SQLite database."""
    opened = await Database.open(None, tmp_path)
    yield opened
    await opened.close()
