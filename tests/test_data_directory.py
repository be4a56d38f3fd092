"""The data directory: one server at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.data_directory import DataDirectory
from engine.errors import ConfigurationError


def test_a_second_server_is_told_who_holds_it(tmp_path: Path) -> None:
    """The message names the process, and what to do."""
    with DataDirectory(tmp_path), pytest.raises(ConfigurationError) as caught, DataDirectory(tmp_path):
        pass

    assert str(caught.value) == (
        f"the data directory {tmp_path} belongs to another running server, process {os.getpid()}; "
        "stop that one or give this one a directory of its own (--data-dir)"
    )


def test_it_is_free_again_afterwards(tmp_path: Path) -> None:
    """A stopped server leaves nothing that keeps the next one from starting."""
    for _ in range(2):
        with DataDirectory(tmp_path):
            pass


def test_it_is_made_for_its_owner_only(tmp_path: Path) -> None:
    """Nobody else may read what will tell who was sent what."""
    with DataDirectory(tmp_path / "a" / "b") as data:
        assert data.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_what_cannot_be_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    """A path that is a file gives a sentence, not a traceback."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigurationError, match="cannot be used"),
        DataDirectory(tmp_path / name),
    ):
        pass
