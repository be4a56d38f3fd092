"""What the simulated carriers were asked, from their own logs, read on as they grow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class CarrierLogs:
    """All logs of a server's data folder; `read` gives the calls that were accepted since it was asked last."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "sandbox"
        self._read: dict[Path, int] = {}

    def read(self) -> Iterator[dict[str, Any]]:
        """The new calls, each as its log has it."""
        for path in sorted(self._folder.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # it is just being written
                    self._read[path] = self._read.get(path, 0) + len(line)
                    if b'"kind":"accepted"' in line:
                        yield json.loads(line)
