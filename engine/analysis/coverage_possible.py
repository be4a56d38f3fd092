"""What no facts at all can give, proved, so that it is not asked of the tests.

An outcome is possible if some message, or for a breaker rule some window, makes the rule ask the atomic condition and
gives it this value; the conditions before it must let it through, and a channel that is asked about must stand in some
route. Whatever is not proved stays possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from engine.analysis.coverage import OUTCOMES, Coverage, Outcome, RuleCoverage
from engine.analysis.formulas import All, Condition, Fails, Formula, Holds, Not, Some, conditions_in
from engine.analysis.situation import given_of
from engine.analysis.space import Found, Space
from engine.analysis.windows import Given, Shown, WindowSpace
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
        self._spaces: dict[Scope, WindowSpace] = {}
        self._questions = {one.rule.index: questions(one.rule, self.ruleset) for one in self._gaps}

    @cached_property
    def space(self) -> Space:
        """The space of messages, with the conditions of all questions in it; made when it is first needed."""
        asked = (rule for rule in self.ruleset.rules if rule.family != "breaker")
        return Space(self.ruleset, self._conditions(asked))

    def _windows(self, scope: Scope) -> WindowSpace:
        """The space of the windows of one subject, likewise."""
        if scope not in self._spaces:
            asked = (rule for rule in self.ruleset.rules if rule.scope is scope)
            self._spaces[scope] = WindowSpace(self.ruleset, scope, self._conditions(asked))
        return self._spaces[scope]

    def _conditions(self, rules: Iterable[Rule]) -> Iterable[Condition]:
        asked = (question for rule in rules for each in self.questions(rule).values() for question in each.values())
        formulas = (formula for question in asked for formula in (question.comes, question.may_decide))
        return dict.fromkeys(one for formula in formulas for one in conditions_in(formula))

    def find_impossible(self) -> None:
        """Mark the outcomes that no facts can give, and those that no facts let decide."""
        for one in self._gaps:
            for outcome, each in self._questions[one.rule.index].items():
                if outcome not in one.outcomes and not self._may(one.rule, [q.comes for q in each.values()]):
                    one.impossible.add(outcome)
                elif outcome not in one.deciding and not self._may(one.rule, [q.may_decide for q in each.values()]):
                    one.idle.add(outcome)

    def _may(self, rule: Rule, any_of: list[Formula]) -> bool:
        space = self._windows(rule.scope) if rule.family == "breaker" else self.space
        return any(space.is_possible(formula) for formula in any_of)

    def example(self, rule: Rule, formula: Formula) -> Given | None:
        """Return what a case about this rule is to be given for a formula to hold, if something was found."""
        if rule.family == "breaker":
            window = self._windows(rule.scope).ask(formula)
            return window.given if isinstance(window, Shown) else None
        answer = self.space.ask(formula)
        return given_of(answer.situation, self.ruleset) if isinstance(answer, Found) else None

    def questions(self, rule: Rule) -> Questions:
        """Return the questions of a rule with gaps; nothing of others."""
        return self._questions.get(rule.index, {})


def _has_gaps(one: RuleCoverage) -> bool:
    every = (Outcome(atom, value) for atom in range(one.atoms) for value in OUTCOMES)
    return not one.cases or any(outcome not in one.deciding for outcome in every)


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
