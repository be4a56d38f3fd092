"""The messages' clock: a year is played in minutes, and comes out as it would have in a year.

Time stands still while anything can be done now: a step waits in its lane, a provider is being called, a timer is due.
Then it moves to the next event: the next message, timer, receipt, or end of a breaker's window. It never goes back, and
what it shows is on disk before anything is decided by it.

    send at 12:00  ->  everything due before 12:00, each at its own time  ->  12:00  ->  take in  ->  work until idle
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Any, Final, Protocol, TypeVar

from engine.clock import HandClock
from engine.errors import OutOfOrder, SignalboxError
from engine.flow.bell import Bell
from engine.flow.breaker_judge import BreakerJudge
from engine.flow.due import Due
from engine.flow.intake import Accepted, Answer, Incoming, Intake
from engine.flow.operating import Advanced
from engine.flow.recorded import Pointers, until_recorded
from engine.state.connection import Store
from engine.state.control import Control
from engine.state.timers import Timers

T = TypeVar("T")

AT_ONCE: Final = 200
"""Timers that are handled together."""

LULL_MS: Final = 3_600_000
"""Where nothing happens for so long, it is asked whether anything is still to happen at all."""

PATIENCE_S: Final = 5.0
"""So long one call moves the clock on; the caller calls again, and sees how far it has got."""


class Workers(Protocol):
    """The workers, driven by hand."""

    async def run_once(self) -> int:
        """See everything through that is in the lanes now; return how many steps that were."""


class Schedule(Protocol):
    """What the simulated carriers have promised for later, such as receipts."""

    def next_due(self) -> int | None:
        """When the next promise falls due."""

    async def run_due(self, now_ms: int) -> int:
        """Keep what is due; return how many promises that were."""


class Timeline:
    """Moves the clock and everything that depends on it. `clock` is shared with all of that."""

    def __init__(
        self,
        clock: HandClock,
        store: Store,
        intake: Intake,
        due: Due,
        timers: Timers,
        workers: Workers,
        schedule: Schedule,
        control: Control,
        judge: BreakerJudge,
        unfinished: Callable[[], Awaitable[int]],
        pointers: Pointers,
        bell: Bell,
    ) -> None:
        self._clock = clock
        self._store = store
        self._intake = intake
        self._due = due
        self._timers = timers
        self._workers = workers
        self._schedule = schedule
        self._control = control
        self._judge = judge
        self._unfinished = unfinished
        self._pointers = pointers
        self._rung = True
        self._timer_ms: int | None = None
        self._timers_known = False
        bell.listen(self._note)
        self._writing: asyncio.Future[Any] | None = None
        self._working: asyncio.Future[int] | None = None
        self._turn = asyncio.Lock()

    def _note(self) -> None:
        self._rung = True

    async def recover(self) -> None:
        """Take the clock up where it was when the server stopped, and finish what was under way."""
        kept = await self._store.call("GET", self._store.keys.clock)
        if kept is not None:
            self._clock.set(int(kept))
            async with self._turn:
                await self._go_on()

    async def stop(self) -> None:
        """End what the workers are still at, for nobody who waits for it."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait([self._working])

    def now(self) -> int | None:
        """What the clock shows; None before the first message."""
        return self._clock.now_ms() or None

    async def send(self, items: Sequence[Incoming]) -> list[Answer]:
        """Take messages in, each at its time; those of one time together, and all that is due before them first.

        A message whose time is over is answered if it was accepted before, else refused with OutOfOrder, alone.
        Raises what `Intake.send` raises.
        """
        answers: list[Answer] = []
        async with self._turn:
            self._timers_known = False  # other calls may have set some since
            if self._rung:
                await self._work()  # a call before was broken off
            for at_ms, group in groupby(items, key=lambda one: one.now_ms):
                together = list(group)
                now_ms = self._clock.now_ms()
                if at_ms < now_ms:
                    known = await self._intake.known([one.message for one in together], now_ms)
                    answers += [OutOfOrder(at_ms, now_ms) if one is None else one for one in known]
                    continue
                await self._move(at_ms)
                answers += await self._intake.send(together)
                self._timers_known = False
                await self._work()
            await self._written()
        return answers

    async def send_one(self, incoming: Incoming) -> Accepted:
        """Take in one message; see `send`, but what it alone is refused for is raised."""
        (answer,) = await self.send([incoming])
        if isinstance(answer, SignalboxError):
            raise answer
        return answer

    async def advance(self, until_ms: int | None) -> Advanced:
        """Move on to a time, or with None until no message has anything before it; early when that takes long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        async with self._turn:
            self._timers_known = False  # other calls may have set some since
            await self._work()
            while (next_ms := await self._next()) is not None and (until_ms is None or next_ms <= until_ms):
                if until_ms is None and next_ms - self._clock.now_ms() > LULL_MS and await self._all_final():
                    break
                if loop.time() > deadline:
                    return Advanced(self._clock.now_ms(), False, await self._unfinished())
                await self._step(next_ms)
            if until_ms is not None:
                await self._set(until_ms)
            await self._written()
        # Who is told that all is done looks at the records next.
        await until_recorded(self._pointers, PATIENCE_S)
        return Advanced(self._clock.now_ms(), True, await self._unfinished())

    async def _all_final(self) -> bool:
        """Is every message final? Then what is still to come is only the end of dead letters, which people may want."""
        await self._written()
        return await until_recorded(self._pointers, PATIENCE_S) and not await self._unfinished()

    async def at_rest(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do something while time stands still, such as an operator's pause, and then what it leads to."""
        async with self._turn:
            self._timers_known = False  # other calls may have set some since
            done = await act()
            await self._go_on()
        return done

    async def _go_on(self) -> None:
        """Do what an operator's word leads to: a resume has neither an event nor a timer of its own."""
        while await self._control.held.release_resumed(self._clock.now_ms()):
            pass
        self._rung = True  # lanes may be open that were not
        await self._work()
        await self._written()

    async def _move(self, until_ms: int) -> None:
        while (next_ms := await self._next()) is not None and next_ms <= until_ms:
            await self._step(next_ms)
        await self._set(until_ms)

    async def _step(self, at_ms: int) -> None:
        """Let happen what is due at a time; where that is only the end of a window, time stands where it was."""
        if await self._judge.run_alone(at_ms):
            self._rung = True  # lanes may be open that were not
        due = (await self._next_timer(), self._schedule.next_due())
        if any(each_ms is not None and each_ms <= at_ms for each_ms in due) or self._rung:
            await self._set(at_ms)
            await self._work()

    async def _set(self, at_ms: int) -> None:
        """Move the clock. It is written while the work at that time goes on, and on disk before anybody is answered."""
        if at_ms > self._clock.now_ms():
            await self._written()
            self._clock.set(at_ms)
            self._writing = asyncio.ensure_future(self._store.call("SET", self._store.keys.clock, at_ms))

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def _next(self) -> int | None:
        ends = (await self._next_timer(), self._schedule.next_due(), await self._judge.next_ms())
        return min((end for end in ends if end is not None), default=None)

    async def _next_timer(self) -> int | None:
        """When the next timer is due; asked for again only when something may have set one."""
        if not self._timers_known:
            self._timer_ms, self._timers_known = await self._timers.next_due(), True
        return self._timer_ms

    async def _work(self) -> None:
        """Do everything that can be done now."""
        while await self._round(self._clock.now_ms()) or self._rung:
            continue

    async def _see_lanes_through(self) -> int:
        """Let the workers see everything through; whoever waits for it may go away, and the next one waits on."""
        if self._working is None:
            self._rung = False
            self._working = asyncio.ensure_future(self._workers.run_once())
        working = self._working
        try:
            return await asyncio.shield(working)
        except BaseException:
            self._rung = True  # what is in the lanes is still there
            raise
        finally:
            if working.done():
                self._working = None

    async def _round(self, now_ms: int) -> int:
        """See the lanes through, then what is promised, then what is due; return how much that was."""
        done = 0
        if self._rung:
            done += await self._see_lanes_through()
        promised_ms = self._schedule.next_due()
        if promised_ms is not None and promised_ms <= now_ms:
            done += await self._schedule.run_due(now_ms)
        if done:
            self._timers_known = False
        timer_ms = await self._next_timer()
        if timer_ms is not None and timer_ms <= now_ms:
            done += await self._due.run_once(now_ms, AT_ONCE)
            self._timers_known = False
        return done
