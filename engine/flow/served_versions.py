"""Which versions were ever in force, and with which files.

A version's name stands in every answer that it gave, so the name may mean one content only, also to a server that was
stopped and started in between. Only names and digests are remembered.

    <folder>/served.json    {"<version>": "<digest>", …}, the one put in force last at the end
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Final

from engine.ruleset.files import is_version_name

log = logging.getLogger(__name__)

MOST_VERSIONS: Final = 1_000
"""Versions remembered; beyond it the one that was put in force longest ago is forgotten."""

_FILE: Final = "served.json"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class ServedVersions:
    """The digest of each version that was in force. `open` and `note` block on the disk."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._digests: dict[str, str] = {}

    def open(self) -> None:
        """Read what was noted; what cannot be read is logged, and nothing is known then."""
        self._digests = self._read()

    def digest(self, version: str) -> str | None:
        """Return the digest under which a version was last in force; None if it never was, or that was too long ago."""
        return self._digests.get(version)

    def note(self, version: str, digest: str) -> None:
        """Note that a version is in force; raises OSError if that can only be remembered until the server stops."""
        self._digests.pop(version, None)
        self._digests[version] = digest
        while len(self._digests) > MOST_VERSIONS:
            del self._digests[next(iter(self._digests))]
        write_whole(self._path, json.dumps(self._digests))

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_bytes())
            pairs = [(str(version), str(digest)) for version, digest in found.items()]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            log.error("which versions were in force before cannot be read: %s", type(error).__name__)
            return {}
        return {version: digest for version, digest in pairs if is_version_name(version) and is_digest(digest)}


def is_digest(text: str) -> bool:
    """Tell whether a text can be a version's digest."""
    return _DIGEST.fullmatch(text) is not None


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that whoever reads it sees the old text or the new one, whole; raises OSError."""
    new = path.with_name(f".{path.name}")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
