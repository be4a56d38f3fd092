"""Every name of something in Redis is made here, and nowhere else.

A user belongs to one partition, by a hash of (tenant, user_id); all that one script touches carries the same tag
`{pNN}` and so lies on one node. Few things are named one by one: the ledger entries of about 64 users share a hash (a
bucket), because a named key of its own costs four times the memory.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import ClassVar, Final

DEFAULT_PARTITIONS: Final = 16
DEFAULT_BUCKETS: Final = 16_384
"""Over all partitions: 64 users each at a million users."""

MOST_PARTITIONS: Final = 4_096
DIGEST_BYTES: Final = 10
"""Two of a million users share a digest with a probability of one in two trillion."""

_MESSAGE_ID: Final = re.compile(r"p(\d{2,4})-[0-9a-f]{32}")


@lru_cache(maxsize=8192)
def user_digest(tenant: str, user_id: str) -> bytes:
    """The user's field in the hashes of the ledger and of the users; partition and bucket come from it too.

    Kept for a while, because a message asks three times for that of its user.
    """
    return _hash(tenant, user_id)[:DIGEST_BYTES]


def address_digest(tenant: str, channel: str, value: str) -> bytes:
    """An address as the reverse index knows it."""
    return _hash(tenant, channel, value)[:DIGEST_BYTES]


def _hash(*parts: str) -> bytes:
    """SHA-256 over the parts, each after its length in bytes, so that no two lists of parts hash alike."""
    data = b""
    for part in parts:
        # A lone surrogate is no text that a wire could carry; it must not raise here either.
        encoded = part.encode("utf-8", "surrogatepass")
        data += len(encoded).to_bytes(4, "big") + encoded
    return sha256(data).digest()


class Keys:
    """The names of one installation. Both numbers are pinned at first start; raises ValueError when they do not fit.

    `buckets` counts over all partitions and is a multiple of `partitions`.
    """

    # What belongs to no partition has a tag of its own.
    pinned: ClassVar = "signalbox:pinned"
    pauses: ClassVar = "{control}:pauses"
    breakers: ClassVar = "{control}:breakers"
    limits: ClassVar = "{control}:limits"
    clock: ClassVar = "{control}:clock"
    open_windows: ClassVar = "{control}:windows"

    def __init__(self, partitions: int = DEFAULT_PARTITIONS, buckets: int = DEFAULT_BUCKETS) -> None:
        if not 1 <= partitions <= MOST_PARTITIONS:
            raise ValueError(f"partitions must be from 1 to {MOST_PARTITIONS}, not {partitions}")
        if buckets < partitions or buckets % partitions:
            raise ValueError(f"buckets must be a multiple of partitions ({partitions}), not {buckets}")
        self.partitions = partitions
        self.buckets = buckets
        self._each = buckets // partitions
        self._names = tuple(f"p{number:02d}" for number in range(partitions))
        self._tags = tuple(f"{{{name}}}" for name in self._names)

    # ---- users and messages ----

    def partition(self, digest: bytes) -> int:
        """The partition of a user (or an address)."""
        return int.from_bytes(digest[:4], "big") % self.partitions

    def message_id(self, tenant: str, user_id: str, request_id: str) -> str:
        """`pNN-` and 128 bits that depend on nothing but the three: the same request always has the same id."""
        partition = self.partition(user_digest(tenant, user_id))
        return f"{self._names[partition]}-{_hash(tenant, user_id, request_id)[:16].hex()}"

    def partition_of(self, message_id: str) -> int:
        """The partition that a message id names; raises ValueError when it is no id of this installation."""
        found = _MESSAGE_ID.fullmatch(message_id)
        partition = int(found[1]) if found else -1
        if found is None or partition >= self.partitions or found[1] != self._names[partition][1:]:
            last = self._names[-1]
            raise ValueError(
                f"{message_id[:80]!r} is no message id; one looks like {last}-{'0123456789abcdef' * 2}, "
                f"and the first part goes from p00 to {last}"
            )
        return partition

    def message(self, message_id: str) -> str:
        """A message's record (hash). The id must be one: see `partition_of`."""
        return f"{{{message_id[: message_id.index('-')]}}}:m:{message_id}"

    def ledger(self, partition: int, digest: bytes) -> str:
        """The bucket (hash) with the limits that a user has used; the field is the digest."""
        return f"{self._tags[partition]}:l:{self._bucket(digest)}"

    def users(self, partition: int, digest: bytes) -> str:
        """The bucket (hash) with a user's profile, bindings and opt-outs; the field is the digest."""
        return f"{self._tags[partition]}:u:{self._bucket(digest)}"

    def addresses(self, digest: bytes) -> str:
        """The bucket (hash) with the users of an address; it lies in the partition of the address."""
        return f"{self._tags[self.partition(digest)]}:a:{self._bucket(digest)}"

    def _bucket(self, digest: bytes) -> int:
        return int.from_bytes(digest[4:8], "big") % self._each

    # ---- what a partition has once ----

    def lane(self, partition: int, channel: str, priority: str, bulk: bool) -> str:
        """The queue (stream) of steps of one channel, priority ("P0" to "P3") and kind."""
        return f"{self._tags[partition]}:q:{channel}:{priority}:{'b' if bulk else 's'}"

    def timers(self, partition: int, priority: str) -> str:
        """What falls due (sorted set; the score is milliseconds)."""
        return f"{self._tags[partition]}:t:{priority}"

    def events(self, partition: int) -> str:
        """Which messages changed (stream)."""
        return f"{self._tags[partition]}:e"

    def slices(self, partition: int) -> str:
        """The partition's parts of the accounts (hash)."""
        return f"{self._tags[partition]}:b"

    def held(self, partition: int, scope: str, name: str) -> str:
        """The messages that the pause of a line ("tenant/line") or campaign ("tenant/campaign") holds (sorted set)."""
        return f"{self._tags[partition]}:h:{scope}:{name}"

    def dead(self, partition: int) -> str:
        """The dead letters (sorted set)."""
        return f"{self._tags[partition]}:d"

    def load(self, partition: int) -> str:
        """Counters of what waits, such as bytes not yet recorded (hash)."""
        return f"{self._tags[partition]}:n"

    # ---- what a provider calls an attempt; it lies in the partition of the digest of its name ----

    def receipt(self, digest: bytes) -> str:
        """Which attempt a provider's own id stands for (string)."""
        return f"{self._tags[self.partition(digest)]}:r:{digest.hex()}"

    def early(self, digest: bytes) -> str:
        """The receipts that came before that was known (hash by kind)."""
        return f"{self._tags[self.partition(digest)]}:y:{digest.hex()}"

    def earlies(self, partition: int) -> str:
        """For which ids there are such receipts (sorted set; the score is when they are forgotten)."""
        return f"{self._tags[partition]}:y"

    # ---- what belongs to no partition ----

    def windows(self, start_ms: int) -> str:
        """The counters (hash) of the breaker window that starts then."""
        return f"{{control}}:windows:{start_ms}"

    def lease(self, what: str) -> str:
        """Who does something that only one may do at a time."""
        return f"{{control}}:lease:{what}"
