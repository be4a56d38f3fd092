"""The last good version on disk, so that a broken rules folder cannot keep the server from starting again.

    <folder>/current.json                     {"version": …, "digest": …}, replaced atomically: the commit point
    <folder>/served.json                      every version that was in force, by name and digest (served_versions.py)
    <folder>/<digest>.<version>/<version>/    a copy of the version's files
    <folder>/staging-*/<version>/             a copy being made, loaded and tested; kept by a rename or thrown away

Versions are loaded from the staged copy, so what was tested is byte by byte what is kept. Nothing is forced to the
disk: after a loss of power the digest tells whether the copy is whole.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.flow.folder import read_folder
from engine.flow.served_versions import ServedVersions, is_digest, write_whole
from engine.ruleset.files import digest_of, is_version_name

log = logging.getLogger(__name__)

_POINTER = "current.json"
_STAGING = "staging-"
_COPY = re.compile(r"[0-9a-f]{64}\.")


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a version's files in `root/version`."""

    version: str
    digest: str
    root: Path
    files: Mapping[str, bytes]


class LastGood:
    """The folder of copies. All methods block on the disk: call them in a thread. One process at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._served = ServedVersions(folder)

    def open(self) -> None:
        """Make the folder and clear away what a crash left half done; raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        pointer = self._pointer()
        self._clear(keep=_name(*pointer) if pointer else "")
        self._served.open()
        if pointer is not None and self._served.digest(pointer[0]) != pointer[1]:
            self._served.note(*pointer)

    def served(self, version: str) -> str | None:
        """Return the digest under which a version was last in force, also before this start; None if it never was."""
        return self._served.digest(version)

    def stage(self, version: str, files: Mapping[str, bytes]) -> Copy:
        """Copy a version's files into a place of their own; raises OSError."""
        root = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self._folder))
        for name, content in files.items():
            path = root / version / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (root / version).mkdir(exist_ok=True)
        return Copy(version, digest_of(files), root, files)

    def discard(self, copy: Copy) -> None:
        """Throw a staged copy away; one that was kept meanwhile is no longer there, and that is fine."""
        shutil.rmtree(copy.root, ignore_errors=True)

    def keep(self, copy: Copy) -> None:
        """Make a staged copy the last good one, at one stroke, and remove the one before; raises OSError."""
        self._served.note(copy.version, copy.digest)
        place = self._folder / _name(copy.version, copy.digest)
        if not place.is_dir():
            copy.root.rename(place)
        write_whole(self._folder / _POINTER, json.dumps({"version": copy.version, "digest": copy.digest}))
        self._clear(keep=place.name)

    def read(self) -> Copy | None:
        """Return the last good copy, or None when there is none or it is not what was kept."""
        pointer = self._pointer()
        if pointer is None:
            return None
        version, digest = pointer
        root = self._folder / _name(version, digest)
        folder = read_folder(root / version)
        if folder.has_errors or digest_of(folder.files) != digest:
            log.error("the kept copy of rules %s is damaged and is not used", version)
            return None
        return Copy(version, digest, root, folder.files)

    def _pointer(self) -> tuple[str, str] | None:
        """Read the pointer, trusting no word of it: (version, digest)."""
        try:
            found = json.loads((self._folder / _POINTER).read_bytes())
            version, digest = str(found["version"]), str(found["digest"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError) as error:
            log.error("what points to the last good rules cannot be read: %s", error)
            return None
        return (version, digest) if is_version_name(version) and is_digest(digest) else None

    def _clear(self, keep: str) -> None:
        """Remove what is ours and no longer wanted; other people's files stay."""
        for name in os.listdir(self._folder):
            if name != keep and (name.startswith(_STAGING) or _COPY.match(name)):
                shutil.rmtree(self._folder / name, ignore_errors=True)


def _name(version: str, digest: str) -> str:
    return f"{digest}.{version}"
