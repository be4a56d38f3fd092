"""Short texts that several machines accept, or the proof that there is none: a search of the states they reach.

It goes on from where the fewest machines are left that do not accept, and there from the shortest text. Which way it
goes does not matter to a proof: when nothing is left to go on from, every state was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Final

from engine.analysis.automata.characters import representatives
from engine.analysis.automata.machine import Machine, State

DETOUR: Final = 3
"""Characters that a text may be longer by for each machine more that accepts it, to be gone on from first."""


class TooMany(Exception):
    """The search has passed its bound: whether there is a text is not known."""


def words(machines: Sequence[Machine], most_steps: int) -> Iterator[str]:
    """Give texts that all machines accept, no two that lead to the same states.

    When none comes, none exists. Raises TooMany when it has read `most_steps` characters.
    """
    points = representatives(characters for machine in machines for characters in machine.sets)
    start = tuple(machine.start for machine in machines)
    seen, turn, steps = {start}, count(), 0
    reached: list[tuple[int, int, str, tuple[State, ...]]] = [(0, next(turn), "", start)]
    while reached:
        _, _, text, states = heappop(reached)
        if _missing(machines, states) == 0:
            yield text
        steps += len(points)
        if steps > most_steps:
            raise TooMany
        for point in points:
            after = tuple([machine.step(state, point) for machine, state in zip(machines, states, strict=True)])
            if after not in seen:
                seen.add(after)
                cost = len(text) + DETOUR * _missing(machines, after)
                heappush(reached, (cost, next(turn), text + chr(point), after))


def _missing(machines: Sequence[Machine], states: Sequence[State]) -> int:
    """How many machines do not accept what led to these states."""
    return sum(not machine.accepts(state) for machine, state in zip(machines, states, strict=True))


def accepts(machine: Machine, text: str) -> bool:
    """Whether a machine accepts a text."""
    state = machine.start
    for character in text:
        state = machine.step(state, ord(character))
    return machine.accepts(state)
