"""Records and the lives in them: reading one out of the other, and writing back what becomes of it.

Whoever moves a message does the same three things: read its record, let a pure function of `transitions` say what
follows, write that by compare-and-set. If somebody else was quicker, it begins again with what is there now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from engine.decision.change import Change, TimerKind
from engine.decision.decided import begin, decide_again, leftover_charges
from engine.decision.life import Life, pack_life, unpack_life
from engine.decision.model import Charge, Message, tenant_name
from engine.decision.outline import unpack_admission, unpack_outline
from engine.decision.packing import unpack_message
from engine.state import apply
from engine.state.apply import MoveMoney, Put, SetIndex, SetTimer
from engine.state.keys import Keys
from engine.state.lanes import Entry
from engine.state.messages import Messages, Record
from engine.state.pauses import PauseScope
from engine.state.slices import account_field

TRIES: Final = 100
"""How often a change is computed anew because somebody else was quicker; each time somebody else got something done."""


class Lived(NamedTuple):
    """A record with the message and the life in it."""

    record: Record
    message: Message
    life: Life


def read_life(record: Record) -> Lived | None:
    """Return the message and its life; None when the message is final and its body has gone."""
    if record.body is None:
        return None
    message = unpack_message(record.body)
    if record.life is not None:
        life = unpack_life(record.life)
    else:
        assert record.outline is not None  # a record is made with its first decision
        assert record.admission is not None
        life = begin(unpack_outline(record.outline), unpack_admission(record.admission), message)
    if record.later_outline is not None and record.later_admission is not None:
        outline, admission = unpack_outline(record.later_outline), unpack_admission(record.later_admission)
        decide_again(life, outline, admission)
    return Lived(record, message, life)


def write(
    lived: Lived, change: Change, keys: Keys, done: Sequence[Entry] = (), take_away: Sequence[SetTimer] = ()
) -> apply.Change:
    """Return a change of a life as a compare-and-set on its record. `done` are lane entries that led to it."""
    record, message, life = lived.record, lived.message, change.life
    partition = keys.partition_of(record.id)
    spent, given_back = leftover_charges(life)
    change.spend += spent
    change.give_back += given_back
    return apply.Change(
        message_id=record.id,
        expected=record.n,
        fields={"l": pack_life(life)},
        removed=("q", "r") if record.later_outline is not None else (),
        events=change.events,
        final=life.is_final,
        done=done,
        put=[Put(step.channel, life.priority, life.bulk, step.number) for step in change.enqueue],
        timers=[
            *take_away,
            *(
                SetTimer(life.priority, kind, step, apply.REMOVED if due_ms is None else due_ms)
                for kind, step, due_ms in change.timers
            ),
        ],
        indexes=_indexes(keys, message, partition, change),
        money=[_money(message, charge, spent=True) for charge in change.spend]
        + [_money(message, charge, spent=False) for charge in change.give_back],
    )


def _indexes(keys: Keys, message: Message, partition: int, change: Change) -> list[SetIndex]:
    """What lists the message, or lists it no more: dead letters, and what the pause of a line or campaign holds."""
    indexes = []
    if change.dead:
        score = change.now_ms if change.life.is_dead_letter else apply.REMOVED
        indexes.append(SetIndex(keys.dead(partition), score))
    if (TimerKind.HOLD, 0, None) in change.timers:
        for scope, name in ((PauseScope.LINE, message.line), (PauseScope.CAMPAIGN, message.campaign)):
            indexes.append(SetIndex(keys.held(partition, scope, tenant_name(message.tenant, name)), apply.REMOVED))
    return indexes


def _money(message: Message, charge: Charge, spent: bool) -> MoveMoney:
    field = account_field(message.tenant, charge.account)
    return MoveMoney(field, 0, charge.micros) if spent else MoveMoney(field, charge.micros, 0)


async def change_life(
    messages: Messages,
    changes: apply.Changes,
    keys: Keys,
    message_id: str,
    transition: Callable[[Life], Change | None],
) -> tuple[Lived, Change] | None:
    """Change one life; `transition` is asked again with what is there now whenever somebody else was quicker.

    None when there is nothing to change: no record, no body any more, or the transition says so. Raises
    StateUnavailable.
    """
    for _ in range(TRIES):
        record = await messages.read_one(message_id)
        lived = read_life(record) if record is not None else None
        change = transition(lived.life) if lived is not None else None
        if lived is None or change is None:
            return None
        if await changes.apply_one(write(lived, change, keys)):
            return lived, change
    raise AssertionError(f"{message_id} changed {TRIES} times while one change was made")
