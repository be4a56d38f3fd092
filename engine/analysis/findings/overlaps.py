"""Two rules for one message: where that is a mistake, or where only the order of the file says which decides.

In routing an exception stands before the rule it is an exception of, so a rule inside another is as it should be. When
two cover each other only in part and look at the same facts, a bound is probably wrong: a warning. When they look at
different facts, one of them was given precedence: a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

from engine.analysis.findings.inquiry import Inquiry
from engine.analysis.findings.precedence import tell_precedence
from engine.analysis.formulas import NEVER, Formula, Not, all_of
from engine.analysis.space import Found
from engine.ruleset.expressions import walk
from engine.ruleset.issues import MAX_ISSUES
from engine.ruleset.rules import Rule
from engine.ruleset.syntax import Fact
from engine.ruleset.tables import Table

MOST_OPEN: Final = 20
"""Questions about overlaps that may stay open before no more are asked; each may take a tenth of a second."""


def check_overlaps(inquiry: Inquiry) -> None:
    """Look at the rows of every table, and at the routing rules beside each other."""
    for table in inquiry.parsed.tables:
        _check_table(inquiry, table)
    given: list[tuple[Rule, list[Rule]]] = []
    most_open, told = inquiry.open_questions + MOST_OPEN, 0
    for rule, others in _pairs(inquiry):
        mistaken = [other for other in others if not _is_precedence(inquiry, rule, other)]
        given.append((rule, [other for other in others if other not in mistaken]))
        for other in mistaken:
            told += _report(inquiry, "overlap", rule, other, severe=False)
            if told > MAX_ISSUES or inquiry.open_questions > most_open:
                text = "not all pairs of routing rules were compared, since what was found before is more than enough"
                inquiry.issues.note("undecided", inquiry.place(rule), text, "mend what is told, and check again")
                return
    tell_precedence(inquiry, given)


def _pairs(inquiry: Inquiry) -> Iterator[tuple[Rule, list[Rule]]]:
    """Give each routing rule with the later ones that it shares messages with, but for rows of one table."""
    tables = {row.rule: table for table in inquiry.parsed.tables for row in table.rows if row.rule is not None}
    for place, rule in enumerate(inquiry.routing):
        table = tables.get(rule.index)
        others = [o for o in inquiry.routing[place + 1 :] if table is None or tables.get(o.index) is not table]
        yield rule, list(_in_part(inquiry, rule, others))


def _is_precedence(inquiry: Inquiry, rule: Rule, other: Rule) -> bool:
    """Whether one rule was given precedence: a rule of an override stands before the common ones by what overrides
    mean, and rules about different facts are not two ranges of one."""
    return inquiry.parsed.places[rule.index].is_special or _facts(other) != _facts(rule)


def _check_table(inquiry: Inquiry, table: Table) -> None:
    rules = [inquiry.ruleset.rules[row.rule] for row in table.rows if row.rule is not None]
    if table.hit == "first":
        return
    for rule, other in combinations(rules, 2):
        if rule.effect == other.effect and table.hit != "unique":
            continue
        if table.hit == "unique":
            if _together(inquiry, rule, other):
                _report(inquiry, "table-overlap", rule, other, severe=True)
        elif table.family == "routing" and any(_in_part(inquiry, rule, [other])):
            _report(inquiry, "table-overlap", rule, other, severe=False)


def _together(inquiry: Inquiry, rule: Rule, other: Rule) -> bool:
    return any(inquiry.space.is_possible(way) for way in _meetings(inquiry, rule, other))


def _in_part(inquiry: Inquiry, rule: Rule, others: Sequence[Rule]) -> Iterator[Rule]:
    """Give the later rules with another effect that share messages with this one, neither being inside the other."""
    possible, mine = inquiry.space.is_possible, inquiry.match(rule)
    reached = inquiry.reached[rule.index]
    for other in others:
        theirs = inquiry.match(other)
        if other.effect == rule.effect or other.index in inquiry.unreached or not possible(reached, theirs):
            continue
        if possible(mine, Not(theirs)) and possible(theirs, Not(mine)):
            yield other


def _report(inquiry: Inquiry, code: str, rule: Rule, other: Rule, severe: bool) -> bool:
    """Tell two rules that match one message, with the message; without one it is not known to be so."""
    answer = inquiry.space.ask(_both(inquiry, rule, other))
    inquiry.undecided(other, f'it matches messages of "{rule.id}"', answer)
    if not isinstance(answer, Found):
        return False
    text = f'this rule and "{rule.id}" on line {rule.line} match the same message and ask for different things'
    if not severe:
        text += f'; "{rule.id}" stands first and decides'
    hint = "is a bound meant to be exclusive? Make the conditions exclude each other, or say hit: first in a table"
    if code == "overlap":
        hint = "is a bound meant to be exclusive? Make the conditions exclude each other, or one a part of the other"
    report = inquiry.issues.error if severe else inquiry.issues.warning
    related = [inquiry.related(rule, "matches the message too")]
    report(code, inquiry.place(other), text, hint, inquiry.witness(answer), related)
    return True


def _both(inquiry: Inquiry, rule: Rule, other: Rule) -> Formula:
    """Both match; the first of the ways that may be, and of these one that is seen when the message is handed in."""
    first = inquiry.reached.get(rule.index)
    if first is not None:
        return all_of(first, inquiry.match(other))
    ways = [*_meetings(inquiry, rule, other, inquiry.routed), *_meetings(inquiry, rule, other)]
    return next((way for way in ways if inquiry.space.is_possible(way)), NEVER)


def _meetings(
    inquiry: Inquiry, rule: Rule, other: Rule, used: Mapping[str, Formula] | None = None
) -> Iterator[Formula]:
    """Both match, asked of each channel that may be a candidate if one of them is asked of channels."""
    for channel in dict.fromkeys((*inquiry.channels(rule), *inquiry.channels(other))):
        both = [inquiry.match(rule, channel), inquiry.match(other, channel)]
        yield all_of(*both, (used or inquiry.candidates)[channel]) if channel else all_of(*both)


def _facts(rule: Rule) -> frozenset[str]:
    return frozenset(node.path for node in walk(rule.when) if isinstance(node, Fact)) if rule.when else frozenset()
