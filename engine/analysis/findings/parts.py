"""Conditions that never hold, or always do, and parts of them that do.

A load refuses a whole condition of which its own terms show it; here what binds different facts counts too, such as a
date and its weekday. A part is hidden by what stands around it. What cannot be told is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.analysis.findings.condition_parts import (
    ALWAYS_HINT,
    alternatives,
    bounds,
    is_in,
    is_made,
    never_hint,
    parts,
    stand_together,
)
from engine.analysis.findings.inquiry import Inquiry
from engine.analysis.formulas import Condition, Fails, Formula, Holds, Not, all_of, any_of
from engine.analysis.situation import Situation
from engine.analysis.space import Found, Undecided
from engine.ruleset.check_conditions import OTHER_SIGN
from engine.ruleset.condition_text import ConditionText
from engine.ruleset.fact_types import Scope
from engine.ruleset.rules import Rule
from engine.ruleset.source import Span
from engine.ruleset.syntax import Call, Expr

_FAILS = "%s ever fails to hold"


def parts_of(rules: Iterable[Rule], channels: Iterable[str]) -> Iterator[Condition]:
    """Give the conditions that the check here asks besides those of rules."""
    channels = tuple(channels)
    for rule in rules:
        if rule.family != "breaker" and rule.when is not None:
            for part in parts(rule.when):
                yield from _conditions(part, rule, channels)


def _conditions(part: Expr, rule: Rule, channels: Iterable[str]) -> Iterator[Condition]:
    if rule.scope is not Scope.CHANNEL:
        yield Condition(part)
        return
    for channel in channels:
        yield Condition(part, Scope.CHANNEL, channel)


def check_parts(inquiry: Inquiry) -> None:
    """Look at every condition as a whole, then at its parts, the larger first.

    What is in a part that was told of is passed over.
    """
    for rule in inquiry.ruleset.rules:
        when = inquiry.parsed.places[rule.index].when
        if rule.family == "breaker" or rule.when is None or when is None:
            continue
        seen = [inquiry.space.ordinary]
        told = [rule.when] if _tell(inquiry, rule, rule.when, seen, when.whole) else []
        ends = list(bounds(rule.when))
        for part in parts(rule.when):
            is_bound = any(part is end for end in ends) or is_made(part, when)
            place = when.place(part.start, part.end)
            if not is_in(part, told) and _tell(inquiry, rule, part, seen, place, is_bound):
                told.append(part)
        for part, beside in alternatives(rule.when):
            if not is_in(part, told) and _tell_beside(inquiry, rule, part, beside, when):
                told.append(part)


def _tell(inquiry: Inquiry, rule: Rule, part: Expr, seen: list[Situation], place: Span, is_bound: bool = False) -> bool:
    """Tell what never or always holds; that a bound of a range always does is as it may be."""
    conditions = list(_conditions(part, rule, inquiry.ruleset.channels))
    is_whole = part is rule.when
    what = "this condition" if is_whole else "this part of the condition"
    ever = ", whatever the facts are" if is_whole else ""
    report = inquiry.issues.error if is_whole else inquiry.issues.warning
    holding = _may(inquiry, [Holds(one) for one in conditions], seen, place, f"{what} ever holds")
    inquiry.open.update({rule.index} if is_whole and holding is None else ())
    if holding is False:
        report("never-true", place, f"{what} never holds{ever}", never_hint(part))
        inquiry.never.update({rule.index} if is_whole else ())
    elif not is_bound and _may(inquiry, [Not(Holds(one)) for one in conditions], seen, place, _FAILS % what) is False:
        report("always-true", place, f"{what} always holds{ever}", ALWAYS_HINT)
    elif _is_either(part) and not any(inquiry.space.is_possible(Fails(one)) for one in conditions):
        text = f"{what} always holds where the facts are there that it asks about"
        inquiry.issues.warning("always-true", place, text, ALWAYS_HINT)
    else:
        return False
    return True


def _is_either(part: Expr) -> bool:
    return isinstance(part, Call) and part.op == "||"


def _may(inquiry: Inquiry, ways: list[Formula], seen: list[Situation], place: Span, question: str) -> bool | None:
    """Whether one of these may be: False is proved; None is neither proved nor shown, and said so.

    `seen` are messages that may show it. What was shown of a named condition is not asked again where it is used again.
    """
    space = inquiry.space
    asked = frozenset(map(space.encoding.literal, ways))
    if asked in inquiry.shown:
        return True
    possible = [way for way in ways if space.is_possible(way)]
    if possible and not any(space.is_plain(way) for way in possible):
        formula = any_of(*possible)
        if not any(space.holds(formula, situation) for situation in seen):
            answer = space.ask(formula)
            if isinstance(answer, Undecided):
                inquiry.open_question(place, question, answer)
                return None
            elif isinstance(answer, Found):
                seen.append(answer.situation)
    inquiry.shown.update([asked] if possible else ())
    return bool(possible)


def _tell_beside(inquiry: Inquiry, rule: Rule, part: Expr, beside: tuple[Expr, ...], when: ConditionText) -> bool:
    """Tell an alternative that what stands beside it excludes; only what one text says itself is held against it."""
    beside = stand_together(part, beside, when)
    if not beside:
        return False
    ways = zip(*(map(Holds, _conditions(one, rule, inquiry.ruleset.channels)) for one in (part, *beside)), strict=True)
    if any(inquiry.space.is_possible(all_of(*way)) for way in ways):
        return False
    text = "this alternative never holds together with what stands beside it"
    inquiry.issues.warning("never-true", when.place(part.start, part.end), text, OTHER_SIGN)
    return True
