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

from dataclasses import dataclass, replace

from engine.decision.blueprint import CandidateBlueprint, LimitAsk
from engine.decision.model import Admission, Charge, Reason, Refusal
from engine.decision.propose import Proposal

UserKey = tuple[str, str]
"""(tenant, user_id)"""

UseKey = tuple[str, str]
"""(limit name, key), the key as `LimitUse.key` of the contract spells it."""

AccountKey = tuple[str, str]
"""(tenant, account name)"""


MOST_TOUCHES = 2**31 - 1
"""A counter stops there: what the contract can carry."""


@dataclass(slots=True)
class Use:
    """The running window of one limit for one key; times in milliseconds, `count` at least 1.

    `expire_ms` is when it stops mattering: the later of its end and the last touch plus the limit's least interval.
    """

    start_ms: int
    end_ms: int
    count: int
    last_ms: int
    expire_ms: int = 0


Uses = dict[UseKey, Use]
"""What one user has used of the limits."""


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
        self.changed_uses: dict[UserKey, dict[UseKey, Use]] = {}
        self.changed_accounts: dict[AccountKey, Balance] = {}

    def asked_for(self, proposal: Proposal) -> Uses:
        """Copy what the user has used of the limits that a proposal asks for."""
        used = self.uses.get((proposal.message.tenant, proposal.message.user_id), _NO_USES)
        return {key: replace(used[key]) for key in proposal.uses if key in used}

    def admit(self, proposal: Proposal) -> Admission:
        """Take what may be taken of a proposal, count and charge it, and say why the rest was refused.

        Concurrent takes every candidate that passes, the others only the first. A candidate's limits and charges
        succeed together or not at all; of its limits one that drops wins over those that hold, and of these the latest.
        Nothing is counted for a message that is held or dropped.
        """
        blueprint = proposal.blueprint
        if blueprint is None:
            return _NOTHING_TAKEN
        user = self.uses.get((proposal.message.tenant, proposal.message.user_id), _NO_USES)
        concurrent = blueprint.route.strategy == "CONCURRENT"
        taken: list[int] = []
        refusals: list[Refusal | None] = []
        for index, refusal in enumerate(proposal.refusals):
            if refusal is None and (concurrent or not taken):
                first, one = not taken, blueprint.candidates[index]
                refusal = self._refuse(proposal, one, user, first)
                if refusal is None:
                    user = self._take(proposal, one, user, first)
                    taken.append(index)
            refusals.append(refusal)
        return Admission(tuple(taken), tuple(refusals))

    def _refuse(
        self, proposal: Proposal, one: CandidateBlueprint, user: dict[UseKey, Use], first: bool
    ) -> Refusal | None:
        now_ms, uses = proposal.now_ms, proposal.uses
        held: Refusal | None = None
        for ask in one.limits:
            if first or ask.per_step:
                use = user.get(uses[ask.use])
                # Most touches are a key's first, which only a limit of 0 refuses.
                if use is not None or ask.max == 0:
                    refusal = refuse_touch(ask, use, now_ms, proposal.expire_ms)
                    if refusal is not None:
                        if not refusal.held:
                            return refusal
                        if held is None or refusal.until_ms > held.until_ms:
                            held = refusal
        if held is not None:
            return held
        if one.charges and self.accounts is not None:
            return self._refuse_charges(proposal, one, self.accounts, first)
        return None

    def _refuse_charges(
        self, proposal: Proposal, one: CandidateBlueprint, accounts: dict[AccountKey, Balance], first: bool
    ) -> Refusal | None:
        wanted: dict[str, int] = {}
        for ask in one.charges:
            if not (first or ask.per_step):
                continue
            name, micros, unit = proposal.charges[ask.charge]
            balance = accounts.get((proposal.message.tenant, name))
            if balance is None:
                return Refusal(Reason.ACCOUNT_UNKNOWN, ask.rule)
            if balance.unit != unit:
                return Refusal(Reason.ACCOUNT_UNIT, ask.rule)
            wanted[name] = wanted.get(name, 0) + micros
            if wanted[name] > balance.left_micros:
                return Refusal(Reason.BUDGET_EXHAUSTED, ask.rule)
        return None

    def _take(
        self, proposal: Proposal, one: CandidateBlueprint, user: dict[UseKey, Use], first: bool
    ) -> dict[UseKey, Use]:
        key = (proposal.message.tenant, proposal.message.user_id)
        if one.limits and user is _NO_USES:
            user = self.uses[key] = {}
        if one.limits:
            changed = self.changed_uses.get(key)
            if changed is None:
                changed = self.changed_uses[key] = {}
            uses = proposal.uses
            for ask in one.limits:
                if first or ask.per_step:
                    name = uses[ask.use]
                    changed[name] = touch(user, name, proposal, ask)
        if self.accounts is not None:
            for charge in one.charges:
                if first or charge.per_step:
                    self._pay(self.accounts, proposal.message.tenant, proposal.charges[charge.charge])
        return user

    def _pay(self, accounts: dict[AccountKey, Balance], tenant: str, charge: Charge) -> None:
        balance = accounts[tenant, charge.account]
        balance.left_micros -= charge.micros
        self.changed_accounts[tenant, charge.account] = balance


_NOTHING_TAKEN = Admission((), ())
_NO_USES: dict[UseKey, Use] = {}


def touch(user: dict[UseKey, Use], key: UseKey, proposal: Proposal, ask: LimitAsk) -> Use:
    """Count one touch: in the running window, or in a new one that starts now."""
    now_ms = proposal.now_ms
    use = user.get(key)
    if use is None or now_ms >= use.end_ms:
        use = user[key] = Use(now_ms, proposal.window_end(ask), 1, now_ms)
    else:
        use.count = min(use.count + 1, MOST_TOUCHES)
        if now_ms > use.last_ms:
            use.last_ms = now_ms
    expire_ms = now_ms + ask.min_interval_ms
    use.expire_ms = expire_ms if expire_ms > use.end_ms else use.end_ms
    return use


def refuse_touch(ask: LimitAsk, use: Use | None, now_ms: int, expire_ms: int) -> Refusal | None:
    """Say why one more touch would break a limit, or None.

    A limit that holds says until when: the first instant at which the touch would pass. When that is not within the
    message's life, it is refused with EXPIRES_FIRST.
    """
    if ask.max == 0:
        return Refusal(Reason.LIMIT_REACHED, ask.rule_max)
    if use is None:
        return None
    full_until = use.end_ms if ask.max is not None and now_ms < use.end_ms and use.count >= ask.max else 0
    # Without an interval nothing is too soon, though messages that came together may be decided out of order.
    passes_ms = use.last_ms + ask.min_interval_ms if ask.min_interval_ms else 0
    soon_until = passes_ms if now_ms < passes_ms else 0
    if not full_until and not soon_until:
        return None
    reason, rule = (Reason.LIMIT_REACHED, ask.rule_max) if full_until else (Reason.TOO_SOON, ask.rule_gap)
    if not ask.hold:
        return Refusal(reason, rule)
    until_ms = max(full_until, soon_until)
    return Refusal(reason, rule, True, until_ms) if until_ms < expire_ms else Refusal(Reason.EXPIRES_FIRST, rule)
