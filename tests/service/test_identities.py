"""IdentityService as its callers see it, on a real Redis."""

from __future__ import annotations

import math
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, error_details_pb2, status_pb2

from engine.errors import InvalidInput, TooLarge
from engine.service.identities import MAX_USERS, IdentityServicer
from engine.state.connection import Store
from engine.state.identities import Identities
from signalbox.v1 import identity_service_pb2 as contract
from signalbox.v1 import message_pb2, state_pb2
from tests.state.conftest import redis_server, store

__all__ = ("redis_server", "store")  # fixtures

NOW = 1_700_000_000_000
ANN = {"tenant": "bank", "user_id": "ann"}
PHONE = {"channel": "sms", "value": "+8613900000001"}


def at(ms: int) -> Timestamp:
    wire = Timestamp()
    wire.FromMilliseconds(ms)
    return wire


@pytest.fixture
def servicer(store: Store) -> IdentityServicer:
    """The service on an empty directory, at NOW."""
    return IdentityServicer(Identities(store), lambda: NOW)


async def user(servicer: IdentityServicer, channel: str = "", **who: Any) -> state_pb2.User:
    """What Resolve tells."""
    return (await servicer.Resolve(contract.ResolveRequest(**(who or ANN), channel=channel), None)).user


def paths(error: status_pb2.Status) -> list[str]:
    """The fields that a status complains of."""
    detail = error_details_pb2.BadRequest()
    assert error.details[0].Unpack(detail)
    return [violation.field for violation in detail.field_violations]


async def test_a_user_comes_back_as_put(servicer: IdentityServicer) -> None:
    """With versions, validity and times filled in; bindings valid first and newest first."""
    request = contract.PutUsersRequest()
    put = request.users.add(**ANN, tags=["high"], zone="Europe/Paris", language="fr-FR")
    put.attributes.update({"age": 33, "cards": ["gold"], "home": {"city": "Paris", "floor": None}})
    put.bindings.add(channel="push", value="dead", valid=False, bound_at=at(30))
    put.bindings.add(channel="push", value="old")
    put.bindings.add(channel="push", value="new", bound_at=at(20))
    put.opt_outs.add(channel="sms", at=at(7))
    put.opt_outs.add(category=message_pb2.CATEGORY_SERVICE)

    response = await servicer.PutUsers(request, None)

    assert [result.version for result in response.results] == [1]
    expected = state_pb2.User(version=1)
    expected.MergeFrom(put)
    del expected.bindings[:], expected.opt_outs[:]
    expected.bindings.add(channel="push", value="new", bound_at=at(20), valid=True, version=1)
    expected.bindings.add(channel="push", value="old", valid=True, version=1)
    expected.bindings.add(channel="push", value="dead", bound_at=at(30), valid=False, version=1)
    expected.opt_outs.add(channel="sms", category=message_pb2.CATEGORY_MARKETING, at=at(7))
    expected.opt_outs.add(category=message_pb2.CATEGORY_SERVICE, at=at(NOW))
    assert expected == await user(servicer)
    assert not (await user(servicer, channel="sms")).bindings
    assert not (await servicer.Resolve(contract.ResolveRequest(tenant="bank", user_id="eve"), None)).HasField("user")


async def test_what_was_told_can_be_put_again(servicer: IdentityServicer) -> None:
    """A read, a change and a put with the version read is how a user is edited safely."""
    await servicer.Bind(contract.BindRequest(**ANN, **PHONE), None)
    edited = await user(servicer)
    edited.tags.append("vip")

    first = await servicer.PutUsers(contract.PutUsersRequest(users=[edited], replace=True), None)
    second = await servicer.PutUsers(contract.PutUsersRequest(users=[edited], replace=True), None)

    assert first.results[0].version == 2
    assert second.results[0].error.code == code_pb2.ABORTED
    stored = await user(servicer)
    assert (list(stored.tags), stored.bindings) == (["vip"], edited.bindings)


