"""A change of a life, and the words in which it is told: events and timers.

What can happen to a message changes its life in place; what else has to happen with it, in the same stroke, is
collected in a `Change`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Final

import msgpack

from engine.decision.life import Life, State, Step
from engine.decision.model import Charge, Reason

EVENT_FORMAT: Final = 1

GONE: Final = (State.DELIVERED, State.UNCONFIRMED, State.UNKNOWN)
"""The final states of what went out, or may have."""


class Event(IntEnum):
    """What a line of a trace tells; the numbers are the wire's."""

    DECIDED = 1
    ATTEMPTED = 2
    ANSWERED = 3
    RECEIPT = 4
    RETRY = 5
    ENDED = 6
    QUEUED = 7
    REDRIVEN = 8


class TimerKind(StrEnum):
    """What is to be done when a timer is due; its member in the timers names it so."""

    HOLD = "HOLD"  # decide again: a hold is over
    WAIT = "WAIT"  # the wait of a supplement is over
    RETRY = "RETRY"  # enqueue the step again
    RECEIPT = "RECEIPT"  # no receipt will come any more
    EXPIRE = "EXPIRE"  # the message's life is over; of a step: it is kept as a dead letter no longer


@dataclass(slots=True)
class Change:
    """A life and everything that must be written together with it.

    `events` are packed; `timers` hold (kind, step number, due in ms or None to take it away); `enqueue` are steps that
    go into their lanes; `spend` and `give_back` are charges no longer held; `dead` says that it became a dead letter,
    or ceased to be one.
    """

    life: Life
    now_ms: int
    events: list[bytes] = field(default_factory=list)
    timers: list[tuple[TimerKind, int, int | None]] = field(default_factory=list)
    enqueue: list[Step] = field(default_factory=list)
    spend: list[Charge] = field(default_factory=list)
    give_back: list[Charge] = field(default_factory=list)
    dead: bool = False

    def tell(self, event: Event, step: int, **detail: Any) -> None:
        """Add a line to the trace."""
        self.events.append(msgpack.packb((EVENT_FORMAT, self.now_ms, int(event), step, detail)))

    def end(self, step: Step, state: State, reason: Reason = Reason.NONE) -> None:
        """Bring a step into a final state: what it still holds is spent if it may have gone out, else given back.

        A provider that took it is to be paid, though it reports that it did not arrive.
        """
        state = step.ended_as(state)
        if state in GONE or step.was_taken:
            self.pay(step)
        else:
            spend, give_back = take_charges(self.life, step)
            self.spend += spend
            self.give_back += give_back
        step.state, step.reason = state, int(reason)
        self.tell(Event.ENDED, step.number, state=state.name, **({"reason": reason.name} if reason else {}))

    def pay(self, step: Step) -> None:
        """It went out, or may have: what the step holds is spent."""
        self.spend += [charge for _number, charge in step.charges]
        step.charges = []

    def drop_rest(self, reason: Reason) -> None:
        """Stop what is still unsent: queued and held steps, and those whose turn has not come."""
        for step in self.life.steps:
            if step.state in (State.HELD, State.QUEUED):
                self.end(step, State.CANCELLED, reason)
        self.life.remaining = []


def take_charges(life: Life, step: Step) -> tuple[list[Charge], list[Charge]]:
    """Take from a step that surely did not go out what it holds: (to be spent all the same, to be given back).

    A charge per message is the message's, though one step holds it: it is spent if another step has gone out, and is
    held by the next one that still may.
    """
    held, step.charges = step.charges, []
    others = [one for one in life.steps if one is not step]
    gone = any(one.was_taken or one.state in GONE for one in others)
    heir = next((one for one in others if not one.state.is_final), None)
    spend, give_back = [], []
    for number, charge in held:
        if number == 0 and gone:
            spend.append(charge)
        elif number == 0 and heir is not None:
            heir.charges.append((number, charge))
        else:
            give_back.append(charge)
            life.paid.discard((charge.account, number))
    return spend, give_back


def unpack_events(log: bytes) -> list[tuple[int, Event, int, Any]]:
    """Read a trace: (time in ms, what, step number or 0, detail) in order."""
    unpacker = msgpack.Unpacker(use_list=False)
    unpacker.feed(log)
    return [(at_ms, Event(kind), step, *detail) for _form, at_ms, kind, step, *detail in unpacker]
