"""Limits that can never refuse anything, since another always refuses first.

Let A apply to every message that B applies to, count at least what B counts, and let both count for the message or
both for the step. Then, with windows that begin at the first touch, within any stretch of time that n of A's windows
cover A lets at most (n + 1) * max(A) - 1 touches pass: those of one window but for the touch that began it, and all of
the n next. When both windows are the calendar day, or both limits see the very same touches in windows of one length,
it is max(A). Touches that are min_interval apart are bounded by that too. So B is dead when its max is that or more.

A limit of the message stands before one of a step as well, where the step goes at once: where no supplement wants its
channel. Several limits of which one always applies where B does let at most the sum of their bounds pass. What is
dropped or held, and a channel that is excluded, counts nothing, so nothing has to apply there. Where all this does not
prove a limit dead, nothing is said of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Final

from engine.analysis.findings.inquiry import Inquiry, listed
from engine.analysis.findings.touches import (
    Fixed,
    applies_inside,
    is_same,
    may_count,
    may_go_later,
    most_under_one_key,
    needed,
)
from engine.ruleset.effects import Limit
from engine.ruleset.rules import Rule

LONGEST_DAY_MS: Final = 25 * 3_600_000
"""A calendar day when the clocks are set back."""

SHORTEST_DAY_MS: Final = 23 * 3_600_000

Limits = list[tuple[Rule, Limit]]


def check_limits(inquiry: Inquiry) -> None:
    """Look at every limit by itself, among those of its name, and against all others."""
    rules = [rule for rule in inquiry.ruleset.rules if rule.index not in inquiry.never]
    limits = [(rule, rule.effect) for rule in rules if isinstance(rule.effect, Limit) and not _only_counts(rule.effect)]
    for rule, limit in limits:
        _check_itself(inquiry, rule, limit, _sharing(rule, limit, limits))
        if not _check_name(inquiry, rule, limit, limits) and not _check_others(inquiry, rule, limit, limits):
            _check_together(inquiry, rule, limit, limits)


def _only_counts(limit: Limit) -> bool:
    """Whether a limit refuses nothing by what it says itself, which every load tells."""
    return limit.max is None and not limit.min_interval_ms


def _sharing(rule: Rule, limit: Limit, limits: Limits) -> Limits:
    """The other rules that count with the same counter."""
    return [(other, its) for other, its in limits if its.name == limit.name and other is not rule]


def _check_itself(inquiry: Inquiry, rule: Rule, limit: Limit, sharing: Limits) -> None:
    gap, window = limit.min_interval_ms, limit.window_ms
    alike = all((its.max, its.min_interval_ms) == (limit.max, gap) for _, its in sharing)
    if not gap or limit.max is None or not alike:
        return
    room = _windows(window or LONGEST_DAY_MS, gap)
    if limit.max > room:
        text = f"max: {limit.max} is never reached: in one window there is room for {room} touches min_interval apart"
        hint = "lower max, or shorten min_interval"
        inquiry.issues.warning("dead-limit", inquiry.place(rule, "then", "limit", "max"), text, hint)
    elif limit.max == 1 and 0 < gap < window:
        text = "min_interval never refuses: with max: 1 the next touch is a whole window away anyhow"
        place = inquiry.place(rule, "then", "limit", "min_interval")
        inquiry.issues.warning("dead-limit", place, text, "remove min_interval, or raise max")


def _check_name(inquiry: Inquiry, rule: Rule, limit: Limit, limits: Limits) -> bool:
    """Tell a limit beside which a stricter rule of the same name always applies."""
    stricter = [
        other
        for other, its in limits
        if its.name == limit.name and other is not rule and _at_least_as_strict(its, limit)
        and (not _at_least_as_strict(limit, its) or other.index < rule.index)
    ]  # fmt: skip
    if not stricter or not applies_inside(inquiry, rule, stricter):
        return False
    text = f"this limit never counts: whenever it applies, {listed(stricter)} of the same name is as strict or stricter"
    _report(inquiry, rule, stricter, text, "remove it, or narrow the other")
    return True


def _at_least_as_strict(a: Limit, b: Limit) -> bool:
    by_max = a.max is not None and (b.max is None or a.max <= b.max)
    drops = b.hold or not a.hold  # of one name a refusal holds only if all that match would hold
    return (by_max or a.max == b.max) and a.min_interval_ms >= b.min_interval_ms and drops


def _check_others(inquiry: Inquiry, rule: Rule, limit: Limit, limits: Limits) -> bool:
    """Tell a limit that one of another name leaves nothing to refuse."""
    sharing = _sharing(rule, limit, limits)
    counting = [(one, its, Fixed(inquiry, one)) for one, its in [(rule, limit), *sharing]]
    for other, its in limits:
        if its.name == limit.name or not _is_dead(its, limit, True):
            continue
        if not all(_counts_all_of(inquiry, other, its, *one) for one in counting):
            continue
        alone = not sharing and not _sharing(other, its, limits)
        same = alone and is_same(inquiry, other, its, *counting[0])
        # Of two that are the same the later one is told of.
        twice = same and other.index > rule.index and _is_dead(limit, its, True)
        if twice and _counts_all_of(inquiry, rule, limit, other, its, Fixed(inquiry, other)):
            continue
        if _is_dead(its, limit, same):
            text = f'this limit never refuses: "{other.id}" counts the same messages and refuses first'
            _report(inquiry, rule, [other], text, "lower its max, lengthen its window, or remove it")
            return True
    return False


def _check_together(inquiry: Inquiry, rule: Rule, limit: Limit, limits: Limits) -> None:
    """Tell a limit beside which one of several others always applies, that together let no more pass."""
    if limit.max is None or limit.min_interval_ms or _sharing(rule, limit, limits):
        return
    fixed = Fixed(inquiry, rule)
    able = [
        (other, its) for other, its in limits if its.name != limit.name and may_count(other, its, rule, limit, fixed)
    ]
    bounds = {other.index: _most(its, limit) for other, its in able if limit.hold or not its.hold}
    few = [index for index, most in bounds.items() if most <= limit.max]
    # The first are the first to be left out, if the others suffice.
    others = [inquiry.ruleset.rules[index] for index in sorted(few, key=lambda index: (-bounds[index], index))]
    if len(others) < 2 or not applies_inside(inquiry, rule, others):
        return
    enough = needed(inquiry, rule, others)
    at_once = all(other.per_step is rule.per_step for other in enough) or not may_go_later(inquiry, rule, limit)
    if at_once and most_under_one_key(inquiry, limit, {one.index: bounds[one.index] for one in enough}) <= limit.max:
        text = f"this limit never refuses: {listed(enough)} together count the same messages and refuse first"
        _report(inquiry, rule, enough, text, "lower its max, lengthen its window, or remove it")


def _most(a: Limit, b: Limit) -> int:
    """The most touches that A lets pass within one window of B, as far as is known."""
    return max(0, min(_most_touches(a, b, False), default=sys.maxsize))


def _counts_all_of(inquiry: Inquiry, other: Rule, its: Limit, rule: Rule, limit: Limit, fixed: Fixed) -> bool:
    """Whether every touch that one limit counts under a key is counted by the other under one of its keys."""
    if not may_count(other, its, rule, limit, fixed) or not applies_inside(inquiry, rule, [other]):
        return False
    return other.per_step is rule.per_step or not may_go_later(inquiry, rule, limit)


def _is_dead(a: Limit, b: Limit, same: bool) -> bool:
    """Whether B never refuses what A lets pass. `same`: they see the very same touches."""
    if a.max == 0:
        return True
    if a.hold and not b.hold:
        return False
    if b.min_interval_ms > _least_gap(a):
        return False
    return b.max is None or any(b.max >= most for most in _most_touches(a, b, same))


def _least_gap(limit: Limit) -> int:
    """The time that at least lies between two touches that a limit lets pass."""
    return max(limit.min_interval_ms, limit.window_ms if limit.max == 1 else 0)


def _most_touches(a: Limit, b: Limit, same: bool) -> Iterator[int]:
    """Bounds for the touches that A lets pass within one window of B."""
    span = b.window_ms or LONGEST_DAY_MS
    if a.min_interval_ms:
        yield _windows(span, a.min_interval_ms)
    if a.max is None:
        return
    if a.window_ms == b.window_ms and (same or not a.window_ms):
        yield a.max
    if a.window_ms:
        yield (_windows(span, a.window_ms) + 1) * a.max - 1
    elif b.window_ms:
        yield ((b.window_ms - 1) // SHORTEST_DAY_MS + 2) * a.max  # the days that lie in it, and two in part


def _windows(span: int, window: int) -> int:
    """How many windows cover a stretch of time."""
    return -(-span // window)


def _report(inquiry: Inquiry, rule: Rule, others: Sequence[Rule], text: str, hint: str) -> None:
    related = [inquiry.related(other, "refuses first") for other in others[:5]]
    inquiry.issues.warning("dead-limit", inquiry.place(rule, "then", "limit"), text, hint, related=related)
