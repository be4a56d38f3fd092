"""What the rule tests of a version do not reach, one by one, each with the place where it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from engine.analysis.coverage import OUTCOMES, Outcome, RuleCoverage
from engine.ruleset.rules import Placed, Rule
from engine.ruleset.source import Span


class Kind(Enum):
    """What is lacking."""

    CONDITION = "condition"
    """An outcome of an atomic condition."""
    RULE = "rule"
    """A case in which the rule matches; of a routing rule, one in which it decides."""
    ROW = "row"
    """The same of a rule that is a row of a decision table."""
    MCDC = "mcdc"
    """A case in which an atomic condition decides with this outcome."""


class Gap(NamedTuple):
    """A lacking thing without its words: of which rule, of which atomic condition, and what."""

    kind: Kind
    rule: int
    atom: int
    lacks: str


@dataclass(frozen=True, slots=True)
class Lacking:
    """One thing that no case shows. `text` is the atomic condition (for a rule its condition) as the author wrote it.

    `lacks` is the outcome, `true` or `false`; of a rule `match` or `decide`. `place` is where the text stands: for a
    named condition, where it is defined. `atom` numbers the rule's atomic conditions from left to right, -1 = none.
    """

    kind: Kind
    rule: Rule
    place: Span
    text: str
    lacks: str
    atom: int = -1

    @property
    def gap(self) -> Gap:
        """Which one it is, among all of a version."""
        return Gap(self.kind, self.rule.index, self.atom, self.lacks)

    @property
    def what(self) -> str:
        """The thing in words, without where it is."""
        match self.kind:
            case Kind.CONDITION:
                return f"{self.text} was never {self.lacks}"
            case Kind.MCDC:
                return f"{self.text} never decided by being {self.lacks}"
            case _:
                return "it never decided" if self.lacks == "decide" else "it never matched"

    @property
    def sentence(self) -> str:
        """The whole, with file, line and rule."""
        return f"{self.place.source.name}:{self.place.line} {self.rule.id}: {self.what}"


def lacking(
    rules: Iterable[RuleCoverage], places: Mapping[int, Placed], rows: Collection[int] = ()
) -> Iterator[Lacking]:
    """Return all that lacks, rule by rule: the rule itself, outcomes, then what never decided.

    `rows` are the indexes of the rules that are rows of decision tables.
    """
    for one in rules:
        placed = places[one.rule.index]
        yield from _of_rule(one, placed, Kind.ROW if one.rule.index in rows else Kind.RULE)
        missing = [outcome for outcome in one.possible() if outcome not in one.outcomes]
        yield from (_of_atom(Kind.CONDITION, one, placed, outcome) for outcome in missing)
        every = (Outcome(atom, value) for atom in one.weighed() for value in OUTCOMES)
        yield from (_of_atom(Kind.MCDC, one, placed, outcome) for outcome in every if outcome not in one.deciding)


def impossible(rules: Iterable[RuleCoverage], places: Mapping[int, Placed]) -> Iterator[Lacking]:
    """Return what is in no total: the outcomes that no facts can give, and those that no facts let decide."""
    for one in rules:
        for kind, outcomes in ((Kind.CONDITION, one.impossible), (Kind.MCDC, one.idle)):
            for outcome in sorted(outcomes, key=lambda outcome: (outcome.atom, not outcome.value)):
                yield _of_atom(kind, one, places[one.rule.index], outcome)


def atom_text(one: RuleCoverage, placed: Placed, atom: int) -> tuple[str, Span]:
    """Return an atomic condition as the author wrote it, on one line, and where it stands."""
    assert one.condition is not None  # it has an atom
    assert placed.when is not None  # and so it was written
    expr = one.condition.atoms[atom]
    return " ".join(placed.when.text[expr.start : expr.end].split()), placed.when.place(expr.start, expr.end)


def _of_rule(one: RuleCoverage, placed: Placed, kind: Kind) -> Iterator[Lacking]:
    if not one.cases:
        text = "" if placed.when is None else " ".join(placed.when.text.split())
        yield Lacking(kind, one.rule, placed.id, text, "decide" if one.is_route else "match")


def _of_atom(kind: Kind, one: RuleCoverage, placed: Placed, outcome: Outcome) -> Lacking:
    text, place = atom_text(one, placed, outcome.atom)
    return Lacking(kind, one.rule, place, text, "true" if outcome.value else "false", outcome.atom)
