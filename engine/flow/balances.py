"""What is left in accounts, wherever it lies, for those who only look: at most a quarter of a second old."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Final

from cachetools import TTLCache

from engine.decision.ledger_model import AccountKey, Balance
from engine.flow.refill import Refill
from engine.records.accounts import Accounts

KEPT_S: Final = 0.25
KEPT: Final = 10_000


class Balances:
    """Reads balances. Charging never goes by them: that is the slices' business.

    `timer` tells how old they are, in seconds since any moment.
    """

    def __init__(self, accounts: Accounts, refill: Refill, timer: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self._refill = refill
        self._known: TTLCache[AccountKey, Balance | None] = TTLCache(KEPT, KEPT_S, timer)

    async def balances(self, accounts: Iterable[AccountKey]) -> dict[AccountKey, Balance]:
        """Return the accounts that exist, each with a balance of the caller's own.

        Raises StateUnavailable and RecordsUnavailable.
        """
        wanted = list(accounts)
        found = dict(zip(wanted, await asyncio.gather(*map(self._balance, wanted)), strict=True))
        return {key: Balance(one.unit, one.left_micros) for key, one in found.items() if one is not None}

    async def _balance(self, key: AccountKey) -> Balance | None:
        with contextlib.suppress(KeyError):  # one look: between two of them an entry can grow too old
            return self._known[key]
        account = await self._accounts.get(key)
        balance = None
        if account is not None:
            balance = Balance(account.unit, (await self._refill.standing(account)).left)
        self._known[key] = balance
        return balance
