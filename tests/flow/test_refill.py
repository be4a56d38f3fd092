"""Slices are filled up, fairly, and no crash between any two steps loses or doubles money."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import HandClock
from engine.flow.refill import Answer, Refill, Standing, allot, to_take
from engine.records.accounts import Accounts, TopUp
from engine.records.database import Database
from engine.state.connection import Store
from engine.state.slices import Return, Slice, Slices
from tests.state.conftest import redis_server, store

__all__ = ["redis_server", "store"]  # fixtures

KEY = ("acme", "cards/sms/cash")
NOW_MS = 1_767_600_000_000
PARTITIONS = 4


class Died(Exception):
    """The process is gone."""


class Mortal:
    """Passes calls on until the process is to die: before a call is made, or after it and before its answer comes."""

    def __init__(self, target: object, fate: Fate) -> None:
        self._target = target
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        async def call(*args: object, **named: object) -> object:
            self._fate.step()
            answer = await getattr(self._target, name)(*args, **named)
            self._fate.step()
            return answer

        return call


@dataclass
class Fate:
    """How many steps the process has still to live; None: for ever."""

    steps: int | None = None

    def step(self) -> None:
        """Live on, or die."""
        if self.steps is not None:
            self.steps -= 1
            if self.steps < 0:
                raise Died


class ModelSlices:
    """The slices in plain Python: the twin of the scripts."""

    def __init__(self, partitions: int = PARTITIONS) -> None:
        self.all: list[Slice | None] = [None] * partitions

    async def everywhere(self, account: tuple[str, str]) -> list[Slice | None]:
        """Every slice."""
        await asyncio.sleep(0)
        return list(self.all)

    async def grant(
        self, partition: int, account: tuple[str, str], unit: str, micros: int, number: int, now_ms: int
    ) -> Slice:
        """Add a grant, once."""
        await asyncio.sleep(0)
        one = self.all[partition] or Slice(unit)
        if one.grants + 1 == number:
            one = one._replace(left=one.left + micros, granted=one.granted + micros, taken=0)
            one = self.all[partition] = one._replace(grants=number, granted_ms=now_ms)
        return one

    async def take_back(self, partition: int, account: tuple[str, str], want: int) -> Return | None:
        """Begin a return, or tell of the one under way."""
        await asyncio.sleep(0)
        one = self.all[partition]
        if one is None or (not one.returning and not min(one.left, want)):
            return None
        if not one.returning:
            micros = min(one.left, want)
            one = self.all[partition] = one._replace(left=one.left - micros, returning=micros)
        return Return(one.returns + 1, one.returning)

    async def returned(self, partition: int, account: tuple[str, str], number: int) -> None:
        """Forget a return, once."""
        await asyncio.sleep(0)
        one = self.all[partition]
        if one is not None and one.returning and one.returns + 1 == number:
            returned = one.returned + one.returning
            self.all[partition] = one._replace(returned=returned, returns=number, returning=0)

    def take(self, partition: int, micros: int) -> bool:
        """A message takes an amount, if it is there."""
        one = self.all[partition]
        if one is None or one.left < micros:
            return False
        self.all[partition] = one._replace(left=one.left - micros, taken=one.taken + micros)
        return True

    def settle(self, partition: int, spend: int, give_back: int) -> None:
        """Of what messages took, so much is spent, and so much given back."""
        one = self.all[partition]
        if one is not None:
            spend = min(spend, one.reserved)
            give_back = min(give_back, one.reserved - spend)
            self.all[partition] = one._replace(spent=one.spent + spend, left=one.left + give_back)


def top_up(micros: int, entry_id: str = "e1") -> TopUp:
    """An amount put into the account of these tests."""
    return TopUp(*KEY, "COUNT", micros, entry_id)


async def funded(folder: Path, micros: int) -> tuple[Database, Accounts]:
    """Open books in which the account holds so much."""
    database = await Database.open(None, folder)
    accounts = Accounts(database)
    await accounts.top_up(top_up(micros), NOW_MS)
    return database, accounts


# ---- what is asked for ----


async def test_one_slice_gets_what_it_wants_and_a_fair_share_at_most(tmp_path: Path) -> None:
    """A first ask is met with some to spare, and three others can still be met."""
    database, accounts = await funded(tmp_path, 1_000)
    slices, clock = ModelSlices(), HandClock(NOW_MS)
    refill = Refill(accounts, slices, clock)
    answers = [await refill.ask(KEY, partition, 100) for partition in range(PARTITIONS)]
    await database.close()

    assert answers == [Answer.MORE] * PARTITIONS
    assert [one.left for one in slices.all if one] == [250] * PARTITIONS


async def test_unknown_and_empty_accounts_are_told_apart(tmp_path: Path) -> None:
    """No account is UNKNOWN; too little is EXHAUSTED, and then the slice exists, so that its unit is known."""
    database, accounts = await funded(tmp_path, 10)
    slices = ModelSlices()
    refill = Refill(accounts, slices, HandClock(NOW_MS))
    answers = [await refill.ask(("acme", "other"), 0, 1), await refill.ask(KEY, 0, 11)]
    await database.close()

    assert answers == [Answer.UNKNOWN, Answer.EXHAUSTED]
    assert slices.all[0] is not None


async def test_the_last_of_it_comes_out_of_the_other_slices(tmp_path: Path) -> None:
    """What lies in other slices is collected to the last millionth before anybody is told that there is no more."""
    database, accounts = await funded(tmp_path, 40)
    slices = ModelSlices()
    refill = Refill(accounts, slices, HandClock(NOW_MS))
    for partition in range(PARTITIONS):
        await refill.ask(KEY, partition, 10)
    answers = [await refill.ask(KEY, 2, 40), await refill.ask(KEY, 2, 41), await refill.ask(KEY, 1, 1)]
    await database.close()

    assert answers == [Answer.MORE, Answer.EXHAUSTED, Answer.MORE]


async def test_money_that_is_wanted_here_is_not_taken_away_for_others(tmp_path: Path) -> None:
    """Two partitions that together want more than there is are not played off against each other."""
    database, accounts = await funded(tmp_path, 100)
    refill = Refill(accounts, ModelSlices(), HandClock(NOW_MS))
    answers = await asyncio.gather(refill.ask(KEY, 0, 80), refill.ask(KEY, 1, 80), refill.ask(KEY, 1, 20))
    await database.close()

    assert answers == [Answer.MORE, Answer.EXHAUSTED, Answer.MORE]


async def test_a_thousand_asks_cost_a_round(tmp_path: Path) -> None:
    """Asks of one turn of the event loop are served together, and each gets what it asked for."""
    database, accounts = await funded(tmp_path, 1_000)
    slices, fate = ModelSlices(), Fate(40)
    refill = Refill(Mortal(accounts, fate), Mortal(slices, fate), HandClock(NOW_MS))
    answers = await asyncio.gather(*(refill.ask(KEY, number % PARTITIONS, 1) for number in range(1_000)))
    await database.close()

    assert set(answers) == {Answer.MORE}
    assert [one.left for one in slices.all if one] == [250] * PARTITIONS


async def test_where_it_went_is_told(tmp_path: Path) -> None:
    """Left, held and spent are together what was put in."""
    database, accounts = await funded(tmp_path, 100)
    slices = ModelSlices()
    refill = Refill(accounts, slices, HandClock(NOW_MS))
    await refill.ask(KEY, 0, 50)
    slices.take(0, 40)
    slices.settle(0, spend=15, give_back=5)
    account = await accounts.get(KEY)
    assert account is not None
    standing = await refill.standing(account)
    await database.close()

    assert standing == Standing(left=65, held=20, spent=15)


@pytest.mark.parametrize("lost", [Slice("COUNT"), None])
async def test_a_slice_that_redis_lost_counts_as_spent(tmp_path: Path, lost: Slice | None) -> None:
    """The partition goes on with what is left; nothing is granted twice."""
    database, accounts = await funded(tmp_path, 1_000)
    slices = ModelSlices()
    refill = Refill(accounts, slices, HandClock(NOW_MS))
    await refill.ask(KEY, 0, 100)
    slices.all[0] = lost
    answers = [await refill.ask(KEY, 0, 750), await refill.ask(KEY, 0, 751)]
    await database.close()

    assert answers == [Answer.MORE, Answer.EXHAUSTED]


async def test_slices_older_than_the_books_are_filled_all_the_same(tmp_path: Path) -> None:
    """With books made anew, the numbers of grants go on behind those that the slices know."""
    database, accounts = await funded(tmp_path, 100)
    slices = ModelSlices()
    slices.all[0] = Slice("COUNT", left=0, granted=70, spent=70, grants=7)
    answer = await Refill(accounts, slices, HandClock(NOW_MS)).ask(KEY, 0, 100)
    await database.close()

    assert answer is Answer.MORE


# ---- how much ----


def test_a_busy_slice_is_filled_for_ten_seconds() -> None:
    """What was used since the last grant says how much is needed ahead."""
    busy = Slice("COUNT", left=0, taken=300, granted_ms=NOW_MS - 2_000)
    assert allot(10_000, [busy, None, None, None], {0: 1}, NOW_MS) == {0: 1_500}


@given(
    lefts=st.lists(st.integers(0, 100), min_size=1, max_size=8),
    free=st.integers(0, 500),
    wanted=st.dictionaries(st.integers(0, 7), st.integers(1, 200), min_size=1),
)
def test_shares_add_up(lefts: list[int], free: int, wanted: dict[int, int]) -> None:
    """Never more than is free, never out of what is wanted there, and enough wherever there is enough."""
    slices: Sequence[Slice | None] = [Slice("COUNT", left=left) if left else None for left in lefts]
    wants = {partition: want for partition, want in wanted.items() if partition < len(lefts)}
    lacks = {partition: want - lefts[partition] for partition, want in wants.items() if want > lefts[partition]}
    given_out, taken = allot(free, slices, lacks, NOW_MS), to_take(slices, wants)
    spare = {partition: max(0, left - wants.get(partition, 0)) for partition, left in enumerate(lefts)}

    assert sum(given_out.values()) <= free
    assert all(micros <= spare[partition] for partition, micros in taken.items())
    if sum(lacks.values()) <= free:
        assert all(given_out[partition] >= lack for partition, lack in lacks.items())
    if lacks:
        assert sum(taken.values()) >= min(sum(lacks.values()), sum(spare.values()))
    else:
        assert not taken


# ---- crashes ----

PARTS = st.integers(0, PARTITIONS - 1)
LIVES = st.none() | st.integers(0, 24)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.lists(st.tuples(PARTS, st.integers(1, 60)), min_size=1, max_size=3), LIVES),
        st.tuples(st.just("two"), st.lists(st.tuples(PARTS, st.integers(1, 60)), min_size=2, max_size=2), LIVES),
        st.tuples(st.just("take"), PARTS, st.integers(1, 40)),
        st.tuples(st.just("settle"), PARTS, st.integers(0, 20)),
        st.tuples(st.just("top up"), st.integers(1, 50), st.none()),
        st.tuples(st.just("recover"), st.none(), LIVES),
    ),
    max_size=14,
)


class World:
    """An account, its slices, and processes that come and go."""

    def __init__(self, accounts: Accounts, slices: ModelSlices) -> None:
        self.accounts = accounts
        self.slices = slices
        self.total = 0
        self.clock = HandClock(NOW_MS)
        self.process = Refill(accounts, slices, self.clock)

    async def happen(self, what: str, some: Any, more: Any) -> None:
        """Let one thing happen."""
        if what == "take":
            self.slices.take(some, more)
        elif what == "settle":
            self.slices.settle(some, more, more // 2)
        elif what == "top up":
            self.total += some
            await self.accounts.top_up(top_up(some, f"e{self.total}"), NOW_MS)
        else:
            await self._run(what, some or [], Fate(more))

    async def _run(self, what: str, asks: list[tuple[int, int]], fate: Fate) -> None:
        """A process asks, or starts, or two ask at the same time; it may die on the way."""
        accounts, slices = Mortal(self.accounts, fate), Mortal(self.slices, fate)
        mortal = Refill(accounts, slices, self.clock) if fate.steps is not None else self.process
        others = [mortal, self.process if what == "two" else mortal]
        calls = [others[place % 2].ask(KEY, *ask) for place, ask in enumerate(asks)]
        if what == "recover":
            calls = [mortal.recover()]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        unexpected = [one for one in answers if isinstance(one, Exception) and not isinstance(one, Died)]
        assert not unexpected

    async def check(self) -> None:
        """Nothing is granted beyond the total, and the slices never hold more than was granted to them."""
        account = await self.accounts.get(KEY)
        assert account is not None
        assert 0 <= account.granted_micros <= account.total_micros == self.total
        for one in self.slices.all:
            assert one is None or min(one.left, one.spent, one.reserved, one.returning) >= 0
        usable = sum(one.left + one.spent + one.reserved for one in self.slices.all if one)
        assert usable <= account.granted_micros

    async def check_at_rest(self) -> None:
        """With everything finished, both sides agree, and an ask gets exactly what there is."""
        await Refill(self.accounts, self.slices, self.clock).recover()
        account = await self.accounts.get(KEY)
        assert account is not None
        found = [one for one in self.slices.all if one]
        assert account.granted_micros == sum(one.left + one.spent + one.reserved for one in found)
        there = self.total - sum(one.spent + one.reserved for one in found)
        fresh = Refill(self.accounts, self.slices, self.clock)
        assert await fresh.ask(KEY, 1, there + 1) is Answer.EXHAUSTED
        if there:
            assert await fresh.ask(KEY, 3, there) is Answer.MORE
            assert self.slices.take(3, there)


@settings(max_examples=60)
@given(happenings=EVENTS)
def test_no_crash_loses_or_doubles_money(happenings: list[tuple[str, Any, Any]]) -> None:
    """Whatever dies wherever: the books never grant more than they hold, and in the end every millionth is found."""

    async def live() -> None:
        with tempfile.TemporaryDirectory() as folder:
            database, accounts = await funded(Path(folder), 100)
            world = World(accounts, ModelSlices())
            world.total = 100
            for what, some, more in happenings:
                await world.happen(what, some, more)
                await world.check()
            await world.check_at_rest()
            await database.close()

    asyncio.run(live())


async def test_the_real_slices_do_the_same(store: Store, tmp_path: Path) -> None:
    """On a real Redis: a process that dies at each step in turn, and in the end both sides agree."""
    database, accounts = await funded(tmp_path, 1_000)
    slices, clock = Slices(store), HandClock(NOW_MS)
    for steps in range(30):
        fate = Fate(steps)
        mortal = Refill(Mortal(accounts, fate), Mortal(slices, fate), clock)
        await asyncio.gather(
            mortal.ask(KEY, steps % 4, 400), mortal.ask(KEY, (steps + 1) % 4, 200), return_exceptions=True
        )
    refill = Refill(accounts, slices, clock)
    answers = [await refill.ask(KEY, 1, 1_001), await refill.ask(KEY, 2, 1_000)]
    found = [one.left if one else 0 for one in await slices.everywhere(KEY)]
    await database.close()

    assert answers == [Answer.EXHAUSTED, Answer.MORE]
    assert found == [0, 0, 1_000, 0]
