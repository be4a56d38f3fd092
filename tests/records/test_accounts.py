"""Money in accounts: what was put in, what is granted, and that no order of events grants more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.errors import EntryDiffers, InvalidInput
from engine.records.accounts import MOST_MICROS, Account, Accounts, Entry, Grant, TopUp
from engine.records.database import Database

KEY = ("acme", "cards/sms/cash")
NOW_MS = 1_767_600_000_000


def top_up(micros: int, entry_id: str = "e1", unit: str = "CNY", account: str = KEY[1]) -> TopUp:
    """An amount put into the account of these tests."""
    return TopUp("acme", account, unit, micros, entry_id, "ann")


def every(*partitions: int, micros: int) -> dict[int, int]:
    """The same amount for each of these partitions."""
    return dict.fromkeys(partitions, micros)


async def test_an_entry_counts_once(database: Database) -> None:
    """The same entry again changes nothing, another one adds, and both stand in the list with who made them."""
    accounts = Accounts(database)
    made = [await accounts.top_up(entry, NOW_MS) for entry in (top_up(70), top_up(70), top_up(30, "e2"))]

    assert [repeated for _, repeated in made] == [False, True, False]
    assert Account(*KEY, "CNY", 100, 0, NOW_MS) == made[-1][0] == await accounts.get(KEY)
    assert await accounts.entries(KEY) == [Entry("e2", 30, NOW_MS, "ann"), Entry("e1", 70, NOW_MS, "ann")]


@pytest.mark.parametrize(
    ("entry", "field"),
    [(top_up(5, "e2", unit="COUNT"), "unit"), (top_up(0, "e2"), "micros"), (top_up(MOST_MICROS, "e2"), "micros")],
)
async def test_what_makes_no_sense_is_refused(sqlite: Database, entry: TopUp, field: str) -> None:
    """Another unit, nothing at all, more than can be counted: nothing changes."""
    accounts = Accounts(sqlite)
    before, _ = await accounts.top_up(top_up(70), NOW_MS)
    with pytest.raises(InvalidInput) as caught:
        await accounts.top_up(entry, NOW_MS + 1)

    assert [violation.field for violation in caught.value.violations] == [field]
    assert before == await accounts.get(KEY)


async def test_a_known_entry_with_another_amount_is_refused(sqlite: Database) -> None:
    """The key of an entry stands for one amount for ever."""
    accounts = Accounts(sqlite)
    await accounts.top_up(top_up(70), NOW_MS)
    with pytest.raises(EntryDiffers, match="70 micros"):
        await accounts.top_up(top_up(71), NOW_MS)


async def test_a_refused_first_entry_makes_no_account(sqlite: Database) -> None:
    """Putting nothing into an account that does not exist leaves none behind."""
    accounts = Accounts(sqlite)
    with pytest.raises(InvalidInput):
        await accounts.top_up(top_up(-1), NOW_MS)

    assert await accounts.get(KEY) is None


async def test_the_longest_names_are_kept_apart(database: Database) -> None:
    """Two names of 1,024 characters that differ in the last one are two accounts."""
    accounts = Accounts(database)
    for place, last in enumerate("ab", 1):
        await accounts.top_up(top_up(place, account="值" * 1_023 + last), NOW_MS)

    assert [one.total_micros for one in await accounts.page("acme", prefix="值值")] == [1, 2]
    assert await accounts.page("acme", prefix="值_") == []


async def test_names_differ_by_every_letter(database: Database) -> None:
    """Case, accents and trailing spaces make other accounts, in every database."""
    accounts = Accounts(database)
    names = ["cash", "Cash", "cash ", "cásh"]
    for place, name in enumerate(names, 1):
        await accounts.top_up(top_up(place, account=name), NOW_MS)

    assert {a.name: a.total_micros for a in await accounts.page("acme")} == {
        "cash": 1,
        "Cash": 2,
        "cash ": 3,
        "cásh": 4,
    }


async def test_accounts_are_listed_page_by_page(database: Database) -> None:
    """Pages of two go through all accounts of all tenants once."""
    accounts = Accounts(database)
    for tenant, name in (("b", "x"), ("a", "y"), ("a", "x"), ("c", "w")):
        await accounts.top_up(TopUp(tenant, name, "CNY", 1, "e", "ann"), NOW_MS)
    first = await accounts.page(limit=2)
    second = await accounts.page(after=(first[-1].tenant, first[-1].name), limit=2)

    assert [(one.tenant, one.name) for one in first + second] == [("a", "x"), ("a", "y"), ("b", "x"), ("c", "w")]


async def test_a_grant_stays_open_until_it_arrived(database: Database) -> None:
    """An open grant is told again instead of a second one; numbers of each partition go up by one."""
    accounts = Accounts(database)
    await accounts.top_up(top_up(100), NOW_MS)
    _, first = await accounts.grant(KEY, lambda free: every(0, 1, micros=free // 4), NOW_MS, {})
    _, again = await accounts.grant(KEY, lambda free: every(0, micros=free), NOW_MS, {})
    await accounts.arrived([one for one in first if one.partition == 0])
    account, then = await accounts.grant(KEY, lambda free: every(0, micros=free), NOW_MS, {})

    assert [Grant(*KEY, "CNY", 0, 1, 25), Grant(*KEY, "CNY", 1, 1, 25)] == first == again
    assert [Grant(*KEY, "CNY", 0, 2, 50), Grant(*KEY, "CNY", 1, 1, 25)] == then == await accounts.unfinished()
    assert account is not None
    assert account.free_micros == 0


async def test_what_a_slice_gave_up_is_free_again_once(database: Database) -> None:
    """Amounts taken back count once a number."""
    accounts = Accounts(database)
    await accounts.top_up(top_up(100), NOW_MS)
    await accounts.grant(KEY, lambda free: every(3, micros=free), NOW_MS, {})
    for number, micros in ((1, 30), (1, 30), (2, 5), (1, 30)):
        await accounts.take_back(KEY, 3, number, micros, NOW_MS)

    account = await accounts.get(KEY)
    assert account is not None
    assert account.free_micros == 35


async def test_no_account_no_grant(sqlite: Database) -> None:
    """An account that nobody made is said to be none."""
    assert await Accounts(sqlite).grant(KEY, lambda free: every(0, micros=free), NOW_MS, {}) == (None, [])


async def test_allotting_more_than_is_free_is_a_fault(sqlite: Database) -> None:
    """Whatever the policy says, the total is never exceeded."""
    accounts = Accounts(sqlite)
    await accounts.top_up(top_up(10), NOW_MS)
    for wrong in ({0: 11}, {0: 6, 1: 5}, {0: -1}):
        with pytest.raises(ValueError, match="allotted"):
            await accounts.grant(KEY, lambda _free, wrong=wrong: wrong, NOW_MS, {})

    assert await accounts.unfinished() == []


async def test_many_callers_get_no_more_than_there_is(database_url: str, tmp_path: Path) -> None:
    """Of 100 callers on four connections that want one of five, five partitions get it."""
    opened = [await Database.open(database_url, tmp_path, lock_wait_ms=20_000) for _ in range(4)]
    await Accounts(opened[0]).top_up(top_up(5), NOW_MS)

    def one_for(partition: int) -> object:
        wanted = Accounts(opened[partition % 4])
        return wanted.grant(KEY, lambda free: {partition: 1} if free else {}, NOW_MS, {})

    await asyncio.gather(*(one_for(partition) for partition in range(100)))  # type: ignore[call-overload]  # a coroutine
    granted = await Accounts(opened[0]).unfinished()
    for database in opened:
        await database.close()

    assert (5, {1}) == (len(granted), {grant.micros for grant in granted})
