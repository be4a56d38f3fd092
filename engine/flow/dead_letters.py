"""Dead letters: steps that failed for good, told one by one, and sent anew when an operator says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from engine.decision import transitions
from engine.flow.lives import change_life, read_life
from engine.flow.operating import DeadLetter, DeadLetterName, Redriven
from engine.state import dead_letters as index
from engine.state.apply import Changes
from engine.state.keys import Keys
from engine.state.messages import Messages

PAGE: Final = 500


class DeadLetters:
    """The dead letters of all partitions; all methods raise StateUnavailable."""

    def __init__(
        self,
        found: index.DeadLetters,
        messages: Messages,
        changes: Changes,
        keys: Keys,
        now_ms: Callable[[], int],
    ) -> None:
        self._found = found
        self._messages = messages
        self._changes = changes
        self._keys = keys
        self._now_ms = now_ms

    async def page(self, limit: int, after: DeadLetter | None) -> list[DeadLetter]:
        """Return the steps of up to `limit` messages, the oldest first, behind `after`; a message's steps together."""
        last = None if after is None else index.DeadLetter(after.message_id, after.since_ms)
        found = await self._found.page(limit, last)
        records = await self._messages.read([one.message_id for one in found])
        letters = []
        for one, record in zip(found, records, strict=True):
            lived = read_life(record) if record is not None else None
            for step in lived.life.steps if lived is not None else ():
                if step.dead:
                    tried = step.attempts[-1] if step.attempts else None
                    provider, outcome = (tried.provider, tried.outcome) if tried is not None else ("", "")
                    letters.append(DeadLetter(one.message_id, step.number, one.at_ms, step.channel, provider, outcome))
        return letters

    async def redrive(self, names: Sequence[DeadLetterName]) -> Redriven:
        """Send these anew; each is decided again first."""
        redriven = 0
        for name in names:
            redriven += await self._redrive(name)
        return Redriven(redriven, len(names) - redriven)

    async def redrive_all(self) -> Redriven:
        """Send anew every one there is; what fails again meanwhile is left for the next time."""
        redriven = too_late = 0
        after: DeadLetter | None = None
        while letters := await self.page(PAGE, after):
            done = await self.redrive([DeadLetterName(one.message_id, one.step) for one in letters])
            redriven, too_late = redriven + done.redriven, too_late + done.too_late
            after = letters[-1]
        return Redriven(redriven, too_late)

    async def _redrive(self, name: DeadLetterName) -> bool:
        now_ms = self._now_ms()
        changed = await change_life(
            self._messages,
            self._changes,
            self._keys,
            name.message_id,
            lambda life: transitions.redrive(life, name.step, now_ms),
        )
        return changed is not None
