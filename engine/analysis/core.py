"""Terms with sets of classes that no message has together: why something is impossible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from engine.ruleset.partition import Partition

Core = list[tuple[int, int]]
"""Terms, each with a set of classes; on no message is every one of them in one of its classes."""


def widened(
    core: Mapping[int, int], partitions: Mapping[int, Partition], is_impossible: Callable[[Mapping[int, int]], bool]
) -> Core:
    """Return a core with more classes as long as it stays impossible: where one is too short, all shorter ones are."""
    wide = dict(core)
    for number, classes in core.items():
        for wider in _beside(partitions[number], classes):
            if is_impossible({**wide, number: wider}):
                wide[number] = wider
                break
    return list(wide.items())


def _beside(partition: Partition, classes: int) -> Iterator[int]:
    """A class with all below it, and with all above it, where classes have an order."""
    if partition.cuts is not None:
        values = partition.values if partition.nan is None else partition.values & ~(1 << partition.nan)
        below = (classes << 1) - 1 & values
        yield from (below, values & ~below | classes)
