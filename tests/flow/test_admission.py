"""Admitting while the records, which alone know what money there is, are away: only those who need some must wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from engine.decision.blueprint import ChargeAsk
from engine.decision.model import Charge
from engine.errors import RecordsUnavailable
from engine.flow import admission as admitting
from engine.flow.admission import Admission, Want
from engine.flow.bell import Bell
from engine.state.admit import AdmitRequest, Admitter, Kind
from engine.state.connection import Store
from engine.state.limit_ids import LimitIds
from tests.state.proposals import NOW, blueprint, candidate, proposal, request

SMS = Charge("cards/sms", 5, "CNY")
CHARGED = blueprint(candidate(charges=(ChargeAsk(0, True, 9),)))
FREE = blueprint(candidate())


class Records:
    """Who fills slices, away in one way or another."""

    def __init__(self) -> None:
        self.away = True
        self.silent = False
        self.asked = 0

    async def refill(self, wants: Sequence[Want]) -> set[Want]:
        self.asked += 1
        if self.silent:
            await asyncio.Event().wait()
        if self.away:
            raise RecordsUnavailable("locked")
        return set(wants)


@pytest.fixture
def records() -> Records:
    """Records that are away."""
    return Records()


@pytest.fixture
def admission(store: Store, records: Records) -> Admission:
    """An admission with these records."""
    return Admission(Admitter(store, LimitIds(store)), records, store.keys, Bell(), lambda: NOW)


@pytest.fixture(autouse=True)
def _no_clock_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The messages are of a day of their own."""
    whole = Admitter.admit

    async def admit(self: Admitter, requests: Sequence[AdmitRequest], stamp_ms: int | None) -> object:
        return await whole(self, requests, None)

    monkeypatch.setattr(Admitter, "admit", admit)


def asked(store: Store, number: int) -> list[AdmitRequest]:
    """Two messages that come together: one is free, one is charged."""
    free = request(store.keys, proposal(FREE, f"u{number}", uses=()), f"free-{number}")
    return [free, request(store.keys, proposal(CHARGED, f"u{number}", uses=(), charges=(SMS,)), f"charged-{number}")]


async def kinds(admission: Admission, requests: Sequence[AdmitRequest]) -> list[Kind]:
    """What becomes of messages that come together."""
    return [one.kind for one in await admission.admit(requests)]


async def test_what_needs_no_money_is_admitted_all_the_same(store: Store, admission: Admission) -> None:
    """Of messages that come together those that are charged stay undecided, and only those."""
    assert await kinds(admission, asked(store, 1)) == [Kind.ADMITTED, Kind.SHORT]


async def test_the_records_are_not_asked_all_the_time(store: Store, admission: Admission, records: Records) -> None:
    """Who finds them away spares the next ones the waiting; after a rest they are asked again."""
    for number in range(5):
        assert await kinds(admission, asked(store, number)) == [Kind.ADMITTED, Kind.SHORT]
    assert records.asked == 1


async def test_nobody_waits_long_for_records_that_say_nothing(
    store: Store, admission: Admission, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that do not answer count as away."""
    monkeypatch.setattr(admitting, "PATIENCE_S", 0.01)
    records.silent = True

    assert await kinds(admission, asked(store, 1)) == [Kind.ADMITTED, Kind.SHORT]


async def test_nothing_was_done_for_those_who_wait(
    store: Store, admission: Admission, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the records are back the same message is new, and decided by what they have: nothing, here."""
    monkeypatch.setattr(admitting, "REST_S", 0.0)
    requests = asked(store, 1)
    assert await kinds(admission, requests) == [Kind.ADMITTED, Kind.SHORT]
    records.away = False

    free, charged = await admission.admit(requests)
    assert free.kind is Kind.KNOWN
    assert charged.kind is Kind.ADMITTED
    assert charged.admission is not None
    assert charged.admission.taken == ()
