"""Who holds an address: the reverse index of the bindings, which may name too many but never too few.

An address lies in a partition of its own, so no script writes it together with the user. The user's record is the
truth; the index is written before it when an address is bound and after it when one is taken away, and every answer is
checked against the users. A writer that dies between the two leaves an entry too many; the next look-up takes it away.

That nothing is taken away under a writer who is about to bind again is the versions' doing:

    bind      reads the user in version v, adds the entry with v+1, writes the user from v to v+1 or else begins again
    unbind    leaves the user in version x without the address, takes the entry away if its version is at most x

An entry of version v+1 <= x belongs to a bind that was written before x, or never will be: v is no longer stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import msgpack

from engine.decision.ledger_model import UserKey
from engine.errors import StateUnavailable
from engine.state.connection import Store
from engine.state.keys import address_digest
from engine.state.scripts import Argument, Script
from engine.state.user_record import UNKNOWN, Binding
from engine.state.users import Users

FORMAT: Final = 1
MOST_USERS: Final = 1000
"""Users of one address. It bounds what one look-up reads, and a shared telephone has fewer."""

_CHANGE: Final = Script("addresses")


class Address(NamedTuple):
    """Where a channel reaches somebody."""

    tenant: str
    channel: str
    value: str


class Entry(NamedTuple):
    """A user of an address, with a version of the user: see the head of this file."""

    address: Address
    user_id: str
    version: int

    @property
    def user(self) -> UserKey:
        """The user."""
        return self.address.tenant, self.user_id


class Holder(NamedTuple):
    """A user who holds an address, and the binding by which they do."""

    user_id: str
    binding: Binding


class Addresses:
    """The users of addresses."""

    def __init__(self, store: Store, users: Users) -> None:
        self._store = store
        self._users = users

    async def add(self, entries: Sequence[Entry]) -> list[bool]:
        """Add users to addresses; False where an address has no room for one more. Raises StateUnavailable."""
        return await self._change(entries, "+")

    async def take_away(self, entries: Sequence[Entry]) -> None:
        """Take users away who did not hold the address in that version. Raises StateUnavailable."""
        await self._change(entries, "-")

    async def holders(self, address: Address) -> list[Holder]:
        """Return who holds an address, the latest binding first, dead ones too. Raises StateUnavailable.

        Entries that turn out to be left over are taken away.
        """
        entries = await self._entries(address)
        records = await self._users.read([one.user for one in entries])
        holders, left_over = [], []
        for entry in entries:
            record = records.get(entry.user, UNKNOWN)
            binding = record.binding(address.channel, address.value)
            if binding is not None:
                holders.append(Holder(entry.user_id, binding))
            elif entry.version <= record.version:
                left_over.append(entry._replace(version=record.version))
        await self.take_away(left_over)
        return sorted(holders, key=lambda one: -one.binding.bound_at_ms)

    async def _entries(self, address: Address) -> list[Entry]:
        digest = address_digest(*address)
        (packed,) = await self._store.pipeline([("HGET", self._store.keys.addresses(digest), digest)])
        if packed is None:
            return []
        form, *found = msgpack.unpackb(packed)
        if form != FORMAT:
            raise StateUnavailable(f"an address is stored in format {form}, which a newer version of Signalbox writes")
        return [Entry(address, user_id, version) for user_id, version in _pairs(found)]

    async def _change(self, entries: Sequence[Entry], how: Literal["+", "-"]) -> list[bool]:
        if not entries:
            return []
        keys = self._store.keys
        places: dict[int, list[int]] = defaultdict(list)
        names: dict[int, list[str]] = defaultdict(list)
        arguments: dict[int, list[Argument]] = defaultdict(lambda: [MOST_USERS])
        for place, (address, user_id, version) in enumerate(entries):
            digest = address_digest(*address)
            partition = keys.partition(digest)
            places[partition].append(place)
            names[partition].append(keys.addresses(digest))
            arguments[partition] += (digest, user_id, version, how)
        answers = await self._store.pipeline([_CHANGE.command(names[one], arguments[one]) for one in places])
        done = [False] * len(entries)
        for partition, answer in zip(places, answers, strict=True):
            for place, one in zip(places[partition], answer, strict=True):
                done[place] = bool(one)
        return done


def _pairs(flat: list[Any]) -> list[tuple[str, int]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
