"""What a request left out of its state is the server's own: read for it, and never counted in.

users, breakers, accounts that conditions look at    before anything is proposed
limits and accounts that the proposals ask for       between propose and admit
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from engine.decision.facts import FactsReader
from engine.decision.ledger_model import LedgerModel
from engine.decision.model import Message
from engine.decision.session import Judgement, State
from engine.flow.evaluation import Peek


class Live(Protocol):
    """The server's own state; `live_state.LiveState` is it."""

    async def state(self, messages: Sequence[Message], reader: FactsReader) -> State:
        """Return what proposing these messages takes."""

    async def peek_limits(self, ledger: LedgerModel, judged: Sequence[Judgement]) -> None:
        """Read into a ledger what is used of the limits that proposals ask for."""

    async def peek_accounts(self, ledger: LedgerModel, judged: Sequence[Judgement]) -> None:
        """Read into a ledger what is left in the accounts that proposals charge."""


class LiveParts:
    """Completes states by the parts that are missing: "users", "ledger", "accounts", "breakers"."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def fill(
        self, state: State, missing: Collection[str], messages: Sequence[Message], reader: FactsReader
    ) -> State:
        """Complete a state by what proposing these messages takes. Its ledger stays the same one, with all in it.

        Raises StateUnavailable.
        """
        if not missing:
            return state
        found = await self._live.state(messages, reader)
        ledger = state.ledger
        if "accounts" in missing and found.ledger.accounts is not None:
            # What was read before may have been charged since, in this very state.
            ledger.accounts = found.ledger.accounts | (ledger.accounts or {})
        return State(
            found.users if "users" in missing else state.users,
            ledger,
            found.breakers if "breakers" in missing else state.breakers,
            state.default_zone,
        )

    def peek(self, missing: Collection[str]) -> Peek | None:
        """Return what reads the limits and accounts that proposals ask for; None when both were given."""
        limits, accounts = "ledger" in missing, "accounts" in missing
        if not limits and not accounts:
            return None

        async def read(ledger: LedgerModel, judged: Sequence[Judgement]) -> None:
            if limits:
                await self._live.peek_limits(ledger, judged)
            if accounts:
                await self._live.peek_accounts(ledger, judged)

        return read
