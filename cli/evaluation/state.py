"""What the server does not keep: ledger and accounts between the batches, and the part of them that a batch touches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cli.evaluation.batches import Batch
from signalbox.v1 import decision_service_pb2, state_pb2

_TIDY_FROM = 8
"""Entries from which a user's ledger is looked through for what is over; below, sending it costs less than looking."""


class _UserLedger:
    """One user's entries, in the form in which they are sent."""

    __slots__ = ("places", "wire")

    def __init__(self, tenant: str, user_id: str) -> None:
        self.wire = state_pb2.UserLedger(tenant=tenant, user_id=user_id)
        self.places: dict[tuple[str, str], int] = {}

    def take_in(self, changed: state_pb2.UserLedger) -> None:
        """Replace the entries that have changed and add those that are new."""
        uses = self.wire.uses
        for use in changed.uses:
            place = self.places.setdefault((use.limit, use.key), len(uses))
            # Copied: a reference would keep the whole reply it came with in memory.
            (uses[place] if place < len(uses) else uses.add()).CopyFrom(use)

    def tidy(self, now_ms: int) -> None:
        """Drop the entries that do not matter any more."""
        kept = [use for use in self.wire.uses if use.expire_ms > now_ms]
        if len(kept) < len(self.wire.uses):
            wire = state_pb2.UserLedger(tenant=self.wire.tenant, user_id=self.wire.user_id, uses=kept)
            self.wire = wire
            self.places = {(use.limit, use.key): place for place, use in enumerate(kept)}


class KeptState:
    """The state of all users and accounts as of the last answer."""

    def __init__(self, tenant: str, accounts: Mapping[str, state_pb2.Account] | None) -> None:
        self._tenant = tenant
        self._ledger: dict[str, _UserLedger] = {}
        self._accounts = None if accounts is None else {name: _copy(account) for name, account in accounts.items()}

    def request(self, batch: Batch) -> decision_service_pb2.EvaluateBatchRequest:
        """Return the request for a batch with all of the state that it can touch."""
        request = decision_service_pb2.EvaluateBatchRequest()
        request.evaluations.extend([message.evaluation for message in batch.messages])
        state = request.state
        state.users.users.extend([user for user in batch.users.values() if user is not None])
        state.users.SetInParent()
        state.ledger.SetInParent()
        now_ms = batch.messages[0].at_ms
        for user_id in batch.users:
            known = self._ledger.get(user_id)
            if known is not None:
                if len(known.places) > _TIDY_FROM:
                    known.tidy(now_ms)
                state.ledger.users.append(known.wire)
        if self._accounts is not None:
            state.accounts.accounts.extend(self._accounts.values())
            state.accounts.SetInParent()
        if batch.breakers is not None:
            state.breakers.CopyFrom(batch.breakers)
            state.breakers.SetInParent()
        return request

    def take_in(self, changed: state_pb2.State) -> None:
        """Keep what a batch has changed."""
        for user in changed.ledger.users:
            known = self._ledger.get(user.user_id)
            if known is None:
                known = self._ledger[user.user_id] = _UserLedger(self._tenant, user.user_id)
            known.take_in(user)
        if self._accounts is not None:
            for account in changed.accounts.accounts:
                self._accounts[account.name].CopyFrom(account)

    def accounts(self) -> Iterable[state_pb2.Account]:
        """Return the accounts as they are now."""
        return () if self._accounts is None else self._accounts.values()


def _copy(account: state_pb2.Account) -> state_pb2.Account:
    copied = state_pb2.Account()
    copied.CopyFrom(account)
    return copied
