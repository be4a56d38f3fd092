"""What could not be judged: counted, grouped by reason for people, and written down whole where asked."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from rich.console import Console
from rich.markup import escape

from cli.mapping.messages import Rejected
from cli.problems import CannotStart

MOST_SHOWN: Final = 20
MOST_GROUPS: Final = 1_000
"""Different reasons that are kept apart; what comes after them is only counted."""


class Rejects:
    """Takes in rejected rows; a context manager because of its file."""

    def __init__(self, file: Path | None) -> None:
        self.count = 0
        self._groups: dict[str, tuple[Rejected, int]] = {}
        self._path = file
        self._file: IO[str] | None = None

    def __enter__(self) -> Rejects:
        if self._path is not None:
            try:
                self._file = self._path.open("w", encoding="utf-8")
            except OSError as error:
                raise CannotStart(f"--rejects {self._path}: {error.strerror}") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, rejected: Rejected) -> None:
        """Count a rejected row or message."""
        self.count += 1
        first, times = self._groups.get(rejected.reason, (rejected, 0))
        if times or len(self._groups) < MOST_GROUPS:
            self._groups[rejected.reason] = (first, times + 1)
        if self._file is not None:
            line = {"line": rejected.line, "message": rejected.message, "reason": rejected.reason}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def show(self, console: Console) -> None:
        """Tell what was rejected, alike reasons together."""
        for first, times in list(self._groups.values())[:MOST_SHOWN]:
            more = f" (and {times - 1:,} more)" if times > 1 else ""
            what = f"{first.message}: " if first.message else ""
            console.print(f"[yellow]rejected[/] line {first.line}{more}: {escape(what + first.reason)}", soft_wrap=True)
        shown = sum(times for _, times in list(self._groups.values())[:MOST_SHOWN])
        if self.count > shown:
            hint = f"see {self._path}" if self._path else "--rejects FILE writes all of them down"
            console.print(f"[yellow]rejected[/] {self.count - shown:,} more for other reasons; {escape(hint)}")
