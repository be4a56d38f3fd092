"""The life of an accepted message: its steps, their attempts, and the state that follows from them.

A life is derived from the outline and the admission of the first decision, and after that from the life before
(`transitions`). It is written into the message's record; the record's version makes every change a compare-and-set.

    HELD -> QUEUED -> SENDING -> SENT -> DELIVERED | FAILED | UNCONFIRMED
                         |-> QUEUED (again later)   |-> UNKNOWN (nobody knows whether it went out)
    and from any state in which nothing is under way: DROPPED, EXPIRED, CANCELLED

The packed form is a msgpack array [1, ...].
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import msgpack

from engine.decision.model import Charge
from engine.ruleset.effects import ChannelChoice, Until

FORMAT = 1

REMEMBERED_MS = 24 * 3_600_000
"""A request is remembered for so long, or for its message's life if that is longer."""


class State(IntEnum):
    """How far a step, or a message, has come; the numbers are the wire's. From DELIVERED on it is final."""

    HELD = 1
    QUEUED = 2
    SENDING = 3
    SENT = 4
    DELIVERED = 5
    FAILED = 6
    DROPPED = 7
    EXPIRED = 8
    CANCELLED = 9
    UNCONFIRMED = 10
    UNKNOWN = 11

    @property
    def is_final(self) -> bool:
        """Will it stay so, unless an operator sends it anew?"""
        return self >= State.DELIVERED


WORST_LAST = (State.UNCONFIRMED, State.UNKNOWN, State.FAILED, State.EXPIRED, State.CANCELLED, State.DROPPED)
"""When every step is final and none delivered, the message is in the first of these that a step is in."""


