"""Parts of a condition that never hold, or always do, each looked at by itself.

That the whole condition does is refused at load; a part that does is hidden by what stands around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.analysis.findings.inquiry import Inquiry
from engine.analysis.formulas import Condition, Holds, Not
from engine.ruleset.fact_types import Scope
from engine.ruleset.rules import Rule
from engine.ruleset.syntax import Call, Expr, Literal


def parts_of(rules: Iterable[Rule], channels: Iterable[str]) -> Iterator[Condition]:
    """Give the conditions that the check here asks besides those of rules."""
    channels = tuple(channels)
    for rule in rules:
        if rule.family != "breaker" and rule.when is not None:
            for part in _parts(rule.when):
                yield from _conditions(part, rule, channels)


def _conditions(part: Expr, rule: Rule, channels: Iterable[str]) -> Iterator[Condition]:
    if rule.scope is not Scope.CHANNEL:
        yield Condition(part)
        return
    for channel in channels:
        yield Condition(part, Scope.CHANNEL, channel)


def _parts(expr: Expr) -> Iterator[Expr]:
    """The parts below the `&& || ! ?:` of a condition, and those made of them; not the whole."""
    if isinstance(expr, Call) and expr.op in ("&&", "||", "!", "?:"):
        for arg in expr.args:
            if not isinstance(arg, Literal):
                yield arg
                yield from _parts(arg)


def check_parts(inquiry: Inquiry) -> None:
    """Look at the parts of every condition, the larger first; what is in a part that was told of is passed over."""
    for rule in inquiry.ruleset.rules:
        if rule.family == "breaker" or rule.when is None:
            continue
        told: list[Expr] = []
        for part in _parts(rule.when):
            if not any(outer.start <= part.start and part.end <= outer.end for outer in told) and _tell(
                inquiry, rule, part
            ):
                told.append(part)


def _tell(inquiry: Inquiry, rule: Rule, part: Expr) -> bool:
    conditions = list(_conditions(part, rule, inquiry.ruleset.channels))
    possible = inquiry.space.is_possible
    when = inquiry.parsed.places[rule.index].when
    assert when is not None, "the rule has a condition"
    place = when.place(part.start, part.end)
    if not any(possible(Holds(one)) for one in conditions):
        hint = "two of its parts exclude each other; is an && meant to be an ||, or a < a >?"
        inquiry.issues.warning("never-true", place, "this part of the condition never holds", hint)
    elif not any(possible(Not(Holds(one))) for one in conditions):
        hint = "leave it out; else, is an || meant to be an &&, or a > a <?"
        inquiry.issues.warning("always-true", place, "this part of the condition always holds", hint)
    else:
        return False
    return True
