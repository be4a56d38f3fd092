"""One step on its way from its lane to a provider; the order of what is done is all there is to exactness.

    read the record -> look -> choose a provider -> wait for a turn -> write "attempted" -> call -> write the answer

"Attempted" is written by compare-and-set before the call, so of two workers with the same step one makes the call. The
answer is written in the same way, together with the acknowledgement of the lane entry. Whoever dies in between leaves
an open attempt, which the worker that takes the entry over treats as ambiguous: it asks the provider, and if that does
not tell, the category decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from adapters.answers import Answer, Answers, give_up
from adapters.base import Adapter, Outcome, ReceiptKind, Result, reference_of
from adapters.calling import Calls
from adapters.dispatch import Away, Dispatch
from adapters.gate import Gate
from adapters.rendering import Destination, attempt_of, destinations
from engine.clock import Clock, OnTime, always_on_time
from engine.decision import transitions
from engine.decision.change import Change, TimerKind
from engine.decision.ledger_model import UserKey
from engine.decision.life import Step
from engine.decision.model import Message, Reason
from engine.decision.transitions import Look, look
from engine.errors import SignalboxError
from engine.flow.deciding import LATER_MS, Job
from engine.flow.deciding import Outcome as Decided
from engine.flow.lives import Lived, read_life, write
from engine.state import apply
from engine.state.coalesce import Coalescer
from engine.state.control import Control
from engine.state.identities import Identities
from engine.state.keys import Keys
from engine.state.lanes import Entry, Lanes
from engine.state.messages import Messages, Record
from engine.state.receipt_index import Early, Named, ReceiptIndex
from engine.state.user_record import UNKNOWN, UserRecord
from engine.state.windows import Windows

log = logging.getLogger(__name__)

TRIES: Final = 100
"""How often a step is looked at anew because its record changed; each time somebody else got something done."""

TROUBLE_S: Final = (0.1, 5.0)
"""The shortest and the longest pause while the state, or the rules, are away."""

LONG_WAIT_S: Final = 1.0
"""Who waited longer for a turn looks at the record again before the call."""

MOST_AT_ONCE: Final = 256


class Deciding(Protocol):
    """Decides messages again: `engine.flow.deciding.Decider`."""

    async def again(self, jobs: Sequence[Job], now_ms: int) -> list[Decided]:
        """Return what became of each."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker works with. `on_time` raises ClockDiffers when nothing may end by the clock as it is."""

    keys: Keys
    messages: Messages
    changes: apply.Changes
    lanes: Lanes
    identities: Identities
    index: ReceiptIndex
    control: Control
    windows: Windows
    decider: Deciding
    clock: Clock
    on_time: OnTime = always_on_time


class Hand:
    """One entry in a worker's hand. `lost`: another worker has taken it over.

    At `sure_s`, by the event loop's clock, it was certainly ours.
    """

    __slots__ = ("answer", "begun", "called", "decided", "entry", "gate", "lost", "sure_s", "to", "told")

    def __init__(self, entry: Entry, sure_s: float) -> None:
        self.entry = entry
        self.sure_s = sure_s
        self.lost = False
        self.gate: Gate | None = None  # we have a turn there
        self.begun = 0  # the number of the attempt that we have written, or tried to
        self.called = False
        self.decided = False  # decided again just now: what was known then needs no second decision
        self.to: tuple[Destination, ...] = ()
        self.answer: Answer | None = None
        self.told = False  # the directory knows what the answer says of addresses and opt-outs

    def forget(self) -> None:
        """The attempt is over; there may be another one."""
        self.answer, self.begun, self.called, self.to = None, 0, False, ()

    def leave(self) -> None:
        """Give the turn back."""
        if self.gate is not None:
            self.gate.leave()
            self.gate = None


