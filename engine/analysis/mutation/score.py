"""Mutation testing of one version from its rules and its cases to what became of each mutant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from engine.analysis.mutation.mutant import Mutant
from engine.analysis.mutation.mutants import mutants_of
from engine.analysis.mutation.survivors import Survivor, Survivors
from engine.analysis.mutation.trial import Trial
from engine.decision.case_reading import Case
from engine.ruleset.compile import RuleSet
from engine.ruleset.rules import Parsed, Rule

Step = Callable[[int, int], None]
"""Told how many of how many mutants are done."""


@dataclass(frozen=True, slots=True)
class Killed:
    """A mutant with the first case that notices it."""

    mutant: Mutant
    case: Case


@dataclass(frozen=True, slots=True)
class Score:
    """What became of the mutants of a version, each kind in the order of the rules.

    `equivalent` are those of which it is proved that they decide as the original does; they are in no number.
    """

    killed: tuple[Killed, ...]
    survivors: tuple[Survivor, ...]
    equivalent: tuple[Mutant, ...]

    @property
    def mutants(self) -> int:
        """How many mutants count."""
        return len(self.killed) + len(self.survivors)

    @property
    def share(self) -> Fraction:
        """The part of the mutants that was killed, exactly; all of none is 1."""
        return Fraction(len(self.killed), self.mutants) if self.mutants else Fraction(1)

    def of(self, rule: Rule) -> Score:
        """Return the score of one rule."""
        return Score(
            tuple(one for one in self.killed if one.mutant.rule.index == rule.index),
            tuple(one for one in self.survivors if one.mutant.rule.index == rule.index),
            tuple(one for one in self.equivalent if one.rule.index == rule.index),
        )


def _silent(done: int, total: int) -> None:
    """Tell nobody."""


def score(
    ruleset: RuleSet, parsed: Parsed, cases: Iterable[Case], only: str | None = None, step: Step = _silent
) -> Score:
    """Try every mutant of a version, or of the one rule `only`, by cases that can be run against it.

    `parsed` is what the rule set was compiled from. The same files give the same score, in the same order.
    """
    mutants = mutants_of(parsed, only)
    trial = Trial(ruleset, cases)
    killed: list[Killed] = []
    alive: list[Mutant] = []
    for mutant in mutants:
        case = trial.killer(mutant)
        if case is None:
            alive.append(mutant)
        else:
            killed.append(Killed(mutant, case))
            step(len(killed), len(mutants))
    survivors: list[Survivor] = []
    equivalent: list[Mutant] = []
    for mutant, survivor in Survivors(ruleset, trial).look_at(alive):
        if survivor is None:
            equivalent.append(mutant)
        else:
            survivors.append(survivor)
        step(len(killed) + len(survivors) + len(equivalent), len(mutants))
    return Score(tuple(killed), tuple(survivors), tuple(equivalent))
