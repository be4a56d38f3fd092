"""How a life goes on: one pure function for each thing that can happen to a message.

Each takes a life that was just read and changes it in place, and tells all that goes with it in a `Change`. Nothing
here waits, reads a clock or knows where lives are kept.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from engine.decision.change import Change, Event, TimerKind
from engine.decision.life import Attempt, Life, State, Step
from engine.decision.model import Reason

CONFIRMS: Final = {
    "DELIVERED": ("DELIVERED", "READ", "CLICKED", "CONVERTED"),
    "READ": ("READ", "CLICKED", "CONVERTED"),
}
"""The receipts that end the wait of a supplement, by what it waits for."""

ARRIVED: Final = CONFIRMS["DELIVERED"]
"""The receipts that say that a step reached somebody."""


# ---- at the dequeue ----


class Look(IntEnum):
    """What a worker finds when it takes a step out of its lane."""

    READY = 1
    GONE = 2
    EXPIRED = 3
    STALE = 4
    OPEN = 5


STALE_AFTER_MS: Final = 60_000
"""An entry whose step was judged longer ago is decided again at the dequeue."""


def look(life: Life, number: int, now_ms: int) -> Look:
    """Say what is to be done with a step taken out of its lane."""
    step = life.step(number)
    if step is None or step.state not in (State.QUEUED, State.SENDING):
        return Look.GONE
    if step.state is State.SENDING:
        return Look.OPEN if step.attempt is not None else Look.GONE
    if now_ms >= life.expire_ms:
        return Look.EXPIRED
    return Look.STALE if now_ms - step.decided_ms > STALE_AFTER_MS else Look.READY


def expire(life: Life, now_ms: int) -> Change:
    """The message's life is over: what is still unsent ends."""
    change = Change(life, now_ms)
    for step in life.steps:
        if step.state in (State.HELD, State.QUEUED):
            change.end(step, State.EXPIRED, Reason.EXPIRED)
    life.remaining = []
    if life.held:
        life.held = False
        if not life.steps:
            life.ended, life.reason = State.EXPIRED, int(Reason.EXPIRED)
            change.tell(Event.ENDED, 0, state="EXPIRED", reason="EXPIRED")
    change.timers += _all_timers(life)
    return change


def attempt(change: Change, step: Step, provider: str, may_duplicate: bool = False) -> Attempt:
    """Begin an attempt: written before the provider is called."""
    begun = Attempt(len(step.attempts) + 1, provider, change.now_ms)
    step.attempts.append(begun)
    step.state = State.SENDING
    detail = {"may_be_duplicated": True} if may_duplicate else {}
    change.tell(Event.ATTEMPTED, step.number, attempt=begun.number, provider=provider, **detail)
    return begun


# ---- the provider's answer ----


def answer(change: Change, step: Step, tried: Attempt, outcome: str, provider_id: str, code: str) -> None:
    """Note what the provider said to an attempt."""
    tried.outcome = outcome
    if provider_id:
        tried.provider_id = provider_id
    told = {"provider_id": provider_id} if provider_id else {}
    coded = {"code": code} if code else {}
    change.tell(
        Event.ANSWERED, step.number, attempt=tried.number, provider=tried.provider, outcome=outcome, **told, **coded
    )


def sent(change: Change, step: Step, receipt_wait_ms: int | None) -> None:
    """The provider has taken it. `receipt_wait_ms` None: it sends no receipts, so this is all there will be."""
    change.pay(step)
    step.state = State.SENT
    if early(change, step):
        return
    if receipt_wait_ms is None:
        change.end(step, State.UNCONFIRMED)
    else:
        change.timers.append((TimerKind.RECEIPT, step.number, change.now_ms + receipt_wait_ms))


def early(change: Change, step: Step) -> bool:
    """Take in receipts that were quicker than the provider's answer. True when they settle the step."""
    kinds = [kind for one in step.attempts for kind in one.receipts]
    if any(kind in ARRIVED for kind in kinds):
        _arrived(change, step, kinds)
        return True
    if step.attempts and "FAILED" in step.attempts[-1].receipts:
        failed(change, step, dead=False)
        return True
    return False


