"""What a version's name stands for is remembered within a bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.flow.served_versions import MOST_VERSIONS, ServedVersions


def digest(number: int) -> str:
    """Something that looks like a digest."""
    return f"{number:064x}"


def test_what_was_noted_is_known_after_a_start(tmp_path: Path) -> None:
    """The digest noted last counts, and a version that never served is not known."""
    one = ServedVersions(tmp_path)
    for version, number in (("a", 1), ("b", 2), ("a", 3)):
        one.note(version, digest(number))
    again = ServedVersions(tmp_path)
    again.open()

    for known in (one, again):
        assert [digest(3), digest(2), None] == [known.digest(version) for version in "abc"]
    assert [path.name for path in tmp_path.iterdir()] == ["served.json"]


def test_the_oldest_is_forgotten_at_the_bound(tmp_path: Path) -> None:
    """One version beyond the bound costs the one that was put in force longest ago, not the one named first."""
    served = ServedVersions(tmp_path)
    for number in range(MOST_VERSIONS):
        served.note(f"v{number}", digest(number))
    served.note("v0", digest(0))
    served.note("one-more", digest(7))

    assert [digest(0), None, digest(2)] == [served.digest(f"v{number}") for number in range(3)]


def test_a_disk_that_takes_nothing_is_told_and_the_memory_still_holds(tmp_path: Path) -> None:
    """Noting raises, and until the server stops the version is known all the same."""
    served = ServedVersions(tmp_path / "gone")
    with pytest.raises(OSError, match="gone"):
        served.note("a", digest(1))

    assert served.digest("a") == digest(1)
