"""What falls due: holds and waits that are over, retries, receipts that stayed away, lives that end.

A timer stays until what it stands for is written, in the same script. So it may be handled by several processes, or by
one that dies half-way: the record's version lets one of them win, and the others find that there is nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from engine.decision import transitions
from engine.decision.change import Change, TimerKind
from engine.decision.life import State
from engine.flow.bell import Bell
from engine.flow.deciding import Decider, Job, needs_deciding
from engine.flow.lives import Lived, read_life, write
from engine.state import apply
from engine.state.apply import REMOVED, Changes, SetTimer
from engine.state.keys import Keys
from engine.state.messages import Messages, Record
from engine.state.timers import Timer, Timers

DECIDED: Final = (TimerKind.HOLD, TimerKind.WAIT)

PUT_OFF_MS: Final = 60_000
"""After so long a timer is tried again that could not be handled, by a fault of ours."""

log = logging.getLogger(__name__)


class Due:
    """Handles timers."""

    def __init__(
        self, timers: Timers, messages: Messages, changes: Changes, decider: Decider, keys: Keys, bell: Bell
    ) -> None:
        self._timers = timers
        self._messages = messages
        self._changes = changes
        self._decider = decider
        self._keys = keys
        self._bell = bell

    async def run_once(self, now_ms: int, limit: int) -> int:
        """Handle up to `limit` timers that are due, the most urgent first; return how many were found.

        Raises StateUnavailable, RulesUnavailable and ClockDiffers; what was not handled is still due then.
        """
        due = _one_each(await self._timers.due(now_ms, limit))
        records = await self._messages.read([timer.message_id for timer in due])
        jobs: list[Job] = []
        changes: list[apply.Change] = []
        for timer, record in zip(due, records, strict=True):
            try:
                what = self._what(timer, record, now_ms)
            except Exception:
                log.exception("a timer of message %s cannot be handled", timer.message_id)
                what = _put_off(timer, record, now_ms)
            if isinstance(what, Job):
                jobs.append(what)
            else:
                changes.append(what)
        if changes:
            await self._changes.apply(changes)
            if any(change.put for change in changes):
                self._bell.ring()
        if jobs:
            await self._decider.again(jobs, now_ms)
        return len(due)

    def _what(self, timer: Timer, record: Record | None, now_ms: int) -> Job | apply.Change:
        """Say what is to be done: something to decide, or something to write."""
        lived = read_life(record) if record is not None else None
        if lived is None:
            return _nothing_left(timer, record)
        if timer.kind in DECIDED and needs_deciding(lived.life, timer):
            return Job(lived, timer=timer)
        return self._change(lived, timer, now_ms)

    def _change(self, lived: Lived, timer: Timer, now_ms: int) -> apply.Change:
        change = _follows(lived, timer, now_ms) or transitions.settle_up(lived.life, now_ms)
        return write(lived, change, self._keys, take_away=[_away(timer)])


def _one_each(due: Sequence[Timer]) -> list[Timer]:
    """Of a message's timers only the first: its record may be another after that one."""
    first: dict[str, Timer] = {}
    for timer in due:
        first.setdefault(timer.message_id, timer)
    return list(first.values())


def _follows(lived: Lived, timer: Timer, now_ms: int) -> Change | None:
    """Return what follows from a timer that needs no decision; None when it no longer matters."""
    life = lived.life
    match timer.kind:
        case TimerKind.RETRY:
            step = life.step(timer.step)
            if step is None or step.state is not State.QUEUED:
                return None
            change = Change(life, now_ms)
            transitions.enqueue(change, step)
            return change
        case TimerKind.RECEIPT:
            return transitions.receipt_wait_over(life, timer.step, now_ms)
        case TimerKind.EXPIRE if timer.step:
            return transitions.let_go(life, timer.step, now_ms)
        case TimerKind.EXPIRE:
            return transitions.expire(life, now_ms) if life.held and now_ms >= life.expire_ms else None
        case _:
            return None


def _away(timer: Timer) -> SetTimer:
    return SetTimer(timer.priority, timer.kind, timer.step, REMOVED)


def _put_off(timer: Timer, record: Record | None, now_ms: int) -> apply.Change:
    """Whatever is wrong with this one, those behind it must not wait for it."""
    later = SetTimer(timer.priority, timer.kind, timer.step, now_ms + PUT_OFF_MS)
    return apply.Change(timer.message_id, record.n if record is not None else 0, timers=[later])


def _nothing_left(timer: Timer, record: Record | None) -> apply.Change:
    """The message is final and recorded, or gone: its timer goes too."""
    return apply.Change(timer.message_id, record.n if record is not None else 0, timers=[_away(timer)])
