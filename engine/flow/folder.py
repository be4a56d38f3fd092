"""Read the files of one rule version from disk, trusting nothing that lies there.

A folder is somebody's work in progress: it may hold a pipe that never answers, a link to /etc, a file of 10 GB, or be
swapped for another while it is read. So kinds and sizes are looked at before a byte is read, links may not leave the
folder (the folder itself may be a link, as a Kubernetes ConfigMap's is), and a folder that changed meanwhile is read
again. What goes wrong is an `Issue`, never an exception.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from engine.ruleset.files import (
    FOLDER_LIMIT,
    FOLDERS,
    MOST_FILES,
    ROLLOUT_LIMIT,
    file_issue,
    is_ignored,
    is_known,
    is_test_file,
    limit_of,
    printable,
    size_text,
    unknown_file,
)
from engine.ruleset.issues import Issue, Severity
from engine.ruleset.rollout import Rollout, parse_rollout
from engine.ruleset.scalars import closest

_SIZE: Final = 3
"""The index of the size in a stamp."""

ATTEMPTS: Final = 3
"""How often a folder that changes while it is read is tried before its author is told."""
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

Stamp = tuple[int, ...]
"""Device, inode, mode, size, mtime and ctime in nanoseconds: what tells one state of a file from another."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What a version's folder held: contents by relative name, the names that could not be read, the problems."""

    name: str
    files: dict[str, bytes]
    unreadable: frozenset[str]
    issues: tuple[Issue, ...]

    @property
    def has_errors(self) -> bool:
        """True if something is wrong with the folder itself."""
        return any(issue.severity is Severity.ERROR for issue in self.issues)


def read_folder(path: Path) -> Folder:
    """Read the version folder `path`, whose name is the version's: at most 32 MiB in 200 files.

    Never waits for a pipe or a device and never raises for what it finds.
    """
    return _read(path, _Layout(is_known, unknown_file, below=tuple(FOLDERS)))


def read_test_folder(path: Path) -> Folder:
    """Read the rule tests (`*.yaml`) in a folder as carefully; a folder that is not there holds none."""
    if not os.path.lexists(path):
        return Folder(path.name, {}, frozenset(), ())
    return _read(path, _Layout(is_test_file, _no_test))


def _no_test(name: str) -> Issue:
    text = f'"{printable(name)}" is not read: rule tests are in files <name>.yaml'
    return file_issue(name, "unknown-file", text, severity=Severity.WARNING)


def _read(path: Path, layout: _Layout) -> Folder:
    for _ in range(ATTEMPTS):
        visit = _Visit(path)
        visit.read_all(layout)
        if not visit.changed:
            break
    else:
        visit.refuse(
            ".",
            "changed-while-reading",
            "the folder was being changed each time it was read",
            "wait until the copy is finished; better, fill a new folder first and name it in rollout.yaml last",
        )
    return Folder(path.name, visit.files, frozenset(visit.unreadable), tuple(sorted(visit.issues)))


def read_rollout(path: Path) -> Rollout:
    """Read rollout.yaml; what cannot be read is an issue of the result, which then names no version."""
    for _ in range(ATTEMPTS):
        visit = _Visit(path.parent)
        if visit.enter() and not os.path.lexists(path):
            visit.refuse(
                path.name,
                "missing-file",
                f"{path.name} is missing, so no version is named to be served",
                "write it beside the versions' folders, with one line: stable: <a folder's name>",
            )
        elif visit.root:
            visit.read(path.name, ROLLOUT_LIMIT)
        if not visit.changed:
            break
    return parse_rollout(path.name, visit.files.get(path.name), tuple(visit.issues))


@dataclass(frozen=True, slots=True)
class _Layout:
    """What a folder should hold: the wanted files, what to say of others, and the folders within it."""

    wanted: Callable[[str], bool]
    unwanted: Callable[[str], Issue]
    below: tuple[str, ...] = ()


