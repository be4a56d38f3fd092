"""RE2's patterns read into a tree: what `matches` searches for.

Only patterns that RE2 takes are read. What one character of a pattern matches is not worked out here but asked of RE2
(`characters`); what is not understood raises Unknown, and then nothing is said of the pattern.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from engine.analysis.automata.characters import Characters, Unknown, just, matched_by


class Look(Enum):
    """What a place in a text must be, though nothing of the text is taken there."""

    TEXT_BEGIN = "^"
    TEXT_END = "$"
    LINE_BEGIN = "(?m)^"
    LINE_END = "(?m)$"
    WORD_EDGE = r"\b"


@dataclass(frozen=True, slots=True)
class Join:
    """One after the other; of no parts the empty text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of these."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """So many times at least, and at most; None is without end."""

    part: Node
    least: int
    most: int | None


Node = Characters | Look | Join | Either | Repeat

_TIMES: Final = re.compile(r"\{(\d+)(,?)(\d*)\}")
_OPEN: Final = re.compile(r"\((?:\?(?:P?<\w+>|([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])))?")
_CLASS: Final = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:[pP](?:\{[^}]*\}|.)|x(?:\{[^}]*\}|..)|[0-7]{1,3}|.)", re.DOTALL)
_REPEATS: Final[dict[str, tuple[int, int | None]]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_PLACES: Final = {r"\A": Look.TEXT_BEGIN, r"\z": Look.TEXT_END, r"\b": Look.WORD_EDGE}
_NOT_UNDERSTOOD: Final = (r"\B", r"\C")
"""RE2 looks at bytes for these, also inside a character."""


def read_pattern(pattern: str) -> Node:
    """Return the tree of a pattern that RE2 takes. Raises Unknown."""
    reader = _Reader(pattern)
    tree = reader.alternatives()
    if not reader.at_end():
        raise Unknown(pattern)
    return tree


def literal(text: str) -> Join:
    """Return the tree of a text that is matched letter by letter."""
    return Join(tuple(map(just, text)))


class _Reader:
    """Reads from left to right. `_flags` are those in force: `i` forgives case, `s` and `m` are about lines."""

    def __init__(self, pattern: str) -> None:
        self._pattern, self._at, self._flags = pattern, 0, frozenset[str]()

    def at_end(self) -> bool:
        return self._at == len(self._pattern)

    def alternatives(self) -> Node:
        """Read up to the end of the group."""
        parts = [self._sequence()]
        while self._takes("|"):
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while not self.at_end() and self._pattern[self._at] not in "|)":
            times = self._times() if parts else None
            if times is not None:
                parts.append(Repeat(parts.pop(), *times))
            elif self._takes(r"\Q"):
                parts += self._quoted()
            else:
                parts += self._atom()
        return Join(tuple(parts))

    def _takes(self, text: str) -> bool:
        found = self._pattern.startswith(text, self._at)
        self._at += len(text) * found
        return found

    def _match(self, form: re.Pattern[str]) -> re.Match[str]:
        found = form.match(self._pattern, self._at)
        if found is None:
            raise Unknown(self._pattern)
        self._at = found.end()
        return found

    def _quoted(self) -> list[Node]:
        text, end, _ = self._pattern[self._at :].partition(r"\E")
        self._at += len(text) + len(end)
        return [self._letter(character) for character in text]

    def _times(self) -> tuple[int, int | None] | None:
        """How often the part before stands there, if that is what is written here."""
        counted = _TIMES.match(self._pattern, self._at)
        found = _REPEATS.get(self._pattern[self._at])
        if counted is not None:
            least = int(counted[1])
            found = (least, int(counted[3]) if counted[3] else None if counted[2] else least)
        if found is not None:
            self._at = self._at + 1 if counted is None else counted.end()
            self._takes("?")  # whether more or fewer are preferred does not change whether there is a match
        return found

    def _atom(self) -> list[Node]:
        match self._pattern[self._at]:
            case "(":
                return self._group()
            case "[":
                return [self._fragment(self._match(_CLASS)[0])]
            case "\\":
                return [self._escape(self._match(_ESCAPE)[0])]
            case "." | "^" | "$" as sign:
                self._at += 1
                return [self._sign(sign)]
            case character:
                self._at += 1
                return [self._letter(character)]

    def _sign(self, sign: str) -> Node:
        of_lines = "m" in self._flags
        if sign == "^":
            return Look.LINE_BEGIN if of_lines else Look.TEXT_BEGIN
        if sign == "$":
            return Look.LINE_END if of_lines else Look.TEXT_END
        return self._fragment(sign)

    def _escape(self, escape: str) -> Node:
        if escape in _NOT_UNDERSTOOD:
            raise Unknown(self._pattern)
        return _PLACES.get(escape) or self._fragment(escape)

    def _letter(self, character: str) -> Characters:
        return self._fragment(f"\\x{{{ord(character):x}}}") if "i" in self._flags else just(character)

    def _fragment(self, fragment: str) -> Characters:
        flags = "".join(sorted(self._flags & {"i", "s"}))
        return matched_by(f"(?{flags}:{fragment})" if flags else fragment)

    def _group(self) -> list[Node]:
        """A group in brackets; nothing where it only sets flags, which then hold up to the end of the group around."""
        outside, found = self._flags, self._match(_OPEN)
        if found[3]:
            self._flags = self._flags.union(found[1]).difference(found[2] or "")
        if found[3] == ")":
            return []
        inside = self.alternatives()
        if not self._takes(")"):
            raise Unknown(self._pattern)
        self._flags = outside
        return [inside]
