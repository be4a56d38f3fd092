"""A worker: it takes steps out of the lanes, as many as their providers can do with, and has each seen through.

What it has in hand is renewed while it lasts; what a dead worker had in hand it takes over. Asked to stop it takes
nothing new, gives back what was not begun, and finishes what was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter
from random import random
from typing import Final

from adapters.dispatch import Dispatch
from adapters.sending import Hand, Parts, Sending
from engine.errors import SignalboxError
from engine.state.lanes import PRIORITIES, Entry, Wanted

log = logging.getLogger(__name__)

REST_S: Final = 0.005
"""The lanes are looked into no more often: a look costs Redis about 1 us a lane, and there are hundreds."""

IDLE_S: Final = (0.01, 0.05)
"""The shortest and the longest pause between two looks, while nobody wakes us."""

FLUSH_S: Final = 0.5
"""How often what breakers want to know is handed over."""

TROUBLE_S: Final = 1.0

URGENT: Final = PRIORITIES[:2]

URGENT_SHARE: Final = 4
"""One in so many of all places is kept free for the urgent priorities, P0 and P1."""

CLAIMS_AT_ONCE: Final = 16
"""Entries of each partition that are taken over in one go."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`consumer` is a name that no other process has. `concurrency`: steps in hand at once. An entry that nobody
    touched for `claim_idle_ms` is taken over. Stopping, attempts under way have `drain_ms` to finish."""

    consumer: str
    concurrency: int = 256
    claim_idle_ms: int = 30_000
    drain_ms: int = 10_000


class Worker:
    """Sends what is in the lanes: `run` by itself, or `run_once` by whoever moves the messages' clock."""

    def __init__(
        self, parts: Parts, dispatch: Dispatch, settings: WorkerSettings, chance: Callable[[], float] = random
    ) -> None:
        self._parts = parts
        self._dispatch = dispatch
        self._settings = settings
        self._sending = Sending(parts, dispatch, settings.consumer, settings.claim_idle_ms, chance)
        self._hands: dict[tuple[str, str], Hand] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_hand: dict[tuple[str, bool], int] = {}  # by channel, and whether it is urgent
        self._wanted = {channel: _lanes_of(channel, PRIORITIES) for channel in dispatch.providers.channels}
        self._urgent = {channel: _lanes_of(channel, URGENT) for channel in dispatch.providers.channels}
        self._woken = asyncio.Event()
        self._alone = False
        self._full = False

    @property
    def in_hand(self) -> int:
        """How many steps it is busy with."""
        return len(self._hands)

    def wake(self) -> None:
        """There is something in the lanes: look now instead of soon."""
        self._woken.set()

    # ---- by itself ----

    async def run(self) -> None:
        """Work until `stop`. Trouble with the state is waited out."""
        self._woken.clear()
        keeping = asyncio.ensure_future(self._keep_house())
        idle_s = IDLE_S[0]
        try:
            while not self._sending.stopping:
                try:
                    taken = await self._take()
                except Exception as error:
                    told = None if isinstance(error, SignalboxError) else error
                    log.warning("the lanes cannot be read, trying again in a second: %s", error, exc_info=told)
                    await self._pause(TROUBLE_S)
                    continue
                idle_s = IDLE_S[0] if taken else min(2 * idle_s, IDLE_S[1])
                await asyncio.sleep(REST_S)
                await self._pause(idle_s - REST_S)
            await self._drain()
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            await self._abandon()

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._sending.stopping = True
        self._dispatch.send_away()
        self._woken.set()

    async def _pause(self, for_s: float) -> None:
        """Wait until somebody has something for us, but no longer."""
        try:
            async with asyncio.timeout(for_s):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    async def _drain(self) -> None:
        """What has begun may finish; what waits at a door is given back."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=self._settings.drain_ms / 1000)
        if self._tasks:
            log.warning("%d attempts were not finished in time; another worker will ask about them", len(self._tasks))
        try:
            await self._parts.windows.flush()
        except SignalboxError as error:
            log.warning("what breakers want to know is lost: %s", error)

    async def _abandon(self) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # ---- by hand ----

    async def run_once(self) -> int:
        """See everything through that is in the lanes now; return how many steps that were. Raises StateUnavailable.

        For whoever is the only worker: the first call takes over what an earlier process had in hand.
        """
        done = 0
        while not self._alone:
            done += (taken := await self._claim(0))
            self._alone = not taken
            await self._all_done()
        more = True
        while more:
            self._woken.clear()
            before = len(self._hands)
            more = await self._take_all()
            done += len(self._hands) - before
            await self._all_done()
            more = more or self._woken.is_set()
        return done

    async def _all_done(self) -> None:
        if not self._tasks:
            return
        try:
            await asyncio.wait(set(self._tasks))
        except asyncio.CancelledError:
            await self._abandon()
            raise

    # ---- taking ----

    async def _take(self) -> int:
        """Take in hand what there is room for; return how many steps that were."""
        self._dispatch.look(await self._parts.control.view())
        self._full = False
        taken = 0
        for channel in self._wanted:
            lanes, room = self._room(channel)
            if room > 0:
                taken += await self._read(lanes, room)
            elif lanes:
                self._full = True
        return taken

    async def _take_all(self) -> bool:
        """Take in hand, in one look, something of everything there is; return whether more may be left."""
        self._dispatch.look(await self._parts.control.view())
        found = {channel: self._room(channel) for channel in self._wanted}
        self._full = any(lanes and room <= 0 for lanes, room in found.values())
        wanted = [lane for lanes, room in found.values() if room > 0 for lane in lanes]
        least = min((room for _lanes, room in found.values() if room > 0), default=0)
        wanted.sort(key=itemgetter(1))
        taken = await self._read(wanted, least) if wanted else 0
        return self._full or taken >= max(1, least // self._parts.keys.partitions)

    def _room(self, channel: str) -> tuple[list[Wanted], int]:
        """Which lanes of a channel to read, and how much: when there is enough in hand the urgent ones only.

        What is urgent does not wait for what is not, since at the door it goes first.
        """
        if not self._dispatch.is_open(channel):
            return [], 0
        most, free = self._dispatch.appetite(channel), self._settings.concurrency - len(self._hands)
        urgent, others = (self._in_hand.get((channel, rank), 0) for rank in (True, False))
        room = min(most - urgent - others, free - self._settings.concurrency // URGENT_SHARE)
        return (self._wanted[channel], room) if room > 0 else (self._urgent[channel], min(most - urgent, free))

    async def _read(self, wanted: list[Wanted], room: int) -> int:
        asked_s = asyncio.get_running_loop().time()
        each = max(1, room // self._parts.keys.partitions)
        return self._begin(await self._parts.lanes.read_all(self._settings.consumer, wanted, each), asked_s)

    async def _claim(self, idle_ms: int) -> int:
        asked_s = asyncio.get_running_loop().time()
        return self._begin(await self._parts.lanes.claim(self._settings.consumer, idle_ms, CLAIMS_AT_ONCE), asked_s)

    def _begin(self, entries: Iterable[Entry], asked_s: float) -> int:
        begun = 0
        for entry in entries:
            name = (entry.lane.key, entry.entry_id)
            if name in self._hands:
                continue  # our own, not renewed in time, and claimed from ourselves
            hand = self._hands[name] = Hand(entry, asked_s)
            kind = entry.lane.channel, entry.lane.priority in URGENT
            self._in_hand[kind] = self._in_hand.get(kind, 0) + 1
            task = asyncio.ensure_future(self._see_through(name, hand))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            begun += 1
        return begun

    async def _see_through(self, name: tuple[str, str], hand: Hand) -> None:
        try:
            await self._sending.see_through(hand)
        except Exception:
            # It stays where it is and comes again when it was idle for long enough.
            log.exception("a step of %s could not be seen through", hand.entry.message_id)
        finally:
            del self._hands[name]
            self._in_hand[hand.entry.lane.channel, hand.entry.lane.priority in URGENT] -= 1
            if self._full:
                self._woken.set()

    # ---- keeping house ----

    async def _keep_house(self) -> None:
        """Renew what is in hand, take over what others dropped, hand over what breakers want to know."""
        loop = asyncio.get_running_loop()
        each_s = self._settings.claim_idle_ms / 3000
        renewed_s = float("-inf")
        while True:
            try:
                if loop.time() - renewed_s >= each_s:
                    renewed_s = loop.time()
                    await self._renew()
                    if not self._sending.stopping and len(self._hands) < self._settings.concurrency:
                        await self._claim(self._settings.claim_idle_ms)
                await self._parts.windows.flush()
            except Exception as error:
                told = None if isinstance(error, SignalboxError) else error
                log.warning("what is in hand could not be renewed: %s", error, exc_info=told)
            await asyncio.sleep(min(FLUSH_S, each_s))

    async def _renew(self) -> None:
        hands, asked_s = list(self._hands.values()), asyncio.get_running_loop().time()
        kept = await self._parts.lanes.keep(self._settings.consumer, [hand.entry for hand in hands]) if hands else ()
        for hand, ours in zip(hands, kept, strict=True):
            hand.lost = hand.lost or not ours
            if ours:
                hand.sure_s = asked_s


def _lanes_of(channel: str, priorities: Iterable[str]) -> list[Wanted]:
    return [(channel, rank, bulk) for rank in priorities for bulk in (False, True)]
