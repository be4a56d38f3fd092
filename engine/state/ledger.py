"""The ledger: what each user has used of the limits, as it lies in Redis. Only `admit` counts in it.

64 users or so share a hash, a bucket. A user's value is msgpack values one after the other (admit.lua writes them; if
they are many, as one array):

    1, base ms, then for each limit: number, key, start - base, length, last touch - start, touches, expiry - end

A key is 0 for the user alone, else 8 bytes of a hash; a length of whole minutes is stored in minutes, negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

import msgpack

from engine.decision.ledger_model import Use, UseKey, UserKey, Uses
from engine.decision.moment import MINUTE_MS
from engine.state.coalesce import Coalescer
from engine.state.connection import Store
from engine.state.keys import user_digest
from engine.state.limit_ids import LimitIds
from engine.state.scripts import Script

_SWEEP: Final = Script("ledger_sweep")

FORMAT: Final = 1
KEY_BYTES: Final = 8
LONG: Final = 32
"""A key of so many characters holds a content's fingerprint and hardly ever comes twice: it is not kept."""
_ENTRY: Final = 7

MOST_AT_ONCE: Final = 512
"""Users who are read in one go."""


class Asked(NamedTuple):
    """Which limits of a user are of interest."""

    user: UserKey
    uses: Iterable[UseKey]


def use_key(key: str) -> bytes | int:
    """Return what stands in the ledger for the key of a limit: 0 for "", which is the user alone.

    Two of the keys of one user and limit are taken for each other with a probability of 1 in 10^19.
    """
    if not key:
        return 0
    return _digest(key) if len(key) >= LONG else _known_digest(key)


def _digest(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


_known_digest: Final = lru_cache(maxsize=65_536)(_digest)


def unpack_uses(packed: bytes) -> dict[tuple[int, bytes | int], Use]:
    """Read a user's value: what is used, by (the limit's number, `use_key` of its key)."""
    unpacker = msgpack.Unpacker(raw=True)
    unpacker.feed(packed)
    form, base_ms, *entries = unpacker if packed[0] == FORMAT else next(unpacker)
    assert form == FORMAT, f"a ledger entry of format {form}"
    used = {}
    for at in range(0, len(entries), _ENTRY):
        number, key, start, stored, last, count, longer = entries[at : at + _ENTRY]
        start_ms = base_ms + start
        end_ms = start_ms + (stored if stored >= 0 else -stored * MINUTE_MS)
        used[number, key] = Use(start_ms, end_ms, count, start_ms + last, end_ms + longer)
    return used


class Ledger:
    """Reads the ledger, and frees the memory of what has stopped mattering."""

    def __init__(self, store: Store, ids: LimitIds) -> None:
        self._store = store
        self._ids = ids
        self._reads: Coalescer[UserKey, bytes | None] = Coalescer(self._read, MOST_AT_ONCE)
        self._swept = 0

    async def peek(self, asked: Iterable[Asked]) -> dict[UserKey, Uses]:
        """Return what users have used of these limits, without counting anything. A user may be asked for twice.

        A call for one user travels together with others of the same turn of the event loop. Raises what the Store
        raises.
        """
        wanted: dict[UserKey, set[UseKey]] = {}
        for user, uses in asked:
            wanted.setdefault(user, set()).update(uses)
        numbers = await self._ids.of(name for uses in wanted.values() for name, _key in uses)
        held = [await self._reads.one(user) for user in wanted] if len(wanted) == 1 else await self._read([*wanted])
        found: dict[UserKey, Uses] = {}
        for (user, uses), packed in zip(wanted.items(), held, strict=True):
            used = unpack_uses(packed) if packed is not None else {}
            at = {use: (numbers[use[0]], use_key(use[1])) for use in uses}
            found[user] = {use: used[place] for use, place in at.items() if place in used}
        return found

    async def _read(self, users: Sequence[UserKey]) -> list[bytes | None]:
        keys = self._store.keys
        digests = [user_digest(*user) for user in users]
        return await self._store.pipeline([("HGET", keys.ledger(keys.partition(d), d), d) for d in digests])

    async def sweep(self, now_ms: int, buckets: int = 64) -> int:
        """Free the next buckets, in turn, of users of whom nothing counts any more; return how many went.

        What a user who is still counted no longer needs goes with the next touch.
        """
        keys = self._store.keys
        commands = []
        for _ in range(buckets):
            partition, bucket = self._swept % keys.partitions, self._swept // keys.partitions
            somebody = partition.to_bytes(4, "big") + bucket.to_bytes(4, "big")
            commands.append(_SWEEP.command([keys.ledger(partition, somebody)], [now_ms]))
            self._swept = (self._swept + 1) % keys.buckets
        return sum(await self._store.pipeline(commands))