async def test_a_bad_user_fails_alone(servicer: IdentityServicer) -> None:
    """Every violation is told with its place in the request; the others are stored, over all parts of the work."""
    request = contract.PutUsersRequest(users=[state_pb2.User(tenant="bank", user_id=str(n)) for n in range(450)])
    bad = request.users[301]
    bad.user_id, bad.zone, bad.version = "", "Mars/Base", -1
    bad.tags.append("")
    bad.attributes["height"] = math.inf
    bad.bindings.add(channel="sms", value=" 1")
    bad.opt_outs.add(category=99)  # type: ignore[arg-type]

    results = (await servicer.PutUsers(request, None)).results

    assert [place for place, result in enumerate(results) if result.HasField("error")] == [301]
    assert {result.version for result in results} == {0, 1}
    assert paths(results[301].error) == [
        f"users[301].{name}"
        for name in ("user_id", "zone", "version", "tags", "attributes", "bindings[0].value", "opt_outs[0].category")
    ]
    assert (await user(servicer, tenant="bank", user_id="449")).version == 1


async def test_a_request_is_bounded(servicer: IdentityServicer) -> None:
    """Too many users are refused before any is stored, too many bindings with the user."""
    too_many = contract.PutUsersRequest(users=[state_pb2.User(**ANN)] * (MAX_USERS + 1))
    with pytest.raises(TooLarge, match="at most 1000"):
        await servicer.PutUsers(too_many, None)

    request = contract.PutUsersRequest()
    put = request.users.add(**ANN)
    for number in range(65):
        put.bindings.add(channel="sms", value=str(number))
        put.opt_outs.add(channel=str(number))
    (result,) = (await servicer.PutUsers(request, None)).results
    assert paths(result.error) == ["users[0].bindings", "users[0].opt_outs"]
    assert (await user(servicer)).version == 0


async def test_bind_and_unbind(servicer: IdentityServicer) -> None:
    """Without a time it is bound now, and found both ways until it is taken away."""
    bound = await servicer.Bind(contract.BindRequest(**ANN, **PHONE), None)
    await servicer.Bind(contract.BindRequest(tenant="bank", user_id="ben", **PHONE, bound_at=at(5)), None)
    whose = contract.ReverseResolveRequest(tenant="bank", **PHONE)

    assert bound.binding == state_pb2.Binding(**PHONE, bound_at=at(NOW), valid=True, version=1)
    assert [one.user_id for one in (await servicer.ReverseResolve(whose, None)).holders] == ["ann", "ben"]

    assert (await servicer.Unbind(contract.UnbindRequest(**ANN, **PHONE), None)).version == 2
    assert (await servicer.Unbind(contract.UnbindRequest(**ANN, **PHONE), None)).version == 2
    (holder,) = (await servicer.ReverseResolve(whose, None)).holders
    assert (holder.user_id, holder.binding.bound_at) == ("ben", at(5))


async def test_opt_out_and_in(servicer: IdentityServicer) -> None:
    """A bare opt-out is of advertising on every channel, now; a bare opt-in takes it back."""
    assert (await servicer.OptOut(contract.OptOutRequest(**ANN), None)).version == 1
    assert list((await user(servicer)).opt_outs) == [
        state_pb2.OptOut(category=message_pb2.CATEGORY_MARKETING, at=at(NOW))
    ]

    assert (await servicer.OptIn(contract.OptInRequest(**ANN, channel="sms"), None)).version == 1
    assert (await servicer.OptIn(contract.OptInRequest(**ANN), None)).version == 2
    assert not (await user(servicer)).opt_outs


@pytest.mark.parametrize(
    ("method", "request_", "fields"),
    [
        ("Bind", contract.BindRequest(bound_at=Timestamp(seconds=-1)), "tenant user_id channel value bound_at"),
        ("Unbind", contract.UnbindRequest(**ANN, channel="sms", value="x" * 513), "value"),
        ("OptOut", contract.OptOutRequest(user_id="u", at=Timestamp(seconds=-1)), "tenant at"),
        ("OptIn", contract.OptInRequest(**ANN, channel="a\n", category=99), "channel category"),  # type: ignore[arg-type]
        ("Resolve", contract.ResolveRequest(tenant="t" * 129), "tenant user_id"),
        ("ReverseResolve", contract.ReverseResolveRequest(), "tenant channel value"),
    ],
)
async def test_each_call_names_the_fields_that_are_wrong(
    servicer: IdentityServicer, method: str, request_: Any, fields: str
) -> None:
    """All of them at once, and nothing is changed."""
    with pytest.raises(InvalidInput) as caught:
        await getattr(servicer, method)(request_, None)
    assert [violation.field for violation in caught.value.violations] == fields.split()
