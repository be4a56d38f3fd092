"""Decision tables: messages that no row is for.

A routing table is expected to have a row for every message that reaches it, unless it says `complete: false`; a table
of another family only if it says `complete: true`, since not every message has a limit or a price. But a hole between
the values of neighbouring rows is told of everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from engine.analysis.findings.inquiry import Inquiry
from engine.analysis.formulas import ALWAYS, Condition, Formula, Holds, Not, all_of
from engine.analysis.space import Found
from engine.ruleset.fact_types import Scope
from engine.ruleset.normal import TooComplex, normalise
from engine.ruleset.rules import Rule
from engine.ruleset.syntax import Expr
from engine.ruleset.tables import ColumnKind, Table


def guards_of(tables: tuple[Table, ...], rules: Sequence[Rule], channels: Iterable[str]) -> Iterator[Condition]:
    """Give the conditions that the checks here ask besides those of rules."""
    for table in tables:
        if table.guard is not None and table.family != "breaker":
            if _asked_of_channels(_rules(table, rules)):
                yield from (Condition(table.guard, Scope.CHANNEL, channel) for channel in channels)
            else:
                yield Condition(table.guard)


def _rules(table: Table, rules: Sequence[Rule]) -> list[Rule]:
    return [rules[row.rule] for row in table.rows if row.rule is not None]


def _asked_of_channels(rules: Sequence[Rule]) -> bool:
    return any(rule.scope is Scope.CHANNEL for rule in rules)


def check_gaps(inquiry: Inquiry) -> None:
    """Look at every table. Of one that is asked of channels only what it promises is looked at."""
    for table in inquiry.parsed.tables:
        rules = _rules(table, inquiry.ruleset.rules)
        if not rules or table.family == "breaker":
            continue
        if _asked_of_channels(rules):
            _check_channels(inquiry, table, rules)
            continue
        left = _left(inquiry, table, rules)
        if table.complete or (table.complete is None and table.family == "routing"):
            _tell(inquiry, table, rules, left, (), "no row is for some messages that this table should decide")
        elif table.complete is None:
            _check_holes(inquiry, table, rules, left)


def _check_channels(inquiry: Inquiry, table: Table, rules: list[Rule]) -> None:
    for channel in inquiry.ruleset.channels if table.complete else ():
        left = all_of(_left(inquiry, table, rules, channel), inquiry.routed[channel])
        text = f"no row is for some messages by {channel} that this table should decide"
        if _tell(inquiry, table, rules, left, (), text):
            return


def _left(inquiry: Inquiry, table: Table, rules: list[Rule], channel: str = "") -> Formula:
    """The message is this table's, and no row matches."""
    scope = Scope.CHANNEL if channel else Scope.MESSAGE
    guard: Formula = ALWAYS if table.guard is None else Holds(Condition(table.guard, scope, channel))
    parts = [guard, *[Not(inquiry.match(rule, channel)) for rule in rules]]
    if table.family == "routing":
        parts += [Not(inquiry.match(other)) for other in inquiry.routing if other.index < rules[0].index]
    if table.family != "interception":
        parts += [Not(inquiry.dropped), Not(inquiry.held)]
    return all_of(*parts)


def _tell(inquiry: Inquiry, table: Table, rules: list[Rule], left: Formula, among: tuple[int, ...], text: str) -> bool:
    answer = inquiry.space.ask(left, among)
    inquiry.undecided(rules[0], f'the table "{table.id}" has a row for every message', answer)
    if isinstance(answer, Found):
        hint = "add a row for it, a last row of dashes, or complete: false if it is meant to fall through"
        inquiry.issues.warning("table-gap", table.place, text, hint, inquiry.witness(answer))
    return isinstance(answer, Found)


def _check_holes(inquiry: Inquiry, table: Table, rules: list[Rule], left: Formula) -> None:
    """Among rows that differ in one ordered column only, look for values between theirs that none has."""
    for place, column in enumerate(table.columns):
        number = None if column.value is None else _term(inquiry, column.value)
        if column.kind is not ColumnKind.VALUE or number is None:
            continue
        term = inquiry.space.encoding.terms[number]
        if term.partition.cuts is None:
            continue
        for group in _alike(table, place):
            rows = [inquiry.ruleset.rules[index] for index in group]
            hole = _hole([_classes(inquiry, rule, number) for rule in rows], term.possible)
            if hole:
                text = f'no row has the values between those of the column "{column.text}"'
                _tell(inquiry, table, rows, left, (inquiry.space.encoding.among(number, hole),), text)


def _term(inquiry: Inquiry, value: Expr) -> int | None:
    try:
        return inquiry.space.encoding.table.number(normalise(value))
    except (KeyError, TooComplex):
        return None


def _alike(table: Table, place: int) -> Iterator[list[int]]:
    """The rules of rows that say the same in all condition columns but one, at least two of them."""
    asking = [
        number
        for number, column in enumerate(table.columns)
        if number != place and column.kind in (ColumnKind.VALUE, ColumnKind.WHEN)
    ]

    def others(row: tuple[tuple[str, ...], int]) -> tuple[str, ...]:
        return row[0]

    rows = [
        (tuple(row.cells[number].text for number in asking), row.rule) for row in table.rows if row.rule is not None
    ]
    for _, group in groupby(sorted(rows, key=others), key=others):
        indexes = [index for _, index in group]
        if len(indexes) > 1:
            yield indexes


def _classes(inquiry: Inquiry, rule: Rule, number: int) -> int:
    """The classes of a term in which a rule can match."""
    variables = inquiry.space.encoding.variables[number]
    possible = inquiry.space.is_possible
    return sum(1 << found for found, one in variables.items() if possible(inquiry.match(rule), among=[one]))


def _hole(rows: list[int], possible: int) -> int:
    """The classes that no row has, between some that rows have."""
    covered = 0
    for classes in rows:
        covered |= classes
    numbers = [number for number in range(2, possible.bit_length()) if possible >> number & 1]
    inside = [number for number in numbers if covered >> number & 1]
    if not inside or len(inside) == len(numbers):
        return 0
    return sum(1 << number for number in numbers if inside[0] < number < inside[-1] and not covered >> number & 1)
