"""Proposals for the tests of `admit`, made by hand: what counts is what they ask for, not which rules asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.decision.blueprint import Blueprint, CandidateBlueprint, ChargeAsk, LimitAsk
from engine.decision.model import Charge, Message, Reason, Refusal
from engine.decision.propose import Proposal
from engine.ruleset.effects import ChannelChoice, Route
from engine.ruleset.match import Matched
from engine.state.admit import AdmitRequest, Earlier
from engine.state.keys import Keys, user_digest

NOW = 1_767_600_000_000  # 2026-01-05 16:00 in Shanghai
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
ZONE = "Asia/Shanghai"
LIFE = 3 * DAY

_MATCHED = Matched((), (), None, (), (), None, (), (), ())


def limit(name: str = "some", *, most: int | None = 5, use: int = 0, **fields: Any) -> LimitAsk:
    """A limit: at most five in an hour unless told otherwise; rule 7 sets its max, rule 8 its interval."""
    asked = {"window_ms": HOUR, "min_interval_ms": 0, "hold": False, "per_step": False, **fields}
    return LimitAsk(name=name, max=most, rule_max=7, rule_gap=8, use=use, **asked)


def candidate(
    channel: str = "sms", limits: Sequence[LimitAsk] = (), charges: Sequence[ChargeAsk] = (), wait_ms: int = 0
) -> CandidateBlueprint:
    """A candidate that no rule holds or excludes."""
    return CandidateBlueprint(ChannelChoice(channel, wait_ms=wait_ms), True, (), None, tuple(limits), tuple(charges))


def blueprint(*candidates: CandidateBlueprint, strategy: str = "DISTRIBUTION") -> Blueprint:
    """What a routing rule with these candidates asks."""
    route = Route(strategy, tuple(one.choice for one in candidates))
    return Blueprint("route", route, tuple(range(1, len(candidates) + 1)), (), candidates, (), ())


def proposal(
    asks: Blueprint | None = None,
    user_id: str = "u",
    now_ms: int = NOW,
    *,
    uses: Sequence[tuple[str, str]] = (("some", ""),),
    charges: Sequence[Charge] = (),
    refusals: Sequence[Refusal | None] | None = None,
    refusal: Refusal | None = None,
    priority: str = "P1",
    campaign: str = "",
    expire_ms: int | None = None,
) -> Proposal:
    """A proposal of tenant t for a user; without a blueprint the message as a whole is refused."""
    message = Message("t", "cards", user_id, "SERVICE", priority, campaign=campaign)
    if asks is None:
        refusal = refusal or Refusal(Reason.BLOCKED, 3)
    return Proposal(
        message,
        ZONE,
        now_ms,
        now_ms + LIFE if expire_ms is None else expire_ms,
        _MATCHED,
        refusal,
        asks,
        tuple(refusals) if refusals is not None else (None,) * (len(asks.candidates) if asks else 0),
        tuple(uses),
        tuple(charges),
    )


def request(
    keys: Keys, what: Proposal, request_id: str = "r", earlier: Earlier | None = None, **fields: Any
) -> AdmitRequest:
    """The request to admit a proposal, under the id of this request."""
    message = what.message
    return AdmitRequest(
        message_id=keys.message_id(message.tenant, message.user_id, request_id),
        user=user_digest(message.tenant, message.user_id),
        proposal=what,
        outline=b"outline of " + request_id.encode(),
        body=None if earlier is not None else b"body of " + request_id.encode(),
        record_until_ms=max(what.expire_ms, what.now_ms + DAY),
        earlier=earlier,
        **fields,
    )
