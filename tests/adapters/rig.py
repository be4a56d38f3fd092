"""A worker's surroundings for tests: a real Redis, providers that do as they are told, and messages in their lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import msgpack

from adapters.base import Attempt, Outcome, ReceiptSink, Result, Traits
from adapters.dispatch import Bounds, Dispatch
from adapters.receipts import Receipts, UserOf
from adapters.registry import Providers
from adapters.retry import RetryPolicy
from adapters.sending import Hand, Parts, Sending
from adapters.worker import Worker, WorkerSettings
from engine.clock import HandClock
from engine.decision import transitions
from engine.decision.change import Change, Event, unpack_events
from engine.decision.life import Life, State, Step, pack_life
from engine.decision.model import Content, Message
from engine.decision.packing import pack_message
from engine.flow.bell import Bell
from engine.flow.deciding import Job
from engine.flow.deciding import Outcome as Decided
from engine.flow.due import Due
from engine.flow.lives import read_life, write
from engine.state.apply import Changes
from engine.state.connection import Store
from engine.state.control import Control
from engine.state.identities import Identities
from engine.state.lanes import Lanes
from engine.state.messages import Messages
from engine.state.receipt_index import ReceiptIndex
from engine.state.timers import Timer, Timers
from engine.state.windows import Windows

NOON = 1_767_585_600_000
HOUR = 3_600_000
PATIENCE_S = 30

OK = Result(Outcome.OK)
RECEIPTS = Traits(receipts=True, receipt_wait_ms=HOUR, query=True, timeout_ms=200)
NO_RECEIPTS = Traits(receipts=False, receipt_wait_ms=0, timeout_ms=200)


class Scripted:
    """A provider that answers what it is told to: one answer after the other, then OK for ever.

    While `open` is cleared it does not answer at all.
    """

    def __init__(self, name: str = "carrier-a", channel: str = "sms", traits: Traits = RECEIPTS) -> None:
        self.name = name
        self.channel = channel
        self.traits = traits
        self.answers: list[Result | Exception] = []
        self.known: dict[str, Result] = {}
        self.during: Callable[[], Awaitable[object]] | None = None  # happens once, while a call is under way
        self.calls: list[Attempt] = []
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.most_at_once = 0
        self._at_once = 0

    async def start(self, receipts: ReceiptSink) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def send(self, attempt: Attempt) -> Result:
        """Note the call and answer."""
        self.calls.append(attempt)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.open.wait()
            during, self.during = self.during, None
            await (during() if during is not None else asyncio.sleep(0))
            answer = self.answers.pop(0) if self.answers else OK._replace(provider_id=f"own-{attempt.reference}")
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self._at_once -= 1

    async def query(self, reference: str) -> Result | None:
        """Say what is in `known`."""
        self.asked.append(reference)
        return self.known.get(reference)


class ScriptedDecider:
    """Decides again as it is told: the step is taken, or it is dropped."""

    def __init__(self, changes: Changes, store: Store) -> None:
        self._changes = changes
        self._store = store
        self.jobs: list[Job] = []
        self.drops = False

    async def again(self, jobs: Sequence[Job], now_ms: int) -> list[Decided]:
        """Decide."""
        return [await self._one(job, now_ms) for job in jobs]

    async def _one(self, job: Job, now_ms: int) -> Decided:
        self.jobs.append(job)
        assert job.step is not None
        assert job.entry is not None
        step = job.lived.life.step(job.step)
        assert step is not None
        change = Change(job.lived.life, now_ms)
        step.decided_ms = now_ms
        if self.drops:
            change.end(step, State.DROPPED)
        change.tell(Event.DECIDED, 0)
        done = [job.entry] if self.drops else []
        if not await self._changes.apply_one(write(job.lived, change, self._store.keys, done)):
            return Decided.CHANGED
        return Decided.MOVED if self.drops else Decided.TAKEN


async def _nobody(message_id: str) -> tuple[str, str] | None:
    return None


class Rig:
    """Everything around workers; the clock stands at noon until it is moved."""

    def __init__(self, store: Store, *adapters: Any, policy: RetryPolicy | None = None) -> None:
        self.store = store
        self.adapters = adapters or (Scripted(),)
        self.adapter: Scripted = self.adapters[0]
        self.clock = HandClock(NOON)
        self.policy = policy or RetryPolicy()
        self.bounds: dict[str, Bounds] = {}
        self.messages, self.changes = Messages(store), Changes(store)
        self.lanes = Lanes(store, {each.channel for each in self.adapters})
        self.timers, self.control = Timers(store), Control(store)
        self.identities, self.index = Identities(store), ReceiptIndex(store)
        self.windows = Windows(store, 60_000)
        self.decider = ScriptedDecider(self.changes, store)
        self._running: list[tuple[Worker, asyncio.Task[None]]] = []
        self._serial = 0

    # ---- workers ----

    def worker(self, consumer: str = "one", timeless: bool = False, **settings: Any) -> Worker:
        """A worker; several do not share anything but Redis and the providers."""
        return Worker(*self._parts(timeless), WorkerSettings(consumer, **settings), chance=lambda: 0.5)

    def sending(self, consumer: str, claim_idle_ms: int = 30_000) -> Sending:
        """The inner part of a worker."""
        return Sending(*self._parts(True), consumer, claim_idle_ms, lambda: 0.5)

    def _parts(self, timeless: bool) -> tuple[Parts, Dispatch]:
        lanes = Lanes(self.store, {each.channel for each in self.adapters})
        parts = Parts(
            *(self.store.keys, self.messages, self.changes, lanes, self.identities, self.index),
            *(Control(self.store), self.windows, self.decider, self.clock),
        )
        self.dispatch = Dispatch(Providers(self.adapters), self.clock, self.policy, self.bounds, timeless)
        return parts, self.dispatch

    def start(self, worker: Worker) -> Worker:
        """Let it run."""
        self._running.append((worker, asyncio.ensure_future(worker.run())))
        return worker

    async def work(self) -> int:
        """A new worker, alone, sees through what is in the lanes."""
        return await self.worker(timeless=True).run_once()

    async def stopped(self) -> None:
        """Wait until the workers have stopped by themselves."""
        async with asyncio.timeout(PATIENCE_S):
            for _, task in self._running:
                await task

    async def end(self) -> None:
        """Stop what runs, at once."""
        for _, task in self._running:
            task.cancel()
            await asyncio.wait([task])

    def receipts(self, user_of: UserOf = _nobody) -> Receipts:
        """What takes receipts in."""
        return Receipts(
            *(self.messages, self.changes, self.identities, self.index),
            *(self.store.keys, self.clock, user_of),
        )

    async def pass_time(self, by_ms: int) -> list[Timer]:
        """Move the clock on, and do what is due then; return those timers."""
        due = await self.timers.due(self.clock.advance(by_ms), 100)
        decider: Any = self.decider  # it stands in for the real one
        handler = Due(self.timers, self.messages, self.changes, decider, self.store.keys, Bell())
        await handler.run_once(self.clock.now_ms(), 100)
        return due

    # ---- messages ----

    async def accept(
        self, *, steps: int = 1, providers: tuple[str, ...] = (), all_addresses: bool = False, **fields: Any
    ) -> str:
        """Put a message with steps on SMS where an admission would have put it; return its id."""
        self._serial += 1
        ordinary = Message("bank", "cards", f"u{self._serial}", "NOTIFICATION", "P2", request_id="r")
        message = ordinary._replace(
            content=Content("", "您的账户支出 200.00 元", "", ""), addresses=(("sms", f"+86138{self._serial:08d}"),)
        )._replace(**fields)
        message_id = self.store.keys.message_id(message.tenant, message.user_id, message.request_id)
        now_ms = self.clock.now_ms()
        life = Life("CONCURRENT", "default", message.priority, False, message.category, now_ms, now_ms + HOUR, now_ms)
        life.steps = [
            Step(number, "sms", providers, all_addresses, 0, "", State.QUEUED, now_ms) for number in range(1, steps + 1)
        ]
        await self.write(message_id, message, life)
        return message_id

    async def write(self, message_id: str, message: Message, life: Life) -> None:
        """Write a record, and its queued steps into their lanes."""
        keys = self.store.keys
        partition = keys.partition_of(message_id)
        fields = {"n": 1, "u": life.accepted_ms + 24 * HOUR, "x": life.expire_ms, "b": pack_message(message)}
        fields |= {"l": pack_life(life), "e": msgpack.packb((1, life.accepted_ms, 1, 0, {})), "c": 1}
        words = [word for field in fields.items() for word in field]
        lane = keys.lane(partition, "sms", life.priority, life.bulk)
        await self.store.pipeline(
            [("HSET", keys.message(message_id), *words)]
            + [("XADD", lane, "*", "m", message_id, "s", step.number) for step in life.steps]
        )

    async def life(self, message_id: str) -> Life:
        """The life as it is written."""
        record = await self.messages.read_one(message_id)
        assert record is not None
        lived = read_life(record)
        assert lived is not None
        return lived.life

    async def step(self, message_id: str, number: int = 1) -> Step:
        """A step as it is written."""
        step = (await self.life(message_id)).step(number)
        assert step is not None
        return step

    async def trace(self, message_id: str) -> list[tuple[Event, dict[str, Any]]]:
        """What is told of a message after its decision."""
        record = await self.messages.read_one(message_id)
        assert record is not None
        return [(event, detail) for _at, event, _step, detail in unpack_events(record.events)][1:]

    async def waiting(self) -> int:
        """How many entries are in the lanes, in somebody's hand or not."""
        return sum((await self.lanes.depths()).values())

    async def taken_by(self, consumer: str) -> list[Hand]:
        """A worker takes in hand what is in the lanes, and does nothing with it; with a dead one it stays so."""
        wanted = [("sms", rank, bulk) for rank in ("P0", "P1", "P2", "P3") for bulk in (False, True)]
        entries = await self.lanes.read_all(consumer, wanted, 100)
        return [Hand(entry, asyncio.get_running_loop().time()) for entry in entries]

    async def claimed_by(self, consumer: str) -> list[Hand]:
        """A worker takes over what another one had in hand."""
        entries = await self.lanes.claim(consumer, 0)
        return [Hand(entry, asyncio.get_running_loop().time()) for entry in entries]

    async def attempted(self, message_id: str, number: int = 1) -> None:
        """An attempt is begun, as by a worker that dies in the call."""
        record = await self.messages.read_one(message_id)
        lived = read_life(record) if record is not None else None
        assert lived is not None
        step = lived.life.step(number)
        assert step is not None
        change = Change(lived.life, self.clock.now_ms())
        transitions.attempt(change, step, self.adapter.name)
        assert await self.changes.apply_one(write(lived, change, self.store.keys))


async def until(condition: Callable[[], object]) -> None:
    """Look again, letting others run, until a condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0)


def traits(**changes: Any) -> Traits:
    """Those of a provider with receipts, changed."""
    return replace(RECEIPTS, **changes)
