"""IdentityService: who the users are, where the channels reach them, what they do not want."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.errors import SignalboxError, TooLarge
from engine.service.status import to_status
from engine.service.translate import Violations, check_name, read_time
from engine.service.translate_identity import (
    read_address,
    read_key,
    read_unwanted,
    read_user,
    write_binding,
    write_holder,
    write_user,
)
from engine.state.identities import Identities
from engine.state.user_changes import GivenUser
from engine.state.user_record import UserRecord
from signalbox.v1 import identity_service_pb2 as contract
from signalbox.v1 import state_pb2

MAX_USERS = 1000
PART_USERS = 200
"""So many are read and stored before others get their turn: some 10 ms."""


class IdentityServicer:
    """Answers IdentityService. `now_ms` is the server's clock."""

    def __init__(self, identities: Identities, now_ms: Callable[[], int]) -> None:
        self._identities = identities
        self._now_ms = now_ms

    async def PutUsers(self, request: contract.PutUsersRequest, context: object) -> contract.PutUsersResponse:
        """Store users; a bad one fails alone."""
        if len(request.users) > MAX_USERS:
            raise TooLarge(f"users: {len(request.users)} users; at most {MAX_USERS} are allowed in one request")
        response, now_ms = contract.PutUsersResponse(), self._now_ms()
        for first in range(0, len(request.users), PART_USERS):
            users = request.users[first : first + PART_USERS]
            for answer in await self._put(users, first, request.replace, now_ms):
                if isinstance(answer, UserRecord):
                    response.results.add(version=answer.version)
                else:
                    response.results.add(error=to_status(answer))
        return response

    async def Bind(self, request: contract.BindRequest, context: object) -> contract.BindResponse:
        """Add an address to a user, or renew it."""
        bad = Violations()
        user = read_key(request.tenant, request.user_id, bad)
        channel, value = read_address(request.channel, request.value, bad)
        given = request.HasField("bound_at")
        bound_at_ms = read_time(request.bound_at, "bound_at", bad) if given else self._now_ms()
        bad.check()
        record = await self._identities.bind(user, channel, value, bound_at_ms)
        response = contract.BindResponse(version=record.version)
        binding = record.binding(channel, value)
        assert binding is not None, "what was just bound is there"
        write_binding(binding, response.binding)
        return response

    async def Unbind(self, request: contract.UnbindRequest, context: object) -> contract.UnbindResponse:
        """Take an address away from a user."""
        bad = Violations()
        user = read_key(request.tenant, request.user_id, bad)
        channel, value = read_address(request.channel, request.value, bad)
        bad.check()
        record = await self._identities.unbind(user, channel, value)
        return contract.UnbindResponse(version=record.version)

    async def OptOut(self, request: contract.OptOutRequest, context: object) -> contract.OptOutResponse:
        """Note what a user does not want."""
        bad = Violations()
        user = read_key(request.tenant, request.user_id, bad)
        channel, category = read_unwanted(request.channel, request.category, "", bad)
        at_ms = read_time(request.at, "at", bad) if request.HasField("at") else self._now_ms()
        bad.check()
        record = await self._identities.opt_out(user, channel, category, at_ms)
        return contract.OptOutResponse(version=record.version)

    async def OptIn(self, request: contract.OptInRequest, context: object) -> contract.OptInResponse:
        """Take an opt-out back."""
        bad = Violations()
        user = read_key(request.tenant, request.user_id, bad)
        channel, category = read_unwanted(request.channel, request.category, "", bad)
        bad.check()
        record = await self._identities.opt_in(user, channel, category)
        return contract.OptInResponse(version=record.version)

    async def Resolve(self, request: contract.ResolveRequest, context: object) -> contract.ResolveResponse:
        """Tell what is known of a user."""
        bad = Violations()
        user = read_key(request.tenant, request.user_id, bad)
        check_name(request.channel, "channel", bad, required=False)
        bad.check()
        record = (await self._identities.read([user])).get(user)
        response = contract.ResolveResponse()
        if record is not None:
            write_user(user, record, request.channel, response.user)
        return response

    async def ReverseResolve(
        self, request: contract.ReverseResolveRequest, context: object
    ) -> contract.ReverseResolveResponse:
        """Tell whose an address is."""
        bad = Violations()
        check_name(request.tenant, "tenant", bad)
        channel, value = read_address(request.channel, request.value, bad)
        bad.check()
        response = contract.ReverseResolveResponse()
        for holder in await self._identities.reverse(request.tenant, channel, value):
            write_holder(holder, response.holders.add())
        return response

    async def _put(
        self, users: Sequence[state_pb2.User], first: int, replace: bool, now_ms: int
    ) -> list[UserRecord | SignalboxError]:
        """Store those users that can be read; the answers are in the order of all."""
        given: list[GivenUser] = []
        answers: dict[int, UserRecord | SignalboxError] = {}
        places = []
        for place, wire in enumerate(users):
            try:
                given.append(read_user(wire, f"users[{first + place}]", replace, now_ms))
                places.append(place)
            except SignalboxError as error:
                answers[place] = error
        answers.update(zip(places, await self._identities.put(given), strict=True))
        return [answers[place] for place in range(len(users))]
