"""What could not be judged: counted, grouped by reason for people, and written down whole where asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import SEEK_END
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from rich.console import Console
from rich.markup import escape

from cli.mapping.messages import Rejected
from cli.mapping.problems import Cause
from cli.problems import CannotStart

MOST_LINES: Final = 40
MOST_ALIKE: Final = 10
"""Different texts of one kind that are told; the rest of the kind is counted."""
MOST_KINDS: Final = 1_000
"""Kinds that are kept apart; what comes after them is only counted."""


@dataclass(slots=True)
class _Kind:
    """What is alike: the first texts with where they came first and how often, and how many others there are."""

    texts: dict[str, tuple[int, str, int]] = field(default_factory=dict)
    others: int = 0

    def add(self, line: int, message: str, text: str) -> None:
        first, name, times = self.texts.get(text, (line, message, 0))
        if times or len(self.texts) < MOST_ALIKE:
            self.texts[text] = (first, name, times + 1)
        else:
            self.others += 1

    def told(self, kind: str) -> Iterator[tuple[str, int]]:
        for text, (line, message, times) in self.texts.items():
            more = f" (and {times - 1:,} more)" if times > 1 else ""
            yield f"line {line}{more}: {f'{message}: ' if message else ''}{text}", times
        if self.others:
            yield f"{self.others:,} more: {kind}", self.others


class Grouped:
    """What is wrong with many rows, for people: alike things together, the first few of a kind word for word."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}
        self._count = 0

    def add(self, line: int, message: str, causes: Iterable[Cause]) -> None:
        """Take in what is wrong with a row or one of its messages."""
        for kind, text in causes:
            self._count += 1
            if kind in self._kinds or len(self._kinds) < MOST_KINDS:
                self._kinds.setdefault(kind, _Kind()).add(line, message, text)

    def told(self, whole: str) -> Iterator[str]:
        """Give the lines to print; `whole` says where all of it can be read, if there is more."""
        told = 0
        for line, times in islice(chain(*(group.told(kind) for kind, group in self._kinds.items())), MOST_LINES):
            told += times
            yield line
        if told < self._count:
            yield f"{self._count - told:,} more for other reasons; {whole}"


class Rejects:
    """Takes in rejected rows; a context manager because of its file.

    `kept_bytes` of the file stay, which an earlier run has written. A file that is `only_if_needed` is made with the
    first row that is rejected.
    """

    def __init__(self, file: Path | None, kept_bytes: int = 0, only_if_needed: bool = False) -> None:
        self.count = 0
        self._grouped = Grouped()
        self._path = file
        self._kept_bytes = kept_bytes
        self._only_if_needed = only_if_needed
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Rejects:
        if self._path is not None:
            if self._only_if_needed and not self._kept_bytes:
                with suppress(OSError):
                    self._path.unlink(missing_ok=True)
            else:
                self._open(self._path)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self, path: Path) -> None:
        try:
            if not self._kept_bytes or not path.exists():
                self._file = path.open("wb")
                return
            self._file = path.open("r+b")
            self._file.truncate(min(self._kept_bytes, self._file.seek(0, SEEK_END)))
            self._file.seek(0, SEEK_END)
        except OSError as error:
            raise CannotStart(f"the reject file {path}: {error.strerror}") from error

    def add(self, rejected: Rejected) -> None:
        """Count a rejected row or message."""
        self.count += 1
        self._grouped.add(rejected.line, rejected.message, rejected.causes)
        if self._path is not None and self._file is None:
            self._open(self._path)
        if self._file is not None:
            line = {"line": rejected.line, "message": rejected.message, "reason": rejected.reason}
            self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def written_bytes(self) -> int:
        """Return how long the file is, all that was added included."""
        if self._file is None:
            return self._kept_bytes
        self._file.flush()
        return self._file.tell() if self._file.seekable() else 0

    def show(self, console: Console) -> None:
        """Tell what was rejected, alike reasons together."""
        whole = f"see {self._path}" if self._path is not None else "--rejects FILE writes all of them down"
        for line in self._grouped.told(whole):
            console.print(f"[yellow]rejected[/] {escape(line)}", soft_wrap=True, highlight=False)
