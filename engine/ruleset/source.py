"""A text with positions: the one idea is that a place is two offsets, and line and column are worked out when asked."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

EXCERPT_LIMIT = 160
"""The longest excerpt of a line in characters; a longer line is cut around the place."""


@dataclass(frozen=True)
class Source:
    """One file's text under the name that people know it by. Equality is by identity of name and text."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def line_starts(self) -> list[int]:
        """The offset of the first character of each line; a line ends with LF, CR LF or CR."""
        starts, text, at = [0], self.text, 0
        if "\r" not in text:
            while (at := text.find("\n", at) + 1) > 0:
                starts.append(at)
            return starts
        for at, character in enumerate(text):
            if character == "\n" or (character == "\r" and text[at + 1 : at + 2] != "\n"):
                starts.append(at + 1)
        return starts

    def span(self, start: int, end: int) -> Span:
        """The place `[start, end)`, cut to the text."""
        length = len(self.text)
        start = min(max(start, 0), length)
        return Span(self, start, min(max(end, start), length))

    @property
    def whole(self) -> Span:
        """The place that stands for the file as such: its very beginning."""
        return Span(self, 0, 0)


@dataclass(frozen=True, slots=True)
class Span:
    """The half-open range of characters `[start, end)` of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """The number of the line of the first character, from 1."""
        return bisect_right(self.source.line_starts, self.start)

    @property
    def column(self) -> int:
        """The number of the first character within its line, from 1, counted in characters."""
        return self.start - self.source.line_starts[self.line - 1] + 1

    @property
    def line_text(self) -> str:
        """The line of the first character without its line end."""
        starts, line = self.source.line_starts, self.line
        end = starts[line] if line < len(starts) else len(self.source.text)
        return self.source.text[starts[line - 1] : end].rstrip("\r\n")

    @property
    def width(self) -> int:
        """How many characters of the first line the place covers, at least 1."""
        left = len(self.line_text) - self.column + 1
        return max(1, min(self.end - self.start, left))

    def window(self) -> tuple[str, int]:
        """The line cut to EXCERPT_LIMIT around the place, and the 1-based column of the place in that excerpt."""
        text, column = self.line_text, self.column
        if len(text) <= EXCERPT_LIMIT:
            return text, column
        first = min(max(0, column - 1 - EXCERPT_LIMIT // 2), len(text) - EXCERPT_LIMIT)
        return text[first : first + EXCERPT_LIMIT], column - first

    def excerpt(self) -> str:
        """The line of the place, cut to EXCERPT_LIMIT characters around it."""
        return self.window()[0]
