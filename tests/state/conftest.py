"""A real Redis for the tests of this folder: one server for all, emptied for each test."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from redis import Redis

from engine.state.connection import Store, StoreOptions
from engine.state.redis_process import find_binary
from tests.faults.waiting import until

PARTITIONS: Final = 4
BUCKETS: Final = 64


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a redis-server for this run of the tests."""
    folder = tmp_path_factory.mktemp("redis")
    path = folder / "redis.sock"
    settings = {
        "port": "0",
        "unixsocket": str(path),
        "dir": str(folder),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",  # quick; what `always` promises is tested where a server is killed
        "logfile": "redis.log",
    }
    arguments = [word for name, value in settings.items() for word in (f"--{name}", value)]
    with subprocess.Popen([find_binary().path, *arguments], stdout=subprocess.DEVNULL) as process:
        try:
            until(path.is_socket, "the socket of redis-server")
            yield f"unix://{path}"
        finally:
            process.kill()


@pytest.fixture
async def store(redis_server: str) -> AsyncIterator[Store]:
    """An empty Redis, connected, with 4 partitions and 64 buckets."""
    with Redis.from_url(redis_server) as plain:
        plain.flushall()
    opened = await Store.open(StoreOptions(url=redis_server, partitions=PARTITIONS, buckets=BUCKETS))
    yield opened
    await opened.close()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder for the data of an embedded Redis."""
    return tmp_path / "data"
