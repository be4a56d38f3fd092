"""What a rule that matched asked for, and what came of it, in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from engine.decision.model import Reason, Refusal
from engine.decision.moment import iso_time
from engine.decision.session import Judgement
from engine.decision.trace import CandidateTrace, CheckTrace, Result, Trace
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Charge, Drop, Effect, Exclude, Hold, Limit, Route, SetState
from engine.ruleset.rules import Rule
from engine.ruleset.scalars import show_duration

MICROS: Final = 1_000_000
_Tell = Callable[[Rule, str], str]
"""What came of a rule for one channel."""


def asks(effect: Effect) -> str:
    """Say what an effect asks for."""
    match effect:
        case Drop(reason=reason):
            return f"drop the message, {reason}"
        case Hold(until_minute=minute, reason=reason, channels=channels):
            return f"hold{_on(channels)} until {minute // 60:02d}:{minute % 60:02d}, {reason}"
        case Exclude(reason=reason, channels=names):
            return f"exclude {', '.join(names) or 'the channel'}, {reason}"
        case Limit():
            return _limit(effect)
        case Charge(account=account, micros=micros, unit=unit, times_segments=each, channel=channel):
            parts = " for each part of the text" if each else ""
            return f"charge {account} {micros / MICROS:.10g} {unit}{parts}{_on((channel,) if channel else ())}"
        case Route(strategy=strategy, choices=choices, priority=priority):
            by = ", ".join(choice.channel for choice in choices)
            return f"{strategy} by {by}" + (f" with {priority}" if priority else "")
        case SetState(state=state):
            return f"set {state}"


def _on(channels: Sequence[str]) -> str:
    return f" on {', '.join(channels)}" if channels else ""


def _limit(limit: Limit) -> str:
    parts = []
    if limit.max is not None:
        window = f"in {show_duration(limit.window_ms)}" if limit.window_ms else "a calendar day"
        parts.append(f"at most {limit.max} {window}")
    if limit.min_interval_ms:
        parts.append(f"at least {show_duration(limit.min_interval_ms)} apart")
    on = _on((limit.channel,) if limit.channel else ())
    return f"limit {limit.name}: {', '.join(parts)}, per {' and '.join(limit.per)}{on}"


class Consequences:
    """What came of the rules that matched one judged message. `trace` is the judgement's own explanation."""

    def __init__(self, judgement: Judgement, trace: Trace, ruleset: RuleSet) -> None:
        self._proposal, self._admission, self._matched = judgement.proposal, judgement.admission, judgement.matched
        self._candidates = {candidate.channel: candidate for candidate in trace.candidates}
        self._ruleset = ruleset

    def of(self, rule: Rule, channel: str) -> str:
        """Say what came of a rule that matched, a line for each channel it concerns.

        `channel` is the one it was asked about, or empty.
        """
        effect = rule.effect
        if isinstance(effect, Route):
            return self._route(rule)
        if isinstance(effect, Drop) or (isinstance(effect, Hold) and not (effect.channels or channel)):
            return self._whole(rule)
        if isinstance(effect, Limit | Charge):
            channels = [channel] if channel else list(self._candidates)
            return self._each(rule, [one for one in channels if effect.channel in (None, one)], self._checked)
        named = effect.channels if isinstance(effect, Hold | Exclude) else ()
        return self._each(rule, [one for one in named or (channel,) if channel in ("", one)], self._refused)

    def _route(self, rule: Rule) -> str:
        assert self._matched is not None  # it was judged
        first = self._matched.route
        if first is not None and first is not rule:
            return f"not asked: {first.id} matches too and stands before it"
        if self._proposal.blueprint is None:
            return f"its channels were not looked at: {self._why_not()}"
        taken = [name for name, one in self._candidates.items() if one.result is Result.TAKEN]
        return f"decided the route; taken: {', '.join(taken)}" if taken else "named the channels; none was taken"

    def _whole(self, rule: Rule) -> str:
        refusal = self._proposal.refusal
        if refusal is None or refusal.rule != rule.index:
            return f"not needed: {self._why_not()}"
        return self._what_happened(refusal, "the message")

    def _what_happened(self, refusal: Refusal, what: str) -> str:
        if refusal.held:
            return f"held {what} until {iso_time(refusal.until_ms, self._proposal.zone)}"
        if refusal.reason is Reason.EXPIRES_FIRST:
            return f"would have held {what} beyond the message's life, EXPIRES_FIRST"
        return "dropped the message" if what == "the message" else f"took {what} away"

    def _why_not(self) -> str:
        refusal = self._proposal.refusal
        if refusal is None:
            return "nothing refused the message"
        by = f" by {self._ruleset.rules[refusal.rule].id}" if refusal.rule >= 0 else ""
        return f"the message was {'held' if refusal.held else 'dropped'} as a whole, {refusal.reason.name}{by}"

    def _each(self, rule: Rule, channels: Sequence[str], tell: _Tell) -> str:
        if self._proposal.blueprint is None:
            return f"not looked at: {self._why_not()}"
        if not channels:
            return "concerns no channel of the route"
        return "\n".join(tell(rule, channel) for channel in channels)

    def _refused(self, rule: Rule, channel: str) -> str:
        place = list(self._candidates).index(channel) if channel in self._candidates else -1
        if place < 0:
            return f"{channel} is no channel of the route"
        refusal = self._proposal.refusals[place]
        if refusal is None or refusal.rule != rule.index:
            return f"{channel} was refused already, {self._named(refusal)}"
        return self._what_happened(refusal, channel)

    def _named(self, refusal: Refusal | None) -> str:
        if refusal is None:
            return Reason.NONE.name
        return refusal.reason.name + (f" by {self._ruleset.rules[refusal.rule].id}" if refusal.rule >= 0 else "")

    def _checked(self, rule: Rule, channel: str) -> str:
        """Say how the limit or the charge of a rule went for one candidate; limits of one name are one check."""
        candidate = self._candidates[channel]
        if candidate.result is Result.NOT_NEEDED:
            return f"{channel}: not looked at, the channel was not needed"
        found = next(self._checks(rule, candidate), None)
        if found is None:
            refusal = self._admission.refusals[list(self._candidates).index(channel)]
            if refusal is None:
                return f"{channel}: counts once for the message, with the first channel"
            return f"{channel}: not looked at, refused before: {self._named(refusal)}"
        return f"{channel}: {found.detail}; {'passed' if found.passed else 'refused, ' + found.reason.name}"

    def _checks(self, rule: Rule, candidate: CandidateTrace) -> Iterator[CheckTrace]:
        name = rule.effect.name if isinstance(rule.effect, Limit) else None
        for check in candidate.checks:
            if (name is None and check.rule_id == rule.id) or (
                name is not None and check.detail.startswith((f"{name}: ", f"{name} ("))
            ):
                yield check