def retry(change: Change, step: Step, due_ms: int) -> None:
    """Try again later. What would be later than the message's life ends as failed."""
    if due_ms >= change.life.expire_ms:
        failed(change, step, dead=True)
        return
    step.state = State.QUEUED
    change.timers.append((TimerKind.RETRY, step.number, due_ms))
    change.tell(Event.RETRY, step.number, due_ms=due_ms)


def again_at_once(step: Step) -> None:
    """The next provider gets it at once: its entry stays in the worker's hand."""
    step.state = State.QUEUED


def failed(change: Change, step: Step, dead: bool, reason: Reason = Reason.NONE) -> None:
    """It surely did not go out, or did not arrive. `dead`: an operator may send it anew, unless an earlier attempt may
    have gone out after all."""
    change.end(step, State.FAILED, reason)
    if dead and step.state is State.FAILED:
        step.dead = change.dead = True
        change.timers.append((TimerKind.EXPIRE, step.number, change.life.remembered_until_ms))
    _go_on(change)


def unknown(change: Change, step: Step) -> None:
    """Nobody will ever know whether it went out, and it is not sent again."""
    change.end(step, State.UNKNOWN)


def settle_up(life: Life, now_ms: int) -> Change:
    """Write down what a decision made of a life, so that nothing of it is left to be derived."""
    return Change(life, now_ms)


def unreadable(life: Life, now_ms: int, why: str) -> Change:
    """The rules now serving cannot judge this message: what is unsent of it ends."""
    change = Change(life, now_ms)
    for step in life.steps:
        if step.state in (State.HELD, State.QUEUED):
            change.end(step, State.DROPPED)
    if not life.steps:
        life.ended = State.DROPPED
    life.remaining, life.held = [], False
    change.tell(Event.ENDED, 0, state="DROPPED", error=why)
    change.timers += _all_timers(life)
    return change


def wait_for_receipt(change: Change, step: Step, receipt_wait_ms: int) -> None:
    """Nobody knows whether it went out: a receipt may tell."""
    change.timers.append((TimerKind.RECEIPT, step.number, change.now_ms + receipt_wait_ms))


def enqueue(change: Change, step: Step) -> None:
    """A retry's time has come."""
    change.enqueue.append(step)
    change.tell(Event.QUEUED, step.number)


def _go_on(change: Change) -> None:
    """A supplement whose step surely failed goes on at once; the timer is how, so that a crash forgets nothing."""
    life = change.life
    if life.remaining and all(step.state.is_final for step in life.steps):
        change.timers.append((TimerKind.WAIT, life.steps[-1].number, change.now_ms))


# ---- receipts and timers ----


def receipt_wait_over(life: Life, number: int, now_ms: int) -> Change | None:
    """No receipt came in time. None when that no longer matters. A supplement goes on when its own wait is over."""
    step = life.step(number)
    if step is None or step.state not in (State.SENT, State.SENDING) or step.attempt is not None:
        return None
    change = Change(life, now_ms)
    if step.state is State.SENDING:
        unknown(change, step)
    else:
        change.end(step, State.UNCONFIRMED)
    change.timers.append((TimerKind.RECEIPT, number, None))
    return change


def receipt(
    life: Life, number: int, attempt_number: int, kind: str, now_ms: int, at_ms: int, code: str = ""
) -> Change | None:
    """A provider or a client reports on an attempt. None when it says nothing new."""
    step = life.step(number)
    tried = next((one for one in step.attempts if one.number == attempt_number), None) if step is not None else None
    if step is None or tried is None or kind in tried.receipts:
        return None
    change = Change(life, now_ms)
    tried.receipts.append(kind)
    coded = {"code": code} if code else {}
    change.tell(Event.RECEIPT, number, attempt=attempt_number, kind=kind, reported_ms=at_ms, **coded)
    if step.state in (State.SENT, State.QUEUED, State.HELD) or _is_ambiguous(step, tried):
        if kind in ARRIVED:
            _arrived(change, step, [kind])
        elif kind == "FAILED" and step.attempts[-1] is tried and step.state in (State.SENT, State.SENDING):
            change.timers.append((TimerKind.RECEIPT, number, None))
            failed(change, step, dead=False)
    elif step.state.is_final and kind in ARRIVED:
        _confirm(change, step, tried.receipts)
    return change


