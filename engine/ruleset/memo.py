"""A bounded memory of answers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Memo(Generic[Key, Answer]):
    """Answers by key, at most about `size` of them.

    Two generations: when the young one is full it becomes the old one, and the old one is forgotten. An answer asked
    for again moves to the young. A hit in the young generation costs one dictionary lookup, which an exact LRU cannot.
    """

    __slots__ = ("_half", "misses", "old", "young")

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self.young: dict[Key, Answer] = {}
        self.old: dict[Key, Answer] = {}
        self.misses = 0

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def get(self, key: Key) -> Answer | None:
        """Return the answer for a key, or None."""
        found = self.young.get(key)
        if found is None:
            found = self.old.get(key)
            if found is None:
                self.misses += 1
            else:
                self.put(key, found)
        return found

    def put(self, key: Key, answer: Answer) -> None:
        """Keep an answer."""
        if len(self.young) >= self._half:
            self.old = self.young
            self.young = {}
        self.young[key] = answer
