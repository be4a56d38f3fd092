"""What a decision makes of a life: the first one begins it, every later one goes on with what is left of it."""

from __future__ import annotations

from engine.decision.change import take_charges
from engine.decision.life import Life, State, Step
from engine.decision.model import Admission, Charge, Message, Reason
from engine.decision.outline import Outline, charges_taken, uses_taken
from engine.decision.settle import taking_part


def begin(outline: Outline, admission: Admission, message: Message) -> Life:
    """Return the life that the first decision gives a message."""
    shape = outline.shape
    life = Life(
        strategy=shape.strategy,
        route_id=shape.route_id,
        priority=outline.priority,
        bulk=bool(message.campaign),
        category=message.category,
        accepted_ms=outline.now_ms,
        expire_ms=outline.expire_ms,
        decided_ms=outline.now_ms,
    )
    decide_again(life, outline, admission)
    return life


def decide_again(life: Life, outline: Outline, admission: Admission) -> None:
    """Take in what a decision says of the steps that it judged. The script that admitted it has written its event."""
    shape = outline.shape
    life.decided_ms, life.held, life.held_until_ms, life.reason = outline.now_ms, False, 0, 0
    if not life.steps:
        life.strategy, life.route_id, life.priority = shape.strategy, shape.route_id, outline.priority
    life.counted |= uses_taken(outline, admission)
    judged = {one.number for one in shape.candidates}
    if admission.taken:
        for index in admission.taken:
            _queue(life, outline, admission, index)
        parts = taking_part(outline, admission)
        later = [shape.candidates[index] for index in parts if index not in admission.taken]
        kept = [one for one in life.remaining if one[0] not in judged]
        life.remaining = kept + [(one.number, one.choice) for one in later]
    else:
        _refuse_all(life, outline, admission)
    if admission.taken or shape.candidates:
        _refuse_judged(life, outline, admission)


def _queue(life: Life, outline: Outline, admission: Admission, index: int) -> None:
    number, choice = outline.shape.candidates[index][:2]
    # What it holds, or has spent, was not taken again.
    charges = [
        (paid_for, charge)
        for paid_for, charge in charges_taken(outline, admission, index)
        if (charge.account, paid_for) not in life.paid
    ]
    life.paid |= {(charge.account, paid_for) for paid_for, charge in charges}
    step = life.step(number)
    if step is None:
        step = Step(
            number,
            choice.channel,
            choice.providers,
            choice.all_addresses,
            choice.wait_ms,
            choice.until,
            State.QUEUED,
            outline.now_ms,
        )
        life.steps.append(step)
    step.state, step.decided_ms, step.reason = State.QUEUED, outline.now_ms, 0
    step.charges += charges


def _refuse_all(life: Life, outline: Outline, admission: Admission) -> None:
    """Nothing was taken: the message waits, or what is left of it ends."""
    refusals = [one for one in (*admission.refusals, outline.refusal) if one is not None]
    held = [one for one in refusals if one.held]
    if held:
        first = min(held, key=lambda one: one.until_ms)
        life.held, life.held_until_ms, life.reason = True, first.until_ms, int(first.reason)
        if not outline.shape.candidates:
            _end_unsent(life, State.HELD)
        return
    life.reason, life.remaining = int(refusals[0].reason), []
    state = State.EXPIRED if refusals[0].reason is Reason.EXPIRED else State.DROPPED
    if not life.steps:
        life.ended = state
    elif not outline.shape.candidates:
        _end_unsent(life, state)


def _end_unsent(life: Life, state: State) -> None:
    """The message as a whole was refused: so is every step of it that is not under way."""
    for step in life.steps:
        if step.state in (State.HELD, State.QUEUED):
            _refuse(step, state, life.reason)


def _refuse(step: Step, state: State, reason: int) -> None:
    """A step is held, or ends."""
    step.state = step.ended_as(state) if state.is_final else state
    step.reason = reason


def _refuse_judged(life: Life, outline: Outline, admission: Admission) -> None:
    """Steps that were admitted before and are refused now: held until then, or dropped; they keep their counts."""
    for one, refusal in zip(outline.shape.candidates, admission.refusals, strict=True):
        step = life.step(one.number)
        if refusal is None or step is None or step.state.is_final:
            continue
        # A held candidate counts as refused while another passes.
        held = refusal.held and not admission.taken
        _refuse(step, State.HELD if held else State.DROPPED, int(refusal.reason))


def leftover_charges(life: Life) -> tuple[list[Charge], list[Charge]]:
    """Take the charges that steps ended by a decision still hold: (to be spent, to be given back)."""
    spend: list[Charge] = []
    give_back: list[Charge] = []
    for step in life.steps:
        if step.state is State.UNKNOWN or (step.state is State.FAILED and step.was_taken):
            spend += [charge for _number, charge in step.charges]
            step.charges = []
        elif step.state in (State.DROPPED, State.EXPIRED):
            more_spent, more_back = take_charges(life, step)
            spend += more_spent
            give_back += more_back
    return spend, give_back