def _is_ambiguous(step: Step, tried: Attempt) -> bool:
    return step.state is State.SENDING and tried is step.attempts[-1] and tried.outcome == "AMBIGUOUS"


def _arrived(change: Change, step: Step, kinds: list[str]) -> None:
    change.end(step, State.DELIVERED)
    change.timers += [(TimerKind.RECEIPT, step.number, None), (TimerKind.RETRY, step.number, None)]
    _confirm(change, step, kinds)


def _confirm(change: Change, step: Step, kinds: list[str]) -> None:
    """What a supplement waited for has come, late or not: what is still unsent is not needed any more."""
    life = change.life
    if life.strategy != "SUPPLEMENT" or not any(kind in CONFIRMS[step.until] for kind in kinds):
        return
    unsent = life.remaining or any(one.state in (State.HELD, State.QUEUED) for one in life.steps if one is not step)
    if not unsent:
        return
    change.drop_rest(Reason.NONE)
    life.held = False
    change.timers += [(TimerKind.WAIT, one.number, None) for one in life.steps]
    change.timers.append((TimerKind.HOLD, 0, None))


def confirmed(life: Life) -> bool:
    """Has what a supplement waits for come?"""
    for step in life.steps:
        kinds = [kind for one in step.attempts for kind in one.receipts]
        if any(kind in CONFIRMS[step.until] for kind in kinds):
            return True
    return False


# ---- operators ----


def cancel(life: Life, now_ms: int) -> Change | None:
    """Somebody takes the message back. None when nothing of it is left to stop."""
    if not life.held and not life.remaining and not any(s.state in (State.HELD, State.QUEUED) for s in life.steps):
        return None
    change = Change(life, now_ms)
    change.drop_rest(Reason.NONE)
    if life.held:
        life.held = False
        if not life.steps:
            life.ended, life.reason = State.CANCELLED, 0
            change.tell(Event.ENDED, 0, state="CANCELLED")
    change.timers += _all_timers(life)
    return change


def redrive(life: Life, number: int, now_ms: int) -> Change | None:
    """Send a dead letter anew, with all its tries. None when it is none, or its time is over.

    It is decided again first, since its charges were given back; the timer is how.
    """
    step = life.step(number)
    if step is None or not step.dead or now_ms >= life.expire_ms:
        return None
    if life.strategy == "SUPPLEMENT" and confirmed(life):
        return None  # another step has reached them
    change = Change(life, now_ms)
    step.redriven = len(step.attempts)
    step.state, step.reason, step.dead = State.HELD, 0, False
    life.held, change.dead = True, True
    change.tell(Event.REDRIVEN, number)
    change.timers += [(TimerKind.HOLD, 0, now_ms), (TimerKind.EXPIRE, number, None)]
    return change


def let_go(life: Life, number: int, now_ms: int) -> Change | None:
    """A dead letter that nobody sent anew is none any more, and its record may be closed. None when it is none."""
    step = life.step(number)
    if step is None or not step.dead:
        return None
    change = Change(life, now_ms)
    step.dead, change.dead = False, True
    return change


def _all_timers(life: Life) -> list[tuple[TimerKind, int, int | None]]:
    """Take away every timer that what is unsent may have."""
    of_steps = [(kind, step.number, None) for step in life.steps for kind in (TimerKind.RETRY, TimerKind.WAIT)]
    return [(TimerKind.HOLD, 0, None), (TimerKind.EXPIRE, 0, None), *of_steps]
