"""Dead letters: messages that failed for good, kept with their body for as long as their request is remembered.

The index is written by `apply`; the score is when the message died. A dead letter's record is not closed.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.state.connection import Store


class DeadLetter(NamedTuple):
    """A message that failed, and when."""

    message_id: str
    at_ms: int


class DeadLetters:
    """The dead letters of all partitions; all methods raise StateUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = [store.keys.dead(partition) for partition in range(store.keys.partitions)]

    async def page(self, limit: int, after: DeadLetter | None = None) -> list[DeadLetter]:
        """Return up to `limit`, the oldest first; `after` is the last one of the page before."""
        start = "-inf" if after is None else after.at_ms
        # What shares its time with the last one of the page before is read again and left out.
        same = await self._count_at(after.at_ms) if after is not None else 0
        replies = await self._store.pipeline(
            [("ZRANGEBYSCORE", key, start, "+inf", "WITHSCORES", "LIMIT", 0, limit + same) for key in self._keys]
        )
        found = [
            DeadLetter(member.decode(), int(float(score)))
            for reply in replies
            for member, score in zip(reply[::2], reply[1::2], strict=True)
        ]
        found.sort(key=_order)
        return [each for each in found if after is None or _order(each) > _order(after)][:limit]

    async def _count_at(self, at_ms: int) -> int:
        counts: list[int] = await self._store.pipeline([("ZCOUNT", key, at_ms, at_ms) for key in self._keys])
        return max(counts)

    async def count(self) -> int:
        """How many there are."""
        return sum(await self._store.pipeline([("ZCARD", key) for key in self._keys]))


def _order(letter: DeadLetter) -> tuple[int, str]:
    return letter.at_ms, letter.message_id
