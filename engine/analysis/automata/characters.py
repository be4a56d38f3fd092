"""Sets of characters, and the few characters that stand for all others.

Which characters a class of a pattern takes in, with Unicode's classes and letters of either case, is asked of RE2
itself, so that nothing can be understood otherwise here than there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Final

import re2

Characters = tuple[tuple[int, int], ...]
"""A set of code points as ranges, both ends in it, rising and apart."""

EVERY: Final[Characters] = ((0, 0xD7FF), (0xE000, 0x10FFFF))
"""All characters there are. Half of a pair (a surrogate) is none, and no text of a message holds one."""

_GAP: Final = 0xE000 - 0xD800
_LIKED: Final = tuple(map(ord, "xabcdefghijklmnopqrstuvwyz0123456789XABCDEFGHIJKLMNOPQRSTUVWYZ-_. "))
"""Characters that stand for others rather than the first that comes."""


class Unknown(ValueError):
    """A pattern has something that is not understood here."""


def just(character: str) -> Characters:
    """Return the set of one character."""
    return ((ord(character), ord(character)),)


def holds(characters: Characters, point: int) -> bool:
    """Whether a code point is in a set."""
    place = bisect_right(characters, (point, EVERY[-1][1])) - 1
    return place >= 0 and point <= characters[place][1]


@lru_cache(maxsize=1024)
def matched_by(fragment: str) -> Characters:
    """Return the characters that a pattern of exactly one character matches. Raises Unknown when RE2 refuses it."""
    options = re2.Options()
    options.log_errors = False
    try:
        runs = re2.compile(f"(?:{fragment})+", options)
    except re2.error as problem:
        raise Unknown(fragment) from problem
    return tuple((_point(run.start()), _point(run.end() - 1)) for run in runs.finditer(_all()))


@cache
def _all() -> str:
    """Every character, in order."""
    return "".join(chr(point) for first, last in EVERY for point in range(first, last + 1))


def _point(place: int) -> int:
    """The code point at a place of that text."""
    return place if place <= EVERY[0][1] else place + _GAP


def representatives(sets: Iterable[Characters]) -> list[int]:
    """Return characters of which one stands for any: it is in the same of these sets; those that read well if possible.

    A set may reach over the surrogates; they stand for nothing.
    """
    points, members = _sweep([EVERY, *dict.fromkeys(sets)])
    chosen: dict[int, int] = {}
    for point in _LIKED:
        chosen.setdefault(members[bisect_right(points, point) - 1], point)
    for point, found in zip(points, members, strict=True):
        chosen.setdefault(found, point)
    return [point for found, point in chosen.items() if found & 1]


def _sweep(sets: Iterable[Characters]) -> tuple[list[int], list[int]]:
    """The points at which something begins or ends, rising, and which sets (as bits) hold what stands from there on."""
    changes: dict[int, int] = {}
    for number, characters in enumerate(sets):
        for first, last in characters:
            for point in (first, last + 1):
                changes[point] = changes.get(point, 0) ^ (1 << number)
    points = sorted(changes)
    return points, list(_running(changes[point] for point in points))


def _running(changes: Iterable[int]) -> Iterator[int]:
    found = 0
    for change in changes:
        found ^= change
        yield found
