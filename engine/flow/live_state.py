"""The server's own state, read for a decision and never counted in: users, breakers, pauses, limits used, accounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from engine.decision.facts import FactsReader
from engine.decision.ledger_model import AccountKey, Balance, LedgerModel, UserKey
from engine.decision.model import Breakers, Message, User
from engine.decision.session import Judgement, State
from engine.state.control import Control
from engine.state.identities import Identities
from engine.state.ledger import Asked, Ledger


class Balances(Protocol):
    """What is left in accounts."""

    async def balances(self, accounts: Iterable[AccountKey]) -> dict[AccountKey, Balance]:
        """Return the accounts that exist with what is left in each, wherever it lies."""


class LiveState:
    """Reads state for decisions; all methods raise StateUnavailable."""

    def __init__(
        self, identities: Identities, control: Control, ledger: Ledger, balances: Balances, default_zone: str
    ) -> None:
        self._identities = identities
        self._control = control
        self._ledger = ledger
        self._balances = balances
        self._zone = default_zone

    async def users(self, messages: Iterable[Message]) -> dict[UserKey, User]:
        """Return those of the messages' users who are known."""
        return await self._identities.views([(one.tenant, one.user_id) for one in messages], self._zone)

    async def breakers(self) -> Breakers:
        """Return what is slowed and paused, at most 200 ms old."""
        return (await self._control.view()).facts

    async def state(self, messages: Sequence[Message], reader: FactsReader) -> State:
        """Return what proposing these messages for real takes. Limits and charges are the admission's business."""
        ledger = LedgerModel()
        if reader.reads_accounts:
            ledger.accounts = await self._balances.balances(
                {account for one in messages for account in reader.accounts(one)}
            )
        return State(await self.users(messages), ledger, await self.breakers(), self._zone)

    async def peek_limits(self, ledger: LedgerModel, judged: Sequence[Judgement]) -> None:
        """Read into a ledger what the users of these proposals have used of the limits asked for."""
        asked = [
            Asked((one.message.tenant, one.message.user_id), one.proposal.uses)
            for one in judged
            if one.error is None and one.proposal.uses
        ]
        for key, uses in (await self._ledger.peek(asked)).items():
            known = ledger.uses.setdefault(key, {})
            for use, counted in uses.items():
                known.setdefault(use, counted)

    async def peek_accounts(self, ledger: LedgerModel, judged: Sequence[Judgement]) -> None:
        """Read into a ledger what is left in the accounts that these proposals charge."""
        if ledger.accounts is None:
            ledger.accounts = {}
        wanted = {
            (one.message.tenant, charge.account)
            for one in judged
            if one.error is None
            for charge in one.proposal.charges
        }
        for account, balance in (await self._balances.balances(wanted - ledger.accounts.keys())).items():
            ledger.accounts[account] = balance
