"""All windows of one breaker subject at once: is there one for which this holds?

    ask(formula) -> NEVER, with no window to show; Shown, with one that was really judged; Undecided, with the reason

The facts of a window are put into classes as those of a message are (`space`): a window is a message of another kind,
and a SAT solver proposes a class for each of its terms. Counts and rates hang together by arithmetic: `window_terms`
finds counts for their classes or proves that no window has them, and such a proof is one more clause. Names, states and
the clock are realised as those of messages are, with the same proofs. A combination for which there are neither values
nor a proof is only set aside, so that what is impossible because of such is undecided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pysat.solvers import Solver

from engine.analysis.encoding import Encoding
from engine.analysis.formulas import Condition, Formula, Holds, all_of, conditions_in, is_true
from engine.analysis.inputs import Wanted, with_facts
from engine.analysis.realise import Group, Realiser
from engine.analysis.situation import given_of, usual
from engine.analysis.space import Never, Undecided
from engine.analysis.window_counts import Counts
from engine.analysis.window_terms import Classes, Conflict, CountTerms, reads_window
from engine.decision.case_given import read_now
from engine.decision.case_window import time_facts, window_facts
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import BREAKER_SCOPES, Scope
from engine.ruleset.facts_schema import FactsSchema
from engine.ruleset.interpreter import holds
from engine.ruleset.rules import Rule
from engine.ruleset.syntax import Expr
from engine.ruleset.terms import Term, facts_in

MOST_ROUNDS: Final = 400
"""Combinations of classes that are looked at for one question."""

MOST_IN_VAIN: Final = 8
"""Combinations that were made into windows for nothing, before one question is given up."""

MOST_KEPT: Final = 50
"""Windows found that are kept, to answer later questions."""

Given = Mapping[str, Any]
"""A window, as the `given:` of a breaker rule test."""

Judged = tuple[list[Any], list[Any]]
"""The message list and the subject list of a window, as the rules see them."""

_SUBJECTS: Final = {scope: subject for subject, scope in BREAKER_SCOPES.items()}
_USUAL: Final = Counts(1, 0, 0, 0)
_NAMES: Final = ("count", "errors", "timeouts", "consecutive_timeouts")
_NEEDLESS: Final = (_NAMES[1:], _NAMES[2:], ("now",), ("state",), ("name",), ("channel",))
"""What is left out of a window that is shown if it can be: without its time-outs, say, a window is still one."""


@dataclass(frozen=True, slots=True)
class Shown:
    """This window does."""

    given: Given


@dataclass(frozen=True, slots=True)
class _Facts:
    """Facts of one window: what it counted, the names and states by path, and when it is judged."""

    counts: Counts
    values: Mapping[str, Any]
    now_ms: int


Answer = Never | Shown | Undecided


class WindowSpace:
    """The classes of the breaker rules of one scope, and of `extra` conditions, with a solver over them."""

    def __init__(self, ruleset: RuleSet, scope: Scope, extra: Iterable[Condition] = ()) -> None:
        self.ruleset, self.scope, self.subject = ruleset, scope, _SUBJECTS[scope]
        self.rules = [rule for rule in ruleset.rules if rule.scope is scope]
        self._schema = _of_windows(ruleset.schema, scope)
        self._solver = Solver(name="glucose4")
        conditions = [Condition(rule.when, scope) for rule in self.rules]
        self._encoding = Encoding(self._schema, dict.fromkeys([*conditions, *extra]), self._solver.add_clause)
        self._terms = self._encoding.terms
        self._guard = self._encoding.variable()
        self._realiser = Realiser(self._encoding.table, self._terms, self._schema)
        self._counts, others = CountTerms(dict(self._reading("window"))), dict(self._reading(""))
        self._exact = {*self._counts.exact, *others}
        self._groups = list(_groups(others, self._schema))
        self._judges: dict[int, tuple[Expr, Any]] = {}
        self._kept: list[tuple[Given, Judged]] = []
        self._default = usual(ruleset)
        self._prefer()

    def matches(self, rule: Rule) -> Formula:
        """Return "the rule matches"."""
        return Holds(Condition(rule.when, self.scope))

    def ask(self, formula: Formula) -> Answer:
        """Look for a window for which the formula holds."""
        wanted = self._encoding.literal(formula)
        for given, judged in self._kept:
            if self._is_true(formula, judged):
                return Shown(given)
        why, in_vain = "no real window was found for the combinations of facts that were tried", 0
        for _ in range(MOST_ROUNDS):
            if not self._solver.solve(assumptions=[wanted, self._guard]):
                return Undecided(why) if self._solver.solve(assumptions=[wanted]) else Never()
            classes = self._proposed()
            if self._learned(classes):
                continue
            found = self._facts(classes)
            if isinstance(found, _Facts):
                for given in self._windows(formula, found, classes):
                    if self._is_true(formula, self._judged(given)):
                        return Shown(self._shortest(formula, given))
                found = Conflict(tuple(self._asked(formula)), False)
                in_vain += 1
            if not found.sure:
                why = self._why(found)
            if in_vain > MOST_IN_VAIN:
                break
            self._rule_out(classes, found)
        return Undecided(why)

    def is_possible(self, *formulas: Formula) -> bool:
        """Whether the formulas may hold together; False is a proof, True is not."""
        return not isinstance(self.ask(all_of(*formulas)), Never)

    def core(self, formula: Formula, others: Sequence[Formula]) -> list[int]:
        """Return which of the others, by their places, make the formula impossible together with it.

        Only after it was found impossible with all of them.
        """
        assumed = [self._encoding.literal(other) for other in others]
        kept = list(range(len(others)))
        if not self._solver.solve(assumptions=[self._encoding.literal(formula), *assumed]):
            core = set(self._solver.get_core() or ())
            kept = [place for place in kept if assumed[place] in core]
        for place in list(kept):
            rest = [others[other] for other in kept if other != place]
            if not self.is_possible(formula, *rest):
                kept.remove(place)
        return kept

    # ---- classes ----

    def _reading(self, kind: str) -> Iterator[tuple[int, Term]]:
        """Give the terms that read nothing but counts and rates ("window"), or none of them ("")."""
        for number, term in enumerate(self._terms):
            kinds = {reads_window(fact.path) for fact in facts_in(term.expr)}
            if kinds == {kind == "window"}:
                yield number, term

    def _prefer(self) -> None:
        """Make the solver begin with the classes of a usual window: one call, and that in order."""
        judged = self._judged(self._written(_USUAL, {}, self._default.now_ms))
        classes = {number: self._class(number, judged) for number in range(len(self._terms))}
        variables = self._encoding.variables
        self._solver.set_phases([variables[n][found] for n, found in classes.items() if found in variables[n]])

    def _proposed(self) -> dict[int, int]:
        """Return the classes of the solution that the solver has just found."""
        model = set(self._solver.get_model() or ())
        return {
            number: next(found for found, variable in classes.items() if variable in model)
            for number, classes in enumerate(self._encoding.variables)
        }

    def _learned(self, classes: Classes) -> bool:
        """Add what texts and calculations are known to contradict to the clauses, if they contradict these classes."""
        cores = list(self._realiser.contradictions(classes))
        for core in cores:
            self._solver.add_clause([-self._encoding.among(term, some) for term, some in core])
        return bool(cores)

    def _rule_out(self, classes: Classes, conflict: Conflict) -> None:
        chosen = [-self._encoding.variables[number][classes[number]] for number in conflict.terms]
        self._solver.add_clause(chosen if conflict.sure else [-self._guard, *chosen])

    def _asked(self, formula: Formula) -> set[int]:
        return {term for one in conditions_in(formula) for term in self._encoding.terms_of(one)}

    def _why(self, conflict: Conflict) -> str:
        facts = sorted({path for number in conflict.terms for path in self._realiser.reads(number)})
        return f"no values of {', '.join(facts)} were found that are as these conditions would have it"

    # ---- windows ----

    def _windows(self, formula: Formula, facts: _Facts, classes: Classes) -> Iterator[Given]:
        """Give windows of these facts; where a term can only be tried, with other counts too."""
        yield self._written(facts.counts, facts.values, facts.now_ms)
        if not self._asked(formula) <= self._exact:
            for counts in self._counts.others(classes):
                yield self._written(counts, facts.values, facts.now_ms)

    def _facts(self, classes: Classes) -> _Facts | Conflict:
        """Return facts with which the terms are in their classes that can be answered exactly."""
        counts = self._counts.find(classes)
        if isinstance(counts, Conflict):
            return counts
        values: dict[str, Any] = {}
        now_ms = self._default.now_ms
        for group in self._groups:
            if group.searched:
                moment = self._moment(group, classes)
                if moment is None:
                    return Conflict(tuple(group.terms), False)
                now_ms = moment
            else:
                found = self._realiser.values(group, classes, {})
                if found is None:
                    return Conflict(tuple(group.terms), False)
                values |= found
        return _Facts(counts, values, now_ms)

    def _moment(self, group: Group, classes: Classes) -> int | None:
        """Return an instant at which the terms that read the clock are in their classes."""
        wanted = {path: self._wanted(path, group, classes) for path in group.searched}
        made = with_facts(self._default, wanted, self.ruleset)
        if made is None:
            return None
        judged = self._judged(self._written(_USUAL, {}, made.now_ms))
        return made.now_ms if self._are_in(judged, group.terms, classes) else None

    def _wanted(self, path: str, group: Group, classes: Classes) -> Wanted:
        fact = group.facts[path]
        own = [number for number in group.terms if self._realiser.reads(number) == {path}]
        values = self._realiser.suggestions(path, group, classes)
        return Wanted(values, lambda value: self._realiser.agrees(own, fact, value, classes))

    def _written(self, counts: Counts, values: Mapping[str, Any], now_ms: int) -> Given:
        """Write a window as a case gives it; what is as usual is left out."""
        named = {path.removeprefix(f"{self.subject}."): value for path, value in values.items()}
        if named.get("state") == "NORMAL":
            del named["state"]
        window = {name: count for name, count in zip(_NAMES, counts, strict=True) if count}
        given: dict[str, Any] = {self.subject: {**named, "window": window}}
        now = given_of(replace(self._default, now_ms=now_ms), self.ruleset).get("now")
        return given if now is None else {**given, "now": now}

    def _shortest(self, formula: Formula, given: Given) -> Given:
        """Leave out of a window what the formula does not need, and keep it for other questions."""
        for names in _NEEDLESS:
            shorter = _without(given, self.subject, names)
            if shorter != given and self._is_true(formula, self._judged(shorter)):
                given = shorter
        self._kept = [(given, self._judged(given)), *self._kept[: MOST_KEPT - 1]]
        return given

    # ---- judging ----

    def _judged(self, given: Given) -> Judged:
        """Return what the rules see of a window: as a rule test of it does."""
        zone = self._default.user.zone
        f = time_facts(self.ruleset, zone, read_now(given, zone))
        return f, window_facts(given[self.subject], self.subject, self.ruleset, self.scope)

    def _is_true(self, formula: Formula, judged: Judged) -> bool:
        return is_true(formula, lambda condition: self._value(condition, judged))

    def _value(self, condition: Condition, judged: Judged) -> bool | None:
        if condition.when is None:
            return True
        if id(condition.when) not in self._judges:
            judge = holds(condition.when, self.ruleset.schema, self.scope)
            self._judges[id(condition.when)] = (condition.when, judge)  # kept, so that no other takes its id
        value: bool | None = self._judges[id(condition.when)][1](*judged)
        return value

    def _class(self, number: int, judged: Judged) -> int:
        f, c = judged
        facts = self.ruleset.schema.facts_of(self.scope)
        return self._realiser.class_of(number, [(c if fact.subject else f)[fact.slot] for fact in facts])

    def _are_in(self, judged: Judged, terms: Iterable[int], classes: Classes) -> bool:
        return all(self._class(number, judged) == classes[number] for number in terms)


def _of_windows(schema: FactsSchema, scope: Scope) -> FactsSchema:
    """Return a schema whose messages are the windows of a scope: what a rule may read stands in one list."""
    facts = (replace(fact, slot=slot, subject=False, parent=None) for slot, fact in enumerate(schema.facts_of(scope)))
    return replace(schema, budgets=(), facts=tuple(facts))


def _groups(terms: Mapping[int, Term], schema: FactsSchema) -> Iterator[Group]:
    """Give the terms in groups that share no fact; all facts of the clock are one group."""
    groups: list[Group] = []
    for number, term in terms.items():
        facts = {fact.path: found for fact in facts_in(term.expr) if (found := schema.fact(fact.path, Scope.MESSAGE))}
        joined = Group([number], facts)
        for group in [one for one in groups if _meet(one, joined)]:
            joined = Group([*group.terms, *joined.terms], group.facts | joined.facts)
            groups.remove(group)
        groups.append(joined)
    yield from groups


def _meet(one: Group, other: Group) -> bool:
    return bool(one.facts.keys() & other.facts.keys()) or bool(one.searched and other.searched)


def _without(given: Given, subject: str, names: Collection[str]) -> Given:
    own = {key: value for key, value in given[subject].items() if key not in names}
    own["window"] = {key: value for key, value in own["window"].items() if key not in names}
    return {**{key: value for key, value in given.items() if key not in names}, subject: own}
