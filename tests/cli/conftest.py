"""A fake server for the commands that speak to one, on either clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.fake_server import FakeServer, fake_server


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server on the messages' clock."""
    with fake_server() as made:
        yield made


@pytest.fixture
def real_server() -> Iterator[FakeServer]:
    """A server on the real clock."""
    with fake_server(messages_clock=False) as made:
        yield made