@dataclass(slots=True)
class Attempt:
    """One call of an adapter for a step. `outcome` is empty while it is open; `receipts` are the kinds reported."""

    number: int
    provider: str
    begun_ms: int
    outcome: str = ""
    provider_id: str = ""
    receipts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Step:
    """One channel of the plan on its way.

    `decided_ms` is when its limits and charges were last judged. `charges` is what it holds, neither spent nor given
    back: (its number, charge), the number 0 for a charge per message.
    `until` says which receipt ends the wait of a supplement. `reason` is a number of Reason, 0 for none.
    """

    number: int
    channel: str
    providers: tuple[str, ...]
    all_addresses: bool
    wait_ms: int
    until: Until
    state: State
    decided_ms: int
    reason: int = 0
    charges: list[tuple[int, Charge]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    redriven: int = 0
    """Attempts made before an operator sent it anew: they no longer count as tries."""
    dead: bool = False
    """It failed for good, and an operator may send it anew."""

    @property
    def attempt(self) -> Attempt | None:
        """The attempt that is open: begun, and its outcome not known."""
        return self.attempts[-1] if self.attempts and not self.attempts[-1].outcome else None

    @property
    def may_have_gone_out(self) -> bool:
        """Is there an attempt of which nobody knows whether it went out?"""
        return any(one.outcome == "AMBIGUOUS" and "FAILED" not in one.receipts for one in self.attempts)

    @property
    def may_be_doubled(self) -> bool:
        """Would a further attempt be a second one for its provider, for all that is known? So it would be though a
        receipt told that the first did not arrive."""
        return any(one.outcome == "AMBIGUOUS" for one in self.attempts)

    @property
    def was_taken(self) -> bool:
        """Has a provider taken it? One that reports on it has, though it may not have arrived."""
        return any(one.outcome == "OK" or one.receipts for one in self.attempts)

    def ended_as(self, state: State) -> State:
        """What it becomes when something brings it to this end.

        What nobody knows to have gone out or not is UNKNOWN, and what a provider took without its arriving has FAILED:
        to say that it was cancelled, dropped or had expired would say that it never went out.
        """
        if state in (State.DELIVERED, State.UNCONFIRMED):
            return state
        if self.may_have_gone_out:
            return State.UNKNOWN
        return State.FAILED if self.was_taken else state

    @property
    def tries(self) -> list[Attempt]:
        """The attempts that count."""
        return self.attempts[self.redriven :]


@dataclass(slots=True)
class Life:
    """An accepted message on its way. `remaining` are the steps of a supplement whose turn has not come.

    `ended` is set for a message that ended without any step (DROPPED, EXPIRED, CANCELLED); `held` while it waits as a
    whole, until `held_until_ms` (0: until somebody resumes what is paused). `counted` are the limits that it holds:
    (limit, key, step number), 0 for what counts once per message; `paid` likewise the accounts it has charged and not
    given back: (account, step number).
    """

    strategy: str
    route_id: str
    priority: str
    bulk: bool
    category: str
    accepted_ms: int
    expire_ms: int
    decided_ms: int
    steps: list[Step] = field(default_factory=list)
    remaining: list[tuple[int, ChannelChoice]] = field(default_factory=list)
    counted: set[tuple[str, str, int]] = field(default_factory=set)
    paid: set[tuple[str, int]] = field(default_factory=set)
    held: bool = False
    held_until_ms: int = 0
    reason: int = 0
    ended: State | None = None

    def step(self, number: int) -> Step | None:
        """Return the step with this number, or None."""
        return next((step for step in self.steps if step.number == number), None)

    @property
    def state(self) -> State:
        """The state of the message as a whole."""
        states = {step.state for step in self.steps}
        if State.DELIVERED in states:
            return State.DELIVERED
        open_states = {state for state in states if not state.is_final}
        if self.held or self.remaining:
            open_states.add(State.HELD)
        if open_states:
            return max(open_states)
        if self.ended is not None:
            states.add(self.ended)
        return next(state for state in WORST_LAST if state in states)

    @property
    def remembered_until_ms(self) -> int:
        """Until when its request is remembered; so long it is kept as a dead letter too."""
        return max(self.expire_ms, self.accepted_ms + REMEMBERED_MS)

    @property
    def is_dead_letter(self) -> bool:
        """May an operator send something of it anew?"""
        return any(step.dead for step in self.steps)

    @property
    def is_final(self) -> bool:
        """Is nothing of it under way or still to come?"""
        return not self.held and not self.remaining and all(step.state.is_final for step in self.steps)


def pack_life(life: Life) -> bytes:
    """Write a life."""
    steps = [
        (
            *(step.number, step.channel, step.providers, step.all_addresses, step.wait_ms, step.until),
            *(step.state, step.decided_ms, step.reason, step.charges),
            [(a.number, a.provider, a.begun_ms, a.outcome, a.provider_id, a.receipts) for a in step.attempts],
            step.redriven,
            step.dead,
        )
        for step in life.steps
    ]
    remaining = [(number, c.channel, c.providers, c.all_addresses, c.wait_ms, c.until) for number, c in life.remaining]
    packed: bytes = msgpack.packb(
        (
            *(FORMAT, life.strategy, life.route_id, life.priority, life.bulk, life.category),
            *(life.accepted_ms, life.expire_ms, life.decided_ms, steps, remaining, sorted(life.counted)),
            sorted(life.paid),
            *(life.held, life.held_until_ms, life.reason, life.ended),
        )
    )
    return packed


def unpack_life(packed: bytes) -> Life:
    """Read what `pack_life` wrote."""
    form, *values = msgpack.unpackb(packed, use_list=False)
    assert form == FORMAT, f"a life of format {form}"
    life = Life(*values)
    life.steps = [_unpack_step(*step) for step in life.steps]  # type: ignore[misc]  # still as written
    life.remaining = [(number, ChannelChoice(*choice)) for number, *choice in life.remaining]  # type: ignore[arg-type]
    life.counted, life.paid = set(life.counted), set(life.paid)
    life.ended = None if life.ended is None else State(life.ended)
    return life


def _unpack_step(*values: Any) -> Step:
    step = Step(*values)
    step.state = State(step.state)
    step.charges = [(number, Charge(*charge)) for number, charge in step.charges]
    step.attempts = [_unpack_attempt(*attempt) for attempt in step.attempts]  # type: ignore[misc]  # still as written
    return step


def _unpack_attempt(*values: Any) -> Attempt:
    attempt = Attempt(*values)
    attempt.receipts = list(attempt.receipts)
    return attempt
