"""One real server that all hostile tests besiege, and what must be true of it at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.client import Client
from tests.hostile.version import write_version
from tests.test_server import Running, running


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server with the touchy rules. Whatever was done to it, it still runs, and no error surprised it."""
    folder = tmp_path_factory.mktemp("hostile")
    write_version(folder / "rules")
    with running(folder) as one:
        yield one
        assert one.process.poll() is None, "the server has ended"
        surprises = [line for line in one.log.read_text().splitlines() if "unexpectedly" in line or "Traceback" in line]
        assert surprises == []


@pytest.fixture(scope="package")
def client(server: Running) -> Iterator[Client]:
    """Somebody who sends it bytes."""
    with Client(server.address) as one:
        yield one
