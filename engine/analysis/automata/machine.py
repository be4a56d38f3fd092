"""What reads a text character by character and says at its end whether it is as wanted.

Machines are deterministic, and their states are made as they are reached. Two texts that lead to one state are alike
for all that may follow; of characters that are in the same `sets` it is enough to read one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from typing import Any, Final, Protocol

from engine.analysis.automata.characters import Characters, holds, just
from engine.ruleset.partition import Partition

State = Hashable

_LAST_BLANK: Final = 0x3000
"""No character behind it is white space."""


class Machine(Protocol):
    """One question about a text."""

    @property
    def start(self) -> Any:
        """The state before the first character."""

    @property
    def sets(self) -> Iterable[Characters]:
        """The characters it tells apart."""

    def step(self, state: Any, point: int) -> Any:
        """The state after one more character, given as its code point."""

    def accepts(self, state: Any) -> bool:
        """Whether the answer is yes if the text ends here."""


class Length:
    """The number of characters is in one of these classes."""

    start = 0
    sets: Iterable[Characters] = ()

    def __init__(self, partition: Partition, classes: int) -> None:
        self._partition, self._classes = partition, classes
        told = [*(partition.cuts or ()), *(value for value, _ in partition.groups)]
        self._most = max([0, *(int(value) + 1 for value in told)])  # longer ones are all in the same class

    def step(self, state: int, point: int) -> int:
        """The number of characters so far, as far as it is told apart."""
        return min(state + 1, self._most)

    def accepts(self, state: int) -> bool:
        """Whether so many are in the classes."""
        return bool(self._classes >> self._partition.class_of(state) & 1)


class Place:
    """The text is in one of these classes of texts, which are told apart by their order or by what equals them.

    A state is what was read, as long as a constant begins so, then the class: nothing that follows changes it.
    """

    start = ""

    def __init__(self, partition: Partition, classes: int) -> None:
        self._partition, self._classes = partition, classes
        self._constants: Sequence[str] = partition.cuts or [value for value, _ in partition.groups]

    @cached_property
    def sets(self) -> Iterable[Characters]:
        """The letters of the constants; where the order counts, also all up to each."""
        letters = set("".join(self._constants))
        ordered = self._partition.cuts is not None
        return [just(letter) for letter in letters] + [((0, ord(letter)),) for letter in letters if ordered]

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(text[:end] for text in self._constants for end in range(len(text) + 1))

    def step(self, state: str | int, point: int) -> str | int:
        """What was read, or its class once that is clear."""
        if isinstance(state, int):
            return state
        text = state + chr(point)
        return text if text in self._beginnings else self._partition.class_of(text)

    def accepts(self, state: str | int) -> bool:
        """Whether its class is one of these."""
        found = state if isinstance(state, int) else self._partition.class_of(state)
        return bool(self._classes >> found & 1)


class Together:
    """Several machines at once, and what their answers come to."""

    def __init__(self, parts: Sequence[Machine], answer: Callable[[list[bool]], bool] = all) -> None:
        self._parts, self._answer = parts, answer
        self.start = tuple(part.start for part in parts)

    @property
    def sets(self) -> Iterable[Characters]:
        """Those of all parts."""
        return [characters for part in self._parts for characters in part.sets]

    def step(self, state: Sequence[Any], point: int) -> tuple[State, ...]:
        """The states of all parts."""
        return tuple(part.step(one, point) for part, one in zip(self._parts, state, strict=True))

    def accepts(self, state: Sequence[Any]) -> bool:
        """What the answers of the parts come to."""
        return self._answer([part.accepts(one) for part, one in zip(self._parts, state, strict=True)])


def opposite(part: Machine) -> Machine:
    """Return the machine that accepts what this one does not."""
    return Together([part], lambda answers: not answers[0])


class OtherCase:
    """A question about `lowerAscii()` or `upperAscii()` of the text: each letter is read as the one it becomes."""

    def __init__(self, part: Machine, form: Callable[[str], str]) -> None:
        self._part = part
        self.start = part.start
        self._becomes = {ord(a): ord(b) for a in map(chr, range(128)) if (b := form(a)) != a}

    @cached_property
    def sets(self) -> Iterable[Characters]:
        """Those of the part, also by the letters that become theirs."""
        told = list(self._part.sets)
        changed = [[point for point, to in self._becomes.items() if holds(one, to)] for one in told]
        letters = [((point, point),) for point in self._becomes]
        return [*told, *letters, *(tuple((point, point) for point in points) for points in changed)]

    def step(self, state: Any, point: int) -> Any:
        """The state after what the character becomes."""
        return self._part.step(state, self._becomes.get(point, point))

    def accepts(self, state: Any) -> bool:
        """As the part does."""
        return self._part.accepts(state)


class Trimmed:
    """A question about `trim()` of the text.

    A state is that of the part after the last character that is not blank, and after all that was read behind it;
    None as long as there were only blanks.
    """

    start = None

    def __init__(self, part: Machine, form: Callable[[str], str]) -> None:
        self._part = part
        self._blank: Characters = tuple((point, point) for point in range(_LAST_BLANK + 1) if not form(chr(point)))

    @property
    def sets(self) -> Iterable[Characters]:
        """Those of the part, and what is blank."""
        return [*self._part.sets, self._blank]

    def step(self, state: tuple[Any, Any] | None, point: int) -> tuple[Any, Any] | None:
        """The states after what is kept for sure, and after all."""
        is_blank = holds(self._blank, point)
        if state is None and is_blank:
            return None
        kept, now = state or (None, self._part.start)
        after = self._part.step(now, point)
        return (kept if is_blank else after, after)

    def accepts(self, state: tuple[Any, Any] | None) -> bool:
        """As the part does what is kept."""
        return self._part.accepts(self._part.start if state is None else state[0])
