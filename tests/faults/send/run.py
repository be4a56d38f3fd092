"""A run of the fault tests: a world, its processes, a load, and troubles at moments that chance picks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.faults.checker import Line
from tests.faults.send.ends import assert_all_is_well
from tests.faults.send.load import Clients
from tests.faults.send.servers import Servers, until
from tests.faults.send.world import GOES_AGAIN, MESSAGES, facts_of, requests_of, totals_for, write_world

LONG: Final = 2_000
"""So many messages later the troubles come once more."""

Trouble = Callable[[], Awaitable[None]]


@dataclass
class Run:
    """A run under way."""

    seed: int
    servers: Servers
    clients: Clients
    random: Random
    began_ms: int
    totals: dict[str, int]

    def begin_load(self) -> asyncio.Task[None]:
        """Begin to hand in messages; the task ends when every one is answered."""
        return asyncio.ensure_future(self.clients.send(requests_of(self.seed, MESSAGES)))

    async def under_load(self, *troubles: Trouble) -> None:
        """Make each trouble at a moment of its own while messages are handed in and sent; see everything answered.

        In a long run all of them come again and again.
        """
        sending = self.begin_load()
        troubles *= 1 + MESSAGES // LONG
        for share, trouble in zip(sorted(self.random.random() for _ in troubles), troubles, strict=True):
            await self.until_share(share)
            await trouble()
        await sending

    async def until_share(self, share: float) -> None:
        """Wait until this share of the run is over; at first it is told by answers, then by calls."""
        if share < 0.4:
            await until(lambda: len(self.clients.answers) >= share * MESSAGES, "answers")
        else:
            await until(lambda: self.servers.calls() >= share * 0.8 * MESSAGES, "calls")

    async def ends_well(self, goes_again: Sequence[str] = GOES_AGAIN) -> None:
        """The checker finds nothing, and every process stops as it should."""
        await self.checked(goes_again)
        await self.servers.stop()

    async def checked(self, goes_again: Sequence[str] = GOES_AGAIN) -> dict[str, Line]:
        """The checker finds nothing; of which categories a second copy may go out is one of the things it looks at.

        Returns what the server says of each message.
        """
        return await assert_all_is_well(self.servers, self.clients, facts_of(self.began_ms, self.totals, goes_again))


@asynccontextmanager
async def run_of(folder: Path, seed: int, names: Sequence[str] = ("all",), settings: str = "") -> AsyncIterator[Run]:
    """A run on processes of these names, with money in the accounts; nothing is sent yet."""
    write_world(folder, seed, settings)
    began_ms = time.time_ns() // 1_000_000
    async with Servers(folder) as servers, Clients(servers) as clients:
        await servers.start(*names)
        run = Run(seed, servers, clients, Random(seed), began_ms, totals_for(MESSAGES))
        await clients.grant(run.totals)
        yield run
