"""The text of a condition together with where each part of it stands: one `when:`, or one that is put together.

A row of a decision table, a named condition and an override all become one condition made of several texts. It is
parsed like any other, and every complaint still points at the cell, the line or the definition that it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.ruleset.documents import Scalar
from engine.ruleset.source import Span


class Piece(NamedTuple):
    """The characters `[start, end)` of a condition's text are those of `node`'s value from `at` on.

    `whole`: they were made from the node and do not stand in it letter by letter, so they are the node as a whole.
    """

    start: int
    end: int
    node: Scalar
    at: int = 0
    whole: bool = False

    def place(self, start: int, end: int) -> Span:
        """Return where the part of this piece between two offsets of the text stands."""
        if self.whole:
            return self.node.span
        shift = self.at - self.start
        return self.node.place(max(start, self.start) + shift, min(end, self.end) + shift)


@dataclass(frozen=True, slots=True)
class ConditionText:
    """A condition as text. `pieces` are in the order of the text; what lies between them stands nowhere (brackets).

    `main` is what a complaint about the condition as such points at, if that is not its beginning.
    """

    text: str
    pieces: tuple[Piece, ...]
    main: Span | None = None

    @classmethod
    def of(cls, node: Scalar) -> ConditionText:
        """Make the condition that a node holds."""
        return cls(node.text, (Piece(0, len(node.text), node),))

    @classmethod
    def made(cls, text: str, node: Scalar) -> ConditionText:
        """Make a condition out of what a node says in another form, such as `[200..500)` in a cell."""
        return cls(text, (Piece(0, len(text), node, whole=True),))

    @classmethod
    def joined(cls, parts: Iterable[ConditionText | str]) -> ConditionText:
        """Put parts together; a plain string is glue, such as ` && `, and stands nowhere."""
        texts: list[str] = []
        pieces: list[Piece] = []
        at = 0
        for part in parts:
            text = part if isinstance(part, str) else part.text
            if isinstance(part, ConditionText):
                pieces += [piece._replace(start=piece.start + at, end=piece.end + at) for piece in part.pieces]
            texts.append(text)
            at += len(text)
        return cls("".join(texts), tuple(pieces))

    def part(self, start: int, end: int) -> ConditionText:
        """Return the characters `[start, end)` as a condition of their own."""
        pieces = [
            piece._replace(
                start=max(piece.start, start) - start,
                end=min(piece.end, end) - start,
                at=piece.at + max(start - piece.start, 0),
            )
            for piece in self.pieces
            if piece.start < end and start < piece.end
        ]
        return ConditionText(self.text[start:end], tuple(pieces))

    def replaced(self, changes: Sequence[tuple[int, int, ConditionText]]) -> ConditionText:
        """Return the text with `[start, end)` replaced by another for each of the changes, which do not overlap."""
        parts: list[ConditionText] = []
        done = 0
        for start, end, other in sorted(changes, key=lambda change: change[0]):
            parts += [self.part(done, start), other]
            done = end
        return ConditionText.joined([*parts, self.part(done, len(self.text))])

    def place(self, start: int, end: int) -> Span:
        """Return the place of the characters `[start, end)`: where they begin, as far as that piece goes.

        Glue has the place of the next piece, or at the end of the text of the last.
        """
        piece = next((piece for piece in self.pieces if start < piece.end), self.pieces[-1])
        return piece.place(start, max(end, start))

    @property
    def whole(self) -> Span:
        """The place of the condition as such: `main`, or from its beginning, as far as the first file goes."""
        return self.place(0, len(self.text)) if self.main is None else self.main

    def about(self, main: Span) -> ConditionText:
        """Return the same condition for which another place is the one of the condition as such."""
        return ConditionText(self.text, self.pieces, main)
