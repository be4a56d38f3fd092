"""A slice that is too small is filled up: from what is free in its account, else from the slices of other partitions.

    ask -> finish what others left half done -> grant out of what is free -> take back from other slices -> grant again

All asks for one account are served together, one round after the other, so that a thousand messages that find a slice
empty cost one round. Every movement of money is numbered by SQL or by the slice and may be finished by anybody (see
`records/accounts.py`), so a process that dies in between neither loses nor doubles any. "Exhausted" is said only when
nothing was free and no other slice had enough.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple, Protocol

from engine.clock import Clock
from engine.decision.ledger_model import AccountKey
from engine.flow.admission import Want
from engine.records.accounts import MOST_LISTED, Account, Allot, Grant
from engine.state.slices import Return, Slice

log = logging.getLogger(__name__)

HORIZON_MS: Final = 10_000
"""A slice is filled up for so long at the rate at which it was used since it was filled last."""

SHORTEST_MS: Final = 1_000
"""A rate is not measured over less than this."""

AT_LEAST_TIMES: Final = 8
"""However slowly it is used, a slice gets this many times what was asked for, so that not every message asks."""

MOST_ROUNDS: Final = 6
"""A round can be in vain only if another process moved money meanwhile; then the asker may ask again."""


class Answer(Enum):
    """What became of an ask."""

    MORE = "more"
    """There is enough now, unless others were quicker: try again, and ask again if need be."""
    EXHAUSTED = "exhausted"
    """Neither the account nor all slices together have so much."""
    UNKNOWN = "unknown"
    """There is no such account."""


class Books(Protocol):
    """The accounts, as `records.accounts.Accounts` keeps them."""

    async def grant(
        self, key: AccountKey, allot: Allot, now_ms: int, seen: Mapping[int, int], arrived: Sequence[Grant] = ()
    ) -> tuple[Account | None, list[Grant]]:
        """See there."""

    async def arrived(self, done: Sequence[Grant]) -> None:
        """See there."""

    async def renumber(self, grant: Grant, number: int, taken_number: int) -> None:
        """See there."""

    async def take_back(self, key: AccountKey, partition: int, number: int, micros: int, now_ms: int) -> None:
        """See there."""

    async def unfinished(self) -> list[Grant]:
        """See there."""

    async def page(
        self, tenant: str = "", prefix: str = "", after: AccountKey = ("", ""), limit: int = MOST_LISTED
    ) -> list[Account]:
        """See there."""


class Purses(Protocol):
    """The slices, as `state.slices.Slices` keeps them."""

    async def everywhere(self, account: AccountKey) -> list[Slice | None]:
        """See there."""

    async def grant(
        self, partition: int, account: AccountKey, unit: str, micros: int, number: int, now_ms: int
    ) -> Slice:
        """See there."""

    async def take_back(self, partition: int, account: AccountKey, want: int) -> Return | None:
        """See there."""

    async def returned(self, partition: int, account: AccountKey, number: int) -> None:
        """See there."""


class Standing(NamedTuple):
    """What became of all that was put into an account, in micros: together they are its total.

    `held` is taken by messages that have neither spent it nor given it back yet.
    """

    left: int
    held: int
    spent: int


class _Ask(NamedTuple):
    partition: int
    want: int
    answer: asyncio.Future[Answer]


class Refill:
    """Moves money between accounts and slices. Its methods raise what SQL and Redis raise when they are away."""

    def __init__(self, accounts: Books, slices: Purses, clock: Clock) -> None:
        self._accounts = accounts
        self._slices = slices
        self._clock = clock
        self._asks: dict[AccountKey, list[_Ask]] = {}
        self._rounds: set[asyncio.Task[None]] = set()
        self._arrived: dict[AccountKey, list[Grant]] = {}

    async def refill(self, wants: Sequence[Want]) -> set[Want]:
        """Fill slices for all of these; return those that cannot be met: too little is left, or there is no account."""
        asks = (self.ask((want.tenant, want.account), want.partition, want.micros) for want in wants)
        answers = await asyncio.gather(*asks)
        return {want for want, answer in zip(wants, answers, strict=True) if answer is not Answer.MORE}

    async def ask(self, account: AccountKey, partition: int, want: int) -> Answer:
        """A message wants so much of an account in this partition: say whether it may try again."""
        asked = _Ask(partition, want, asyncio.get_running_loop().create_future())
        if account in self._asks:
            self._asks[account].append(asked)
        else:
            self._asks[account] = [asked]
            task = asyncio.create_task(self._serve(account))
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)
        return await asked.answer

    async def recover(self) -> None:
        """Finish every movement that was left half done, by whomever; for the start."""
        unfinished = await self._accounts.unfinished()
        for grant in unfinished:
            await self._apply(grant)
        await self._accounts.arrived(unfinished)
        after = ("", "")
        while page := await self._accounts.page(after=after):
            for account in page:
                after = (account.tenant, account.name)
                await self._finish_returns(after, await self._slices.everywhere(after))

    async def standing(self, account: Account) -> Standing:
        """Say what became of an account's total."""
        found = [one for one in await self._slices.everywhere((account.tenant, account.name)) if one is not None]
        held, spent = sum(one.reserved for one in found), sum(one.spent for one in found)
        return Standing(account.total_micros - held - spent, held, spent)

    async def close(self) -> None:
        """Finish the rounds under way."""
        await asyncio.gather(*self._rounds)

    # ---- rounds ----

    async def _serve(self, account: AccountKey) -> None:
        """Serve those who ask for an account until nobody does; who asks during a round waits for the next."""
        while asks := self._asks[account]:
            self._asks[account] = []
            try:
                answers = await self._answer(account, asks)
            except Exception as error:
                for ask in asks:
                    if not ask.answer.done():
                        ask.answer.set_exception(error)
            else:
                for ask, answer in zip(asks, answers, strict=True):
                    if not ask.answer.done():
                        ask.answer.set_result(answer)
        del self._asks[account]

    async def _answer(self, account: AccountKey, asks: Sequence[_Ask]) -> list[Answer]:
        wants: dict[int, int] = {}
        for ask in asks:
            wants[ask.partition] = wants.get(ask.partition, 0) + ask.want
        for _ in range(MOST_ROUNDS):
            slices = await self._slices.everywhere(account)
            await self._finish_returns(account, slices)
            free = await self._grant(account, slices, wants)
            if free is None:
                return [Answer.UNKNOWN] * len(asks)
            short = lacking(slices, wants)
            if not short:
                break
            # Free and yet short: an earlier grant stood in the way. It has arrived now.
            if not free and not await self._take_back(account, slices, wants):
                return [Answer.MORE if ask.want <= left(slices[ask.partition]) else Answer.EXHAUSTED for ask in asks]
        return [Answer.MORE] * len(asks)

    async def _grant(self, account: AccountKey, slices: list[Slice | None], wants: Mapping[int, int]) -> int | None:
        """Fill up what lacks and note the slices as they are then; return what is still free, None without account."""
        now_ms = self._clock.now_ms()
        missing = {partition: 0 for partition in wants if slices[partition] is None}
        lacks = missing | lacking(slices, wants)
        if not lacks:
            return 0
        seen = {partition: one.grants for partition, one in enumerate(slices) if one is not None}
        found, grants = await self._accounts.grant(
            account, lambda free: allot(free, slices, lacks, now_ms), now_ms, seen, self._arrived.pop(account, [])
        )
        if found is None:
            return None
        for grant in grants:
            slices[grant.partition] = await self._apply(grant)
        # Closed together with the next grant: one write to disk less for each.
        self._arrived[account] = grants
        return found.free_micros

    async def _apply(self, grant: Grant) -> Slice:
        key, now_ms = (grant.tenant, grant.account), self._clock.now_ms()
        slice_ = await self._slices.grant(grant.partition, key, grant.unit, grant.micros, grant.number, now_ms)
        if slice_.grants >= grant.number:
            return slice_
        log.error(
            "the slice of account %r in partition %d has been lost by Redis; what it held counts as spent",
            grant.account,
            grant.partition,
        )
        number = slice_.grants + 1
        await self._accounts.renumber(grant, number, slice_.returns)
        return await self._slices.grant(grant.partition, key, grant.unit, grant.micros, number, now_ms)

    async def _take_back(self, account: AccountKey, slices: Sequence[Slice | None], wants: Mapping[int, int]) -> bool:
        """Take from the slices of other partitions what is short; False when they have nothing."""
        amounts = to_take(slices, wants)
        returns = [(part, await self._slices.take_back(part, account, amount)) for part, amount in amounts.items()]
        for partition, one in returns:
            if one is not None:
                await self._return(account, partition, one)
        return any(one is not None for _, one in returns)

    async def _finish_returns(self, account: AccountKey, slices: Iterable[Slice | None]) -> None:
        for partition, one in enumerate(slices):
            if one is not None and one.returning:
                await self._return(account, partition, Return(one.returns + 1, one.returning))

    async def _return(self, account: AccountKey, partition: int, one: Return) -> None:
        await self._accounts.take_back(account, partition, one.number, one.micros, self._clock.now_ms())
        await self._slices.returned(partition, account, one.number)


