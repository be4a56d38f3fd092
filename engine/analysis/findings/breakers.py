"""Breaker rules, asked about all windows of their subject: what never holds, what changes nothing, what only the order
of the file decides."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from typing import Final

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
from engine.analysis.findings.inquiry import Inquiry, listed
from engine.analysis.formulas import ALWAYS, Condition, Formula, Holds, Not, all_of
from engine.analysis.space import Never, Undecided
from engine.analysis.window_rules import decides, stricter
from engine.analysis.windows import Answer, Shown, WindowSpace
from engine.ruleset.check_conditions import OTHER_SIGN
from engine.ruleset.condition_text import ConditionText
from engine.ruleset.effects import SetState
from engine.ruleset.expressions import walk
from engine.ruleset.fact_types import BREAKER_SCOPES, Scope
from engine.ruleset.issues import Related
from engine.ruleset.rules import Rule
from engine.ruleset.source import Span
from engine.ruleset.syntax import Expr, Fact
from engine.ruleset.tables import Table

MOST_PAIRS: Final = 1_000
"""Pairs of rules that are compared."""

_EVER: Final = ", whatever is measured"


def check_breakers(inquiry: Inquiry, tables: Sequence[Table]) -> None:
    """Look at the breaker rules of every subject; `tables` are the decision tables of the version."""
    tables = [table for table in tables if table.family == "breaker"]
    for scope in BREAKER_SCOPES.values():
        rules = [rule for rule in inquiry.ruleset.rules if rule.scope is scope]
        if rules:
            _Subject(inquiry, scope, rules, tables).check()


class _Subject:
    """The breaker rules of one subject under examination."""

    def __init__(self, inquiry: Inquiry, scope: Scope, rules: list[Rule], tables: Sequence[Table]) -> None:
        self._inquiry, self._issues, self._scope = inquiry, inquiry.issues, scope
        self._rules = rules
        own = {rule.index: rule for rule in rules}
        self._tables = [(table, [own[row.rule] for row in table.rows if row.rule in own]) for table in tables]
        asked = [part for rule in rules if rule.when is not None for part in parts(rule.when)]
        asked += [table.guard for table, _ in self._tables if table.guard is not None]
        self._space = WindowSpace(inquiry.ruleset, scope, [Condition(part, scope) for part in asked])
        self._never: set[int] = set()
        self._open: set[int] = set()
        self._matches = {rule.index: self._space.matches(rule) for rule in rules}
        self._deciding: dict[int, Formula] = {}

    def check(self) -> None:
        """Look at conditions first: of what never holds nothing else is said."""
        for rule in self._rules:
            self._check_condition(rule)
        self._rules = [rule for rule in self._rules if rule.index not in self._never]
        for table, rows in self._tables:
            self._check_table(table, [row for row in rows if row.index not in self._never])
        self._check_redundant()
        self._check_overlaps()

    # ---- conditions ----

    def _check_condition(self, rule: Rule) -> None:
        when = self._inquiry.parsed.places[rule.index].when
        if rule.when is None or when is None:
            return
        if self._tell(rule, rule.when, when.whole, False):
            return
        told: list[Expr] = []
        ranges = list(bounds(rule.when))
        for part in parts(rule.when):
            is_bound = any(part is bound for bound in ranges) or is_made(part, when)
            if not is_in(part, told) and self._tell(rule, part, when.place(part.start, part.end), is_bound):
                told.append(part)
        for part, beside in alternatives(rule.when):
            beside = stand_together(part, beside, when)
            if beside and not is_in(part, told) and self._tell_beside(rule, part, beside, when):
                told.append(part)

    def _tell(self, rule: Rule, part: Expr, place: Span, is_bound: bool) -> bool:
        """Tell what never or always holds; that a bound of a range always does is as it may be."""
        is_whole = part is rule.when
        what, ever = ("this condition", _EVER) if is_whole else ("this part of the condition", "")
        report = self._issues.error if is_whole else self._issues.warning
        holding = self._space.ask(self._holds(part))
        self._note(place, f"{what} ever holds", holding)
        if is_whole and isinstance(holding, Undecided):
            self._open.add(rule.index)
        if isinstance(holding, Never):
            report("never-true", place, f"{what} never holds{ever}", never_hint(part))
            self._never.update({rule.index} if is_whole else ())
            return True
        failing = Undecided("") if is_bound else self._space.ask(Not(self._holds(part)))
        if not is_bound:
            self._note(place, f"{what} ever fails to hold", failing)
        if isinstance(failing, Never):
            report("always-true", place, f"{what} always holds{ever}", ALWAYS_HINT)
        return isinstance(failing, Never)

    def _tell_beside(self, rule: Rule, part: Expr, beside: Sequence[Expr], when: ConditionText) -> bool:
        """Tell an alternative that what stands beside it excludes."""
        answer = self._space.ask(all_of(*map(self._holds, (part, *beside))))
        self._note_of(rule, "an alternative of it ever holds together with what stands beside it", answer)
        if isinstance(answer, Never):
            text = "this alternative never holds together with what stands beside it"
            self._issues.warning("never-true", when.place(part.start, part.end), text, OTHER_SIGN)
        return isinstance(answer, Never)

    # ---- rules beside each other ----

    def _check_redundant(self) -> None:
        """Tell rules without which every window is judged the same; what is told no longer counts for the others."""
        for rule in list(self._rules):
            self._check_decides(rule)
        for rule in sorted(self._rules, key=lambda one: len(stricter(one, self._rules))):
            self._check_same(rule)

    def _check_decides(self, rule: Rule) -> None:
        answer = self._space.ask(decides(rule, self._rules, self._match))
        self._note_of(rule, "this rule ever decides", answer)
        if isinstance(answer, Never):
            others = stricter(rule, self._rules)
            core = self._space.core(self._match(rule), [Not(self._match(one)) for one in others])
            takers = [others[place] for place in core]
            alike = all(taker.effect == rule.effect for taker in takers)
            verb = ("ask{} the same" if alike else "overrule{} it").format("s" if len(takers) == 1 else "")
            self._redundant(rule, takers, f"{listed(takers)} {verb} in every window that it matches")

    def _check_same(self, rule: Rule) -> None:
        """Tell a rule whose windows others would judge the same."""
        milder = [one for one in self._rules if rule in stricter(one, [rule])]
        same = [one for one in milder if one.effect == rule.effect]
        if not same:
            return
        deciding = decides(rule, self._rules, self._match)
        next_ones = [decides(one, milder, self._match) for one in same]
        answer = self._space.ask(all_of(deciding, *map(Not, next_ones)))
        self._note_of(rule, f"{listed(same)} would ask the same for all of its windows", answer)
        if isinstance(answer, Never):
            core = self._space.core(deciding, [Not(one) for one in next_ones])
            takers = [same[place] for place in core]
            self._redundant(rule, takers, f"without it {listed(takers)} would ask the same for its windows")

    def _redundant(self, rule: Rule, takers: Sequence[Rule], why: str) -> None:
        self._rules.remove(rule)
        related = [self._inquiry.related(taker, "covers it") for taker in takers[:5]]
        witness = self._witness(self._space.ask(self._match(rule)))
        text, hint = f"this rule changes nothing: {why}", "remove it, or mend the condition"
        self._issues.warning("redundant", self._inquiry.place(rule), text, hint, witness, related)

    def _check_overlaps(self) -> None:
        """Tell rules for one window that set the same state and differ only in the way back from it."""
        left = MOST_PAIRS
        for place, rule in enumerate(self._rules):
            others = [other for other in self._rules[place + 1 :] if _differ_in_the_way_back(rule, other)]
            left -= len(others)
            if left < 0:
                text = "not all breaker rules of one state were compared, since there are so many"
                self._issues.note("undecided", self._inquiry.place(rule), text, "write fewer rules of one state")
                return
            self._check_ways_back(rule, [other for other in others if self._in_part(rule, other)])

    def _in_part(self, rule: Rule, other: Rule) -> bool:
        """Whether the first decides windows of the other, and neither is inside the other."""
        first, second = self._match(rule), self._match(other)
        answer = self._both(rule, other)
        self._note(self._inquiry.place(other), f'it matches windows of "{rule.id}"', answer)
        ways = ((first, Not(second)), (second, Not(first)))
        return isinstance(answer, Shown) and all(self._space.is_possible(*way) for way in ways)

    def _check_ways_back(self, rule: Rule, others: Sequence[Rule]) -> None:
        """Tell each where both ask about the same facts; the others were given another precedence: one note for all."""
        rest = [other for other in others if _facts(other) != _facts(rule)]
        hint = "make the conditions exclude each other, or one a part of the other"
        for other in others:
            if other not in rest:
                text = f'this rule and "{rule.id}" on line {rule.line} match the same window and differ in the way back'
                text += f'; "{rule.id}" stands first and decides'
                related = [self._inquiry.related(rule, "matches the window too")]
                witness = self._witness(self._both(rule, other))
                self._issues.warning("overlap", self._inquiry.place(other), text, hint, witness, related)
        if rest:
            text = f"some windows match this rule and {listed(rest)} too, with another way back; this one stands first"
            related = [self._inquiry.related(other, "matches some of its windows") for other in rest[:5]]
            witness = self._witness(self._both(rule, rest[0]))
            self._issues.note("overlap", self._inquiry.place(rule), f"{text} and decides", hint, witness, related)

    def _both(self, rule: Rule, other: Rule) -> Answer:
        return self._space.ask(all_of(self._match(other), self._decides(rule)))

    # ---- tables ----

    def _check_table(self, table: Table, rows: Sequence[Rule]) -> None:
        if table.hit == "unique":
            for row, other in islice(combinations(rows, 2), MOST_PAIRS):
                self._check_unique(row, other)
            if len(rows) * (len(rows) - 1) // 2 > MOST_PAIRS:
                text = "not all pairs of rows of this table were compared"
                self._issues.note("undecided", table.place, text, "split the table")
        if table.complete and rows:
            guard: Formula = ALWAYS if table.guard is None else self._holds(table.guard)
            answer = self._space.ask(all_of(guard, *[Not(self._match(row)) for row in rows]))
            self._note(table.place, f'the table "{table.id}" has a row for every window', answer)
            if isinstance(answer, Shown):
                text = "no row is for some windows that this table should decide"
                hint = "add a row for it, or complete: false if such a window is to change nothing"
                self._issues.warning("table-gap", table.place, text, hint, self._witness(answer))

    def _check_unique(self, row: Rule, other: Rule) -> None:
        answer = self._space.ask(all_of(self._match(row), self._match(other)))
        self._note(self._inquiry.place(other), f'it matches windows of "{row.id}"', answer)
        if isinstance(answer, Shown):
            text = f'this rule and "{row.id}" on line {row.line} match the same window, and the table says hit: unique'
            related = [Related.at(self._inquiry.place(row), "matches the window too")]
            hint = "is a bound meant to be exclusive? Make the rows exclude each other"
            self._issues.error("table-overlap", self._inquiry.place(other), text, hint, self._witness(answer), related)

    # ---- what all have in common ----

    def _match(self, rule: Rule) -> Formula:
        return self._matches[rule.index]

    def _decides(self, rule: Rule) -> Formula:
        """The rule decides, of those that are left when the needless ones are gone."""
        if rule.index not in self._deciding:
            self._deciding[rule.index] = decides(rule, self._rules, self._match)
        return self._deciding[rule.index]

    def _holds(self, expr: Expr) -> Formula:
        return Holds(Condition(expr, self._scope))

    def _note(self, place: Span, question: str, answer: Answer) -> None:
        if isinstance(answer, Undecided):
            self._inquiry.open_question(place, question, answer)

    def _note_of(self, rule: Rule, question: str, answer: Answer) -> None:
        """Say that a question stays open, if it was not said already of the whole rule."""
        if rule.index not in self._open:
            self._note(self._inquiry.place(rule), question, answer)

    def _witness(self, answer: Answer) -> str:
        return json.dumps(answer.given, ensure_ascii=False) if isinstance(answer, Shown) else ""


def _differ_in_the_way_back(one: Rule, other: Rule) -> bool:
    a, b = one.effect, other.effect
    assert isinstance(a, SetState)
    assert isinstance(b, SetState)
    return a != b and (a.state, a.speed) == (b.state, b.speed)


def _facts(rule: Rule) -> frozenset[str]:
    return frozenset(_paths(rule))


def _paths(rule: Rule) -> Iterator[str]:
    if rule.when is not None:
        yield from (node.path for node in walk(rule.when) if isinstance(node, Fact))
