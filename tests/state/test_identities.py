"""The directory of users on a real Redis: N to M both ways, nothing lost in a race, nothing hidden by a death."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from engine.decision.ledger_model import UserKey
from engine.errors import StateUnavailable, TooLarge, VersionDiffers
from engine.state import addresses
from engine.state.connection import Store, StoreOptions
from engine.state.identities import Identities
from engine.state.user_changes import GivenBinding
from engine.state.user_record import Binding, OptOut, UserRecord
from tests.state.conftest import BUCKETS, PARTITIONS
from tests.state.directory import ANN, BEN, EVE, TENANT, Died, dying, given

USERS = (ANN, BEN, EVE)
PLACES = (("sms", "1"), ("sms", "2"), ("push", "1"))


async def holders(identities: Identities, channel: str, value: str) -> set[str]:
    return {one.user_id for one in await identities.reverse(TENANT, channel, value)}


async def check_both_ways(identities: Identities, places: Iterable[tuple[str, str]] = PLACES) -> None:
    """What a user holds finds the user, and nothing else does."""
    found = await identities.read(USERS)
    for channel, value in places:
        expected = {user[1] for user, record in found.items() if record.binding(channel, value)}
        assert expected == await holders(identities, channel, value)


# ---- one after the other, against a plain model ----

Model = dict[UserKey, dict[tuple[str, str], list[Any]]]
"""User -> address -> [bound at, valid]."""

Action = tuple[str, UserKey, tuple[str, str], int]
"""What is done, to whom, at which address, when."""

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["bind", "unbind", "invalidate", "stale", "put", "replace"]),
        st.sampled_from(USERS),
        st.sampled_from(PLACES),
        st.integers(0, 4),
    ),
    max_size=25,
)


async def act(identities: Identities, model: Model, action: Action) -> None:
    """Do one thing to both."""
    what, user, place, at_ms = action
    held = model.get(user, {})
    if what == "unbind":
        await identities.unbind(user, *place)
        held.pop(place, None)
    elif what in ("invalidate", "stale"):
        record = (await identities.read([user])).get(user, UserRecord())
        known = record.binding(*place)
        version = (known.version if known else 1) + (what == "stale")
        dead = await identities.invalidate(user, *place, version)
        if what == "invalidate" and place in held:
            held[place][1] = False
        assert dead == (place in held and not held[place][1])
    else:
        binding = GivenBinding(*place, at_ms)
        if what == "bind":
            await identities.bind(user, *place, at_ms)
        else:
            await identities.put([given(user[1], binding, replace=what == "replace")])
        held = model.setdefault(user, {})
        if what == "replace":
            for other in set(held) - {place}:
                del held[other]
        if place not in held or held[place][0] < at_ms:
            held[place] = [at_ms, True]


def test_both_ways_are_what_a_plain_model_says(redis_server: str) -> None:
    """Under any sequence of changes, forwards and in reverse, with validity, order and versions."""
    with asyncio.Runner() as runner:
        options = StoreOptions(url=redis_server, partitions=PARTITIONS, buckets=BUCKETS)
        store = runner.run(Store.open(options))

        @for_all(ACTIONS)
        @settings(max_examples=80)
        def equal(actions: list[Action]) -> None:
            runner.run(play(store, actions))

        try:
            equal()
        finally:
            runner.run(store.close())


async def play(store: Store, actions: list[Action]) -> None:
    """Do all to both, comparing them at each step, and both ways at the end."""
    await store.call("FLUSHDB")
    identities, model, versions = Identities(store), Model(), dict.fromkeys(USERS, 0)
    for action in actions:
        await act(identities, model, action)
        records = await identities.read(USERS)
        assert set(model) == set(records)
        for user, record in records.items():
            assert model[user] == {one[:2]: [one.bound_at_ms, one.valid] for one in record.bindings}
            assert versions[user] <= record.version
            versions[user] = record.version
    for user in USERS:
        for channel in ("sms", "push"):
            valid = [place[1] for place, one in model.get(user, {}).items() if place[0] == channel and one[1]]
            assert sorted(valid) == sorted(one.value for one in await identities.resolve(user, channel))
    await check_both_ways(identities)


async def test_two_telephones_and_a_shared_one(store: Store) -> None:
    """One person on many addresses, one address of many persons, tenants apart, the newest first."""
    identities = Identities(store)
    await identities.bind(ANN, "sms", "own", 1)
    await identities.bind(ANN, "sms", "family", 2)
    await identities.bind(BEN, "sms", "family", 3)
    await identities.bind(("other", "zoe"), "sms", "family", 4)

    assert [Binding("sms", "family", 2, 2), Binding("sms", "own", 1, 1)] == await identities.resolve(ANN, "sms")
    assert [(one.user_id, one.binding.bound_at_ms) for one in await identities.reverse(TENANT, "sms", "family")] == [
        ("ben", 3),
        ("ann", 2),
    ]
    assert {"zoe"} == {one.user_id for one in await identities.reverse("other", "sms", "family")}
    assert await identities.reverse(TENANT, "push", "family") == []
    assert await identities.resolve(EVE, "sms") == []


async def test_a_stale_verdict_spares_a_newer_binding(store: Store) -> None:
    """Dead is what the sender saw; bound again since, the address lives."""
    identities = Identities(store)
    seen = await identities.bind(ANN, "push", "token", 1)
    await identities.bind(ANN, "push", "token", 2)

    assert not await identities.invalidate(ANN, "push", "token", seen.bindings[0].version)
    (binding,) = await identities.resolve(ANN, "push")

    assert await identities.invalidate(ANN, "push", "token", binding.version)
    assert await identities.invalidate(ANN, "push", "token", binding.version)
    assert await identities.resolve(ANN, "push") == []
    assert {"ann"} == await holders(identities, "push", "token")


async def test_opt_outs_are_kept_with_their_time(store: Store) -> None:
    """A user about whom nothing else is known may have one."""
    identities = Identities(store)
    await identities.opt_out(ANN, "", "MARKETING", 5)
    record = await identities.opt_out(ANN, "", "MARKETING", 9)

    assert (record.version, record.opt_outs) == (1, (OptOut("", "MARKETING", 5),))
    assert (await identities.opt_in(ANN, "", "MARKETING")).opt_outs == ()


async def test_a_batch_fails_one_by_one(store: Store) -> None:
    """One user in another version, the rest as wished; the same user twice in order."""
    identities = Identities(store)
    answers = await identities.put(
        [
            given("ann", GivenBinding("sms", "1"), zone="UTC"),
            given("ben", version=3),
            given("ann", GivenBinding("sms", "2"), zone="Asia/Tokyo", version=1),
        ]
    )

    assert isinstance(answers[1], VersionDiffers)
    assert [answer.version for answer in answers if isinstance(answer, UserRecord)] == [1, 2]
    found = await identities.read([ANN, BEN, ANN])
    assert {ANN: answers[2]} == found
    assert (found[ANN].zone, [one.value for one in found[ANN].bindings]) == ("Asia/Tokyo", ["1", "2"])
    await check_both_ways(identities)


async def test_a_thousand_users_are_put_and_read_in_few_exchanges(store: Store) -> None:
    """However many users: two reads or writes of the users and one of the index, one exchange each."""
    exchanges = []

    class Counting:
        keys = store.keys

        async def pipeline(self, commands: Any) -> Any:
            exchanges.append(len(commands))
            return await store.pipeline(commands)

    identities = Identities(Counting())  # type: ignore[arg-type]
    users = [given(str(number), GivenBinding("sms", f"+{number}"), tags=("x",)) for number in range(1000)]

    answers = await identities.put(users)

    assert [answer.version for answer in answers if isinstance(answer, UserRecord)] == [1] * 1000
    assert exchanges == [1000, PARTITIONS, PARTITIONS]
    found = await identities.read((TENANT, str(number)) for number in range(1000))
    assert len(found) == 1000
    assert exchanges[3:] == [1000]
    assert {"77"} == await holders(identities, "sms", "+77")


# ---- at the same time ----


async def test_a_hundred_binds_at_once_lose_nothing(store: Store) -> None:
    """Neither from one process nor from five; the version counts every one of them."""
    places = [Identities(store) for _ in range(5)]

    async def one(number: int) -> None:
        await places[number % 5].bind(ANN if number % 2 else BEN, "sms", str(number), number)

    await asyncio.gather(*(one(number) for number in range(100)))

    found = await places[0].read([ANN, BEN])
    for user, rest in ((ANN, 1), (BEN, 0)):
        assert {str(number) for number in range(100) if number % 2 == rest} == {b.value for b in found[user].bindings}
        assert found[user].version == 50
    for number in range(100):
        assert {"ann" if number % 2 else "ben"} == await holders(places[1], "sms", str(number))


async def test_one_who_stops_waiting_hinders_nobody(store: Store) -> None:
    """A cancelled caller's change may be made or not; those beside it are answered."""
    identities = Identities(store)
    impatient = asyncio.create_task(identities.bind(ANN, "sms", "1", 1))
    patient = asyncio.create_task(identities.bind(ANN, "sms", "2", 1))
    await asyncio.sleep(0)
    impatient.cancel()

    record = await patient

    assert record.binding("sms", "2") is not None
    assert impatient.cancelled() or await asyncio.gather(impatient, return_exceptions=True)
    await check_both_ways(identities)


