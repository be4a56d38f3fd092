r"""The machine that searches for a pattern anywhere in a text.

The pattern becomes a nondeterministic automaton (Thompson 1968), of which all places that a text can lead to are
followed at once. What a place must be (`^`, `\b`) is judged by the characters on both sides of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache
from typing import Final

from engine.analysis.automata.characters import Characters, Unknown, holds, just, matched_by
from engine.analysis.automata.pattern import Either, Join, Look, Node, Repeat, literal, read_pattern

MOST_PLACES: Final = 5_000
"""Places in a pattern; counted repetitions such as `{1000}` multiply them."""

_NEWLINE: Final = just("\n")


class Beside(IntEnum):
    """What stands on one side of a place in a text, as far as it matters."""

    NOTHING = 0
    NEWLINE = 1
    WORD = 2
    OTHER = 3


Following = tuple[frozenset[int], Beside]
"""The places in the pattern after what was read, before what takes no character is followed; and what was read last."""

FOUND: Final = 0
"""The state of a text in which the pattern was found, whatever follows."""


class Search:
    """Whether a pattern is found. A state is the number of what is followed, as it was first reached."""

    def __init__(self, tree: Node) -> None:
        self._takes: list[tuple[Characters, int] | None] = []
        self._passes: list[list[tuple[Look | None, int]]] = []
        self._looks: set[Look] = set()
        self._end = self._place()
        self._begin = self._build(tree, self._end)
        self._numbers: dict[Following, int] = {}
        self._followed: list[Following] = [(frozenset(), Beside.NOTHING)]
        self._steps: dict[tuple[int, int], int] = {}
        self.start = self._number((frozenset((self._begin,)), Beside.NOTHING))

    def _place(self, takes: tuple[Characters, int] | None = None, passes: Iterable[int] = ()) -> int:
        if len(self._takes) >= MOST_PLACES:
            raise Unknown("the pattern is too large")
        self._takes.append(takes)
        self._passes.append([(None, to) for to in passes])
        return len(self._takes) - 1

    def _build(self, node: Node, then: int) -> int:
        """Make the places of a node and return its first; after it the text goes on at `then`."""
        match node:
            case Join(parts=parts):
                for part in reversed(parts):
                    then = self._build(part, then)
                return then
            case Either(parts=parts):
                return self._place(passes=[self._build(part, then) for part in parts])
            case Repeat(part=part, least=least, most=most):
                then = self._again(part, then) if most is None else self._up_to(part, most - least, then)
                return self._build(Join((part,) * least), then)
            case Look() as look:
                self._looks.add(look)
                place = self._place()
                self._passes[place].append((look, then))
                return place
            case characters:
                return self._place(takes=(characters, then))

    def _again(self, part: Node, then: int) -> int:
        place = self._place(passes=[then])
        self._passes[place].append((None, self._build(part, place)))
        return place

    def _up_to(self, part: Node, most: int, then: int) -> int:
        end = then
        for _ in range(most):
            then = self._place(passes=[self._build(part, then), end])
        return then

    @property
    def sets(self) -> Iterable[Characters]:
        """The characters that the pattern tells apart."""
        taken = [taken[0] for taken in self._takes if taken is not None]
        lines = [_NEWLINE] if self._looks & {Look.LINE_BEGIN, Look.LINE_END} else []
        return [*taken, *lines, *([matched_by(r"\w")] if Look.WORD_EDGE in self._looks else [])]

    def step(self, state: int, point: int) -> int:
        """Follow all that is followed over one character."""
        if state == FOUND:
            return FOUND
        after = self._steps.get((state, point))
        if after is None:
            after = self._steps[state, point] = self._step(self._followed[state], point)
        return after

    def accepts(self, state: int) -> bool:
        """Whether the pattern was found, or is found where the text ends."""
        return state == FOUND or self._end in self._reached(self._followed[state], Beside.NOTHING)

    def _step(self, following: Following, point: int) -> int:
        beside = self._beside(point)
        reached = self._reached(following, beside)
        if self._end in reached:
            return FOUND
        taken = (self._takes[one] for one in reached)
        after = {to[1] for to in taken if to is not None and holds(to[0], point)}
        return self._number((frozenset(after | {self._begin}), beside))

    def _number(self, following: Following) -> int:
        number = self._numbers.setdefault(following, len(self._followed))
        if number == len(self._followed):
            self._followed.append(following)
        return number

    def _beside(self, point: int) -> Beside:
        if point == ord("\n") and self._looks & {Look.LINE_BEGIN, Look.LINE_END}:
            return Beside.NEWLINE
        if Look.WORD_EDGE in self._looks and holds(matched_by(r"\w"), point):
            return Beside.WORD
        return Beside.OTHER

    def _reached(self, followed: Following, after: Beside) -> set[int]:
        """The places from which the next character is read."""
        following, before = followed
        reached, left = set(following), list(following)
        while left:
            for look, to in self._passes[left.pop()]:
                if to not in reached and (look is None or _is_there(look, before, after)):
                    reached.add(to)
                    left.append(to)
        return reached


def _is_there(look: Look, before: Beside, after: Beside) -> bool:
    match look:
        case Look.TEXT_BEGIN:
            return before is Beside.NOTHING
        case Look.TEXT_END:
            return after is Beside.NOTHING
        case Look.LINE_BEGIN:
            return before in (Beside.NOTHING, Beside.NEWLINE)
        case Look.LINE_END:
            return after in (Beside.NOTHING, Beside.NEWLINE)
        case Look.WORD_EDGE:
            return (before is Beside.WORD) != (after is Beside.WORD)


@lru_cache(maxsize=1024)
def search(op: str, text: str) -> Search:
    """Return the machine of `startsWith`, `endsWith`, `contains` or `matches` with this constant. Raises Unknown."""
    if op == "matches":
        return Search(read_pattern(text))
    begin = (Look.TEXT_BEGIN,) if op == "startsWith" else ()
    end = (Look.TEXT_END,) if op == "endsWith" else ()
    return Search(Join((*begin, literal(text), *end)))
