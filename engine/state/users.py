"""The users by their key: read on the way of every message, written by compare-and-set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from engine.decision.ledger_model import UserKey
from engine.decision.model import User
from engine.state.connection import Store
from engine.state.keys import user_digest
from engine.state.scripts import Argument, Script
from engine.state.user_record import UserRecord, pack_record, unpack_record, unpack_view, version_mark

_WRITE: Final = Script("users")


class Write(NamedTuple):
    """A user's next state, to be written where `before` is still the version stored (0: nothing is)."""

    user: UserKey
    before: int
    record: UserRecord


class Users:
    """The users' records, in buckets of about 64."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, users: Iterable[UserKey]) -> dict[UserKey, UserRecord]:
        """Return the records of those users who are known, all in one exchange. Raises StateUnavailable."""
        return {user: unpack_record(packed) for user, packed in await self._packed(users)}

    async def views(self, users: Iterable[UserKey], default_zone: str) -> dict[UserKey, User]:
        """Return those users who are known, as rules see them, all in one exchange. Raises StateUnavailable.

        A user takes 4 us of this process.
        """
        return {user: unpack_view(packed, default_zone) for user, packed in await self._packed(users)}

    async def _packed(self, users: Iterable[UserKey]) -> list[tuple[UserKey, bytes]]:
        keys = self._store.keys
        partition, bucket = keys.partition, keys.users
        wanted = list(dict.fromkeys(users))
        digests = [user_digest(*user) for user in wanted]
        found = await self._store.pipeline([("HGET", bucket(partition(one), one), one) for one in digests])
        return [(user, packed) for user, packed in zip(wanted, found, strict=True) if packed is not None]

    async def write(self, writes: Sequence[Write]) -> list[bool]:
        """Write each user whose version is still the one before; say for each whether it was. Raises StateUnavailable.

        Writing again what may have been written already is safe: the second time it is another version.
        """
        if not writes:
            return []
        keys = self._store.keys
        places: dict[int, list[int]] = defaultdict(list)
        names: dict[int, list[str]] = defaultdict(list)
        arguments: dict[int, list[Argument]] = defaultdict(list)
        for place, (user, before, record) in enumerate(writes):
            digest = user_digest(*user)
            partition = keys.partition(digest)
            places[partition].append(place)
            names[partition].append(keys.users(partition, digest))
            arguments[partition] += (digest, version_mark(before), pack_record(record))
        answers = await self._store.pipeline([_WRITE.command(names[one], arguments[one]) for one in places])
        written = [False] * len(writes)
        for partition, answer in zip(places, answers, strict=True):
            for place, done in zip(places[partition], answer, strict=True):
                written[place] = bool(done)
        return written
