"""What became of messages, as providers and clients tell it: early or late, once or five times, in any order.

    receipt -> its attempt (by our reference, or by the provider's id) -> the life that follows -> compare-and-set

When `report` returns, everything it says is on disk. Reporting again does no harm, so whoever got an error does that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Final, NamedTuple

from adapters.base import Receipt, ReceiptKind, read_reference
from engine.clock import Clock
from engine.decision import transitions
from engine.decision.change import Change
from engine.decision.ledger_model import UserKey
from engine.decision.life import Attempt, Life, Step, pack_life, unpack_life
from engine.flow.lives import Lived, read_life, write
from engine.state import apply
from engine.state.apply import Changes
from engine.state.identities import Identities
from engine.state.keys import Keys
from engine.state.messages import Messages, Record
from engine.state.receipt_index import Early, Named, ReceiptIndex

log = logging.getLogger(__name__)

TRIES: Final = 100


class Fate(Enum):
    """What was done with a receipt."""

    NOTED = "noted"
    """It was new, and is part of the message's life now."""
    REPEATED = "repeated"
    """It had been reported before."""
    KEPT = "kept"
    """No attempt is known by this id of the provider's yet; the receipt waits for an hour in case there will be."""
    REJECTED = "rejected"
    """Nothing was done with it."""


class Reported(NamedTuple):
    """What was done with a receipt; `error` says why it was rejected."""

    fate: Fate
    error: str = ""


UserOf = Callable[[str], Awaitable[UserKey | None]]
"""Whose a message was that is final and recorded; None when that is not known any more."""


async def _nobody_knows(message_id: str) -> UserKey | None:
    return None


class Receipts:
    """Takes receipts in. `user_of` finds the user of a message whose record holds its body no more."""

    def __init__(
        self,
        messages: Messages,
        changes: Changes,
        identities: Identities,
        index: ReceiptIndex,
        keys: Keys,
        clock: Clock,
        user_of: UserOf = _nobody_knows,
    ) -> None:
        self._messages = messages
        self._changes = changes
        self._identities = identities
        self._index = index
        self._keys = keys
        self._clock = clock
        self._user_of = user_of

    async def sink(self, receipts: Sequence[Receipt]) -> None:
        """Take in what an adapter tells: the `ReceiptSink` of all adapters. Raises StateUnavailable."""
        for receipt, reported in zip(receipts, await self.report(receipts), strict=True):
            if reported.fate is Fate.REJECTED:
                log.warning("a receipt of %s was rejected: %s", receipt.provider, reported.error)

    async def report(self, receipts: Sequence[Receipt]) -> list[Reported]:
        """Take receipts in; say in order what was done with each.

        Raises StateUnavailable; then some may have been noted, and all may be reported again.
        """
        references = await self._references(receipts)
        by_message: dict[str, list[tuple[int, tuple[str, int, int]]]] = {}
        done: list[Reported] = [Reported(Fate.KEPT)] * len(receipts)
        for at, reference in enumerate(references):
            if isinstance(reference, Reported):
                done[at] = reference
                continue
            try:
                parts = read_reference(reference)
                self._keys.partition_of(parts[0])
            except ValueError as error:
                done[at] = Reported(Fate.REJECTED, str(error))
            else:
                by_message.setdefault(parts[0], []).append((at, parts))

        async def of_one_message(group: list[tuple[int, tuple[str, int, int]]]) -> None:
            for at, parts in group:  # one after the other: each changes the record
                done[at] = await self._note(receipts[at], *parts)

        async with asyncio.TaskGroup() as tasks:
            for group in by_message.values():
                tasks.create_task(of_one_message(group))
        return done

    async def _references(self, receipts: Sequence[Receipt]) -> list[str | Reported]:
        """Return each receipt's reference; those that name an attempt in no way that is known are dealt with here."""
        found: list[str | Reported] = [
            one.reference or Reported(Fate.REJECTED, "neither a reference nor a provider with its own id is given")
            for one in receipts
        ]
        own = [at for at, one in enumerate(receipts) if not one.reference and one.provider and one.provider_id]
        asked = [
            (Named(one.provider, one.provider_id), Early(one.kind.value, one.at_ms, one.code))
            for one in (receipts[at] for at in own)
        ]
        for at, answer in zip(own, await self._index.find_or_keep(asked) if asked else (), strict=True):
            if isinstance(answer, str):
                found[at] = answer
            elif answer:
                found[at] = Reported(Fate.KEPT)
            else:
                found[at] = Reported(Fate.REJECTED, "too many receipts wait for attempts that nobody knows")
        return found

    async def _note(self, receipt: Receipt, message_id: str, number: int, attempt: int) -> Reported:
        for _ in range(TRIES):
            record = await self._messages.read_one(message_id)
            if record is None:
                return Reported(Fate.REJECTED, f"no message {message_id} is known, or not any more")
            lived = read_life(record)
            life = lived.life if lived is not None else _life_of_closed(record)
            found = _find(life, number, attempt)
            if life is None or found is None:
                return Reported(Fate.REJECTED, f"message {message_id} has no attempt {number}.{attempt}")
            step, tried = found
            if receipt.provider and receipt.provider != tried.provider:
                return Reported(Fate.REJECTED, f"attempt {number}.{attempt} was not made by {receipt.provider}")
            now_ms = self._clock.now_ms()
            change = transitions.receipt(life, number, attempt, receipt.kind, now_ms, receipt.at_ms, receipt.code)
            if change is None:
                return Reported(Fate.REPEATED)
            if receipt.kind is ReceiptKind.OPTED_OUT:
                # Before the receipt counts as noted: it would not be looked at again.
                await self._opt_out(message_id, lived, life, step, now_ms)
            if await self._changes.apply_one(self._change(record, lived, change)):
                return Reported(Fate.NOTED)
        raise AssertionError(f"{message_id} changed {TRIES} times while a receipt was noted")

    def _change(self, record: Record, lived: Lived | None, change: Change) -> apply.Change:
        if lived is not None:
            return write(lived, change, self._keys)
        # Final and recorded: nothing of it can move any more, the receipt is one more line of its trace.
        return apply.Change(record.id, record.n, {"l": pack_life(change.life)}, events=change.events)

    async def _opt_out(self, message_id: str, lived: Lived | None, life: Life, step: Step, now_ms: int) -> None:
        """Note that somebody wants no more. From now on, not from when it happened: what was decided in between must
        be decided again, which is told by the times."""
        if lived is not None:
            user: UserKey | None = (lived.message.tenant, lived.message.user_id)
        else:
            user = await self._user_of(message_id)
        if user is None:
            log.error("somebody opted out with a receipt of %s, and nobody knows any more who that was", message_id)
            return
        await self._identities.opt_out(user, step.channel, life.category, now_ms)


def _life_of_closed(record: Record) -> Life | None:
    return unpack_life(record.life) if record.life is not None else None


def _find(life: Life | None, number: int, attempt: int) -> tuple[Step, Attempt] | None:
    step = life.step(number) if life is not None else None
    if step is None or not 0 < attempt <= len(step.attempts):
        return None
    return step, step.attempts[attempt - 1]
