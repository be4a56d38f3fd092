"""Two rules for one message: where that is a mistake, or where only the order of the file says which decides.

In routing an exception stands before the rule it is an exception of, so a rule inside another is as it should be. When
two cover each other only in part and look at the same facts, a bound is probably wrong: a warning. When they look at
different facts, one of them was given precedence: a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from engine.analysis.findings.inquiry import Inquiry, listed
from engine.analysis.formulas import Formula, Not, all_of
from engine.analysis.space import Answer, Found, Never
from engine.ruleset.expressions import walk
from engine.ruleset.issues import MAX_ISSUES
from engine.ruleset.rules import Rule
from engine.ruleset.syntax import Fact
from engine.ruleset.tables import Table

MOST_OPEN: Final = 20
"""Questions about overlaps that may stay open before no more are asked; each may take a tenth of a second."""


def check_overlaps(inquiry: Inquiry) -> None:
    """Look at the rows of every table, and at the routing rules beside each other."""
    tables = {row.rule: table for table in inquiry.parsed.tables for row in table.rows if row.rule is not None}
    for table in inquiry.parsed.tables:
        _check_table(inquiry, table)
    most_open = inquiry.open_questions + MOST_OPEN
    for place, rule in enumerate(inquiry.routing):
        others = [
            other
            for other in inquiry.routing[place + 1 :]
            if tables.get(other.index) is None or tables.get(other.index) is not tables.get(rule.index)
        ]
        if _is_enough(inquiry, most_open):
            text = "not all pairs of routing rules were compared, since what was found before is more than enough"
            inquiry.issues.note("undecided", inquiry.place(rule), text, "mend what is told, and check again")
            return
        _check_rule(inquiry, rule, _in_part(inquiry, rule, others), most_open)


def _is_enough(inquiry: Inquiry, most_open: int) -> bool:
    """Whether more is told than is listed, or so much stayed open that going on would only take time."""
    return len(inquiry.issues) > MAX_ISSUES or inquiry.open_questions > most_open


def _check_rule(inquiry: Inquiry, rule: Rule, others: Iterator[Rule], most_open: int) -> None:
    # A rule of an override stands before the common ones by what overrides mean.
    is_special = inquiry.parsed.places[rule.index].is_special
    rest: list[Rule] = []
    for other in others:
        if _is_enough(inquiry, most_open):
            break
        if is_special or _facts(other) != _facts(rule):
            rest.append(other)
        else:
            _report(inquiry, "overlap", rule, other, severe=False)
    answer: Answer = Never()
    while rest and not isinstance(answer, Found) and inquiry.open_questions <= most_open:
        answer = inquiry.space.ask(all_of(inquiry.reached[rule.index], inquiry.match(rest[0])))
        if not isinstance(answer, Found):
            inquiry.undecided(rest.pop(0), f'it matches messages of "{rule.id}"', answer)
    if rest and isinstance(answer, Found):
        text = f"some messages match this rule and {listed(rest)} too; this one stands first and decides"
        hint = "nothing to do if it is meant to have precedence; else put it behind"
        related = [inquiry.related(other, "matches some of its messages") for other in rest[:5]]
        inquiry.issues.note("overlap", inquiry.place(rule), text, hint, inquiry.witness(answer), related)


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
    return any(
        inquiry.space.is_possible(inquiry.match(rule, channel), inquiry.match(other, channel))
        for channel in dict.fromkeys((*inquiry.channels(rule), *inquiry.channels(other)))
    )


def _in_part(inquiry: Inquiry, rule: Rule, others: Sequence[Rule]) -> Iterator[Rule]:
    """Give the later rules with another effect that share messages with this one, neither being inside the other."""
    possible, mine = inquiry.space.is_possible, inquiry.match(rule)
    reached = inquiry.reached[rule.index]
    for other in others:
        theirs = inquiry.match(other)
        if other.effect == rule.effect or not possible(reached, theirs):
            continue
        if possible(mine, Not(theirs)) and possible(theirs, Not(mine)):
            yield other


def _report(inquiry: Inquiry, code: str, rule: Rule, other: Rule, severe: bool) -> None:
    """Tell two rules that match one message, with the message; without one it is not known to be so."""
    both = _both(inquiry, rule, other)
    answer = inquiry.space.ask(both)
    inquiry.undecided(other, f'it matches messages of "{rule.id}"', answer)
    if not isinstance(answer, Found):
        return
    text = f'this rule and "{rule.id}" on line {rule.line} match the same message and ask for different things'
    if not severe:
        text += f'; "{rule.id}" stands first and decides'
    hint = "is a bound meant to be exclusive? Make the conditions exclude each other, or say hit: first in a table"
    if code == "overlap":
        hint = "is a bound meant to be exclusive? Make the conditions exclude each other, or one a part of the other"
    report = inquiry.issues.error if severe else inquiry.issues.warning
    related = [inquiry.related(rule, "matches the message too")]
    report(code, inquiry.place(other), text, hint, inquiry.witness(answer), related)


def _both(inquiry: Inquiry, rule: Rule, other: Rule) -> Formula:
    first = inquiry.reached.get(rule.index)
    if first is not None:
        return all_of(first, inquiry.match(other))
    channels = dict.fromkeys((*inquiry.channels(rule), *inquiry.channels(other)))
    channel = next(
        (c for c in channels if inquiry.space.is_possible(inquiry.match(rule, c), inquiry.match(other, c))), ""
    )
    return all_of(inquiry.match(rule, channel), inquiry.match(other, channel))


def _facts(rule: Rule) -> frozenset[str]:
    return frozenset(node.path for node in walk(rule.when) if isinstance(node, Fact)) if rule.when else frozenset()
