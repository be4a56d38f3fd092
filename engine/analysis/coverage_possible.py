"""What no facts at all can give, proved, so that it is not asked of the tests.

An outcome is possible if some message makes the rule ask the atomic condition and gives it this value; the conditions
before it must let it through, and a channel that is asked about must stand in some route. Breaker rules are asked about
windows, which the class space does not hold: all of theirs stays possible, and so does whatever is not proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from engine.analysis.coverage import OUTCOMES, Coverage, Outcome, RuleCoverage
from engine.analysis.formulas import All, Condition, Fails, Formula, Holds, Not, Some, conditions_in
from engine.analysis.space import Space
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Route
from engine.ruleset.fact_types import Scope
from engine.ruleset.rules import Rule
from engine.ruleset.syntax import Call, Expr, Literal


@dataclass(frozen=True, slots=True)
class Question:
    """Which messages give an outcome (`comes`), and which may let it decide: all that do are among them."""

    comes: Formula
    may_decide: Formula


Questions = Mapping[Outcome, Mapping[str, Question]]
"""Of each outcome of a rule, the question about each channel that the rule may be asked of; "" = it is of none."""


class Possibilities:
    """The class space behind the gaps of a coverage: what can fill them, and what nothing can."""

    def __init__(self, coverage: Coverage) -> None:
        self.ruleset = coverage.ruleset
        self._gaps = [one for one in coverage.rules if _has_gaps(one)]
        self._questions = {one.rule.index: questions(one.rule, self.ruleset) for one in self._gaps}

    @cached_property
    def space(self) -> Space:
        """The space, with the conditions of all questions in it; made when it is first needed."""
        asked = (question for mine in self._questions.values() for each in mine.values() for question in each.values())
        formulas = (formula for question in asked for formula in (question.comes, question.may_decide))
        return Space(self.ruleset, dict.fromkeys(one for formula in formulas for one in conditions_in(formula)))

    def find_impossible(self) -> None:
        """Mark the outcomes that no facts can give, and those that no facts let decide."""
        for one in self._gaps:
            for outcome, each in self._questions[one.rule.index].items():
                if outcome not in one.outcomes and not self._may([question.comes for question in each.values()]):
                    one.impossible.add(outcome)
                elif outcome not in one.deciding and not self._may([q.may_decide for q in each.values()]):
                    one.idle.add(outcome)

    def _may(self, any_of: list[Formula]) -> bool:
        return any(self.space.is_possible(formula) for formula in any_of)

    def questions(self, rule: Rule) -> Questions:
        """Return the questions of a rule with gaps; nothing of others."""
        return self._questions.get(rule.index, {})


def _has_gaps(one: RuleCoverage) -> bool:
    every = (Outcome(atom, value) for atom in range(one.atoms) for value in OUTCOMES)
    return one.rule.family != "breaker" and (not one.cases or any(outcome not in one.deciding for outcome in every))


def questions(rule: Rule, ruleset: RuleSet) -> Questions:
    """Return the question behind each outcome of a rule's atomic conditions, of each channel that a route names."""
    found: dict[Outcome, dict[str, Question]] = {}
    for channel in _routed(ruleset) if rule.scope is Scope.CHANNEL else ("",):
        for outcome, question in _of_channel(rule, channel):
            found.setdefault(outcome, {})[channel] = question
    return found


def _routed(ruleset: RuleSet) -> Iterable[str]:
    routes = [rule.effect for rule in ruleset.rules if isinstance(rule.effect, Route)]
    return dict.fromkeys(choice.channel for route in routes for choice in route.choices)


def _of_channel(rule: Rule, channel: str) -> Iterator[tuple[Outcome, Question]]:
    if rule.when is None:
        return
    walk = _Walk(rule.scope, channel)
    for atom, (expr, asked, alone) in enumerate(walk.atoms(rule.when, (), ())):
        for value in OUTCOMES:
            here = walk.holds(expr) if value else walk.fails(expr)
            yield Outcome(atom, value), Question(All((*asked, here)), All((*asked, *alone, here)))


Way = tuple[Formula, ...]
"""What must hold, all of it."""


@dataclass(frozen=True, slots=True)
class _Walk:
    """Goes through a condition as it is asked in one scope, of one channel."""

    scope: Scope
    channel: str

    def holds(self, expr: Expr) -> Formula:
        return Holds(Condition(expr, self.scope, self.channel))

    def fails(self, expr: Expr) -> Formula:
        return Fails(Condition(expr, self.scope, self.channel))

    def atoms(self, expr: Expr, asked: Way, alone: Way) -> Iterator[tuple[Expr, Way, Way]]:
        """Return each atom with what must hold for it to be asked, and what else must hold for it to decide."""
        if not isinstance(expr, Call) or expr.op not in ("&&", "||", "!", "?:"):
            if not isinstance(expr, Literal):
                yield expr, asked, alone
        elif expr.op == "!":
            yield from self.atoms(expr.args[0], asked, alone)
        elif expr.op == "?:":
            yield from self._choice(expr.args, asked, alone)
        else:
            # A part is asked if none before it was clear, and decides only if none of the others is.
            clear = self.fails if expr.op == "&&" else self.holds
            open_ = [Not(clear(part)) for part in expr.args]
            for place, part in enumerate(expr.args):
                others = (*open_[:place], *open_[place + 1 :])
                yield from self.atoms(part, (*asked, *open_[:place]), (*alone, *others))

    def _choice(self, args: tuple[Expr, ...], asked: Way, alone: Way) -> Iterator[tuple[Expr, Way, Way]]:
        condition, then, otherwise = args
        alike = Some((All((self.holds(then), self.holds(otherwise))), All((self.fails(then), self.fails(otherwise)))))
        yield from self.atoms(condition, asked, (*alone, Not(alike)))
        yield from self.atoms(then, (*asked, self.holds(condition)), alone)
        yield from self.atoms(otherwise, (*asked, self.fails(condition)), alone)