class Sending:
    """Sees entries through. `stopping` says whether attempts may still begin."""

    def __init__(
        self, parts: Parts, dispatch: Dispatch, consumer: str, claim_idle_ms: int, chance: Callable[[], float]
    ) -> None:
        self._parts = parts
        self._dispatch = dispatch
        self._answers = Answers(dispatch, chance)
        self._calls = Calls(dispatch, parts.windows, parts.clock)
        self._consumer = consumer
        self._claim_idle_ms = claim_idle_ms
        self._users: Coalescer[UserKey, UserRecord] = Coalescer(self._read_users, MOST_AT_ONCE)
        self._deciding: Coalescer[Job, Decided] = Coalescer(self._decide, MOST_AT_ONCE)
        self.stopping = False

    async def _read_users(self, users: Sequence[UserKey]) -> list[UserRecord]:
        found = await self._parts.identities.read(users)
        return [found.get(user, UNKNOWN) for user in users]

    async def _decide(self, jobs: Sequence[Job]) -> list[Decided]:
        return await self._parts.decider.again(jobs, self._parts.clock.now_ms())

    # ---- the way ----

    async def see_through(self, hand: Hand) -> None:
        """Do with an entry whatever is to be done. Trouble with the state or the rules is waited out.

        Returns without having finished it when another worker has it, or when its record does not come to rest; raises
        CancelledError.
        """
        pause_s, tries = TROUBLE_S[0], 0
        try:
            while tries < TRIES and (hand.answer is not None or not hand.lost):
                tries += 1
                try:
                    if await self._step(hand):
                        return
                except SignalboxError as error:
                    if self.stopping and not hand.called:
                        return
                    hand.sure_s = float("-inf")  # what was to let go of it may have been written
                    if pause_s == TROUBLE_S[0]:
                        log.warning("a step of %s waits until this is over: %s", hand.entry.message_id, error)
                    await asyncio.sleep(pause_s)
                    pause_s, tries = min(2 * pause_s, TROUBLE_S[1]), 0
        finally:
            hand.leave()

    async def _step(self, hand: Hand) -> bool:
        """Do the next thing with an entry; False when its record is to be read again."""
        if hand.answer is not None:
            return await self._write_answer(hand, None)
        entry = hand.entry
        record = await self._parts.messages.read_one(entry.message_id)
        lived = read_life(record) if record is not None else None
        if lived is None:
            return await self._done(entry, record)
        now_ms = self._parts.clock.now_ms()
        match look(lived.life, entry.step, now_ms):
            case Look.GONE if lived.record.later_outline is None:
                return await self._done(entry, record)
            case Look.GONE:
                # Somebody decided it again and died before what follows for its charges and its end was written.
                return await self._apply(lived, transitions.settle_up(lived.life, now_ms), [entry]) > 0
            case Look.EXPIRED:
                return await self._expire(entry, lived)
            case Look.OPEN:
                return await self._open(hand, lived)
            case Look.STALE if not hand.decided:
                return await self._again(hand, lived)
        return await self._ready(hand, lived)

    async def _done(self, entry: Entry, record: Record | None) -> bool:
        """Nothing is to be done with this entry any more."""
        change = apply.Change(entry.message_id, record.n if record is not None else 0, done=[entry])
        return await self._parts.changes.apply_one(change) > 0

    async def _apply(self, lived: Lived, change: Change, done: Sequence[Entry] = ()) -> int:
        return await self._parts.changes.apply_one(write(lived, change, self._parts.keys, done))

    async def _expire(self, entry: Entry, lived: Lived) -> bool:
        """Its time is over, unless it is the clock that is wrong."""
        await self._parts.on_time()
        now_ms = self._parts.clock.now_ms()
        if now_ms < lived.life.expire_ms:
            return False
        return await self._apply(lived, transitions.expire(lived.life, now_ms), [entry]) > 0

    async def _again(self, hand: Hand, lived: Lived) -> bool:
        decided = await self._deciding.one(Job(lived, hand.entry.step, hand.entry))
        if decided is Decided.LATER:
            return await self._look_later(hand, lived, _step_of(lived, hand.entry), LATER_MS)
        hand.decided = decided is Decided.TAKEN
        return decided is Decided.MOVED

    # ---- before the call ----

    async def _ready(self, hand: Hand, lived: Lived) -> bool:
        _record, message, life = lived
        step = _step_of(lived, hand.entry)
        view = await self._parts.control.view()
        user = await self._users.one((message.tenant, message.user_id))
        if not hand.decided:
            out_ms = user.opted_out_at(step.channel, message.category)
            unwanted = out_ms is not None and out_ms >= step.decided_ms
            if unwanted or view.holding(message.tenant, message.line, message.campaign) is not None:
                return await self._again(hand, lived)
        self._dispatch.look(view)
        if self.stopping or not self._dispatch.is_open(step.channel):
            return await self._give_back(hand, lived, step)
        chosen = self._dispatch.choose(step, self._parts.clock.now_ms() - life.accepted_ms)
        to = destinations(message, step, user)
        if isinstance(chosen, Away):
            return await self._look_later(hand, lived, step, chosen.for_ms)
        if chosen is None or not to:
            return await self._fail(hand, lived, step, Reason.NONE if to else Reason.NO_ADDRESS)
        if not await self._turn(hand, chosen, life.priority):
            return False
        hand.to = to
        return await self._attempt(hand, lived, step, chosen)

    async def _turn(self, hand: Hand, adapter: Adapter, priority: str) -> bool:
        """Get a turn at a provider; False when time went by and the record must be looked at again."""
        gate = self._dispatch.gates[adapter.name]
        if hand.gate is gate:
            return True
        hand.leave()
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        if await gate.enter(priority):
            return False
        hand.gate = gate
        return loop.time() - asked_s < LONG_WAIT_S

    async def _give_back(self, hand: Hand, lived: Lived, step: Step) -> bool:
        """Nobody sends it now: back into its lane, where it waits without cost until somebody reads there again."""
        if not await self._surely_ours(hand):
            return True
        life = lived.life
        put = apply.Put(step.channel, life.priority, life.bulk, step.number)
        change = apply.Change(lived.record.id, lived.record.n, done=[hand.entry], put=[put])
        return await self._parts.changes.apply_one(change) > 0

    async def _look_later(self, hand: Hand, lived: Lived, step: Step, for_ms: int) -> bool:
        """What it needs is away while others of the channel send: a timer brings it back."""
        life = lived.life
        due_ms = min(self._parts.clock.now_ms() + for_ms, life.expire_ms)
        timer = apply.SetTimer(life.priority, TimerKind.RETRY, step.number, due_ms)
        change = apply.Change(lived.record.id, lived.record.n, done=[hand.entry], timers=[timer])
        return await self._parts.changes.apply_one(change) > 0

    async def _fail(self, hand: Hand, lived: Lived, step: Step, reason: Reason) -> bool:
        """No provider is left for it, or nowhere to send it to."""
        change = Change(lived.life, self._parts.clock.now_ms())
        give_up(change, step, dead=True, reason=reason)
        return await self._apply(lived, change, [hand.entry]) > 0

    async def _attempt(self, hand: Hand, lived: Lived, step: Step, adapter: Adapter) -> bool:
        """Write "attempted", then call."""
        change = Change(lived.life, self._parts.clock.now_ms())
        begun = transitions.attempt(change, step, adapter.name, step.may_be_doubled)
        if not await self._surely_ours(hand):
            return True
        hand.begun = begun.number
        written = await self._apply(lived, change)
        if not written:
            hand.begun = 0
            return False
        if not await self._surely_ours(hand):
            return True  # this process was stopped for long: whoever has the entry now will ask the provider
        return await self._call(hand, _written(lived, written), step, adapter)

    async def _surely_ours(self, hand: Hand) -> bool:
        """Has nobody else taken the entry over? Asked only where that could be: when it was not renewed for a while."""
        idle_s = asyncio.get_running_loop().time() - hand.sure_s
        return idle_s * 1000 < self._claim_idle_ms / 2 or await self._ours(hand)

    async def _ours(self, hand: Hand) -> bool:
        asked_s = asyncio.get_running_loop().time()
        (ours,) = await self._parts.lanes.keep(self._consumer, [hand.entry])
        if ours:
            hand.sure_s = asked_s
        return ours

    # ---- the call ----

    async def _call(self, hand: Hand, lived: Lived, step: Step, adapter: Adapter) -> bool:
        call = attempt_of(lived.record.id, lived.message, lived.life, step, hand.begun, hand.to)
        hand.called = True
        result = await self._calls.make(adapter, call)
        hand.leave()  # after a rest that was asked for has begun
        if result.outcome is Outcome.AMBIGUOUS:
            result = await self._calls.ask(adapter, call.reference) or result
        hand.answer, hand.told = Answer(step.number, hand.begun, adapter.name, result), False
        return await self._write_answer(hand, lived)

    async def _tell_directory(self, message: Message, channel: str, to: Sequence[Destination], answer: Answer) -> None:
        """Addresses that reach nobody, and people who want no more: the next message shall know it."""
        user, result = (message.tenant, message.user_id), answer.result
        all_dead = result.outcome is Outcome.DEAD and not result.dead
        for one in to:
            if one.version is not None and (all_dead or one.value in result.dead):
                await self._parts.identities.invalidate(user, channel, one.value, one.version)
        if result.outcome is Outcome.OPTOUT or any(one.kind == ReceiptKind.OPTED_OUT for one in answer.early):
            now_ms = self._parts.clock.now_ms()
            await self._parts.identities.opt_out(user, channel, message.category, now_ms)

    # ---- after the call ----

    async def _write_answer(self, hand: Hand, lived: Lived | None) -> bool:
        """Write what is known of the attempt now; `lived` is the life as it stands, if that is known."""
        answer, entry = hand.answer, hand.entry
        assert answer is not None
        if lived is None:
            record = await self._parts.messages.read_one(entry.message_id)
            lived = read_life(record) if record is not None else None
            if lived is None:
                return await self._done(entry, record)
        named, answer = await self._named(lived, answer)
        if not hand.told or answer.early:
            await self._tell_directory(lived.message, _step_of(lived, entry).channel, hand.to, answer)
            hand.told = True
        taken = self._answers.take(lived.life, answer, self._parts.clock.now_ms())
        if taken is None:
            # It was written already: whether the entry is still needed, a look at the record tells.
            hand.forget()
            return False
        change, at_once = taken
        if not await self._apply(lived, change, () if at_once else [entry]):
            return False
        if named is not None and answer.early:
            await self._parts.index.taken(named)
        hand.forget()
        return not at_once

    async def _named(self, lived: Lived, answer: Answer) -> tuple[Named | None, Answer]:
        """Write down what the provider calls the attempt, before its answer is written; take in early receipts."""
        adapter = self._dispatch.providers.get(answer.provider)
        provider_id = answer.result.provider_id
        if adapter is None or not adapter.traits.receipts or not provider_id:
            return None, answer
        named = Named(answer.provider, provider_id)
        reference = reference_of(lived.record.id, answer.step, answer.attempt)
        stays_ms = max(lived.record.until_ms - self._parts.clock.now_ms(), adapter.traits.receipt_wait_ms)
        early: list[Early] = await self._parts.index.put(named, reference, stays_ms)
        return named, answer._replace(early=early)

    # ---- open attempts ----

    async def _open(self, hand: Hand, lived: Lived) -> bool:
        """An attempt is open: is it ours, is somebody at it, or is it the legacy of a dead worker?"""
        step = _step_of(lived, hand.entry)
        tried = step.attempt
        assert tried is not None  # that is what open means
        if not await self._ours(hand):
            return True
        adapter = self._dispatch.providers.get(tried.provider)
        if hand.begun == tried.number and not hand.called and adapter is not None:
            # It was not certain whether our "attempted" had been written. It was, and no call was made.
            return await self._call(hand, lived, step, adapter)
        if hand.entry.deliveries <= 1:
            return True
        reference = reference_of(lived.record.id, step.number, tried.number)
        result = await self._calls.ask(adapter, reference) if adapter is not None else None
        result = result or Result(Outcome.AMBIGUOUS, code="CLAIMED")
        hand.answer = Answer(step.number, tried.number, tried.provider, result, unsure=True)
        return await self._write_answer(hand, lived)


def _step_of(lived: Lived, which: Entry) -> Step:
    step = lived.life.step(which.step)
    assert step is not None  # it was looked at
    return step


def _written(lived: Lived, version: int) -> Lived:
    """The record as it stands after a change of its life."""
    return lived._replace(record=replace(lived.record, n=version, later_outline=None, later_admission=None))
