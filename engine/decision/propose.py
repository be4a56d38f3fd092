"""What the rules ask for one message: `propose`, the first pure half of a decision.

The second half is `settle`; between them stands `admit`, which knows what has been used up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engine.decision.blueprint import Blueprint, CandidateBlueprint, LimitAsk, message_holds
from engine.decision.model import LIFE_MS, Charge, Message, Reason, Refusal, User
from engine.decision.moment import next_midnight, next_time_of_day
from engine.ruleset.effects import Drop, Exclude, Hold
from engine.ruleset.match import Matched
from engine.ruleset.rules import Rule

_NOWHERE: frozenset[str] = frozenset()
_NOT_WISHED = Refusal(Reason.NOT_WISHED)
_NO_ADDRESS = Refusal(Reason.NO_ADDRESS)
_NO_ROUTE = Refusal(Reason.NO_ROUTE)
_PAUSED = Refusal(Reason.PAUSED, held=True)


class Proposal(NamedTuple):
    """What the rules ask for: everything `admit` must know, and nothing that depends on what has been used up.

    `refusal` is set when the message as a whole is held or dropped; then there is no candidate. Otherwise `blueprint`
    is what the routing rule asks; `refusals` says of each of its candidates why the rules already leave it out or hold
    it, or None; its limits and charges point into `uses` (limit name, key) and `charges`.
    """

    message: Message
    zone: str
    now_ms: int
    expire_ms: int
    matched: Matched
    refusal: Refusal | None
    blueprint: Blueprint | None
    refusals: tuple[Refusal | None, ...]
    uses: tuple[tuple[str, str], ...]
    charges: tuple[Charge, ...]

    @property
    def priority(self) -> str:
        """The priority it travels with: the routing rule's, else the message's."""
        return (self.blueprint.route.priority if self.blueprint is not None else None) or self.message.priority

    def window_end(self, ask: LimitAsk) -> int:
        """Return when a window of this limit ends that starts now."""
        return self.now_ms + ask.window_ms if ask.window_ms else next_midnight(self.zone, self.now_ms)


def propose(
    message: Message,
    user: User,
    now_ms: int,
    matched: Matched,
    blueprint: Blueprint | None,
    paused: bool = False,
    expire_ms: int | None = None,
) -> Proposal:
    """Apply what the rules answered: interception of the message, then the candidates in order.

    `blueprint` is that of the matched routing rule, or of the remaining steps of an earlier route; None without either.
    `paused`: an operator has paused the message's line or campaign. `expire_ms` is the end of its life where that is
    settled already; None: it is being accepted now.
    """
    if expire_ms is None:
        expire_ms = end_of_life(message, now_ms)
    refusal = _refuse_message(message, user, now_ms, expire_ms, matched)
    if paused and (refusal is None or refusal.held):
        refusal = _PAUSED
    if refusal is None and blueprint is None:
        refusal = _NO_ROUTE
    if refusal is not None or blueprint is None:
        return Proposal(message, user.zone, now_ms, expire_ms, matched, refusal, None, (), (), ())
    reachable = user.channels if not message.wished_channels else _NOWHERE
    refusals = tuple(
        [
            # Most candidates are open and reachable; that is seen without a call.
            None if one.is_open and one.choice.channel in reachable else _refuse(one, message, user, now_ms, expire_ms)
            for one in blueprint.candidates
        ]
    )
    uses = tuple([use(message) for use in blueprint.uses])
    charges = tuple([charge(message) for charge in blueprint.charges])
    return tuple.__new__(
        Proposal, (message, user.zone, now_ms, expire_ms, matched, None, blueprint, refusals, uses, charges)
    )


def end_of_life(message: Message, accepted_ms: int) -> int:
    """Return from when on a message accepted at this time is of no use."""
    if message.expire_at_ms is not None:
        return message.expire_at_ms
    begin_ms = accepted_ms if message.send_after_ms is None else message.send_after_ms
    return begin_ms + LIFE_MS[message.category]


def _refuse_message(message: Message, user: User, now_ms: int, expire_ms: int, matched: Matched) -> Refusal | None:
    if now_ms >= expire_ms:
        return Refusal(Reason.EXPIRED)
    if matched.drop is None and not matched.holds and message.send_after_ms is None:
        return None  # as nearly always
    if matched.drop is not None:
        assert isinstance(matched.drop.effect, Drop)
        return Refusal(Reason[matched.drop.effect.reason], matched.drop.index)
    held = None
    if message.send_after_ms is not None and message.send_after_ms > now_ms:
        held = Refusal(Reason.SCHEDULED, held=True, until_ms=message.send_after_ms)
    if matched.holds:
        held = _latest(held, message_holds(matched), user.zone, now_ms)
    return _within(held, expire_ms) if held is not None else None


def _latest(held: Refusal | None, holds: Iterable[Rule], zone: str, now_ms: int) -> Refusal | None:
    for rule in holds:
        assert isinstance(rule.effect, Hold)
        until_ms = next_time_of_day(zone, now_ms, rule.effect.until_minute)
        if held is None or until_ms > held.until_ms:
            held = Refusal(Reason[rule.effect.reason], rule.index, True, until_ms)
    return held


def _within(held: Refusal, expire_ms: int) -> Refusal:
    """Turn a hold that would outlive the message into a refusal."""
    return held if held.until_ms < expire_ms else Refusal(Reason.EXPIRES_FIRST, held.rule)


def _refuse(one: CandidateBlueprint, message: Message, user: User, now_ms: int, expire_ms: int) -> Refusal | None:
    channel = one.choice.channel
    if message.wished_channels and channel not in message.wished_channels:
        return _NOT_WISHED
    if channel not in user.channels and not has_own_address(message, channel):
        return _NO_ADDRESS
    if one.holds:
        held = _latest(None, one.holds, user.zone, now_ms)
        assert held is not None
        return _within(held, expire_ms)
    if one.exclude is not None:
        assert isinstance(one.exclude.effect, Exclude)
        return Refusal(Reason[one.exclude.effect.reason], one.exclude.index)
    return None


def has_own_address(message: Message, channel: str) -> bool:
    """Does the message bring an address for this channel itself?"""
    return bool(message.addresses) and any(address[0] == channel for address in message.addresses)