async def test_everybody_is_told_when_redis_is_away(store: Store) -> None:
    """And the next call is made as if nothing had been."""
    away = True

    class Away:
        keys = store.keys

        async def pipeline(self, commands: Any) -> Any:
            if away:
                raise StateUnavailable("call again")
            return await store.pipeline(commands)

    identities = Identities(Away())  # type: ignore[arg-type]
    calls = (identities.bind(ANN, "sms", str(number), 1) for number in range(3))
    assert [StateUnavailable] * 3 == [type(one) for one in await asyncio.gather(*calls, return_exceptions=True)]

    away = False
    assert (await identities.bind(ANN, "sms", "1", 1)).version == 1


# ---- deaths ----


@pytest.mark.parametrize("gate", range(8))
async def test_a_death_never_hides_a_binding(store: Store, gate: int) -> None:
    """Whatever a user holds is found in reverse, wherever the one who wrote it died; what is left over is not told."""
    identities = Identities(store)
    await identities.put([given("ann", GivenBinding("sms", "1", 1)), given("ben", GivenBinding("sms", "1", 1))])

    moved = given("ann", GivenBinding("sms", "2", 2), GivenBinding("push", "1", 2), replace=True)
    with pytest.raises(Died):
        await dying(store, gate).put([moved])

    await check_both_ways(identities)
    await identities.put([moved])
    await check_both_ways(identities)
    assert ({"ben"}, {"ann"}) == (await holders(identities, "sms", "1"), await holders(identities, "sms", "2"))


async def test_what_a_death_left_over_is_taken_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the next look-up, or when the address would else be full; one that is full indeed refuses."""
    monkeypatch.setattr(addresses, "MOST_USERS", 2)
    identities = Identities(store)
    await identities.put([given("ann", GivenBinding("sms", "1")), given("ben", GivenBinding("sms", "1"))])
    with pytest.raises(Died):
        await dying(store, 4).unbind(ANN, "sms", "1")  # the user is written, the index is not

    await identities.bind(EVE, "sms", "1", 1)

    assert {"ben", "eve"} == await holders(identities, "sms", "1")
    with pytest.raises(TooLarge, match="as many as are allowed"):
        await identities.bind(ANN, "sms", "1", 1)
    assert {"ben", "eve"} == await holders(identities, "sms", "1")
