"""Deciding again: a hold that is over, a wait that is over, a step that waited too long in its lane.

It is the same propose and the same admit as at the beginning, with the steps that remain. Nothing is lost when the
process dies between the two scripts of it: what led here (a timer, an entry in a lane) goes with the second, and who
meets it again finds the decision made.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

from engine.decision import transitions
from engine.decision.blueprint import Remaining
from engine.decision.change import TimerKind
from engine.decision.life import Life, State, Step, pack_life
from engine.decision.session import Again, Judgement, Session
from engine.errors import InvalidInput, SignalboxError, StateRefused
from engine.flow.admission import Admission, held_in
from engine.flow.evaluation import Evaluator
from engine.flow.live_state import LiveState
from engine.flow.lives import Lived, read_life, write
from engine.ruleset.effects import ChannelChoice, Route
from engine.state.admit import AdmitRequest, Admitted, Earlier, Kind
from engine.state.apply import REMOVED, Change, Changes, SetTimer
from engine.state.keys import Keys, user_digest
from engine.state.lanes import Entry
from engine.state.messages import Messages
from engine.state.timers import Timer


class Job(NamedTuple):
    """A message to be decided again. `step` and `entry`: a worker has this step in its hand; `timer`: what led here."""

    lived: Lived
    step: int | None = None
    entry: Entry | None = None
    timer: Timer | None = None


class Outcome(Enum):
    """What came of it."""

    TAKEN = "taken"
    """The step in hand may go at once; its entry stays with the worker."""
    MOVED = "moved"
    """All is done, and the entry in hand, if any, is acknowledged."""
    CHANGED = "changed"
    """Somebody else was quicker: read again."""
    LATER = "later"
    """Only the records know whether its accounts have enough, and they are away; or it cannot be decided. A timer that
    led here has been set anew; a step in hand is to be put off."""


LATER_MS: Final = 1_000
"""After so long a message is looked at again that waits for the records."""

log = logging.getLogger(__name__)


class Decider:
    """Decides messages again."""

    def __init__(
        self,
        evaluator: Evaluator,
        live: LiveState,
        admission: Admission,
        messages: Messages,
        changes: Changes,
        keys: Keys,
    ) -> None:
        self._evaluator = evaluator
        self._live = live
        self._admission = admission
        self._messages = messages
        self._changes = changes
        self._keys = keys

    async def again(self, jobs: Sequence[Job], now_ms: int) -> list[Outcome]:
        """Decide again, in order. Raises StateUnavailable, RulesUnavailable and ClockDiffers: then try later.

        A message that cannot be decided, by a fault of ours, is told of and put off; it keeps no other waiting.
        """
        try:
            return await self._decide(jobs, now_ms)
        except SignalboxError as error:
            if not isinstance(error, StateRefused):
                raise
            fault: Exception = error
        except Exception as error:
            fault = error
        if len(jobs) > 1:
            half = len(jobs) // 2
            return await self.again(jobs[:half], now_ms) + await self.again(jobs[half:], now_ms)
        log.error("message %s cannot be decided again", jobs[0].lived.record.id, exc_info=fault)
        return [await self._put_off(jobs[0], now_ms)]

    async def _decide(self, jobs: Sequence[Job], now_ms: int) -> list[Outcome]:
        judge = self._evaluator.judge
        state = await self._live.state([job.lived.message for job in jobs], judge.reader)
        session = Session(judge, state)
        judged = await self._evaluator.propose(session, [(job.lived.message, now_ms, _again(job)) for job in jobs])
        requests = [
            self._request(job, one, session) for job, one in zip(jobs, judged, strict=True) if one.error is None
        ]
        answers = iter(await self._admission.admit(requests))
        # All at once, so that their reads and writes travel together: a night's messages are many.
        return await asyncio.gather(
            *(
                self._finish(job, next(answers), now_ms) if one.error is None else self._refuse(job, one.error, now_ms)
                for job, one in zip(jobs, judged, strict=True)
            )
        )

    def _request(self, job: Job, judged: Judgement, session: Session) -> AdmitRequest:
        record, message, life = job.lived
        proposal = judged.proposal
        return AdmitRequest(
            record.id,
            user_digest(message.tenant, message.user_id),
            proposal,
            session.judge.pack_outline(proposal),
            None,
            record.until_ms,
            held_in=held_in(proposal, session.state.breakers, self._keys, record.id),
            earlier=Earlier(
                version=record.n,
                life=pack_life(life),
                counted=life.counted,
                paid=life.paid,
                started=bool(life.steps),
                in_hand=job.step if job.entry is not None else None,
            ),
        )

    async def _finish(self, job: Job, admitted: Admitted, now_ms: int) -> Outcome:
        if admitted.kind is Kind.SHORT:
            return await self._put_off(job, now_ms)
        if admitted.kind is not Kind.ADMITTED or admitted.admission is None:
            return Outcome.CHANGED
        record = await self._messages.read_one(job.lived.record.id)
        lived = read_life(record) if record is not None else None
        if lived is None:
            return Outcome.CHANGED
        step = lived.life.step(job.step) if job.step is not None and job.entry is not None else None
        taken = step is not None and step.state is State.QUEUED
        return await self._settle_up(job, lived, now_ms, taken)

    async def _settle_up(self, job: Job, lived: Lived, now_ms: int, taken: bool) -> Outcome:
        """Write down what the decision made of the life, and take away what led here."""
        change = transitions.settle_up(lived.life, now_ms)
        done = [job.entry] if job.entry is not None and not taken else []
        timers = _take_away(job, lived, now_ms)
        written = await self._changes.apply_one(write(lived, change, self._keys, done, timers))
        if not written:
            return Outcome.CHANGED
        return Outcome.TAKEN if taken else Outcome.MOVED

    async def _put_off(self, job: Job, now_ms: int) -> Outcome:
        """Those who are due behind it, and need no money, must not wait for it."""
        record, timer = job.lived.record, job.timer
        if timer is not None:
            later = SetTimer(timer.priority, timer.kind, timer.step, now_ms + LATER_MS)
            await self._changes.apply_one(Change(record.id, record.n, timers=[later]))
        return Outcome.LATER

    async def _refuse(self, job: Job, error: InvalidInput, now_ms: int) -> Outcome:
        """The rules now serving cannot read this message: what is unsent of it ends."""
        change = transitions.unreadable(job.lived.life, now_ms, str(error))
        done = [job.entry] if job.entry is not None else []
        timers = _take_away(job, job.lived, now_ms)
        written = await self._changes.apply_one(write(job.lived, change, self._keys, done, timers))
        return Outcome.MOVED if written else Outcome.CHANGED


def _take_away(job: Job, lived: Lived, now_ms: int) -> list[SetTimer]:
    """Take away the timer that led here, unless the decision has set the same one anew."""
    timer, life = job.timer, lived.life
    if timer is None or (timer.kind == TimerKind.HOLD and life.held and life.held_until_ms > now_ms):
        return []
    return [SetTimer(timer.priority, timer.kind, timer.step, REMOVED)]


def _again(job: Job) -> Again:
    life = job.lived.life
    if not life.steps:
        return Again(life.expire_ms, None)
    steps = [step for step in life.steps if _is_open(step, job)]
    choices = [(step.number, _choice(step)) for step in steps]
    if job.step is None or life.strategy == "SUPPLEMENT":
        choices += life.remaining
    route = Route(life.strategy, tuple(choice for _number, choice in choices), life.priority)
    return Again(life.expire_ms, Remaining(life.route_id, route, tuple(number for number, _choice in choices)))


def _is_open(step: Step, job: Job) -> bool:
    return step.state is State.HELD if job.step is None else step.number == job.step


def _choice(step: Step) -> ChannelChoice:
    return ChannelChoice(step.channel, step.providers, step.all_addresses, step.wait_ms, step.until)


def needs_deciding(life: Life, timer: Timer) -> bool:
    """Does what a timer stands for still have to be decided?"""
    if timer.kind == TimerKind.HOLD:
        return life.held
    waits = bool(life.remaining) and not life.held and not transitions.confirmed(life)
    return waits and life.steps[-1].number == timer.step
