"""A message, or a window, for each gap of a coverage that one was found for: the `given:` of a case that fills it.

Every example is run as the case that it will be, and kept only if that case shows what was lacking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from engine.analysis.coverage import CaseName, Coverage, Outcome
from engine.analysis.coverage_lacking import Gap, Kind, Lacking
from engine.analysis.coverage_possible import Possibilities
from engine.analysis.formulas import ALWAYS, All, Condition, Formula, Holds, Not, Some
from engine.decision.case_reading import Case
from engine.decision.cases import CaseRunner, interpreted
from engine.ruleset.effects import Route
from engine.ruleset.fact_types import Scope
from engine.ruleset.rules import Rule
from engine.ruleset.source import Source

MOST_ASKED: Final = 60
"""Gaps for which a message is looked for; one message often fills several."""
MOST_ROUTES: Final = 60
"""Routing rules of which is asked that an example takes one to the right channel."""

Example = Mapping[str, Any]
"""The `given:` of a case."""


def find_examples(gaps: Iterable[Lacking], possibilities: Possibilities) -> dict[Gap, Example]:
    """Return for each gap, as far as one was found, what to give to a case that fills it."""
    search = _Search(possibilities)
    found: dict[Gap, Example] = {}
    for gap in gaps:
        example = search.example(gap)
        if example is not None:
            found[gap.gap] = example
    return found


class _Search:
    """Looks for messages and runs them, watching what they show."""

    def __init__(self, possibilities: Possibilities) -> None:
        self._possibilities = possibilities
        self._shown = Coverage(possibilities.ruleset)
        self._runner = CaseRunner(possibilities.ruleset, interpreted, self._shown)
        self._given: dict[CaseName, Example] = {}
        self._left = MOST_ASKED

    def example(self, gap: Lacking) -> Example | None:
        """Return one that was found before and fills this gap too, or look for one."""
        case = self._filled(gap)
        for formula in () if case is not None else self._formulas(gap):
            if self._left == 0:
                return None
            self._left -= 1
            given = self._possibilities.example(gap.rule, formula)
            if given is not None:
                self._run(given)
                case = self._filled(gap)
                if case is not None:
                    break
        return None if case is None else self._given[case]

    def _run(self, given: Example) -> None:
        source = Source("", "")
        case = Case(f"example {len(self._given) + 1}", "", 1, source.whole, given, {})
        self._given[CaseName(case.file, case.line, case.name)] = given
        self._runner.run(case)

    def _filled(self, gap: Lacking) -> CaseName | None:
        """Return the example that shows what the gap lacks."""
        shown = self._shown.rules[gap.rule.index]
        if gap.kind in (Kind.RULE, Kind.ROW):
            return next(iter(shown.cases), None)
        outcomes = shown.deciding if gap.kind is Kind.MCDC else shown.outcomes
        return outcomes.get(Outcome(gap.atom, gap.lacks == "true"))

    def _formulas(self, gap: Lacking) -> Iterator[Formula]:
        """Return what to ask for, one after the other: for each channel that the rule may be asked of."""
        rule = gap.rule
        if gap.kind not in (Kind.RULE, Kind.ROW):
            for channel, question in self._possibilities.questions(rule)[
                Outcome(gap.atom, gap.lacks == "true")
            ].items():
                wanted = question.may_decide if gap.kind is Kind.MCDC else question.comes
                yield All((wanted, self._is_asked(channel)))
        elif isinstance(rule.effect, Route):
            yield All((_matches(rule), *self._none_before(rule)))
        else:
            for channel in self._possibilities.ruleset.channels if rule.scope is Scope.CHANNEL else ("",):
                yield All((_matches(rule, channel), self._is_asked(channel)))

    def _is_asked(self, channel: str) -> Formula:
        """Return that the message's route names the channel."""
        routes = self._routes()
        if not channel or len(routes) > MOST_ROUTES:
            return ALWAYS
        to_it = [rule for rule in routes if any(choice.channel == channel for choice in _route(rule).choices)]
        return Some(tuple(All((_matches(rule), *self._none_before(rule))) for rule in to_it))

    def _none_before(self, rule: Rule) -> Iterator[Formula]:
        return (Not(_matches(other)) for other in self._routes() if other.index < rule.index)

    def _routes(self) -> list[Rule]:
        return [rule for rule in self._possibilities.ruleset.rules if isinstance(rule.effect, Route)]


def _matches(rule: Rule, channel: str = "") -> Formula:
    return Holds(Condition(rule.when, rule.scope, channel))


def _route(rule: Rule) -> Route:
    assert isinstance(rule.effect, Route)  # the caller looked
    return rule.effect
