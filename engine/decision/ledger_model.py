"""The ledger and the accounts in plain Python: what `admit` does, for Evaluate, rule tests and replay.

A limit's window starts at the user's first touch and keeps its start and end whatever becomes of the rule, so an edited
rule neither frees nor punishes twice:

    limit: at most 2 in 1 h, at least 10 min apart
    12:00  touch      window 12:00-13:00, 1 used
    12:05  refused    TOO_SOON until 12:10
    12:10  touch      2 used (exactly the interval passes)
    12:40  refused    LIMIT_REACHED until 13:00
    13:00  touch      a new window, 13:00-14:00, 1 used
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.decision.blueprint import LimitAsk
from engine.decision.model import Admission, Charge, Reason, Refusal
from engine.decision.propose import Candidate, LimitCheck, Proposal

UserKey = tuple[str, str]
"""(tenant, user_id)"""

UseKey = tuple[str, str]
"""(limit name, key), the key as `LimitUse.key` of the contract spells it."""

AccountKey = tuple[str, str]
"""(tenant, account name)"""


@dataclass(slots=True)
class Use:
    """The running window of one limit for one key; times in milliseconds, `count` at least 1."""

    start_ms: int
    end_ms: int
    count: int
    last_ms: int


@dataclass(slots=True)
class Balance:
    """What is left in an account, in millionths of its unit."""

    unit: str
    left_micros: int


class LedgerModel:
    """Limits used and accounts of any users. `accounts` None means: enough of everything (nothing is known)."""

    def __init__(
        self,
        uses: dict[UserKey, dict[UseKey, Use]] | None = None,
        accounts: dict[AccountKey, Balance] | None = None,
    ) -> None:
        self.uses = uses if uses is not None else {}
        self.accounts = accounts
        self.changed_uses: dict[tuple[UserKey, UseKey], Use] = {}
        self.changed_accounts: dict[AccountKey, Balance] = {}

    def admit(self, proposal: Proposal) -> Admission:
        """Take what may be taken of a proposal, count and charge it, and say why the rest was refused.

        Concurrent takes every candidate that passes, the others only the first. A candidate's limits and charges
        succeed together or not at all. Nothing is counted for a message that is held or dropped.
        """
        if proposal.refusal is not None:
            return Admission((), ())
        user = self.uses.get((proposal.tenant, proposal.user_id), _NO_USES)
        taken: list[int] = []
        refusals: list[Refusal | None] = []
        for index, candidate in enumerate(proposal.candidates):
            refusal = candidate.refusal
            if refusal is None and (not taken or proposal.concurrent):
                refusal = self._refuse(proposal, candidate, user, first=not taken)
                if refusal is None:
                    user = self._take(proposal, candidate, user, first=not taken)
                    taken.append(index)
            refusals.append(refusal)
        return Admission(tuple(taken), tuple(refusals))

    def _refuse(
        self, proposal: Proposal, candidate: Candidate, user: dict[UseKey, Use], *, first: bool
    ) -> Refusal | None:
        now_ms = proposal.now_ms
        for ask, key in candidate.limits:
            if first or ask.per_step:
                use = user.get(key)
                if use is not None or ask.max == 0:
                    refusal = refuse_touch(ask, use, now_ms, proposal.expire_ms)
                    if refusal is not None:
                        return refusal
        if candidate.charges and self.accounts is not None:
            return self._refuse_charges(proposal, candidate, first=first)
        return None

    def _refuse_charges(self, proposal: Proposal, candidate: Candidate, *, first: bool) -> Refusal | None:
        wanted: dict[str, int] = {}
        assert self.accounts is not None  # the caller looked
        for ask in candidate.charges:
            if not (first or ask.per_step):
                continue
            balance = self.accounts.get((proposal.tenant, ask.charge.account))
            if balance is None:
                return Refusal(Reason.ACCOUNT_UNKNOWN, ask.rule, 0)
            if balance.unit != ask.charge.unit:
                return Refusal(Reason.ACCOUNT_UNIT, ask.rule, 0)
            total = wanted.get(ask.charge.account, 0) + ask.charge.micros
            if total > balance.left_micros:
                return Refusal(Reason.BUDGET_EXHAUSTED, ask.rule, 0)
            wanted[ask.charge.account] = total
        return None

    def _take(
        self, proposal: Proposal, candidate: Candidate, user: dict[UseKey, Use], *, first: bool
    ) -> dict[UseKey, Use]:
        if candidate.limits and user is _NO_USES:
            user = self.uses[proposal.tenant, proposal.user_id] = {}
        for check in candidate.limits:
            if first or check.ask.per_step:
                self._touch(proposal, check, user)
        for ask in candidate.charges:
            if first or ask.per_step:
                self._pay(proposal.tenant, ask.charge)
        return user

    def _touch(self, proposal: Proposal, check: LimitCheck, user: dict[UseKey, Use]) -> None:
        now_ms = proposal.now_ms
        use = user.get(check.use)
        if use is None or now_ms >= use.end_ms:
            use = user[check.use] = Use(now_ms, proposal.window_end(check.ask), 1, now_ms)
        else:
            use.count += 1
            use.last_ms = max(use.last_ms, now_ms)
        self.changed_uses[(proposal.tenant, proposal.user_id), check.use] = use

    def _pay(self, tenant: str, charge: Charge) -> None:
        if self.accounts is not None:
            balance = self.accounts[tenant, charge.account]
            balance.left_micros -= charge.micros
            self.changed_accounts[tenant, charge.account] = balance


_NO_USES: dict[UseKey, Use] = {}


def refuse_touch(ask: LimitAsk, use: Use | None, now_ms: int, expire_ms: int) -> Refusal | None:
    """Say why one more touch would break a limit, or None.

    A limit that holds says until when: the first instant at which the touch would pass. When that is not within the
    message's life, it is refused with EXPIRES_FIRST.
    """
    if ask.max == 0:
        return Refusal(Reason.LIMIT_REACHED, ask.rule_max, 0)
    if use is None:
        return None
    full_until = use.end_ms if ask.max is not None and now_ms < use.end_ms and use.count >= ask.max else 0
    soon_until = use.last_ms + ask.min_interval_ms if now_ms < use.last_ms + ask.min_interval_ms else 0
    if not full_until and not soon_until:
        return None
    reason, rule = (Reason.LIMIT_REACHED, ask.rule_max) if full_until else (Reason.TOO_SOON, ask.rule_gap)
    if not ask.hold:
        return Refusal(reason, rule, 0)
    until_ms = max(full_until, soon_until)
    return Refusal(reason, rule, until_ms) if until_ms < expire_ms else Refusal(Reason.EXPIRES_FIRST, rule, 0)
