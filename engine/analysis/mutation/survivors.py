"""What is to be said of a mutant that no case notices: that nothing can, or which case would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from engine.analysis.mutation.guesses import Guesses
from engine.analysis.mutation.mutant import CONDITION_KINDS, Mutant
from engine.analysis.mutation.outcomes import Expected, Outcomes, tellings
from engine.analysis.mutation.relevance import Relevance, extra_conditions, window_conditions
from engine.analysis.mutation.trial import Trial
from engine.analysis.mutation.twists import twists, with_accounts
from engine.analysis.situation import given_of
from engine.analysis.space import MOST_ROUNDS, Found, Never, Space, Undecided
from engine.analysis.windows import Shown, WindowSpace
from engine.decision.case_reading import Case
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Charge
from engine.ruleset.fact_types import BREAKER_SCOPES, Scope

Given = Mapping[str, Any]

_MOST_CASES: Final = 6
"""Cases that reach the mutant and are tried with other surroundings."""

_MOST_TRIED: Final = 250
"""Messages that are judged in search of one that tells a mutant."""

MOST_JUDGED: Final = 10_000
"""Messages that are judged in search of such for all mutants together."""

_BATCH: Final = 200
"""Mutants whose conditions are in one space of classes."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that no case notices. `given` and `expect` are a case that would; None where none was found.

    `unseen` is a case whose decision is another one on the mutant, though it expects nothing that shows it.
    `searched`: False if no message was looked for, since too many were judged already.
    """

    mutant: Mutant
    given: Mapping[str, Any] | None = None
    expect: Mapping[str, Any] | None = None
    unseen: Case | None = None
    searched: bool = True


class Survivors:
    """Looks at mutants of one version that its cases do not notice.

    `most_judged` messages are judged in search of those that tell them; what can be proved is proved of all.
    """

    def __init__(self, ruleset: RuleSet, trial: Trial, most_judged: int = MOST_JUDGED) -> None:
        self._ruleset, self._trial = ruleset, trial
        self._relevance = Relevance(ruleset.rules, ruleset.channels)
        self._original = Outcomes(trial.mutation.ruleset())
        self._left = most_judged

    def look_at(self, mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, Survivor | None]]:
        """Give each mutant with what would notice it, as far as that is found; None: it is proved that nothing can."""
        for begin in range(0, len(mutants), _BATCH):
            batch = mutants[begin : begin + _BATCH]
            of_messages = [mutant for mutant in batch if mutant.rule.family != "breaker"]
            space = Space(self._ruleset, extra_conditions(of_messages, self._ruleset.channels)) if of_messages else None
            windows = self._windows(batch)
            for mutant in batch:
                if space is None or mutant.rule.family == "breaker":
                    yield mutant, self._look_at_windows(mutant, windows[mutant.rule.scope])
                else:
                    yield mutant, self._look(mutant, space)

    def _look(self, mutant: Mutant, space: Space) -> Survivor | None:
        formula = self._relevance.formula(mutant)
        if not space.is_possible(formula):
            return None
        if self._left <= 0:
            return Survivor(mutant, searched=False)
        answer = space.ask(formula)
        if isinstance(answer, Undecided):
            self._left -= MOST_ROUNDS  # so many messages were made and judged in vain
        bases = [given_of(answer.situation, self._ruleset)] if isinstance(answer, Found) else []
        return self._search(mutant, self._outcomes(mutant), self._candidates(mutant, bases))

    def _outcomes(self, mutant: Mutant) -> Outcomes:
        return Outcomes(self._trial.mutation.ruleset(mutant.changed))

    def _candidates(self, mutant: Mutant, bases: Sequence[Given]) -> Iterator[tuple[Given, Case | None]]:
        """Give what to judge: the cases that reach the mutant, then the witness and they with other surroundings."""
        touched = [one.case for one in self._trial.touched(mutant) if not one.case.steps]
        touched.sort(key=lambda case: len(str(case.given)))
        for case in touched:
            yield case.given, case
        seen = {repr(case.given) for case in touched}
        for given in (*bases, *(case.given for case in touched[:_MOST_CASES])):
            for twisted in twists(given, mutant, self._ruleset.channels):
                if repr(twisted) not in seen:
                    seen.add(repr(twisted))
                    yield twisted, None
                    yield from self._paid(twisted, mutant)
        if mutant.kind in (*CONDITION_KINDS, "rule"):
            for given in Guesses([mutant.rule, *mutant.changed], self._ruleset.schema).givens(next(iter(bases), {})):
                yield given, None

    def _paid(self, given: Given, mutant: Mutant) -> Iterator[tuple[Given, None]]:
        if mutant.kind == "unit" and isinstance(mutant.rule.effect, Charge):
            charges = (self._original.of(given) or {}).get("charges") or {}
            if charges:
                yield with_accounts(given, charges, mutant.rule.effect.unit), None

    def _search(self, mutant: Mutant, mutated: Outcomes, candidates: Iterable[tuple[Given, Case | None]]) -> Survivor:
        """Take the first message whose way shows the mutant; else the first where only a refusal or a match does."""
        found: tuple[Given, Expected, Case | None] | None = None
        for given, case in islice(candidates, _MOST_TRIED):
            self._left -= 1
            expect = self._telling(mutant, mutated, given)
            if expect and (found is None or _is_plain(expect)):
                found = given, expect, case
                if _is_plain(expect):
                    break
        if found is None:
            return Survivor(mutant)
        given, expect, case = found
        return Survivor(mutant, *self._shortest(mutant, mutated, given, expect), case)

    def _telling(self, mutant: Mutant, mutated: Outcomes, given: Given) -> Expected:
        """Return what a case would have to expect to pass on the original and fail on the mutant; else nothing."""
        one, other = self._original.of(given), mutated.of(given)
        if one is None or other is None or one == other:
            return {}
        ways = [*tellings(one, other)]
        if mutant.kind in (*CONDITION_KINDS, "rule"):
            ways += [{"matched": [mutant.rule.id]}, {"not_matched": [mutant.rule.id]}]
        passes = (way for way in ways if self._original.passes(given, way) and not mutated.passes(given, way))
        return next(passes, {})

    def _shortest(self, mutant: Mutant, mutated: Outcomes, given: Given, expect: Expected) -> tuple[Given, Expected]:
        """Leave out what need not be given for the mutant to be told."""
        for path in _paths(given):
            shorter = _without(given, path)
            told = self._telling(mutant, mutated, shorter)
            if told and told.keys() <= expect.keys():
                given, expect = shorter, told
        return given, expect

    def _windows(self, batch: Sequence[Mutant]) -> dict[Scope, WindowSpace]:
        """Return the spaces of windows that the mutants of breaker rules are about."""
        scopes = {mutant.rule.scope for mutant in batch} & set(BREAKER_SCOPES.values())
        return {scope: WindowSpace(self._ruleset, scope, window_conditions(batch, scope)) for scope in scopes}

    def _look_at_windows(self, mutant: Mutant, windows: WindowSpace) -> Survivor | None:
        answer = windows.ask(self._relevance.formula(mutant))
        if isinstance(answer, Never):
            return None
        if self._left <= 0:
            return Survivor(mutant, searched=False)
        found = [answer.given] if isinstance(answer, Shown) else []
        mutated = self._outcomes(mutant)
        for given in (*found, *(one.case.given for one in self._trial.touched(mutant))):
            self._left -= 1
            expect = self._telling(mutant, mutated, given)
            if expect:
                return Survivor(mutant, given, expect)
        return Survivor(mutant)


def _is_plain(expect: Expected) -> bool:
    """Tell whether what becomes of the message shows the mutant, not only why some channel is left out."""
    return expect.keys().isdisjoint(("refused", "matched", "not_matched"))


def _paths(given: Given) -> list[tuple[str, ...]]:
    """Return what could be left out: whole parts first, then their fields."""
    fields = [(name, field) for name, part in given.items() if isinstance(part, Mapping) for field in part]
    return [*((name,) for name in given), *fields]


def _without(given: Given, path: tuple[str, ...]) -> Given:
    name = path[0]
    if name not in given:
        return given
    if len(path) == 1:
        return {key: part for key, part in given.items() if key != name}
    rest = {key: value for key, value in given[name].items() if key != path[1]}
    return {**given, name: rest}
