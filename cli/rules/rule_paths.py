"""The rule files below a path, read to be written anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from cli.problems import BrokenOff, CannotStart
from engine.flow.folder import read_rollout
from engine.flow.rules_status import ROLLOUT
from engine.ruleset.files import DEFINE, FILE_LIMIT, OVERRIDES, is_ignored
from engine.ruleset.formatting import FileKind, kind_of

MOST_FILES: Final = 5_000


@dataclass(frozen=True)
class RuleFile:
    """A YAML file of the rules or of their tests: where it is, what it holds, and its bytes."""

    path: Path
    kind: FileKind
    content: bytes

    def write(self, text: str) -> None:
        """Put another text in its place, all at once, with the same rights. Raises BrokenOff.

        A file that has changed since it was read is left alone.
        """
        place = self.path.resolve()
        try:
            if place.read_bytes() != self.content:
                raise BrokenOff(f"{self.path} was changed by somebody else meanwhile; run the command again")
            handle, beside = mkstemp(prefix=f".{place.name}.", dir=place.parent)
            try:
                with open(handle, "wb") as file:
                    file.write(text.encode())
                    os.fchmod(file.fileno(), place.stat().st_mode & 0o7777)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(beside, place)
            except BaseException:
                Path(beside).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise BrokenOff(f"{self.path} cannot be written: {error.strerror or error}") from error


def files_below(path: Path) -> list[RuleFile]:
    """Read a file, or the rule files in a folder and the folders in it, by name. Raises CannotStart."""
    if not path.is_dir():
        file = _read(path)
        if file is None:
            hint = "formatted are the YAML files of a version, of its tests, and rollout.yaml"
            raise CannotStart(f"{path} is no file of rules or of their tests", hint)
        return [file]
    found = [file for place in _yaml_files(path) if (file := _read(place)) is not None]
    if not found:
        raise CannotStart(f"there is no file of rules or of their tests in {path}")
    return found


def _yaml_files(folder: Path) -> Iterator[Path]:
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(".yaml") and not is_ignored(name):
                count += 1
                if count > MOST_FILES:
                    raise CannotStart(f"{folder} holds more than {MOST_FILES:,} YAML files", "name a folder in it")
                yield Path(place) / name


def _read(path: Path) -> RuleFile | None:
    """Read a file as far as it may be long; None if it is none of the rules or their tests."""
    if path.exists() and not path.is_file():
        raise CannotStart(f"{path} is no file")
    try:
        with path.open("rb") as file:
            content = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise CannotStart(f"{path} cannot be read: {error.strerror or error}") from error
    kind = kind_of(path.resolve().parent.name, path.name, content.decode("utf-8", "replace"))
    return None if kind is None else RuleFile(path, kind, content)


def is_served(file: RuleFile) -> bool:
    """Tell whether a file belongs to the version that the rollout.yaml beside its folder names."""
    if file.kind in (FileKind.TESTS, FileKind.ROLLOUT):
        return False
    folder = file.path.resolve().parent
    folder = folder.parent if folder.name in (DEFINE, OVERRIDES) else folder
    return _stable(folder.parent) == folder.name


@cache
def _stable(rules: Path) -> str | None:
    return read_rollout(rules / ROLLOUT).stable
