"""How far a run has come, in a small file, so that the same command goes on where it was killed.

What stands in it was answered by the server; what it lacks is sent again, and the server knows it by its request id. It
counts only for the same file, map and joined tables, and only on a server that knows the last message it names.

    rows -> messages, always in the same order -> the first so many are done
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cli.mapping.messages import Prepared, Rejected
from cli.sending.outcome import Outcome
from cli.sending.users import Users

FORMAT: Final = 1
SAVE_SECONDS: Final = 1.0
_NUMBERS: Final = ("messages", "rejected", "rejects_bytes", "began_ms")


@dataclass(slots=True)
class Place:
    """So many messages are done, and so many rows were rejected; `rejects_bytes` of the reject file tell of them.

    `began_ms` is when the first run began, by the machine's clock.
    """

    key: str
    messages: int
    rejected: int
    rejects_bytes: int
    began_ms: int
    outcome: Outcome


def key_of(files: Iterable[Path]) -> str:
    """Return what stands for a run: a digest over its files in their order. Raises OSError."""
    digest = sha256()
    for file in files:
        digest.update(digest_of(file).encode())
    return digest.hexdigest()


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file. Raises OSError."""
    digest = sha256()
    with file.open("rb") as opened:
        while part := opened.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


class PlaceFile:
    """The file on disk. What cannot be read there counts as nothing, and what cannot be written costs only time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._saved_s = 0.0

    def load(self, key: str) -> Place | None:
        """Return the place of an earlier run with this key, None when there is none."""
        try:
            found: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
            if found["format"] != FORMAT or found["key"] != key:
                return None
            messages, rejected, size, began_ms = (int(found[name]) for name in _NUMBERS)
            return Place(key, messages, rejected, size, began_ms, Outcome.of(found["outcome"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, place: Place, now_s: float, at_once: bool = False) -> None:
        """Write a place down, at most once a second."""
        if not at_once and now_s - self._saved_s < SAVE_SECONDS:
            return
        self._saved_s = now_s
        numbers = {name: getattr(place, name) for name in _NUMBERS}
        text = json.dumps({"format": FORMAT, "key": place.key, **numbers, "outcome": place.outcome.written()})
        beside = self.path.with_name(f"{self.path.name}.new")
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside.write_text(text, encoding="utf-8")
            os.replace(beside, self.path)

    def remove(self) -> None:
        """The run is complete."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


class Rest:
    """The messages of a stream that are not done yet, at most `limit` in all. `rejected` counts rejected rows.

    `done` holds what stands for the messages that are done (see `key_of_message`); `last_ms` is
    the time of the last of these, `first_ms` that of the first message.
    """

    def __init__(self, place: Place | None, limit: int | None, users: Users) -> None:
        self._messages, self._rejected = (place.messages, place.rejected) if place is not None else (0, 0)
        self._limit, self._users = limit, users
        self.rejected = 0
        self.done: set[int] = set()
        self.first_ms: int | None = None
        self.last_ms = 0

    def of(self, stream: Iterable[Prepared | Rejected]) -> Iterator[Prepared | Rejected]:
        """Give what is left of a stream."""
        messages = 0
        for one in stream:
            if self._limit is not None and messages + self.rejected >= self._limit:
                return
            if isinstance(one, Rejected):
                self.rejected += 1
                if self.rejected > self._rejected:
                    yield one
                continue
            messages += 1
            if self.first_ms is None:
                self.first_ms = one.at_ms
            if messages > self._messages:
                yield one
            else:
                self.last_ms = one.at_ms
                self._users.assume(one)
                self.done.add(key_of_message(one.user_id, one.evaluation.message.request_id))


def key_of_message(user_id: str, request_id: str) -> int:
    """Return a number that stands for a message while the process runs; two are never alike for all we shall see."""
    return hash((user_id, request_id))
