"""When to look at the rules folder, and what a look sees.

The one idea: events are hints. A watch goes blind when a folder is deleted and made again or a link is swapped, so
every second there is a look anyway, and only what is then seen (real paths, inodes, sizes, times) counts.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NoReturn

from watchfiles import Change, awatch

from engine.flow.folder import read_rollout
from engine.flow.rules_status import ROLLOUT
from engine.ruleset.rollout import Rollout

log = logging.getLogger(__name__)

_MOST_ENTRIES = 2_000
_SETTLE_MS = 100

Stamp = tuple[str, int, int, int, int, int, int]
"""Real path, device, inode, mode, size, mtime and ctime in nanoseconds."""

Stamps = tuple[tuple[str, Stamp | None], ...]


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that a decision to load depends on; equal looks need no new decision."""

    rollout: Rollout
    folder: Stamps = ()
    tests: Stamps = ()


class Looker:
    """Looks at a rules folder. Blocks on the disk: call it in a thread."""

    def __init__(self, rules_dir: Path, tests_dir: Path) -> None:
        self._rules_dir = rules_dir
        self._tests_dir = tests_dir

    def look(self) -> Look:
        """See what rollout.yaml says and in which state the version is that it names."""
        rollout = read_rollout(self._rules_dir / ROLLOUT)
        if rollout.stable is None:
            return Look(rollout)
        return Look(rollout, _stamps(self._rules_dir / rollout.stable), _stamps(self._tests_dir / rollout.stable))


async def watch(rules_dir: Path, every_s: float, look: Callable[[], Awaitable[None]]) -> NoReturn:
    """Call `look` soon after something below `rules_dir` changed, and at least every `every_s` seconds; never ends."""
    while True:
        seen = _identity(rules_dir)
        try:
            async with aclosing(_changes(rules_dir, every_s)) as changes:
                async for _ in changes:
                    await look()
                    if _identity(rules_dir) != seen:
                        break
        except (OSError, RuntimeError) as error:
            log.warning("the rules are only looked at every %g s, since they cannot be watched: %s", every_s, error)
        await asyncio.sleep(every_s)
        await look()


def _changes(rules_dir: Path, every_s: float) -> AsyncGenerator[set[tuple[Change, str]], None]:
    return awatch(
        os.path.realpath(rules_dir),
        watch_filter=None,
        debounce=_SETTLE_MS,
        step=_SETTLE_MS // 4,
        rust_timeout=max(1, round(every_s * 1000)),
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )


def _identity(folder: Path) -> tuple[str, int, int] | None:
    stamp = _stamp(folder)
    return None if stamp is None else stamp[:3]


def _stamp(path: Path | str) -> Stamp | None:
    try:
        found = os.stat(path)
        real = os.path.realpath(path)
    except OSError:
        return None
    return (real, found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _stamps(folder: Path) -> Stamps:
    """Stamp a folder and what is in it and in its folders; a folder that is not there has no entry but its own."""
    names = (os.path.join(place, name) for place, below, files in os.walk(folder) for name in (*below, *files))
    return tuple((name, _stamp(name)) for name in (str(folder), *sorted(islice(names, _MOST_ENTRIES))))
