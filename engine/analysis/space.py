"""All messages at once: is there one for which this holds?

    ask(formula) -> NEVER, with no message to show; Found, with one that was really judged; Undecided, with the reason

The classes of all terms are searched by a SAT solver, near the usual message. A solution is turned into a real message
(`realise`, `inputs`), whose facts are read and judged as any other's. Where no real message has these classes and it is
known why (`text_answers`, `list_answers`, `number_answers`), the solver learns the reason, which is true of all
messages; else that combination is set aside. Then the search goes on (counterexample-guided refinement, Clarke et al.
2000). What the solver finds impossible by what is true of all messages is never; what it only finds impossible because
of combinations that were set aside is undecided.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pysat.solvers import Solver

from engine.analysis.encoding import Encoding
from engine.analysis.formulas import Condition, Formula, Holds, conditions_in, is_true
from engine.analysis.inputs import Wanted, exactly, ordinary, with_facts
from engine.analysis.realise import Group, Realiser, groups_of
from engine.analysis.situation import Situation
from engine.decision.facts import FactsReader, channel_facts
from engine.errors import InvalidInput
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import Scope
from engine.ruleset.interpreter import holds
from engine.ruleset.partition import FIRST
from engine.ruleset.rules import Rule
from engine.ruleset.syntax import Expr, Type

MOST_ROUNDS: Final = 60
"""Combinations of classes that are turned into messages for one question."""

MOST_LEARNED: Final = 200
"""Contradictions that are learned for one question before a solution is taken as it is."""

MOST_FAILURES: Final = 60
"""After so many combinations of one group for which no values were found, questions about it are given up sooner."""

ROUNDS_LEFT: Final = 3
"""Combinations that are tried for such a question."""

_SOME_VALUES: Final = ("user.zone", "message.wishes.")
"""Facts of which not every value of their type can be."""

_NONE: Final[Mapping[int, Mapping[str, Any]]] = {}

SOLUTIONS_KEPT: Final = 4
"""Solutions that are kept for each formula asked about."""

MOST_TURNS: Final = 3
"""Times that facts which moved along with others are set too."""


@dataclass(frozen=True, slots=True)
class Never:
    """No message at all does."""


@dataclass(frozen=True, slots=True)
class Found:
    """This one does."""

    situation: Situation


@dataclass(frozen=True, slots=True)
class Undecided:
    """Neither was a message found nor is it proved that there is none; `why` is a sentence."""

    why: str


Answer = Never | Found | Undecided


class _Followers:
    """What is known of one literal: what follows from it by unit propagation, and solutions in which it holds."""

    def __init__(self, consistent: bool, follow: Iterable[int]) -> None:
        self.impossible = not consistent
        self.follow = frozenset(follow)
        self.solutions: deque[bytes] = deque(maxlen=SOLUTIONS_KEPT)
        """For each variable a byte: does it hold?"""

    def answer(self, others: Sequence[int]) -> bool | None:
        """Whether the others are possible together with it; None if that must be searched for."""
        if self.impossible or any(-other in self.follow for other in others):
            return False
        if any(all(_holds_in(solution, other) for other in others) for solution in self.solutions):
            return True
        return None

    def keep(self, solution: Sequence[int]) -> None:
        """Remember a solution."""
        self.solutions.append(bytes([literal > 0 for literal in solution]))


def _holds_in(solution: bytes, literal: int) -> bool:
    """Whether a literal holds; of one that was made after the solution it is not known."""
    place = abs(literal) - 1
    return place < len(solution) and bool(solution[place]) is (literal > 0)


class Space:
    """The classes of a rule set's conditions, and of `extra` ones, with a solver over them.

    Conditions of breaker rules are about windows, not messages, and are not in it.
    """

    def __init__(self, ruleset: RuleSet, extra: Iterable[Condition] = ()) -> None:
        self.ruleset = ruleset
        conditions = [one for rule in ruleset.rules for one in self.conditions(rule)]
        self._solver = Solver(name="glucose4")
        self.encoding = Encoding(ruleset.schema, dict.fromkeys([*conditions, *extra]), self._solver.add_clause)
        self._realiser = Realiser(self.encoding.table, self.encoding.terms, ruleset.schema)
        self._groups = groups_of(self.encoding.table, self.encoding.terms)
        self._usual = ordinary(ruleset)
        self._reader = FactsReader(ruleset)
        self._channel_slots = [
            (channel, fact.slot)
            for channel in ruleset.channels
            if (fact := ruleset.schema.fact(f"channels.{channel}.state", Scope.MESSAGE)) is not None
        ]
        self._judges: dict[tuple[int, Scope], tuple[Expr, Any]] = {}
        self._followers: dict[int, _Followers] = {}
        self._failures: Counter[int] = Counter()
        self._guard = self.encoding.variable()
        self._prefer()

    def conditions(self, rule: Rule) -> list[Condition]:
        """Return the rule's condition, once for each channel where it is asked of channels; none of a breaker rule."""
        if rule.family == "breaker":
            return []
        if rule.scope is Scope.CHANNEL:
            return [Condition(rule.when, Scope.CHANNEL, channel) for channel in self.ruleset.channels]
        return [Condition(rule.when)]

    def is_asked_of_channels(self, rule: Rule) -> bool:
        """Whether a rule is asked of each candidate channel."""
        return rule.scope is Scope.CHANNEL

    def matches(self, rule: Rule, channel: str = "") -> Formula:
        """Return "the rule matches", asked of this candidate where it is asked of channels."""
        of_channel = rule.scope is Scope.CHANNEL
        return Holds(Condition(rule.when, rule.scope, channel if of_channel else ""))

    def ask(self, formula: Formula, among: Sequence[int] = ()) -> Answer:
        """Look for a message for which the formula holds; `among` are further literals of the encoding.

        What is found is judged by the formula alone.
        """
        wanted = [self.encoding.literal(formula), *among]
        if self._solution(wanted) is None:
            return Never()
        failed: Group | None = None
        for turn in range(MOST_ROUNDS):
            if failed is not None and self._failures[id(failed)] > MOST_FAILURES and turn >= ROUNDS_LEFT:
                break
            classes = self._near(wanted)
            if classes is None:
                return Never() if self._solution(wanted) is None else Undecided(self._why(failed))
            situation, failed = self._situation(formula, classes)
            if situation is not None:
                return Found(situation)
            self._set_aside(classes, failed, formula)
            self._failures[id(failed)] += 1
        return Undecided(self._why(failed))

    def is_possible(self, *formulas: Formula, among: Sequence[int] = ()) -> bool:
        """Whether the solver finds the formulas possible together; False is a proof, True is not.

        Most questions are of the kind "may a rule match together with another, or without it". What follows from the
        first formula at once, and the solutions seen for it, answer nearly all of them.
        """
        first, *others = [*map(self.encoding.literal, formulas), *among]
        followers = self._followers.get(first)
        if followers is None:
            followers = self._followers[first] = _Followers(*self._solver.propagate(assumptions=[first]))
        known = followers.answer(others)
        if known is not None:
            return known
        solution = self._solution([first, *others])
        if solution is not None:
            followers.keep(solution)
        elif not others:
            followers.impossible = True
        return solution is not None

    def is_plain(self, formula: Formula) -> bool:
        """Whether every class the formula speaks of is of a fact of its own, so that what is possible can be so."""
        terms = {term for condition in conditions_in(formula) for term in self.encoding.terms_of(condition)}
        return terms <= self._alone

    @cached_property
    def _alone(self) -> set[int]:
        """The terms that share no fact with another, of facts that can have any value."""
        alone = (group for group in self._groups if len(group.terms) == 1 and not group.searched)
        return {group.terms[0] for group in alone if not any(path.startswith(_SOME_VALUES) for path in group.facts)}

    def core(self, formula: Formula, others: Sequence[Formula]) -> list[int]:
        """Return which of the others, by their places, make the formula impossible together with it.

        Only after it was found impossible with all of them.
        """
        assumed = [self.encoding.literal(other) for other in others]
        if self._solution([self.encoding.literal(formula), *assumed]) is not None:
            return list(range(len(others)))
        core = set(self._solver.get_core() or ())
        kept = [place for place, literal in enumerate(assumed) if literal in core]
        for place in list(kept):  # the solver's core is small, not smallest
            rest = [assumed[other] for other in kept if other != place]
            if self._solution([self.encoding.literal(formula), *rest]) is None:
                kept.remove(place)
        return kept

    def holds(self, formula: Formula, situation: Situation) -> bool:
        """Judge a formula by the plain interpreter on the facts of a real message."""
        f = self.facts(situation)
        return f is not None and is_true(formula, lambda condition: self._value(condition, situation, f))

    @property
    def ordinary(self) -> Situation:
        """The usual message, which the messages found are as near to as they can be."""
        return self._usual

    def facts(self, situation: Situation) -> list[Any] | None:
        """Return the message list of a situation, the facts of all channels in it; None when the message is invalid."""
        message, user, breakers = situation.message, situation.user, situation.breakers
        with suppress(InvalidInput):
            attributes = self._reader.attribute_values(user)
            ledger = situation.state().ledger
            f = self._reader.message_values(message, user, attributes, situation.now_ms, breakers, ledger)
            for channel, slot in self._channel_slots:
                f[slot : slot + 3] = channel_facts(channel, message, user, breakers)[1:]
            return f
        return None

    def _value(self, condition: Condition, situation: Situation, f: list[Any]) -> bool | None:
        if condition.when is None:
            return True
        key = (id(condition.when), condition.scope)
        if key not in self._judges:
            judge = holds(condition.when, self.ruleset.schema, condition.scope)
            self._judges[key] = (condition.when, judge)  # kept with what it judges, so that no other takes its id
        c: Sequence[Any] = ()
        if condition.channel:
            c = channel_facts(condition.channel, situation.message, situation.user, situation.breakers)
        value: bool | None = self._judges[key][1](f, c)
        return value

    def _prefer(self) -> None:
        """Make the solver begin with the classes of the usual message."""
        f = self.facts(self._usual)
        assert f is not None, "the ordinary message is valid under every rule set"
        self._home = {number: self._class(number, f) for number in range(len(self.encoding.terms))}
        self._solver.set_phases(self._literals(self._home))

    def _class(self, number: int, f: Sequence[Any]) -> int:
        return self._realiser.class_of(number, f)

    def _literals(self, classes: Mapping[int, int]) -> list[int]:
        """The variables of these classes, as far as they are possible."""
        variables = self.encoding.variables
        return [variables[number][found] for number, found in classes.items() if found in variables[number]]

    def _solution(self, wanted: Sequence[int]) -> list[int] | None:
        """Return a solution for which the literals hold and which no group's values are known to contradict.

        None is a proof that there is none. What contradicts a solution is true of all messages, and so is learned.
        """
        for _ in range(MOST_LEARNED):
            if not self._solver.solve(assumptions=wanted):
                return None
            model: list[int] = self._solver.get_model() or []
            if not self._learned(model):
                break
        return model

    def _learned(self, model: Sequence[int]) -> bool:
        """Add what is known to contradict a solution to the clauses."""
        if not self._realiser.bound:
            return False
        cores = list(self._realiser.contradictions(self._classes(self._realiser.bound, model)))
        for core in cores:
            self._solver.add_clause([-self.encoding.among(term, classes) for term, classes in core])
        return bool(cores)

    def _classes(self, terms: Iterable[int], model: Sequence[int]) -> dict[int, int]:
        """The class of each term in a solution, which has the variables in order."""
        return {
            number: next(found for found, one in self.encoding.variables[number].items() if model[one - 1] > 0)
            for number in terms
        }

    def _near(self, wanted: Sequence[int]) -> dict[int, int] | None:
        """Return classes of all terms for which the literals hold, as many as possible those of the usual message.

        Combinations that were set aside are left out; None when nothing else remains.
        """
        for _ in range(MOST_LEARNED):
            fixed = [*wanted, self._guard]
            home = self._kept(fixed, self._literals(self._home))
            if home is None:
                return None
            fixed += home
            fixed += self._kept(fixed, self._answers) or ()
            self._solver.solve(assumptions=fixed)
            model = self._solver.get_model() or []
            if not self._learned(model):
                break
        return self._classes(range(len(self.encoding.terms)), model)

    def _kept(self, fixed: Sequence[int], liked: Sequence[int]) -> list[int] | None:
        """Return as many of the literals liked as can hold together; None where not even the fixed ones can."""
        _, follow = self._solver.propagate(assumptions=fixed)
        refuted = {-literal for literal in follow}
        kept = [literal for literal in liked if literal not in refuted]
        given_up: list[int] = []
        while not self._solver.solve(assumptions=[*fixed, *kept]):
            core = set(self._solver.get_core() or ())
            if core.isdisjoint(kept):
                return None
            given_up += [literal for literal in kept if literal in core]
            kept = [literal for literal in kept if literal not in core]
        for literal in given_up:  # a core names more than must be given up
            if literal not in refuted and self._solver.solve(assumptions=[*fixed, *kept, literal]):
                kept.append(literal)
                _, follow = self._solver.propagate(assumptions=[*fixed, *kept])
                refuted.update(-one for one in follow)
        return kept

    @cached_property
    def _answers(self) -> list[int]:
        """What questions with a yes or a no are answered with most often, where the usual message says nothing: no."""
        return [
            variables[FIRST]
            for term, variables in zip(self.encoding.terms, self.encoding.variables, strict=True)
            if term.fact is None and term.partition.type is Type.BOOL and FIRST in variables
        ]

    def _situation(self, formula: Formula, classes: dict[int, int]) -> tuple[Situation | None, Group | None]:
        """Turn classes into a message for which the formula holds; where that fails, say for which group if it is one.

        What differs from the ordinary message is set. That may move other facts along, such as the addresses with the
        user; those are set then too.
        """
        groups = [group for group in self._groups if any(classes[n] != self._home[n] for n in group.terms)]
        for _ in range(MOST_TURNS):
            made, failed = self._set(groups, classes)
            if made is None:
                return self._nearly(formula, groups, classes, failed), failed
            if self.holds(formula, made):
                return made, None
            moved = self._moved(made, classes)
            more = [group for group in moved if group not in groups]
            if not more:
                return None, moved[0] if len(moved) == 1 else None
            groups += more
        return None, None

    def _nearly(
        self, formula: Formula, groups: Iterable[Group], classes: Mapping[int, int], failed: Group | None
    ) -> Situation | None:
        """Return a message for which the formula holds though one group has other classes than was wanted."""
        if failed is None or failed.searched:
            return None
        for values in self._realiser.nearly(failed, classes):
            made, _ = self._set(groups, classes, {id(failed): values})
            if made is not None and self.holds(formula, made):
                return made
        return None

    def _moved(self, situation: Situation, classes: Mapping[int, int]) -> list[Group]:
        """Return the groups with a term in another class than was wanted."""
        f = self.facts(situation)
        if f is None:
            return []
        return [group for group in self._groups if any(self._class(n, f) != classes[n] for n in group.terms)]

    def _set(
        self, groups: Iterable[Group], classes: Mapping[int, int], given: Mapping[int, Mapping[str, Any]] = _NONE
    ) -> tuple[Situation | None, Group | None]:
        """Return the ordinary message with the facts of these groups as wanted, or the group to blame.

        `given` are the values of groups, by their identity, that are known already.

        First what is simply set, such as the zone; then a text and an instant are looked for; then follows what is
        compared with these.
        """
        made = self._usual
        for group in sorted(groups, key=lambda group: (bool(group.searched), bool(group.plain))):
            values = given.get(id(group))
            found = self._set_one(group, classes, made) if values is None else self._put(values, made)
            if found is None:
                return None, group
            made = found
        return made, None

    def _set_one(self, group: Group, classes: Mapping[int, int], made: Situation) -> Situation | None:
        searched = {path: self._wanted(path, group, classes) for path in group.searched}
        begun = with_facts(made, searched, self.ruleset) if searched else made
        values = None if begun is None else self._realiser.values(group, classes, self._fixed(group, begun))
        if begun is None or values is None:
            return None
        return self._put(values, begun)

    def _put(self, values: Mapping[str, Any], made: Situation) -> Situation | None:
        return with_facts(made, {path: exactly(value) for path, value in values.items()}, self.ruleset)

    def _fixed(self, group: Group, situation: Situation) -> dict[str, Any]:
        """The facts of a group that follow from the text and the instant found."""
        f = self.facts(situation) if group.searched else None
        return {} if f is None else {path: f[group.facts[path].slot] for path in group.searched}

    def _wanted(self, path: str, group: Group, classes: Mapping[int, int]) -> Wanted:
        fact = group.facts[path]
        values = self._realiser.suggestions(path, group, classes)
        terms = [number for number in group.terms if self._realiser.reads(number) == {path}]
        agrees, may_be = self._realiser.agrees, self._realiser.may_be(path, classes)
        return Wanted(values, lambda value: agrees(terms, fact, value, classes) and may_be(value))

    def _set_aside(self, classes: Mapping[int, int], group: Group | None, formula: Formula) -> None:
        """Leave out a combination that no message was found for: that of one group, else all that the formula reads."""
        if group is not None:
            terms: Iterable[int] = group.terms
        else:
            terms = {term for condition in conditions_in(formula) for term in self.encoding.terms_of(condition)}
            related = [group for group in self._groups if any(term in terms for term in group.terms)]
            terms = [term for group in related for term in group.terms]
        chosen = [self.encoding.variables[term][classes[term]] for term in terms]
        self._solver.add_clause([-self._guard, *(-literal for literal in chosen)])

    def _why(self, group: Group | None) -> str:
        if group is None:
            return "no real message was found for the combinations of facts that were tried"
        facts = ", ".join(sorted(group.facts))
        return f"no value was found that is as all conditions about {facts} would have it, nor a proof that none is"
