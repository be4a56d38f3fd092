"""The data directory belongs to one server at a time.

The kernel's lock on one file in it says so. It goes with the process that holds it, however that ends, so a lock is
never left behind; the number of the process in the file only serves the message to the second one.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from engine.errors import ConfigurationError

LOCK_FILE = "lock"


class DataDirectory:
    """A locked data directory; `with DataDirectory(path) as data:` locks it for as long as the block lasts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1

    def __enter__(self) -> DataDirectory:
        """Make the folder if it is missing, and lock it.

        Raises ConfigurationError when it cannot be used or another server holds it.
        """
        try:
            # Only its owner may look in: what is kept here will tell who was sent what.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(f"the data directory {self.path} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._lock, 20, 0).decode("ascii", "replace").strip()
            os.close(self._lock)
            raise ConfigurationError(
                f"the data directory {self.path} belongs to another running server, process {holder or 'unknown'}; "
                "stop that one or give this one a directory of its own (--data-dir)"
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the directory back."""
        os.close(self._lock)
