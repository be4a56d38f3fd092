"""Who the users are and where the channels reach them, N to M, both ways.

A user has any addresses on any channels, and an address any users: one person with two telephones, a family with one.
The user's record (`users`) is the truth; `addresses` finds the users of an address; `identity_writes` keeps both right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.decision.ledger_model import UserKey
from engine.decision.model import User
from engine.errors import SignalboxError
from engine.state import user_changes as changes
from engine.state.addresses import Address, Addresses, Holder
from engine.state.connection import Store
from engine.state.identity_writes import Answer, IdentityWrites
from engine.state.user_changes import Change, GivenBinding, GivenUser
from engine.state.user_record import UNKNOWN, Binding, OptOut, UserRecord
from engine.state.users import Users


class Identities:
    """The directory of users. Everything raises StateUnavailable, and all of it may then be asked again.

    A change answers with the user's record after it. A change that changes nothing writes nothing, and the version
    stays.
    """

    def __init__(self, store: Store) -> None:
        self._users = Users(store)
        self._addresses = Addresses(store, self._users)
        self._writes = IdentityWrites(self._users, self._addresses)

    # ---- look up ----

    async def read(self, users: Iterable[UserKey]) -> dict[UserKey, UserRecord]:
        """Return the records of those of the users who are known, all in one exchange."""
        return await self._users.read(users)

    async def views(self, users: Iterable[UserKey], default_zone: str) -> dict[UserKey, User]:
        """Return those of the users who are known, as rules see them, all in one exchange."""
        return await self._users.views(users, default_zone)

    async def resolve(self, user: UserKey, channel: str) -> list[Binding]:
        """Return where a channel reaches a user: the valid bindings, the latest first."""
        record = (await self._users.read([user])).get(user, UNKNOWN)
        return [one for one in record.on(channel) if one.valid]

    async def reverse(self, tenant: str, channel: str, value: str) -> list[Holder]:
        """Return the users who hold an address, the latest binding first, those marked as dead too."""
        return await self._addresses.holders(Address(tenant, channel, value))

    # ---- change ----

    async def put(self, users: Sequence[GivenUser]) -> list[Answer]:
        """Make many users what is given; see `GivenUser`. For each the record after it, or why it was refused.

        Refusals are VersionDiffers, and TooLarge for too many bindings, opt-outs, or users of one address.
        """
        return await self._writes.make([((one.tenant, one.user_id), changes.put(one)) for one in users])

    async def bind(self, user: UserKey, channel: str, value: str, bound_at_ms: int) -> UserRecord:
        """Add an address, or renew it when it is bound later than before: then it is valid again.

        Raises TooLarge when the user has too many valid bindings, or the address too many users.
        """
        return await self._make(user, changes.bind(GivenBinding(channel, value, bound_at_ms)))

    async def unbind(self, user: UserKey, channel: str, value: str) -> UserRecord:
        """Take an address away."""
        return await self._make(user, changes.unbind(channel, value))

    async def invalidate(self, user: UserKey, channel: str, value: str, version: int) -> bool:
        """Mark an address as dead if its binding is of this version; return whether it is dead now.

        False: it was bound anew or taken away since, and the verdict is about its past.
        """
        record = await self._make(user, changes.invalidate(channel, value, version))
        binding = record.binding(channel, value)
        return binding is not None and not binding.valid

    async def opt_out(self, user: UserKey, channel: str, category: str, at_ms: int) -> UserRecord:
        """Note that a user does not want a category on a channel ("" = on any); a repeat keeps the first time.

        Raises TooLarge when there are too many opt-outs.
        """
        return await self._make(user, changes.opt_out(OptOut(channel, category, at_ms)))

    async def opt_in(self, user: UserKey, channel: str, category: str) -> UserRecord:
        """Take back exactly this opt-out: one of all channels is not taken back by naming one of them."""
        return await self._make(user, changes.opt_in(channel, category))

    async def _make(self, user: UserKey, change: Change) -> UserRecord:
        (answer,) = await self._writes.make([(user, change)])
        if isinstance(answer, SignalboxError):
            raise answer
        return answer
