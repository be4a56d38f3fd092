"""Slices: the part of an account that a partition may spend by itself, without asking SQL.

    account (SQL)  --grant 1, 2, 3 ...-->  slice (Redis)  --admit takes, apply spends or gives back-->
                   <--return 1, 2, ...---

What moves between the two is numbered for each account and partition and has its number from SQL (a grant) or from the
slice (a return), so each move can be asked for again until both sides know of it: a crash between loses nothing and
doubles nothing. A slice is the msgpack array of the fields of `Slice` after a 1; amounts are millionths of its unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgpack

from engine.decision.ledger_model import AccountKey
from engine.state.connection import Store
from engine.state.scripts import Argument, Script

_GRANT: Final = Script("slices_grant")
_RETURN: Final = Script("slices_return")
_RETURNED: Final = Script("slices_returned")

FORMAT: Final = 1


class Slice(NamedTuple):
    """One partition's part of an account, in micros.

    `left` may be taken; `spent` is what was taken and confirmed. `granted` is all that was ever granted, in `grants`
    grants, the last at `granted_ms`; `taken` is what was taken since then (what is given back does not lessen it).
    `returned` is all that ever went back, in `returns` returns; `returning` is the amount of return `returns + 1`,
    0 when none is under way.
    """

    unit: str
    left: int = 0
    spent: int = 0
    granted: int = 0
    grants: int = 0
    granted_ms: int = 0
    taken: int = 0
    returned: int = 0
    returns: int = 0
    returning: int = 0

    @property
    def reserved(self) -> int:
        """Taken by messages that have neither spent it nor given it back yet."""
        return self.granted - self.returned - self.returning - self.left - self.spent


class Return(NamedTuple):
    """An amount that has left a slice and is on its way back to the account."""

    number: int
    micros: int


def account_field(tenant: str, name: str) -> str:
    """Return the field of an account in the slices of a partition."""
    return f"{tenant}\0{name}"


class Slices:
    """The slices of all partitions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, partition: int, accounts: Sequence[AccountKey]) -> list[Slice | None]:
        """Return the slices of these accounts in one partition; None where it has none."""
        if not accounts:
            return []
        fields = [account_field(*account) for account in accounts]
        return [_unpack(held) for held in await self._store.call("HMGET", self._store.keys.slices(partition), *fields)]

    async def everywhere(self, account: AccountKey) -> list[Slice | None]:
        """Return the slices of one account, by partition."""
        keys, field = self._store.keys, account_field(*account)
        commands = [("HGET", keys.slices(partition), field) for partition in range(keys.partitions)]
        return [_unpack(held) for held in await self._store.pipeline(commands)]

    async def grant(
        self, partition: int, account: AccountKey, unit: str, micros: int, number: int, now_ms: int
    ) -> Slice:
        """Add grant `number` of this account to this partition's slice, unless it was added before; return the slice.

        Grants are added in order. When an earlier one is missing nothing is added, and `grants` of the answer is less
        than `number`: add those between first. Raises StateRefused, code UNITDIFFERS, when the slice is in another
        unit, and what the Store raises; then ask again.
        """
        arguments: list[Argument] = [account_field(*account), unit, micros, number, now_ms]
        slice_ = _unpack(await self._store.run(_GRANT, [self._store.keys.slices(partition)], arguments))
        assert slice_ is not None  # the script answers with what it has written, or found
        return slice_

    async def take_back(self, partition: int, account: AccountKey, want: int) -> Return | None:
        """Take at most `want` out of a slice, or name the return that is under way; None when nothing is left.

        The amount belongs to nobody until SQL has added it to the account under this number and `returned` says so.
        """
        arguments: list[Argument] = [account_field(*account), want]
        found = await self._store.run(_RETURN, [self._store.keys.slices(partition)], arguments)
        return Return(*found) if found is not None else None

    async def returned(self, partition: int, account: AccountKey, number: int) -> None:
        """SQL has return `number`: forget it here. Saying so again does nothing."""
        arguments: list[Argument] = [account_field(*account), number]
        await self._store.run(_RETURNED, [self._store.keys.slices(partition)], arguments)


def _unpack(held: Any) -> Slice | None:
    if held is None:
        return None
    form, *fields = msgpack.unpackb(held)
    assert form == FORMAT, f"a slice of format {form}"
    return Slice(*fields)
