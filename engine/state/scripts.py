"""A Lua script lies beside the module that calls it and is known to Redis by its hash."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent

Argument = str | bytes | int | float
Command = tuple[Argument, ...]
"""One command of Redis, word by word: ("HGET", key, field)."""

_texts: dict[str, str] = {}


class Script:
    """The script `<name>.lua` of this folder; made once, when its module is loaded.

    Raises FileNotFoundError when there is no such file.
    """

    __slots__ = ("name", "sha")

    def __init__(self, name: str) -> None:
        text = (FOLDER / f"{name}.lua").read_text(encoding="utf-8")
        self.name = name
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()
        _texts[self.sha] = text

    def command(self, keys: Sequence[str], args: Sequence[Argument]) -> Command:
        """The call as one command of a pipeline. Whether Redis knows the script (still) is the Store's care."""
        return ("EVALSHA", self.sha, len(keys), *keys, *args)

    def __repr__(self) -> str:
        """Its file."""
        return f"{self.name}.lua"


def with_text(command: Command) -> Command:
    """The same call for a Redis that does not know the script: it learns the script by running it."""
    return ("EVAL", _texts[str(command[1])], *command[2:])
