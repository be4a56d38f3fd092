"""Which attempt a provider means by its own id, and the receipts that were quicker than the answer that tells.

    worker: the provider answered -> put(id stands for this attempt), and take in what was kept for the id
    receipt that names an id      -> find the attempt, or keep the receipt until it is known

Either the one finds the receipt or the other finds the attempt, whatever the order. An id is written before the answer
is, so an attempt may be found whose answer is not known yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgpack

from engine.state.coalesce import Coalescer
from engine.state.connection import Store
from engine.state.scripts import Command, Script

FORMAT: Final = 1

KEPT_MS: Final = 3_600_000
"""How long a receipt for an unknown id is kept: no answer to an attempt takes longer."""

MOST_KEPT: Final = 100_000
"""For so many unknown ids of one partition receipts are kept; beyond it they are refused, to be told again."""

MOST_AT_ONCE: Final = 512

_EARLY: Final = Script("receipt_early")


class Early(NamedTuple):
    """A receipt that is kept: its kind, when it happened, and the provider's code."""

    kind: str
    at_ms: int
    code: str = ""


class Named(NamedTuple):
    """An attempt as its provider calls it."""

    provider: str
    provider_id: str

    @property
    def digest(self) -> bytes:
        """What keys are made of; ids can be long."""
        provider = self.provider.encode("utf-8", "surrogatepass")
        own_id = self.provider_id.encode("utf-8", "surrogatepass")
        return sha256(len(provider).to_bytes(4, "big") + provider + own_id).digest()[:16]


class ReceiptIndex:
    """The ids of all providers; all methods raise StateUnavailable and may be asked again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._puts: Coalescer[tuple[Named, str, int], list[Early]] = Coalescer(self._put_all, MOST_AT_ONCE)

    async def put(self, named: Named, reference: str, stays_ms: int) -> list[Early]:
        """Write down which attempt an id stands for, for `stays_ms` from now on.

        Returns the receipts that were there before, the earliest first; they stay until `taken`.
        """
        return await self._puts.one((named, reference, stays_ms))

    async def _put_all(self, wanted: Sequence[tuple[Named, str, int]]) -> list[list[Early]]:
        commands: list[Command] = []
        for named, reference, stays_ms in wanted:
            digest = named.digest
            # In this order: what comes after the first finds the attempt, what came before is found by the second.
            commands.append(
                ("SET", self._store.keys.receipt(digest), msgpack.packb((FORMAT, reference)), "PX", max(stays_ms, 1))
            )
            commands.append(("HGETALL", self._store.keys.early(digest)))
        replies = await self._store.pipeline(commands)
        return [_early(reply) for reply in replies[1::2]]

    async def taken(self, named: Named) -> None:
        """Forget the receipts that were kept for an id: they are part of the message's life now."""
        keys, digest = self._store.keys, named.digest
        earlies = keys.earlies(keys.partition(digest))
        await self._store.pipeline((("DEL", keys.early(digest)), ("ZREM", earlies, digest)))

    async def find_or_keep(self, asked: Sequence[tuple[Named, Early]]) -> list[str | bool]:
        """Return the reference of each attempt; where it is not known, keep the receipt and say whether it is kept."""
        keys = self._store.keys
        commands = []
        for named, receipt in asked:
            digest = named.digest
            commands.append(
                _EARLY.command(
                    (keys.receipt(digest), keys.early(digest), keys.earlies(keys.partition(digest))),
                    (digest, receipt.kind, msgpack.packb((FORMAT, receipt.at_ms, receipt.code)), KEPT_MS, MOST_KEPT),
                )
            )
        replies = await self._store.pipeline(commands)
        return [bool(reply) if isinstance(reply, int) else _reference(reply) for reply in replies]


def _reference(packed: bytes) -> str:
    form, reference = msgpack.unpackb(packed)
    assert form == FORMAT, f"a reference of format {form}"
    return str(reference)


def _early(reply: Sequence[bytes]) -> list[Early]:
    found = [_unpack(kind.decode(), packed) for kind, packed in zip(reply[::2], reply[1::2], strict=True)]
    return sorted(found, key=lambda one: one.at_ms)


def _unpack(kind: str, packed: bytes) -> Early:
    values: Any
    form, *values = msgpack.unpackb(packed)
    assert form == FORMAT, f"a receipt of format {form}"
    return Early(kind, *values)
