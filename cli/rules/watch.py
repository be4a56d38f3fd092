"""Doing something again whenever files have changed: by what is in them, not by what their dates say.

Events are hints. A folder that is replaced takes its watch with it, so there is a look every second anyway; and only
when a file holds something else than at the look before is the work done again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, NoReturn

_EVERY_MS: Final = 1_000
_SETTLE_MS: Final = 50
_MOST_FILES: Final = 2_000
_MOST_BYTES: Final = 64 << 20

Seen = dict[Path, bytes]
"""What each file held, as a digest."""


def repeat(places: Callable[[], Sequence[Path]], work: Callable[[Sequence[Path]], None]) -> NoReturn:
    """Do the work, then again after every change of the files at `places`, told which files changed; never ends.

    Places are files or folders, asked for anew each time; one that is not there may come. What changes while the work
    is done is seen afterwards. Ends by KeyboardInterrupt.
    """
    changed: Sequence[Path] = ()
    while True:
        seen = look(places())
        work(changed)
        changed = _await_change(places, seen)


def look(places: Sequence[Path]) -> Seen:
    """Read what all files at the places hold; what cannot be read counts as empty."""
    files = (path for place in places for path in _files(place))
    return {path: _digest(path) for path in islice(files, _MOST_FILES)}


def _files(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    for path in sorted(place.rglob("*")):
        if not any(part.startswith((".", "__pycache__")) for part in path.relative_to(place).parts) and path.is_file():
            yield path


def _digest(path: Path) -> bytes:
    with suppress(OSError):
        if path.is_file() and path.stat().st_size <= _MOST_BYTES:
            return hashlib.sha256(path.read_bytes()).digest()
    return b""


def _await_change(places: Callable[[], Sequence[Path]], seen: Seen) -> list[Path]:
    """Wait until the files hold something else than was seen, and stay so for a moment; return those that differ."""
    while True:
        for found in _looks(places):
            if found != seen:
                settled = _settled(places, found)
                differing = sorted(path for path in {*seen, *settled} if seen.get(path) != settled.get(path))
                if differing:
                    return differing


def _settled(places: Callable[[], Sequence[Path]], found: Seen) -> Seen:
    """Look until two looks agree, so that a file that is half written is not judged."""
    while True:
        time.sleep(_SETTLE_MS / 1000)
        again = look(places())
        if again == found:
            return found
        found = again


def _looks(places: Callable[[], Sequence[Path]]) -> Iterator[Seen]:
    """Look at once, after each event, and every second; ends when it should be begun anew, on other folders."""
    from watchfiles import watch

    yield look(places())
    folders = _watched(places())
    if not folders:
        time.sleep(_EVERY_MS / 1000)
        return
    changes = watch(
        *folders,
        watch_filter=None,
        debounce=_SETTLE_MS * 4,
        step=_SETTLE_MS,
        rust_timeout=_EVERY_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    try:
        for _ in changes:
            yield look(places())
            if _watched(places()) != folders:
                return
    except (OSError, RuntimeError):  # there is nothing to watch any more, or no more watches are to be had
        time.sleep(_EVERY_MS / 1000)


def _watched(places: Sequence[Path]) -> list[Path]:
    """Return the folders to be watched, each as it really is: of a file the one that holds it."""
    folders = (place.parent if place.is_file() else place for place in places)
    return sorted({folder.resolve() for folder in folders if folder.is_dir()})
