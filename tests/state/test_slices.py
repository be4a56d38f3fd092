"""Slices: numbered moves between an account and its parts, which nobody can make twice."""

from __future__ import annotations

import pytest

from engine.errors import StateRefused
from engine.state.apply import Change, Changes, MoveMoney
from engine.state.connection import Store
from engine.state.slices import Return, Slice, Slices, account_field

ACCOUNT, NOW = ("t", "cards/sms"), 1_767_600_000_000


async def test_a_grant_makes_a_slice(store: Store) -> None:
    """The first grant opens the slice, the next ones add to it; only that partition has it."""
    slices = Slices(store)

    assert Slice("CNY", 40, 0, 40, 1, NOW) == await slices.grant(1, ACCOUNT, "CNY", 40, 1, NOW)
    assert Slice("CNY", 42, 0, 42, 2, NOW + 1) == await slices.grant(1, ACCOUNT, "CNY", 2, 2, NOW + 1)

    assert [None, Slice("CNY", 42, 0, 42, 2, NOW + 1), None, None] == await slices.everywhere(ACCOUNT)
    assert await slices.read(1, [("t", "other")]) == [None]
    assert await slices.read(1, []) == []


async def test_a_grant_asked_for_again_is_added_once(store: Store) -> None:
    """Whoever does not know whether a grant arrived sends it again; it gets the same slice."""
    slices = Slices(store)
    await slices.grant(0, ACCOUNT, "CNY", 10, 1, NOW)
    await slices.grant(0, ACCOUNT, "CNY", 5, 2, NOW)

    assert Slice("CNY", 15, 0, 15, 2, NOW) == await slices.grant(0, ACCOUNT, "CNY", 5, 2, NOW + 1)
    assert Slice("CNY", 15, 0, 15, 2, NOW) == await slices.grant(0, ACCOUNT, "CNY", 10, 1, NOW + 1)


async def test_a_grant_before_its_turn_is_not_added(store: Store) -> None:
    """When an earlier grant is missing nothing happens, and the answer says how far the slice has come."""
    slices = Slices(store)

    assert Slice("CNY") == await slices.grant(0, ACCOUNT, "CNY", 5, 2, NOW)
    assert await slices.read(0, [ACCOUNT]) == [None]


async def test_a_grant_of_nothing_opens_an_empty_slice(store: Store) -> None:
    """An account without money is known: what it is asked for is exhausted, not unknown."""
    assert Slice("CNY", grants=1, granted_ms=NOW) == await Slices(store).grant(0, ACCOUNT, "CNY", 0, 1, NOW)
    assert [Slice("CNY", grants=1, granted_ms=NOW)] == await Slices(store).read(0, [ACCOUNT])


async def test_a_grant_in_another_unit_is_refused(store: Store) -> None:
    """Money and counts are never added."""
    slices = Slices(store)
    await slices.grant(0, ACCOUNT, "CNY", 10, 1, NOW)

    with pytest.raises(StateRefused) as refused:
        await slices.grant(0, ACCOUNT, "COUNT", 10, 2, NOW)

    assert refused.value.code == "UNITDIFFERS"
    assert [Slice("CNY", 10, 0, 10, 1, NOW)] == await slices.read(0, [ACCOUNT])


async def test_a_return_is_under_way_until_the_account_has_it(store: Store) -> None:
    """What was taken out is named again until it is confirmed, so a crash between loses and doubles nothing."""
    slices = Slices(store)
    await slices.grant(0, ACCOUNT, "CNY", 10, 1, NOW)

    assert Return(1, 4) == await slices.take_back(0, ACCOUNT, 4)
    assert Return(1, 4) == await slices.take_back(0, ACCOUNT, 9)  # the first is still under way
    (under_way,) = await slices.read(0, [ACCOUNT])
    assert under_way is not None
    assert (under_way.left, under_way.returning, under_way.returned, under_way.reserved) == (6, 4, 0, 0)

    await slices.returned(0, ACCOUNT, 1)
    await slices.returned(0, ACCOUNT, 1)
    assert Return(2, 6) == await slices.take_back(0, ACCOUNT, 9)
    await slices.returned(0, ACCOUNT, 1)  # a late word of the first says nothing of the second
    assert Return(2, 6) == await slices.take_back(0, ACCOUNT, 9)
    await slices.returned(0, ACCOUNT, 2)

    assert await slices.take_back(0, ACCOUNT, 9) is None
    assert [Slice("CNY", 0, 0, 10, 1, NOW, 0, 10, 2, 0)] == await slices.read(0, [ACCOUNT])


async def test_nothing_is_taken_back_from_nothing(store: Store) -> None:
    """A partition without a slice, or without money in it, returns nothing."""
    assert await Slices(store).take_back(0, ACCOUNT, 5) is None
    await Slices(store).returned(0, ACCOUNT, 1)
    assert await Slices(store).read(0, [ACCOUNT]) == [None]


async def test_what_apply_moves_is_seen_here(store: Store) -> None:
    """A charge that is confirmed, or given back, changes the slice that these functions read."""
    slices = Slices(store)
    message_id = store.keys.message_id("t", "u", "r")
    partition = store.keys.partition_of(message_id)
    await slices.grant(partition, ACCOUNT, "CNY", 10, 1, NOW)

    money = [MoveMoney(account_field(*ACCOUNT), 2, 3)]
    await Changes(store).apply([Change(message_id, 0, money=money)])

    assert [Slice("CNY", 12, 3, 10, 1, NOW)] == await slices.read(partition, [ACCOUNT])
