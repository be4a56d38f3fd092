"""Mutants on trial: which of a version's cases notice which mistake.

A case notices a mutant when it passes on the rules as they are and fails on the mutant. Each case is run once on the
original, and the facts on which it asks each rule are kept; so most cases need not be run on most mutants: a changed
condition that answers the same on all these facts changes nothing, nor does an effect of a rule that did not match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from engine.analysis.mutation.mutant import CONDITION_KINDS, Mutant
from engine.analysis.mutation.mutated import Mutation
from engine.decision.case_observer import Asked
from engine.decision.case_reading import Case
from engine.decision.cases import CaseRunner, interpreted
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Route

_BY_CONDITION: Final = (*CONDITION_KINDS, "rule")


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A case that passes on the rules as they are, with every question that it asked of them."""

    case: Case
    questions: tuple[Asked, ...]


class _Notes:
    """An observer that keeps what one case asks."""

    def __init__(self) -> None:
        self.questions: list[Asked] = []

    def asked(self, question: Asked) -> None:
        """Keep a question."""
        self.questions.append(question)


class Trial:
    """Tries mutants of one version by its cases; those that fail on the version itself say nothing and are left out."""

    def __init__(self, ruleset: RuleSet, cases: Iterable[Case]) -> None:
        self.mutation = Mutation(ruleset)
        notes = _Notes()
        runner = CaseRunner(self.mutation.ruleset(), interpreted, notes)
        self.witnessed: list[Witnessed] = []
        for case in cases:
            notes.questions = []
            if runner.run(case).passed:
                self.witnessed.append(Witnessed(case, tuple(notes.questions)))

    def killer(self, mutant: Mutant) -> Case | None:
        """Return the first case that notices a mutant, or None: it survives."""
        touched = list(self.touched(mutant))
        if not touched:
            return None
        runner = CaseRunner(self.mutation.ruleset(mutant.changed), interpreted)
        return next((one.case for one in touched if not runner.run(one.case).passed), None)

    def touched(self, mutant: Mutant) -> Iterator[Witnessed]:
        """Give the cases in which a mutant may make a difference."""
        for one in self.witnessed:
            if self._may_differ(mutant, one.questions):
                yield one

    def _may_differ(self, mutant: Mutant, questions: Sequence[Asked]) -> bool:
        rule, changed = mutant.rule, mutant.changed[0]
        if mutant.kind == "order":
            both = {one.index for one in mutant.changed}
            return any(both <= set(asked.matched.rules) for asked in questions if asked.scope is rule.scope)
        if isinstance(rule.effect, Route) and mutant.kind not in _BY_CONDITION:
            routes = (asked.matched.route for asked in questions)
            return any(route is not None and route.index == rule.index for route in routes)
        if mutant.kind not in _BY_CONDITION:
            return any(rule.index in asked.matched.rules for asked in questions)
        if changed.scope is not rule.scope:
            return True
        now = self.mutation.conditions.of(changed)
        return any(
            (now(asked.f, asked.c) is True) is not (rule.index in asked.matched.rules)
            for asked in questions
            if asked.scope is rule.scope
        )
