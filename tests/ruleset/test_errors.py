"""What a rule author is told: every folder below errors/ is a version broken in one way, with the whole text expected.

A folder holds only the files that differ from `errors/_base`; a file that ends in `.gone` is missing from the version.
To write the expected texts anew: SIGNALBOX_GOLDEN=update pytest tests/ruleset/test_errors.py, then read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.ruleset.check import check
from engine.ruleset.issues import render
from engine.ruleset.parse import parse_version

ERRORS = Path(__file__).parent / "errors"
CASES = sorted(path.name for path in ERRORS.iterdir() if path.is_dir() and not path.name.startswith("_"))


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a case folder by their names within a version."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def version_of(case: str) -> dict[str, bytes]:
    """Return the base version with the files of a case laid over it."""
    files = files_of(ERRORS / "_base") | files_of(ERRORS / case)
    files.pop("expected.txt", None)
    for gone in [name for name in files if name.endswith(".gone")]:
        del files[gone]
        files.pop(gone.removesuffix(".gone"), None)
    return files


def complaints(files: dict[str, bytes]) -> str:
    """Return what `rules check` tells about these files."""
    return render(check(parse_version("2026.11.1", files)).issues, color=False) + "\n"


def test_the_base_version_is_good() -> None:
    """The version that all cases start from has nothing to complain about."""
    parsed = check(parse_version("2026.11.1", version_of("_base")))
    assert parsed.issues == ()
    assert len(parsed.rules) == 12


@pytest.mark.parametrize("case", CASES)
def test_a_broken_version_is_explained(case: str) -> None:
    """Each way to break a version gets its own text, with place, cause and cure."""
    expected = ERRORS / case / "expected.txt"
    told = complaints(version_of(case))
    if os.environ.get("SIGNALBOX_GOLDEN") == "update":
        expected.write_text(told, encoding="utf-8")
    assert told == expected.read_text(encoding="utf-8")
    assert told.strip()
