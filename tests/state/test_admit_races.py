"""A hundred callers, each with a connection of its own, and five places."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest

from engine.decision.blueprint import ChargeAsk
from engine.decision.model import Charge
from engine.state.admit import AdmitRequest, Admitted, Admitter, Earlier, Kind
from engine.state.connection import Store, StoreOptions
from engine.state.ledger import Asked, Ledger
from engine.state.limit_ids import LimitIds
from engine.state.slices import Return, Slices
from tests.state.conftest import BUCKETS, PARTITIONS
from tests.state.proposals import NOW, blueprint, candidate, limit, proposal, request

CALLERS, PLACES, STORES = 100, 5, 10


@pytest.fixture
async def stores(store: Store, redis_server: str) -> AsyncIterator[Sequence[Store]]:
    """Several servers at one Redis."""
    options = StoreOptions(url=redis_server, partitions=PARTITIONS, buckets=BUCKETS)
    opened = [await Store.open(options) for _ in range(STORES)]
    yield opened
    for each in opened:
        await each.close()


async def at_once(stores: Sequence[Store], wanted: Sequence[AdmitRequest]) -> list[Admitted]:
    """Admit each request by a call of its own, all at the same time."""
    admitters = [Admitter(each, LimitIds(each)) for each in stores]
    calls = (admitters[n % len(admitters)].admit([one], None) for n, one in enumerate(wanted))
    return [admitted for (admitted,) in await asyncio.gather(*calls)]


def taken(admitted: Sequence[Admitted]) -> int:
    """How many of them go."""
    return sum(1 for one in admitted if one.admission is not None and one.admission.taken)


async def test_a_limit_lets_exactly_its_number_through(stores: Sequence[Store]) -> None:
    """Of a hundred messages to one user at once, a limit of five lets five go, and counts five."""
    asks = blueprint(candidate("sms", [limit("race", most=PLACES)]))
    what = proposal(asks, uses=[("race", "")])

    admitted = await at_once(stores, [request(stores[0].keys, what, f"r{n}") for n in range(CALLERS)])

    assert taken(admitted) == PLACES
    assert Counter(one.kind for one in admitted) == {Kind.ADMITTED: CALLERS}
    uses = await Ledger(stores[0], LimitIds(stores[0])).peek([Asked(("t", "u"), [("race", "")])])
    assert uses["t", "u"]["race", ""].count == PLACES


@pytest.mark.parametrize("final", [True, False])
async def test_a_slice_is_never_overspent(stores: Sequence[Store], final: bool) -> None:
    """A slice with money for five pays five, whoever asks; the others are refused, or told to ask for more."""
    asks = blueprint(candidate("sms", [], [ChargeAsk(0, True, 9)]))
    what = proposal(asks, charges=[Charge("race", 7, "CNY")])
    wanted = [request(stores[0].keys, what, f"r{n}", asked=None if final else frozenset()) for n in range(CALLERS)]
    partition = stores[0].keys.partition(wanted[0].user)
    await Slices(stores[0]).grant(partition, ("t", "race"), "CNY", 7 * PLACES + 6, 1, NOW)

    admitted = await at_once(stores, wanted)

    assert taken(admitted) == PLACES
    assert sum(one.kind is Kind.SHORT for one in admitted) == (0 if final else CALLERS - PLACES)
    (slice_,) = await Slices(stores[0]).read(partition, [("t", "race")])
    assert slice_ is not None
    assert (slice_.left, slice_.taken, slice_.reserved) == (6, 7 * PLACES, 7 * PLACES)


async def test_the_same_request_is_decided_once(stores: Sequence[Store]) -> None:
    """Of a hundred callers with five requests, five decide; the others are told what those decided."""
    asks = blueprint(candidate("sms", [limit("race", most=CALLERS)]))
    wanted = [request(stores[0].keys, proposal(asks, uses=[("race", "")]), f"r{n % PLACES}") for n in range(CALLERS)]

    admitted = await at_once(stores, wanted)

    assert Counter(one.kind for one in admitted) == {Kind.ADMITTED: PLACES, Kind.KNOWN: CALLERS - PLACES}
    uses = await Ledger(stores[0], LimitIds(stores[0])).peek([Asked(("t", "u"), [("race", "")])])
    assert uses["t", "u"]["race", ""].count == PLACES
    lane = stores[0].keys.lane(stores[0].keys.partition(wanted[0].user), "sms", "P1", False)
    assert await stores[0].call("XLEN", lane) == PLACES


async def test_a_message_is_decided_again_once(stores: Sequence[Store]) -> None:
    """Of a hundred who found the same hold over, one decides: its step is enqueued once."""
    (store, *_others) = stores
    held = request(store.keys, proposal())
    await Admitter(store, LimitIds(store)).admit([held], None)
    again = request(store.keys, proposal(blueprint(candidate("sms")), uses=()), earlier=Earlier(1))

    admitted = await at_once(stores, [again] * CALLERS)

    assert Counter(one.kind for one in admitted) == {Kind.ADMITTED: 1, Kind.CHANGED: CALLERS - 1}
    assert await store.call("XLEN", store.keys.lane(store.keys.partition(held.user), "sms", "P1", False)) == 1


async def test_a_grant_and_a_return_count_once(stores: Sequence[Store]) -> None:
    """Whoever finishes a move between account and slice, and however many do: it happens once."""
    account, first = ("t", "race"), Slices(stores[0])
    every = [Slices(stores[n % STORES]) for n in range(CALLERS)]

    granted = await asyncio.gather(*(each.grant(0, account, "CNY", 10, 1, NOW) for each in every))
    returns = await asyncio.gather(*(each.take_back(0, account, PLACES) for each in every))
    await asyncio.gather(*(each.returned(0, account, 1) for each in every))

    assert {10} == {each.left for each in granted}
    assert {Return(1, PLACES)} == set(returns)
    (slice_,) = await first.read(0, [account])
    assert slice_ is not None
    assert (
        slice_.left,
        slice_.granted,
        slice_.grants,
        slice_.returned,
        slice_.returns,
        slice_.returning,
        slice_.reserved,
    ) == (5, 10, 1, 5, 1, 0, 0)


async def test_a_limit_gets_one_number(stores: Sequence[Store]) -> None:
    """Servers that meet new limits at once agree on their numbers, and no two share one."""
    names = [f"limit-{n}" for n in range(PLACES)]

    known = await asyncio.gather(*(LimitIds(stores[n % STORES]).of(names[n % 3 :]) for n in range(CALLERS)))

    numbers = {(name, number) for each in known for name, number in each.items()}
    assert len(numbers) == PLACES
    assert set(range(1, PLACES + 1)) == {number for _name, number in numbers}
