"""The people that messages go to, kept on the server as the map says they are at each row's time.

A user is put there when they are new or have changed since they were last put. Nothing else of them is touched: an
address that a provider has called dead stays dead, and an opt-out that a carrier has reported stays. What the map has
put there itself and no longer lists is taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cli.client import explain_status
from cli.evaluation.batches import Batch
from cli.mapping.messages import Prepared
from cli.sending.calls import CALL_SECONDS, Calls, may_come_again
from signalbox.v1 import identity_service_pb2, state_pb2

KEPT: Final = 200_000
"""Users of whom is kept how they were put; of more, those put first are put again when they come again."""

MOST_AT_ONCE: Final = 500


class Users:
    """Puts users where a server finds them. `refused` holds those it would not take, and why."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._put: dict[str, state_pb2.User] = {}
        self.refused: dict[str, str] = {}

    def has_changed(self, message: Prepared) -> bool:
        """Is the user of this message another than the one that was put?"""
        known = self._put.get(message.user_id)
        return known is not None and message.user is not None and known is not message.user and known != message.user

    def assume(self, message: Prepared) -> None:
        """The user of this message was put by an earlier run."""
        if message.user is not None:
            self._keep(message.user)

    def wanted(self, batch: Batch) -> list[state_pb2.User]:
        """Return the users of a batch that have to be put before it."""
        wanted = []
        for user in batch.users.values():
            known = self._put.get(user.user_id) if user is not None else None
            if user is None or known is user:
                continue
            if known != user:
                wanted.append(user)
            else:
                self._put[user.user_id] = user  # an equal one that was made anew: to compare it once is enough
        return wanted

    def change(self, users: Sequence[state_pb2.User]) -> bool:
        """Are some of these users known already, and now others than before?"""
        return any(user.user_id in self._put for user in users)

    def put(self, users: Sequence[state_pb2.User], at_ms: int | None) -> None:
        """Put users as of a time; None leaves it to the server's clock."""
        for user in users:
            before = self._put.get(user.user_id)
            if before is not None:
                self._take_away(before, user)
        waiting = list(users)
        while waiting:
            waiting = self._put_some(waiting[:MOST_AT_ONCE], at_ms) + waiting[MOST_AT_ONCE:]

    def _put_some(self, users: Sequence[state_pb2.User], at_ms: int | None) -> list[state_pb2.User]:
        """Put users; return those that have to be put again."""
        request = identity_service_pb2.PutUsersRequest(users=users)
        if at_ms is not None:
            for out in (out for user in request.users for out in user.opt_outs):
                out.at.FromMilliseconds(at_ms)
        response = self._calls.make(lambda server: server.identities.PutUsers(request, timeout=CALL_SECONDS))
        again = []
        for user, result in zip(users, response.results, strict=True):
            if not result.HasField("error"):
                self._keep(user)
                self.refused.pop(user.user_id, None)
            elif may_come_again(result.error):
                again.append(user)
            else:
                self.refused[user.user_id] = explain_status(result.error)
        if again:
            self._calls.pause("some users could not be stored", None)
        return again

    def _keep(self, user: state_pb2.User) -> None:
        self._put.pop(user.user_id, None)
        self._put[user.user_id] = user
        if len(self._put) > KEPT:
            del self._put[next(iter(self._put))]

    def _take_away(self, before: state_pb2.User, now: state_pb2.User) -> None:
        key = {"tenant": now.tenant, "user_id": now.user_id}
        addresses = {(binding.channel, binding.value) for binding in now.bindings}
        for binding in before.bindings:
            if (binding.channel, binding.value) not in addresses:
                unbind = identity_service_pb2.UnbindRequest(**key, channel=binding.channel, value=binding.value)
                self._calls.make(_calling("Unbind", unbind))
        unwanted = {(out.channel, out.category) for out in now.opt_outs}
        for out in before.opt_outs:
            if (out.channel, out.category) not in unwanted:
                opt_in = identity_service_pb2.OptInRequest(**key, channel=out.channel, category=out.category)
                self._calls.make(_calling("OptIn", opt_in))


def _calling(method: str, request: object) -> Callable[..., object]:
    return lambda server: getattr(server.identities, method)(request, timeout=CALL_SECONDS)