# ---- how much ----


def left(slice_: Slice | None) -> int:
    """Return what may be taken of a slice."""
    return slice_.left if slice_ is not None else 0


def lacking(slices: Sequence[Slice | None], wants: Mapping[int, int]) -> dict[int, int]:
    """Return how much each partition lacks of what is wanted of it; those that lack nothing are left out."""
    lacks = {partition: want - left(slices[partition]) for partition, want in wants.items()}
    return {partition: lack for partition, lack in lacks.items() if lack > 0}


def allot(free: int, slices: Sequence[Slice | None], lacks: Mapping[int, int], now_ms: int) -> dict[int, int]:
    """Share out what is free: first what lacks, then for some time ahead, up to a fair share of all that is left.

    A partition without a slice gets one in any case, so that it knows the account.
    """
    rest = free
    allotted: dict[int, int] = {}
    for partition, lack in lacks.items():
        given = min(lack, rest)
        rest -= given
        if given or slices[partition] is None:
            allotted[partition] = given
    share = (free + sum(map(left, slices))) // len(slices)
    for partition, given in allotted.items():
        ahead = max(AT_LEAST_TIMES * lacks[partition], _used_ahead(slices[partition], now_ms))
        more = min(ahead, share - left(slices[partition])) - given
        if more > 0:
            allotted[partition] += min(more, rest)
            rest -= min(more, rest)
    return allotted


def _used_ahead(slice_: Slice | None, now_ms: int) -> int:
    """Return what a slice will need for a while, going by its use since it was filled last."""
    if slice_ is None:
        return 0
    return slice_.taken * HORIZON_MS // max(now_ms - slice_.granted_ms, SHORTEST_MS)


def to_take(slices: Sequence[Slice | None], wants: Mapping[int, int]) -> dict[int, int]:
    """Return how much to take back of each slice, none of which is wanted there, for those that lack something.

    What goes beyond a fair share is taken until each that lacks could have a fair share; the rest of a slice only for
    what is really lacking, from the largest first.
    """
    spare = {partition: left(one) - wants.get(partition, 0) for partition, one in enumerate(slices)}
    lacks = lacking(slices, wants)
    missing, share = sum(lacks.values()), sum(map(left, slices)) // len(slices)
    taken = dict.fromkeys(spare, 0)
    for kept, goal in ((share, max(missing, share * len(lacks))), (0, missing)):
        for partition in sorted(spare, key=lambda one: -spare[one]):
            amount = min(spare[partition] - kept, goal - sum(taken.values()))
            if amount > 0:
                taken[partition] += amount
                spare[partition] -= amount
    return {partition: amount for partition, amount in taken.items() if amount}
