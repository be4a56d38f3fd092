"""One server for all; every test plays on a day of its own, with a user of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.box import Box


@pytest.fixture(scope="session")
def running_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A server on the messages' clock."""
    box = Box(tmp_path_factory.mktemp("box"))
    yield box
    box.stop()


@pytest.fixture
def box(running_box: Box) -> Box:
    """The server, on the morning of a new day: it is 08:00, and nothing is under way."""
    running_box.new_day()
    return running_box
