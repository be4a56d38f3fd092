"""BudgetService: what was put into the accounts that messages are charged to, and what became of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final, Protocol

from engine.flow.refill import Standing
from engine.records.accounts import MOST_MICROS, Account, Accounts, TopUp
from engine.service.translate import Violations, check_name
from engine.service.translate_decision import write_time
from engine.service.translate_messages import read_page_size, read_token, write_token
from engine.service.translate_state import MAX_ACCOUNT
from signalbox.v1 import budget_service_pb2 as contract

_UNIT: Final = re.compile("[A-Z]{3,8}", re.ASCII)


class Standings(Protocol):
    """Knows what became of the money in an account."""

    async def standing(self, account: Account) -> Standing:
        """Say what is left of an account, what is held and what is spent."""


class BudgetServicer:
    """Answers BudgetService. `now_ms` is the server's clock."""

    def __init__(self, accounts: Accounts, standings: Standings, now_ms: Callable[[], int]) -> None:
        self._accounts = accounts
        self._standings = standings
        self._now_ms = now_ms

    async def Grant(self, request: contract.GrantRequest, context: object) -> contract.GrantResponse:
        """Put money into an account."""
        account, repeated = await self._accounts.top_up(_read_entry(request), self._now_ms())
        return contract.GrantResponse(account=await self._status(account), repeated=repeated)

    async def ListAccounts(
        self, request: contract.ListAccountsRequest, context: object
    ) -> contract.ListAccountsResponse:
        """List accounts, by tenant and name."""
        bad = Violations()
        check_name(request.tenant, "tenant", bad, required=False)
        check_name(request.prefix, "prefix", bad, required=False, longest=MAX_ACCOUNT)
        size = read_page_size(request.page_size, bad)
        bad.check()
        tenant, name = read_token(request.page_token, str, str) or ("", "")
        found = await self._accounts.page(request.tenant, request.prefix, (str(tenant), str(name)), size)
        return contract.ListAccountsResponse(
            accounts=await asyncio.gather(*map(self._status, found)),
            next_page_token=write_token(found[-1].tenant, found[-1].name) if len(found) == size else "",
        )

    async def _status(self, account: Account) -> contract.AccountStatus:
        standing = await self._standings.standing(account)
        return contract.AccountStatus(
            tenant=account.tenant,
            name=account.name,
            unit=account.unit,
            total_micros=account.total_micros,
            left_micros=standing.left,
            held_micros=standing.held,
            spent_micros=standing.spent,
            updated_at=write_time(account.updated_ms),
        )


def _read_entry(wire: contract.GrantRequest) -> TopUp:
    bad = Violations()
    check_name(wire.tenant, "tenant", bad)
    check_name(wire.account, "account", bad, longest=MAX_ACCOUNT)
    if not _UNIT.fullmatch(wire.unit):
        bad.add("unit", 'must be a currency such as "CNY", or "COUNT"')
    if not 0 < wire.micros <= MOST_MICROS:
        bad.add("micros", f"{wire.micros} is no amount to put in; it must be from 1 to {MOST_MICROS}")
    check_name(wire.entry_id, "entry_id", bad)
    check_name(wire.by, "by", bad, required=False)
    bad.check()
    return TopUp(wire.tenant, wire.account, wire.unit, wire.micros, wire.entry_id, wire.by)
