"""A server of one's own that also writes down, byte by byte, the calls by which it admits messages.

Run as a program: its first argument is the file for the calls, the rest is what `cli.private_server` takes. Calls of
the admitting script, and the grants to slices that it needs, are written as they go to Redis but for one word: the
caller's clock is left out, so that they can be played again later.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import _common  # noqa: F401  # puts the project on the path
from _redis import Calls

from cli.private_server import main as serve
from engine.state.admit import _ADMIT
from engine.state.connection import Store
from engine.state.scripts import Command
from engine.state.slices import _GRANT
from engine.state.wire import pack

SCRIPTS: Final = {_ADMIT.sha: _ADMIT, _GRANT.sha: _GRANT}
_HEAD: Final = struct.Struct(">III")


def record(path: Path) -> None:
    """From now on write calls down."""
    file = path.open("wb", buffering=0)
    usual, usual_groups = Store.pipeline, Store.pipelines

    async def pipeline(store: Store, commands: Sequence[Command], **options: Any) -> list[Any]:
        _write(file, commands)
        return await usual(store, commands, **options)

    async def pipelines(store: Store, groups: Sequence[Sequence[Command]], **options: Any) -> list[Any]:
        for commands in groups:
            _write(file, commands)
        return await usual_groups(store, groups, **options)

    Store.pipeline, Store.pipelines = pipeline, pipelines  # type: ignore[method-assign]


def _timeless(command: Command) -> Command:
    """The same call without the caller's clock, which would be too old when it is played again."""
    if command[1] != _ADMIT.sha:
        return command
    place = 3 + int(command[2])
    return (*command[:place], "", *command[place + 1 :])


def _write(file: BinaryIO, commands: Sequence[Command]) -> None:
    """Write those of the commands that are wanted."""
    calls = [_timeless(one) for one in commands if one[0] == "EVALSHA" and one[1] in SCRIPTS]
    if not calls:
        return
    messages = sum(int(one[4 + int(one[2])]) for one in calls if one[1] == _ADMIT.sha)
    packed = pack(calls)
    file.write(_HEAD.pack(len(calls), messages, len(packed)) + packed)


def recorded(path: Path) -> Iterator[Calls]:
    """The calls in such a file, those together that were sent together."""
    data, at = path.read_bytes(), 0
    while at + _HEAD.size <= len(data):
        count, messages, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield Calls(count, messages, data[at : at + size])
        at += size


if __name__ == "__main__":
    record(Path(sys.argv.pop(1)))
    serve()
