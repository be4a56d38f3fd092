"""Limits that can never refuse anything, since another always refuses first.

Let A apply to every message that B applies to, count at least what B counts, and let both count for the message or
both for the step. Then, with windows that begin at the first touch, within any stretch of time that is no longer than
A's window A lets at most 2 * max(A) - 1 touches pass: those of one window but for the touch that began it, and all of
the next. When both windows are the calendar day, or both limits see the very same touches in windows of one length, it
is max(A). So B is dead when its max is that or more. Where this does not prove a limit dead, nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.analysis.findings.inquiry import Inquiry, listed
from engine.analysis.formulas import Not
from engine.ruleset.effects import Limit
from engine.ruleset.rules import Rule

LONGEST_DAY_MS: Final = 25 * 3_600_000
"""A calendar day when the clocks are set back."""

SHORTEST_DAY_MS: Final = 23 * 3_600_000


def check_limits(inquiry: Inquiry) -> None:
    """Look at every limit by itself, among those of its name, and against all others."""
    limits = [(rule, rule.effect) for rule in inquiry.ruleset.rules if isinstance(rule.effect, Limit)]
    for rule, limit in limits:
        _check_itself(inquiry, rule, limit)
        if not _check_name(inquiry, rule, limit, limits):
            _check_others(inquiry, rule, limit, limits)


def _check_itself(inquiry: Inquiry, rule: Rule, limit: Limit) -> None:
    gap, window = limit.min_interval_ms, limit.window_ms
    if not gap or limit.max is None:
        return
    longest = window or LONGEST_DAY_MS
    if limit.max >= -(-longest // gap):
        text = f"max: {limit.max} is never reached: touches min_interval apart are fewer than that in one window"
        hint = "lower max, or shorten min_interval"
        inquiry.issues.warning("dead-limit", inquiry.place(rule, "then", "limit", "max"), text, hint)
    elif limit.max == 1 and 0 < gap <= window:
        text = "min_interval never refuses: with max: 1 the next touch is a whole window away anyhow"
        place = inquiry.place(rule, "then", "limit", "min_interval")
        inquiry.issues.warning("dead-limit", place, text, "remove min_interval, or raise max")


def _check_name(inquiry: Inquiry, rule: Rule, limit: Limit, limits: list[tuple[Rule, Limit]]) -> bool:
    """Tell a limit beside which a stricter rule of the same name always applies."""
    stricter = [
        other
        for other, its in limits
        if its.name == limit.name and other is not rule and _at_least_as_strict(its, limit)
        and (not _at_least_as_strict(limit, its) or other.index < rule.index)
    ]  # fmt: skip
    if not stricter or not _applies_inside(inquiry, rule, stricter):
        return False
    text = f"this limit never counts: whenever it applies, {listed(stricter)} of the same name is as strict or stricter"
    _report(inquiry, rule, stricter, text, "remove it, or narrow the other")
    return True


def _at_least_as_strict(a: Limit, b: Limit) -> bool:
    by_max = a.max is not None and (b.max is None or a.max <= b.max)
    return (by_max or a.max == b.max) and a.min_interval_ms >= b.min_interval_ms


def _check_others(inquiry: Inquiry, rule: Rule, limit: Limit, limits: list[tuple[Rule, Limit]]) -> None:
    for other, its in limits:
        if other is rule or its.name == limit.name or not _counts_all_of(other, its, rule, limit):
            continue
        if not _is_dead(its, limit, True) or not _applies_inside(inquiry, rule, [other]):
            continue
        same = its.per == limit.per and its.channel == limit.channel and _applies_inside(inquiry, other, [rule])
        if same and other.index > rule.index and _is_dead(its, limit, True) and _is_dead(limit, its, True):
            continue  # two that are the same: the later one is told of
        if _is_dead(its, limit, same):
            text = f'this limit never refuses: "{other.id}" counts the same messages and refuses first'
            _report(inquiry, rule, [other], text, "lower its max, lengthen its window, or remove it")
            return


def _counts_all_of(other: Rule, its: Limit, rule: Rule, limit: Limit) -> bool:
    """Whether every touch that one limit counts under a key is counted by the other under one of its keys."""
    if other.per_step is not rule.per_step:
        return False
    return its.channel in (None, limit.channel) and set(its.per) <= set(limit.per)


def _is_dead(a: Limit, b: Limit, same: bool) -> bool:
    """Whether B never refuses what A lets pass. `same`: they see the very same touches."""
    if b.min_interval_ms > a.min_interval_ms or (a.hold and not b.hold):
        return False
    if b.max is None:
        return True
    if a.max is None or a.max == 0:
        return a.max == 0
    return any(b.max >= most for most in _most_touches(a, b, same))


def _most_touches(a: Limit, b: Limit, same: bool) -> Iterator[int]:
    """Bounds for the touches that A lets pass within one window of B."""
    assert a.max is not None
    if a.window_ms == b.window_ms and (same or not a.window_ms):
        yield a.max
    if a.window_ms and (b.window_ms or LONGEST_DAY_MS) <= a.window_ms:
        yield 2 * a.max - 1
    if not a.window_ms and 0 < b.window_ms <= SHORTEST_DAY_MS:
        yield 2 * a.max  # such a window lies in two calendar days at most


def _applies_inside(inquiry: Inquiry, rule: Rule, others: list[Rule]) -> bool:
    """Whether one of the others applies wherever this one does."""
    for channel in inquiry.channels(rule):
        cover = [inquiry.match(o, channel if inquiry.space.is_asked_of_channels(o) else "") for o in others]
        if inquiry.space.is_possible(inquiry.match(rule, channel), *map(Not, cover)):
            return False
    return True


def _report(inquiry: Inquiry, rule: Rule, others: list[Rule], text: str, hint: str) -> None:
    related = [inquiry.related(other, "refuses first") for other in others[:5]]
    inquiry.issues.warning("dead-limit", inquiry.place(rule, "then", "limit"), text, hint, related=related)
