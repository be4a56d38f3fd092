"""The versions a command is about: read from a folder, or those that rollout.yaml names, and compiled."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from cli.private_server import ROOT, rules_root
from engine.flow.folder import Folder, read_folder, read_rollout
from engine.ruleset.check import check as check_version
from engine.ruleset.compile import Compiled, compile_parsed
from engine.ruleset.issues import Issue, Severity
from engine.ruleset.parse import parse_version
from engine.ruleset.rules import Parsed
from engine.ruleset.scalars import shorten

_NOWHERE: Final = (errno.ENAMETOOLONG, errno.ELOOP)


class _AnyPath(click.Path):
    """A path where something is, or could be: one that cannot even be looked up is wrong usage of every command."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Fails for one that is too long, or whose links go round in circles."""
        path = super().convert(value, param, ctx)
        try:
            os.stat(path)
        except OSError as error:
            if error.errno in _NOWHERE:
                self.fail(f"{shorten(str(path))}: {os.strerror(error.errno).lower()}", param, ctx)
        return path


PathType = _AnyPath(path_type=Path)


@dataclass(frozen=True)
class Version:
    """A version of the rules, read and compiled. `issues` are those of the folder and of what is in it.

    `parsed` knows where everything stands; None where the folder could not be read.
    """

    folder: Path
    compiled: Compiled | None
    issues: tuple[Issue, ...]
    parsed: Parsed | None = None

    @property
    def errors(self) -> int:
        """How many problems keep it from being served."""
        return sum(issue.severity is Severity.ERROR for issue in self.issues)


def versions_of(folder: Path | None) -> tuple[list[Version], tuple[Issue, ...]]:
    """Read the version in a folder, or those that rollout.yaml names; with it the problems of rollout.yaml."""
    if folder is not None:
        return [_version(folder)], ()
    root = rules_root(None)
    rollout = read_rollout(root / "rollout.yaml")
    names: Iterable[str] = () if rollout.stable is None else (rollout.stable,)
    return [_version(root / name) for name in names], rollout.issues


def _version(folder: Path) -> Version:
    """Read and compile a version; where the folder itself has errors, what can be read is checked all the same."""
    found: Folder = read_folder(folder.resolve() if folder.name in ("", "..") else folder)
    if found.has_errors and not found.files:
        return Version(folder, None, found.issues)
    if found.has_errors:
        parsed = check_version(parse_version(found.name, found.files, found.unreadable))
        return Version(folder, None, tuple(sorted({*found.issues, *parsed.issues})), parsed)
    parsed = check_version(parse_version(found.name, found.files))
    return Version(folder, compile_parsed(parsed), tuple(sorted({*found.issues, *parsed.issues})), parsed)


def tests_of(folder: Path) -> Path:
    """Return where the tests of a version are: beside the rules folder, or in this folder, or in the checkout."""
    name = folder.resolve().name
    places = [base / "rule_tests" / name for base in (folder.resolve().parent.parent, Path(), ROOT)]
    return next((place for place in places if os.path.isdir(place)), places[0])
