"""Routing, where the first match decides: what is never reached, what changes nothing, what nobody takes."""

from __future__ import annotations

from engine.analysis.findings.inquiry import Inquiry, holds_all, listed
from engine.analysis.formulas import Formula, Not, all_of
from engine.analysis.space import Found, Never
from engine.ruleset.effects import Drop
from engine.ruleset.rules import Rule


def check_routes(inquiry: Inquiry) -> None:
    """Look at every routing rule, and at what is left over behind the last."""
    for place, rule in enumerate(inquiry.routing):
        if rule.index not in inquiry.never and _is_reached(inquiry, place, rule):
            _check_redundant(inquiry, place, rule)
    _check_rest(inquiry)


def _is_reached(inquiry: Inquiry, place: int, rule: Rule) -> bool:
    reached = inquiry.reached[rule.index]
    answer = inquiry.space.ask(all_of(reached, Not(inquiry.dropped), Not(inquiry.held)))
    if not isinstance(answer, Never):
        if rule.index not in inquiry.open:
            inquiry.undecided(rule, "any message reaches this rule", answer)
        return True
    inquiry.unreached.add(rule.index)
    if inquiry.space.is_possible(reached):
        _tell_stopped(inquiry, rule)
    else:
        _never_reached(inquiry, rule, inquiry.routing[:place])
    return False


def _tell_stopped(inquiry: Inquiry, rule: Rule) -> None:
    """Tell a rule whose messages are all dropped or held, and not for it any more when the hold is over."""
    stopping = [other for other in inquiry.ruleset.rules if isinstance(other.effect, Drop) or holds_all(other)]
    refused = [Not(inquiry.match(other)) for other in stopping]
    needed = [stopping[number] for number in inquiry.space.core(inquiry.reached[rule.index], refused)]
    words = {"drops" if isinstance(other.effect, Drop) else "holds" for other in needed}
    verb = " or ".join(sorted(words))
    if len(needed) > 1:
        verb = "together " + verb.replace("drops", "drop").replace("holds", "hold")
    text = f"this rule never decides: {listed(needed)} {verb} every message that reaches it"
    related = [inquiry.related(other, "stops messages of it") for other in needed[:5]]
    hint = f"remove the rule, or narrow the {'hold' if 'holds' in words else 'drop'}"
    inquiry.issues.warning("unreachable", inquiry.place(rule), text, hint, related=related)


def _never_reached(inquiry: Inquiry, rule: Rule, earlier: list[Rule]) -> None:
    if rule.when is None and rule is inquiry.routing[-1]:
        text = "the rules before this one take every message already; it stays as a net for what they may miss one day"
        inquiry.issues.note("unreachable", inquiry.place(rule), text, "nothing to do")
        return
    refused = [Not(inquiry.match(other)) for other in earlier]
    takers = [earlier[number] for number in inquiry.space.core(inquiry.match(rule), refused)]
    verb = "takes" if len(takers) == 1 else "together take"
    text = f"this rule is never reached: {listed(takers)} before it {verb} every message that it matches"
    hint = "the first rule that matches decides: put this one before them, or remove it"
    related = [inquiry.related(taker, "takes messages of it") for taker in takers]
    inquiry.issues.error("unreachable", inquiry.place(rule), text, hint, related=related)


def _check_redundant(inquiry: Inquiry, place: int, rule: Rule) -> None:
    """Tell a rule without which all its messages would go the same way, by later rules with the same effect."""
    later = inquiry.routing[place + 1 :]
    reached = inquiry.reached[rule.index]
    same = [o for o in later if o.effect == rule.effect and inquiry.space.is_possible(reached, inquiry.match(o))]
    if not same:
        return
    by_same = [_first_later(inquiry, other, later) for other in same]
    if inquiry.space.is_possible(reached, *map(Not, by_same)):
        return
    text = f"this rule changes nothing: without it {listed(same)} would send its messages the same way"
    hint = "remove it, or give it an effect of its own"
    related = [inquiry.related(taker, "would take its messages") for taker in same[:5]]
    # Only a note: such a rule goes on holding when the more general one is changed, and so may be meant.
    inquiry.issues.note("redundant", inquiry.place(rule), text, hint, related=related)


def _first_later(inquiry: Inquiry, other: Rule, later: list[Rule]) -> Formula:
    """The other matches, and no rule with another effect stands between that does."""
    between = [one for one in later if one.index < other.index and one.effect != other.effect]
    return all_of(inquiry.match(other), *[Not(inquiry.match(one)) for one in between])


def _check_rest(inquiry: Inquiry) -> None:
    """Tell messages that no rule takes, with one of them."""
    if not inquiry.routing:
        return
    last = inquiry.routing[-1]
    left = all_of(Not(inquiry.dropped), Not(inquiry.held), *[Not(inquiry.match(rule)) for rule in inquiry.routing])
    answer = inquiry.space.ask(left)
    inquiry.undecided(last, "every message is taken by a rule", answer)
    if isinstance(answer, Found):
        text = "some messages match no rule, and are dropped (NO_ROUTE)"
        hint = "add as the last one: {id: default, then: {distribute: {to: …}}}"
        inquiry.issues.warning("no-default-route", inquiry.place(last), text, hint, inquiry.witness(answer))