@dataclass(slots=True)
class _Visit:
    """One pass over a folder and what it found."""

    path: Path
    root: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)
    changed: bool = False

    def refuse(self, name: str, code: str, message: str, hint: str) -> None:
        """Note that `name` is there and cannot be read, and why."""
        self.unreadable.add(name)
        self.issues.append(file_issue(name, code, message, hint))

    def enter(self) -> bool:
        """Follow the folder's own links to its real place; False if there is no folder to read."""
        try:
            self.root = os.path.realpath(self.path, strict=True)
        except OSError:
            text = f'the folder "{printable(self.path.name)}" does not exist'
            self.refuse(".", "missing-folder", text, self._sibling())
            return False
        if not os.path.isdir(self.root):
            text = f'"{printable(self.path.name)}" is not a folder'
            self.refuse(".", "not-a-folder", text, "a version is a folder of rule files")
            self.root = ""
        return bool(self.root)

    def read_all(self, layout: _Layout) -> None:
        """Read every wanted file of the folder; `changed` tells whether it stood still meanwhile."""
        if not self.enter():
            return
        before = self._look(layout.below)
        if len(before) > MOST_FILES:
            text = f"the folder holds more than {MOST_FILES} files"
            self.refuse(".", "too-many-files", text, "a version is six files, and some lists and tables")
            return
        sizes = [mark[_SIZE] for name, mark in before.items() if mark and mark[_SIZE] <= limit_of(name)]
        if sum(sizes) > FOLDER_LIMIT:
            text = f"the files have {size_text(sum(sizes))} together; at most {size_text(FOLDER_LIMIT)} are allowed"
            self.refuse(".", "too-large", text, "shorten the lists")
            return
        for name in before:
            if layout.wanted(name):
                self.read(name, limit_of(name))
            elif name not in layout.below:
                self.issues.append(layout.unwanted(name))
            elif self._inside(name) is not None:
                text = f'"{name}" is not a folder'
                hint = f"make a folder of it, with files {name}/<name>{FOLDERS[name][0]}"
                self.refuse(name, "not-a-folder", text, hint)
        if before != self._look(layout.below) or self.root != os.path.realpath(self.path):
            self.changed = True

    def read(self, name: str, limit: int) -> None:
        """Read one file into `files`, or note why not; a file that moves under our hands sets `changed`."""
        place = self._inside(name)
        if place is None:
            return
        try:
            found = os.lstat(place)
            if self._fits(name, found, limit):
                self._take(name, place, found, limit)
        except FileNotFoundError:
            self.changed = True
        except OSError as error:
            self.refuse(
                name,
                "unreadable",
                f"{printable(name)} cannot be read: {os.strerror(error.errno or 0).lower()}",
                "give the user that Signalbox runs as the right to read it, such as with: chmod a+r",
            )

    def _inside(self, name: str) -> str | None:
        """Follow links from `name` to a real path below the root; None (and an issue) if there is none."""
        try:
            place = os.path.realpath(os.path.join(self.root, name), strict=True)
        except OSError:
            if os.path.islink(os.path.join(self.root, name)):
                self.refuse(name, "broken-link", f"{printable(name)} is a link to nothing", "put the file itself here")
            else:
                self.changed = True
            return None
        if self._holds(place):
            return place
        self.refuse(
            name,
            "link-leaves-folder",
            f"{printable(name)} is a link to a place outside this folder",
            "copy the file here: a version must not change when something elsewhere does",
        )
        return None

    def _holds(self, place: str) -> bool:
        """Tell whether a real path lies below the root."""
        return os.path.commonpath([self.root, place]) == self.root

    def _fits(self, name: str, found: os.stat_result, limit: int) -> bool:
        """Tell whether it is a plain file of a bearable size, before it is opened."""
        if not stat.S_ISREG(found.st_mode):
            kind = next((kind for test, kind in _KINDS if test(found.st_mode)), "no file")
            self.refuse(name, "not-a-file", f"{printable(name)} is {kind}, not a file", "put a plain text file here")
            return False
        if found.st_size > limit:
            self.refuse(
                name,
                "too-large",
                f"{printable(name)} has {size_text(found.st_size)}; at most {size_text(limit)} are allowed",
                "is this the right file? A rule file is usually a few thousand characters long",
            )
            return False
        return True

    def _take(self, name: str, place: str, found: os.stat_result, limit: int) -> None:
        """Read an opened file whole and make sure that it is the one looked at and stood still."""
        handle = os.open(place, _FLAGS)
        with open(handle, "rb", buffering=0) as file:
            opened = os.fstat(handle)
            if _stamp(opened) != _stamp(found):
                self.changed = True
                return
            content = bytearray()
            while len(content) <= limit and (part := file.read(limit + 1 - len(content))):
                content += part
            self.changed = self.changed or _stamp(os.fstat(handle)) != _stamp(opened)
        self.files[name] = bytes(content[:limit])

    def _look(self, below: tuple[str, ...]) -> dict[str, Stamp | None]:
        """List what the folder and those `below` it hold, by name, each with a stamp (None = a link to nothing)."""
        names = self._names("")
        for folder in below:
            place = os.path.join(self.root, folder)
            if folder in names and os.path.isdir(place) and self._holds(os.path.realpath(place)):
                names.remove(folder)
                names += self._names(folder)
        return {name: _stamp_of(os.path.join(self.root, name)) for name in sorted(names)}

    def _names(self, below: str) -> list[str]:
        """Name the entries of the folder or of one in it, a few more than allowed at most."""
        try:
            with os.scandir(os.path.join(self.root, below)) as entries:
                seen = (os.path.join(below, entry.name) for entry in entries if not is_ignored(entry.name))
                return list(islice(seen, MOST_FILES + 1))
        except FileNotFoundError:
            self.changed = True
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            self.refuse(below or ".", "unreadable", f"the folder cannot be read: {reason}", "check its permissions")
        return []

    def _sibling(self) -> str:
        """Name the folder beside it that was probably meant."""
        try:
            with os.scandir(self.path.parent) as entries:
                others = [entry.name for entry in islice(entries, 1_000) if os.path.isdir(entry.path)]
        except OSError:
            return "check the path"
        inside = self.path.parent / "rules" / self.path.name
        if inside.is_dir():
            return f'did you mean "{printable(str(inside))}"?'
        near = closest(self.path.name, sorted(others))
        return f'did you mean "{printable(near)}"?' if near else "check the path"


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _stamp_of(place: str) -> Stamp | None:
    try:
        return _stamp(os.stat(place))
    except OSError:
        return None
