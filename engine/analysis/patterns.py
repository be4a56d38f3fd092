"""A few texts that a pattern matches, always the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

from rstr import Rstr

One = TypeVar("One")

MOST: Final = 6
"""Texts made for a pattern."""


class _InTurn:
    """Chooses the members of whatever it is asked to choose from in turn, where a generator would by chance."""

    def __init__(self, begin: int) -> None:
        self._turn = begin

    def choice(self, among: Sequence[One]) -> One:
        self._turn += 1
        return among[self._turn % len(among)]

    def randint(self, low: int, high: int) -> int:
        self._turn += 1
        return low + self._turn % (min(high, low + MOST) - low + 1)

    def shuffle(self, items: list[Any]) -> None:
        items.reverse()


@lru_cache(maxsize=1024)
def matching(pattern: str) -> tuple[str, ...]:
    """Return texts that the pattern matches by Python's rules, which are near enough to RE2's to guess by.

    None for a pattern that only RE2 knows.
    """
    made: dict[str, None] = {}
    for begin in range(MOST):
        try:
            made.setdefault(Rstr(_InTurn(begin)).xeger(pattern))  # type: ignore[arg-type]  # all that it asks for
        except Exception:  # whatever the package says of a pattern it does not know, there is no guess then
            break
    return tuple(made)
