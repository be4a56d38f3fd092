"""What follows from a provider's answer, for the step and for its message. Pure: the life in, the change out.

| the answer | the step |
| --- | --- |
| accepted | SENT until a receipt comes; UNCONFIRMED at once where none will |
| to be tried again | QUEUED, with a timer; or with the next provider at once |
| refused for good | FAILED; a dead letter where an operator can do something about it |
| none (AMBIGUOUS) | what a receipt says; else again, if its category allows that; else UNKNOWN, if no receipt comes |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from adapters.base import Outcome, Result
from adapters.dispatch import Dispatch, tries_of
from adapters.gate import CLOSED_MS
from adapters.retry import Move, NextMove, after, unsettled
from engine.decision import transitions
from engine.decision.change import Change, TimerKind
from engine.decision.life import Attempt, Life, State, Step
from engine.decision.model import Reason
from engine.state.receipt_index import Early

BEYOND_REPAIR: Final = frozenset({Outcome.CONTENT, Outcome.OPTOUT})
"""What failed so is no dead letter: it must not be sent again by anybody."""

REASONS: Final = {Outcome.DEAD: Reason.NO_ADDRESS, Outcome.OPTOUT: Reason.OPTED_OUT}


class Answer(NamedTuple):
    """What is known of an attempt now. `early` are receipts that came before.

    `unsure`: another worker made it and may still be at it, stopped or slow. So even if the provider says that it has
    received nothing, what is sent now may be a second copy, and the trace must say so.
    """

    step: int
    attempt: int
    provider: str
    result: Result
    early: Sequence[Early] = ()
    unsure: bool = False


class Answers:
    """Takes answers in; `chance` gives a random number from 0 up to 1."""

    def __init__(self, dispatch: Dispatch, chance: Callable[[], float]) -> None:
        self._dispatch = dispatch
        self._chance = chance

    def take(self, life: Life, answer: Answer, now_ms: int) -> tuple[Change, bool] | None:
        """Return what changes, and whether the step is to go to its next provider at once, by whoever has its entry.

        None when nothing changes: there is no such attempt, or as much was known of it already.
        """
        step = life.step(answer.step)
        if step is None or not 0 < answer.attempt <= len(step.attempts):
            return None
        tried = step.attempts[answer.attempt - 1]
        before, outcome = tried.outcome, answer.result.outcome
        told = Outcome.AMBIGUOUS if answer.unsure and outcome is Outcome.RETRY else outcome
        if before not in ("", Outcome.AMBIGUOUS) or before == told:
            return None
        change = Change(life, now_ms)
        for one in answer.early:
            noted = transitions.receipt(life, step.number, tried.number, one.kind, now_ms, one.at_ms, one.code)
            if noted is not None:
                merge(change, noted)
        transitions.answer(change, step, tried, told, answer.result.provider_id, answer.result.code)
        if not before:
            return change, self._go_on(change, step, tried, answer.result)
        return change, self._late(change, step, tried, answer.result)

    def _late(self, change: Change, step: Step, tried: Attempt, result: Result) -> bool:
        """An answer to an attempt that somebody has given up as ambiguous: what has not happened yet can be mended."""
        if step.attempts[-1] is not tried:
            return False
        if step.state is State.SENDING:
            change.timers.append((TimerKind.RECEIPT, step.number, None))
            if self._go_on(change, step, tried, result):
                # Its entry has gone long ago: a timer brings a new one.
                transitions.retry(change, step, change.now_ms)
        if step.state is State.QUEUED and result.outcome is Outcome.OK:
            change.timers.append((TimerKind.RETRY, step.number, None))
            transitions.sent(change, step, self._receipt_wait_ms(tried))
        return False

    def _go_on(self, change: Change, step: Step, tried: Attempt, result: Result) -> bool:
        if any(one.outcome == Outcome.OK for one in step.tries):
            # Or what this attempt was to make good had arrived after all.
            transitions.sent(change, step, self._receipt_wait_ms(tried))
            return False
        move = self._move(step, tried, result)
        if move.move is Move.SETTLE:
            if transitions.early(change, step):
                return False
            tries, names = tries_of(step), self._usable(step, tried)
            move = unsettled(change.life.category, names, tries, self._chance(), self._dispatch.policy)
        return self._make(change, step, tried, result.outcome, move)

    def _move(self, step: Step, tried: Attempt, result: Result) -> NextMove:
        policy, tries, chance = self._dispatch.policy, tries_of(step), self._chance()
        move = after(result, self._usable(step, tried), tries, chance, policy)
        if move.move is Move.FAIL:
            # Somebody who is away at the moment could still do it.
            later = after(result, self._dispatch.names(step), tries, chance, policy)
            if later.move is not Move.FAIL:
                return NextMove(Move.AGAIN, later.provider, max(later.delay_ms, CLOSED_MS))
        return move

    def _usable(self, step: Step, tried: Attempt) -> list[str]:
        """Who may be used now, and who was used: that it asked for a pause is no reason to leave it."""
        return [
            name
            for name in self._dispatch.names(step)
            if name == tried.provider or not self._dispatch.gates[name].closed_ms()
        ]

    def _make(self, change: Change, step: Step, tried: Attempt, outcome: Outcome, move: NextMove) -> bool:
        wait_ms = self._receipt_wait_ms(tried)
        match move.move:
            case Move.DONE:
                transitions.sent(change, step, wait_ms)
            case Move.AGAIN if change.now_ms + move.delay_ms < change.life.expire_ms:
                transitions.retry(change, step, change.now_ms + move.delay_ms)
            case Move.NEXT:
                transitions.again_at_once(step)
                return True
            case Move.AGAIN | Move.FAIL if not step.may_have_gone_out:
                reason = REASONS.get(outcome, Reason.NONE)
                give_up(change, step, dead=outcome not in BEYOND_REPAIR, reason=reason)
            case _ if wait_ms is not None:
                transitions.wait_for_receipt(change, step, wait_ms)
            case _:
                transitions.unknown(change, step)
        return False

    def _receipt_wait_ms(self, tried: Attempt) -> int | None:
        adapter = self._dispatch.providers.get(tried.provider)
        return adapter.traits.receipt_wait_ms if adapter is not None and adapter.traits.receipts else None


def give_up(change: Change, step: Step, dead: bool, reason: Reason) -> None:
    """No attempt will follow: it failed, unless one of the earlier ones may have gone out; then nobody knows."""
    if step.may_have_gone_out:
        transitions.unknown(change, step)
    else:
        transitions.failed(change, step, dead, reason)


def merge(change: Change, more: Change) -> None:
    """Add to a change what another one, of the same life, brings along."""
    change.events += more.events
    change.timers += more.timers
    change.enqueue += more.enqueue
    change.spend += more.spend
    change.give_back += more.give_back
    change.dead = change.dead or more.dead
