"""Rules of the families in which all that match count: those whose effect never shows."""

from __future__ import annotations

from collections.abc import Sequence

from engine.analysis.findings.inquiry import Inquiry, holds_all, listed
from engine.analysis.formulas import Formula, Not, all_of
from engine.ruleset.effects import Charge, Drop, Exclude, Hold, Limit, channels_of
from engine.ruleset.rules import Rule


def check_effects(inquiry: Inquiry) -> None:
    """Look at every rule of interception, fatigue and budget."""
    for rule in inquiry.ruleset.rules:
        if rule.index in inquiry.never or (rule.family == "interception" and _is_covered(inquiry, rule)):
            continue
        if rule.family in ("interception", "fatigue", "budget") and not isinstance(rule.effect, Drop):
            _check_shows(inquiry, rule)


def _check_shows(inquiry: Inquiry, rule: Rule) -> None:
    """Tell an effect on channels that no message it is for could use."""
    ways = [
        all_of(inquiry.match(rule, channel), _way(inquiry, rule, wanted)) for channel, wanted in _ways(inquiry, rule)
    ]
    if any(inquiry.space.is_possible(way) for way in ways):
        return
    where = f"by {' or '.join(channels_of(rule.effect))}" if channels_of(rule.effect) else "at all"
    text = f"no message that this rule is for can be sent {where}, so it never has an effect"
    hint = "routing sends these messages another way, or interception stops them: mend the condition or the channel"
    code, part = ("dead-limit", "limit") if isinstance(rule.effect, Limit) else ("no-effect", _WORDS[type(rule.effect)])
    inquiry.issues.warning(code, inquiry.place(rule, "then", part), text, hint)


def _way(inquiry: Inquiry, rule: Rule, channel: str) -> Formula:
    """Where an effect on this channel would show; that of an interception rule also when a step is decided again."""
    if isinstance(rule.effect, Limit | Charge):
        return inquiry.counted[channel]
    candidate = inquiry.candidates[channel]
    return candidate if holds_all(rule) else all_of(candidate, Not(inquiry.held))


_WORDS = {Hold: "hold", Exclude: "exclude", Charge: "charge"}


def _ways(inquiry: Inquiry, rule: Rule) -> list[tuple[str, str]]:
    """The pairs (channel that the rule is asked of, channel that is used) in which its effect would show."""
    named = channels_of(rule.effect)
    asked = inquiry.channels(rule)
    if asked == ("",):
        return [("", channel) for channel in named or inquiry.ruleset.channels]
    return [(channel, channel) for channel in asked if not named or channel in named]


def _is_covered(inquiry: Inquiry, rule: Rule) -> bool:
    """Tell an interception rule whose every message is dropped anyway, or intercepted alike by others."""
    others = [other for other in inquiry.ruleset.rules if other.family == rule.family and _meet(inquiry, other, rule)]
    drops = [other for other in others if isinstance(other.effect, Drop) and _may_cover(inquiry, other, rule)]
    alike = [
        other
        for other in others
        if other.effect == rule.effect and other.scope is rule.scope and _may_cover(inquiry, other, rule)
    ]
    ways = ((drops, "drops", "drop", "every message"), (alike, "asks", "ask", "the same for every message"))
    for covering, one, several, what in ways:
        if covering and _inside(inquiry, rule, covering):
            needed = _needed(inquiry, rule, covering)
            verb = one if len(needed) == 1 else f"together {several}"
            text = f"this rule changes nothing: {listed(needed)} {verb} {what} that it matches"
            _report(inquiry, rule, needed, text)
            return True
    return False


def _needed(inquiry: Inquiry, rule: Rule, others: Sequence[Rule]) -> list[Rule]:
    """As few of the others as together match wherever this one does."""
    needed: set[int] = set()
    for channel in inquiry.channels(rule):
        refused = [Not(_matching(inquiry, other, channel)) for other in others]
        needed.update(inquiry.space.core(inquiry.match(rule, channel), refused))
    return [others[place] for place in sorted(needed)]


def _meet(inquiry: Inquiry, other: Rule, rule: Rule) -> bool:
    """Whether another rule ever matches together with this one."""
    return other is not rule and any(
        inquiry.space.is_possible(inquiry.match(rule, mine), inquiry.match(other, mine or theirs))
        for mine in inquiry.channels(rule)
        for theirs in inquiry.channels(other)
    )


def _may_cover(inquiry: Inquiry, other: Rule, rule: Rule) -> bool:
    """Whether the other stands first, or is for more messages: of two that are the same the later is superfluous.

    A drop later in the file covers only what has not its own reason to drop.
    """
    if other.index < rule.index:
        return True
    if isinstance(rule.effect, Drop) and rule.effect != other.effect:
        return False
    if not isinstance(rule.effect, type(other.effect)):
        return True
    return inquiry.space.is_possible(inquiry.matches(other), Not(inquiry.matches(rule)))


def _inside(inquiry: Inquiry, rule: Rule, others: Sequence[Rule]) -> bool:
    """Whether some of the others match wherever this one does, on every channel it is asked of."""
    for channel in inquiry.channels(rule):
        cover = [_matching(inquiry, other, channel) for other in others]
        if inquiry.space.is_possible(inquiry.match(rule, channel), *map(Not, cover)):
            return False
    return True


def _matching(inquiry: Inquiry, other: Rule, channel: str) -> Formula:
    return inquiry.match(other, channel if inquiry.space.is_asked_of_channels(other) else "")


def _report(inquiry: Inquiry, rule: Rule, others: Sequence[Rule], text: str) -> None:
    related = [inquiry.related(other, "covers it") for other in others[:5]]
    hint = "remove it, or mend the condition"
    inquiry.issues.warning("redundant", inquiry.place(rule), text, hint, related=related)
