"""What rule tests cover of a rule set: both outcomes of each atomic condition, each rule, and MC/DC.

observer of the cases -> for each rule what was asked, what came out, what decided -> shares, and what lacks
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

from engine.analysis.coverage_atoms import Dissected, Vector
from engine.decision.case_observer import Asked
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Route
from engine.ruleset.fact_types import Scope
from engine.ruleset.rules import Rule

OUTCOMES = (True, False)


class CaseName(NamedTuple):
    """A case, as people find it."""

    file: str
    line: int
    name: str


class Outcome(NamedTuple):
    """An atomic condition, by its place from left to right in its rule's condition, with one of its two values."""

    atom: int
    value: bool


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    covered: int
    total: int

    def __add__(self, other: Share) -> Share:
        return Share(self.covered + other.covered, self.total + other.total)

    @property
    def fraction(self) -> Fraction:
        """The share from 0 to 1, exactly; where there is nothing, all of it is covered."""
        return Fraction(self.covered, self.total) if self.total else Fraction(1)

    @property
    def percent(self) -> str:
        """The share in per cent with two digits, never rounded up: `99.99` is less than all."""
        hundredths = floor(self.fraction * 10_000)
        return f"{hundredths // 100}.{hundredths % 100:02d}"


@dataclass(slots=True)
class RuleCoverage:
    """What the cases made of one rule. `condition` None = it always matches.

    `cases` are those in which it took effect: a routing rule decided, any other matched. `outcomes` and `deciding` give
    for what was seen the first case that showed it. `impossible` are outcomes that no facts can give, `idle` those that
    come about and can never decide.
    """

    rule: Rule
    condition: Dissected | None
    cases: dict[CaseName, None] = field(default_factory=dict)
    outcomes: dict[Outcome, CaseName] = field(default_factory=dict)
    deciding: dict[Outcome, CaseName] = field(default_factory=dict)
    impossible: set[Outcome] = field(default_factory=set)
    idle: set[Outcome] = field(default_factory=set)

    @property
    def is_route(self) -> bool:
        """Must the rule have decided, and not only matched, to be covered?"""
        return isinstance(self.rule.effect, Route)

    @property
    def atoms(self) -> int:
        """How many atomic conditions it has."""
        return 0 if self.condition is None else len(self.condition.atoms)

    def possible(self) -> Iterator[Outcome]:
        """Return the outcomes that count, atom by atom."""
        every = (Outcome(atom, value) for atom in range(self.atoms) for value in OUTCOMES)
        return (outcome for outcome in every if outcome not in self.impossible)

    def weighed(self) -> Iterator[int]:
        """Return the atoms that count for MC/DC: those that may decide by being true, and by being false."""
        lost = {outcome.atom for outcome in self.impossible | self.idle}
        return (atom for atom in range(self.atoms) if atom not in lost)

    @property
    def conditions(self) -> Share:
        """Of the outcomes that can come about, how many did."""
        possible = list(self.possible())
        return Share(sum(outcome in self.outcomes for outcome in possible), len(possible))

    @property
    def rules(self) -> Share:
        """One if the rule took effect in a case, of one."""
        return Share(int(bool(self.cases)), 1)

    @property
    def mcdc(self) -> Share:
        """Of the atoms that count, how many decided by being true in a case, and by being false in one."""
        weighed = list(self.weighed())
        return Share(sum(all(Outcome(atom, v) in self.deciding for v in OUTCOMES) for atom in weighed), len(weighed))


class Coverage:
    """Watches the cases of one rule set, and says what they cover. An observer of the `CaseRunner`."""

    def __init__(self, ruleset: RuleSet) -> None:
        self.ruleset = ruleset
        self.rules = tuple(RuleCoverage(rule, _condition(rule, ruleset)) for rule in ruleset.rules)
        self._of_scope: dict[Scope, list[RuleCoverage]] = {scope: [] for scope in Scope}
        for one in self.rules:
            self._of_scope[one.rule.scope].append(one)
        self._seen: set[tuple[int, Vector]] = set()

    def asked(self, question: Asked) -> None:
        """Take note of what one question asks of the rules of its scope, and what they answer."""
        case = CaseName(question.case.file, question.case.line, question.case.name)
        matched, route = question.matched.rules, question.matched.route
        for index in matched:
            one = self.rules[index]
            if not one.is_route or one.rule is route:
                one.cases[case] = None
        for one in self._of_scope[question.scope]:
            self._note(one, question.f, question.c, case)

    def _note(self, one: RuleCoverage, f: Sequence[Any], c: Sequence[Any], case: CaseName) -> None:
        """Take note of the atoms of one rule. The first case with the same values has shown all that they show."""
        if one.condition is None:
            return
        values = one.condition.values(f, c)
        key = (one.rule.index, values)
        if key in self._seen:
            return
        self._seen.add(key)
        for atom in one.condition.asked(values):
            value = values[atom]
            if value is not None:
                one.outcomes.setdefault(Outcome(atom, value), case)
        for atom in one.condition.deciding(values):
            one.deciding.setdefault(Outcome(atom, bool(values[atom])), case)


@dataclass(frozen=True, slots=True)
class Shares:
    """The three shares of one rule, of some, or of all."""

    conditions: Share
    rules: Share
    mcdc: Share


def shares(rules: Iterable[RuleCoverage]) -> Shares:
    """Add up what is covered of some rules."""
    some = list(rules)
    nothing = Share(0, 0)
    return Shares(
        sum((one.conditions for one in some), nothing),
        sum((one.rules for one in some), nothing),
        sum((one.mcdc for one in some), nothing),
    )


def _condition(rule: Rule, ruleset: RuleSet) -> Dissected | None:
    return None if rule.when is None else Dissected(rule.when, ruleset.schema, rule.scope)
