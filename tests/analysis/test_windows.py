"""All windows of a subject: what is found is a window that can be, and what is called impossible no window is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple
from itertools import product
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis.formulas import Condition, Holds, Not, all_of
from engine.analysis.space import Never, Undecided
from engine.analysis.window_counts import Between, Counts, Share, Wish, is_window, least
from engine.analysis.windows import Shown, WindowSpace
from engine.decision.case_given import DEFAULT_ZONE, read_now
from engine.decision.case_window import time_facts, window_facts
from engine.ruleset.expressions import Names, parse_condition
from engine.ruleset.fact_types import BREAKER_SCOPES
from engine.ruleset.interpreter import holds
from engine.ruleset.issues import Issues
from engine.ruleset.source import Source
from engine.ruleset.syntax import Expr
from engine.state.breakers import Subject, SubjectKind
from engine.state.connection import Store
from engine.state.windows import Windows
from tests.analysis.mutation_versions import compiled, version

MOST = 9
NAMES = ("count", "errors", "timeouts", "consecutive_timeouts")
WINDOWS = [Counts(*one) for one in product(range(MOST + 1), repeat=4) if is_window(Counts(*one))]
"""Every window of up to so many calls."""


PLATFORM = Subject(SubjectKind.PLATFORM, "")
RULE = "- {id: one, when: provider.window.count > 3, then: {set: {state: PAUSED}}}"


class Asked:
    """Conditions about the windows of a subject, whatever a load would say of them."""

    def __init__(self, *conditions: str, subject: str = "provider") -> None:
        self._subject, self._scope = subject, BREAKER_SCOPES[subject]
        self._ruleset = compiled(version(breaker=RULE))
        self.conditions = [Condition(self._read(text), self._scope) for text in conditions]
        self.formulas = [Holds(one) for one in self.conditions]
        self.space = WindowSpace(self._ruleset, self._scope, self.conditions)
        self._judges = [holds(one.when, self._ruleset.schema, self._scope) for one in self.conditions]

    def _read(self, text: str) -> Expr:
        names = Names(self._ruleset.schema, "breaker", {})
        expr = parse_condition(text, Source("when", text).span, names, issues := Issues())
        assert expr is not None, issues.sorted()
        return expr

    def holding(self, window: Mapping[str, Any]) -> set[int]:
        """Which of the conditions hold, by the plain interpreter, in a window that is given as a case gives it."""
        f = time_facts(self._ruleset, DEFAULT_ZONE, read_now(window, DEFAULT_ZONE))
        c = window_facts(window[self._subject], self._subject, self._ruleset, self._scope)
        return {place for place, judge in enumerate(self._judges) if judge(f, c)}

    def ask(self) -> Never | Shown | Undecided:
        """Look for a window in which all hold."""
        return self.space.ask(all_of(*self.formulas))


def written(counts: Counts) -> Mapping[str, Any]:
    """A window as a case gives it."""
    return {"provider": {"window": dict(zip(NAMES, counts, strict=True))}}


def counted(window: Mapping[str, Any]) -> Counts:
    """What a window that was found counts."""
    return Counts(*[window["provider"]["window"].get(name, 0) for name in NAMES])


def test_what_can_be_is_what_calls_can_leave_behind() -> None:
    """Every sequence of calls, counted as the server counts them, and no other counts."""
    found = {Counts(0, 0, 0, 0)}
    for length in range(MOST):
        for calls in product(("fine", "error", "time-out"), repeat=length):
            windows = Windows(cast(Store, None), 1_000)
            for call in calls:
                windows.add([PLATFORM], 0, error=call == "error", timeout=call == "time-out")
            for _, left in windows.take_closed(1_000):
                found.add(Counts(*astuple(left[PLATFORM])))

    assert found == {one for one in WINDOWS if one.calls < MOST}


def bounds(low: int, high: int) -> st.SearchStrategy[tuple[int | None, int | None]]:
    some = st.none() | st.integers(low, high)
    return st.tuples(some, some)


RATES = st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.3, 0.5, 0.6, 0.75, 1.0])
UPPER = st.none() | RATES | RATES.map(lambda rate: math.nextafter(rate, math.inf))
WISHES = st.lists(
    st.builds(lambda place, ends: Between(place, ends[0], ends[1]), st.integers(0, 3), bounds(0, MOST))
    | st.builds(lambda at, ends: Between(at[0], ends[0], ends[1], at[1]), st.permutations(range(4)), bounds(-4, 4))
    | st.builds(Share, st.integers(1, 2), st.none() | RATES, UPPER),
    max_size=5,
)


def is_as_wanted(counts: Counts, wish: Wish) -> bool:
    if isinstance(wish, Share):
        share = counts[wish.place] / counts.calls if counts.calls else 0.0
        return (wish.low is None or share >= wish.low) and (wish.high is None or share < wish.high)
    value = counts[wish.place] - (counts[wish.less] if wish.less is not None else 0)
    return (wish.low is None or value >= wish.low) and (wish.high is None or value <= wish.high)


@settings(max_examples=150)
@given(WISHES)
def test_counts_are_found_exactly_where_there_are_some(wishes: list[Wish]) -> None:
    """With a bound on the calls, against every window there is."""
    bounded = [*wishes, Between(0, None, MOST)]
    found = least(bounded)

    assert found.sure or found.counts is None
    if found.counts is not None:
        assert is_window(found.counts)
        assert all(is_as_wanted(found.counts, wish) for wish in bounded)
    elif found.sure:
        assert not [one for one in WINDOWS if all(is_as_wanted(one, wish) for wish in bounded)]


@settings(max_examples=100)
@given(WISHES)
def test_counts_without_a_bound_are_windows_too(wishes: list[Wish]) -> None:
    """What is found for rates and differences alone is as wanted; small windows are never overlooked."""
    found = least(wishes)
    if found.counts is not None:
        assert is_window(found.counts)
        assert all(is_as_wanted(found.counts, wish) for wish in wishes)
    elif found.sure:
        assert not [one for one in WINDOWS if all(is_as_wanted(one, wish) for wish in wishes)]


COUNTED = st.sampled_from(["count", "errors", "timeouts", "consecutive_timeouts"])
COMPARED = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
ATOMS = (
    st.builds("provider.window.{} {} {}".format, COUNTED, COMPARED, st.integers(0, 6))
    | st.builds("provider.window.{} {} provider.window.{}".format, COUNTED, COMPARED, COUNTED)
    | st.builds(
        "provider.window.{} {} {}".format,
        st.sampled_from(["error_rate", "timeout_rate"]),
        COMPARED,
        st.sampled_from(["0.2", "0.25", "0.5", "0.75"]),
    )
    | st.builds("provider.window.{} - provider.window.{} {} {}".format, COUNTED, COUNTED, COMPARED, st.integers(-2, 3))
    | st.builds("provider.window.{} in [{}, {}]".format, COUNTED, st.integers(0, 4), st.integers(5, 7))
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["&&", "||"]), inner) | st.builds("!({})".format, inner)
    ),
    max_leaves=4,
)


BOUND = f"provider.window.count <= {MOST} && "


@settings(max_examples=80, deadline=None)
@given(CONDITIONS, CONDITIONS)
def test_an_answer_is_that_of_every_window(first: str, second: str) -> None:
    """Whether a condition ever holds, with another and without it, is told as trying every window tells it."""
    asked = Asked(f"{BOUND}({first})", second)
    one, other = asked.formulas
    really = [asked.holding(written(counts)) for counts in WINDOWS]
    for formula, expected in (
        (one, [here for here in really if 0 in here]),
        (all_of(one, other), [here for here in really if here == {0, 1}]),
        (all_of(one, Not(other)), [here for here in really if here == {0}]),
    ):
        answer = asked.space.ask(formula)

        assert isinstance(answer, Shown if expected else Never), (first, second, answer)
        if isinstance(answer, Shown):
            assert is_window(counted(answer.given))
            assert asked.holding(answer.given) in expected


@pytest.mark.parametrize(
    "condition",
    [
        "provider.window.errors > provider.window.count",
        "provider.window.timeout_rate > provider.window.error_rate",
        "provider.window.error_rate > 1.0 || provider.window.error_rate < 0.0",
        "provider.window.count < 10 && provider.window.error_rate > 0.0 && provider.window.error_rate < 0.1",
        "provider.window.timeouts > 0 && provider.window.consecutive_timeouts == 0",
        "provider.window.count <= 14 && provider.window.timeouts >= 10 && provider.window.consecutive_timeouts < 2",
        "provider.window.error_rate == 0.08 && provider.window.count > 50 && provider.window.count < 75",
        "provider.window.errors - provider.window.timeouts > 4 && provider.window.error_rate <= 0.5 "
        "&& provider.window.count < 10",
        "provider.window.count == 0 && provider.window.error_rate != 0.0",
        "provider.window.count > 4503599627370496",
        'provider.channel == "sms" && provider.channel == "push"',
        'provider.name.startsWith("a") && provider.name == "b"',
        'now.local_date == "2026-01-05" && now.local_weekday > 1 && provider.window.count > 1',
    ],
)
def test_what_no_window_can_be_is_proved(condition: str) -> None:
    """What binds counts and rates, the runs between the calls that were answered, names and the clock."""
    assert isinstance(Asked(condition).ask(), Never)


@pytest.mark.parametrize(
    ("condition", "subject"),
    [
        ("provider.window.error_rate == 0.08 && provider.window.count > 50", "provider"),
        ("provider.window.count <= 20 && provider.window.timeouts == 10 && provider.window.consecutive_timeouts == 1",
         "provider"),
        ("provider.window.error_rate > 0.333 && provider.window.error_rate < 0.3334", "provider"),
        ("provider.window.count % 7 == 3 && provider.window.errors > 2", "provider"),
        ("provider.window.error_rate > 0.5 + provider.window.timeout_rate && provider.window.count > 20",
         "provider"),
        ("provider.window.count > now.local_hour && now.local_hour == 23", "provider"),
        ('provider.name.startsWith("carrier-") && provider.name != "carrier-" && provider.state == "SLOW" '
         '&& provider.channel == "mail"', "provider"),
        ('channel.name == "mail" && channel.window.timeouts > 3 && now.local_weekday == 7 && now.local_hour < 3',
         "channel"),
        ('platform.window.errors == platform.window.count && platform.state == "PAUSED"', "platform"),
        ("provider.window.count == 0", "provider"),
    ],
)  # fmt: skip
def test_a_window_is_found_as_it_is_pasted(condition: str, subject: str) -> None:
    """Counts, rates that few windows have, terms that can only be tried, names, states, the clock."""
    asked = Asked(condition, subject=subject)
    answer = asked.ask()

    assert isinstance(answer, Shown), answer
    assert list(answer.given)[:1] == [subject]
    assert asked.holding(answer.given) == {0}


def test_what_is_as_usual_is_not_in_a_window_that_is_found() -> None:
    """A window says only what the question needs."""
    asked = Asked("provider.window.count >= 50", 'provider.state == "SLOW" && provider.name == "x"')
    answer = asked.space.ask(asked.formulas[0])

    assert isinstance(answer, Shown)
    assert answer.given == {"provider": {"window": {"count": 50}}}


def test_what_can_only_be_tried_is_never_called_impossible() -> None:
    """No number is odd by one remainder and even by another, but that is not known here: it is said so."""
    answer = Asked("provider.window.count % 4 == 1 && provider.window.count % 2 == 0").ask()

    assert isinstance(answer, Undecided)
    assert "provider.window.count" in answer.why


def test_a_core_names_what_is_needed() -> None:
    """Of several conditions without which something were possible, no other is named."""
    asked = Asked(
        "provider.window.errors > 10", "provider.window.count < 5", "provider.window.count > 8",
        "provider.window.timeouts < 3",
    )  # fmt: skip
    some, few, many, _ = asked.formulas

    assert asked.space.core(some, [Not(many), few]) in ([0], [1])
    assert asked.space.core(some, [many, few]) == [1]
