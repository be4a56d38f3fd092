"""What can be wrong with a map or its tables, as exceptions that `cli/main.py` turns into one kind sentence."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from engine.errors import SignalboxError
from engine.ruleset.issues import Issue


class MapRefused(SignalboxError):
    """The mapping file has errors; `issues` says where and what, warnings included."""

    def __init__(self, issues: tuple[Issue, ...]) -> None:
        super().__init__("the map has errors")
        self.issues = issues


class TableBroken(SignalboxError):
    """A table cannot be read, or no further."""

    def __init__(self, path: Path, reason: str, hint: str = "") -> None:
        super().__init__(f"{path}: {reason}")
        self.hint = hint


class UnknownJoin(SignalboxError):
    """`--join` names a table that the map does not join."""


class Cause(NamedTuple):
    """Why something is rejected. What has one `kind` is alike: the same column, the same fault, another cell."""

    kind: str
    text: str

    @classmethod
    def plain(cls, text: str) -> tuple[Cause, ...]:
        """Return the causes of what is wrong in one way, which is always told in the same words."""
        return (cls(text, text),)


class CellRefused(ValueError):
    """One cell does not hold what its column needs; the text says what was found, `kind` what was expected."""

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(text)
        self.kind = kind


class RowRefused(ValueError):
    """Cells of a row do not hold what their columns need; `causes` names them all."""

    def __init__(self, causes: tuple[Cause, ...]) -> None:
        super().__init__("; ".join(cause.text for cause in causes))
        self.causes = causes


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `did you mean x?` for the nearest known name, capitals forgiven, else an empty text."""
    plain = {word.casefold(): word for word in known}
    near = get_close_matches(name[:100].casefold(), plain, n=1, cutoff=0.6)
    return f"did you mean `{plain[near[0]]}`?" if near else ""
