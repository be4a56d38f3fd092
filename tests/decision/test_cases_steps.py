"""A sequence judges one message after the other, each seeing what those before it used and spent."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.decision.case_observer import Asked
from engine.decision.case_reading import read_cases
from engine.decision.cases import CaseRunner, interpreted
from engine.ruleset.issues import Issues
from tests.decision.test_cases import RULES, Notes, differences, run


def test_limits_and_money_are_carried_on() -> None:
    """The third marketing message of a day is refused, and the account is empty after two SMS."""
    assert not differences("""
        - name: no more than two a day
          given: {message: {category: MARKETING}}
          steps:
            - {at: "2026-01-05T12:00", expect: {verdict: SEND}}
            - {at: "2026-01-05T13:00"}
            - {at: "2026-01-05T14:00", expect: {verdict: DROP, reason: LIMIT_REACHED, decided_by: two-a-day}}
            - {at: "2026-01-06T11:59:59", expect: {verdict: DROP}}
            - {at: "2026-01-06T12:00", expect: {verdict: SEND}}
        - name: no more than there is money for
          given: {message: {params: {amount: 200}}, accounts: {cards/sms: {left: 0.1, unit: CNY}}}
          steps:
            - expect: {verdict: SEND, charges: {cards/sms: 0.05}}
            - expect: {verdict: SEND}
            - expect: {verdict: DROP, reason: BUDGET_EXHAUSTED}
            - {accounts: {cards/sms: {left: 0.05, unit: CNY}}, expect: {verdict: SEND}}
            - expect: {verdict: DROP}
    """)


def test_user_and_breakers_hold_on_and_message_and_facts_do_not() -> None:
    """A tag that comes stays, a state that changes stays; what a message says is its own."""
    assert not differences("""
        - name: things change
          given: {message: {line: loans}, user: {channels: [push, mail, sms]}}
          steps:
            - {message: {params: {amount: 200}}, expect: {decided_by: large, charges: {loans/sms: 0.05}}}
            - expect: {decided_by: rest, channels: [push]}
            - {breakers: {channels: {push: PAUSED}}, expect: {channels: [mail]}}
            - {breakers: {channels: {mail: SLOW}}, expect: {channels: [mail], refused: {push: CHANNEL_UNHEALTHY}}}
            - {breakers: {channels: {push: NORMAL}}, expect: {channels: [push]}}
            - {user: {tags: [rich]}, facts: {channels.push.state: PAUSED}, expect: {decided_by: rich, channels: [sms]}}
            - expect: {decided_by: rich, channels: [push, sms]}
    """)


def test_an_operators_pause_is_part_of_what_is_given() -> None:
    """Of a line or a campaign, until a step says that it is over."""
    assert not differences("""
        - name: paused
          given: {message: {campaign: spring}, breakers: {lines: [cards], campaigns: [spring]}}
          steps:
            - expect: {verdict: HOLD, reason: PAUSED, until: null}
            - {message: {line: loans}, expect: {reason: PAUSED}}
            - {breakers: {campaigns: []}, message: {line: loans}, expect: {verdict: SEND}}
            - expect: {reason: PAUSED}
    """)


def test_each_step_fails_by_itself() -> None:
    """With its number and its time; those after it are judged all the same."""
    text = """
        - name: n
          given: {now: "2026-01-05T10:00"}
          steps:
            - expect: {verdict: DROP}
            - {at: "2026-01-05T10:00:30", expect: {verdict: SEND}}
            - {facts: {now.local_hour: 11}, expect: {verdict: SEND, decided_by: large}}
            - expect: {decided_by: large}
    """

    assert differences(text) == [
        "step 1 (at 2026-01-05T10:00): verdict: expected DROP, found SEND",
        "step 3 (at 2026-01-05T11:00:30): decided_by: expected large, found rest",
        "step 4 (at 2026-01-05T11:00:30): decided_by: expected large, found rest",
    ]
    assert [step.passed for step in run(text).results[0].steps] == [False, True, False, False]


def test_a_step_that_cannot_be_judged_ends_the_sequence() -> None:
    """What comes after it would be judged against a state that nobody meant."""
    text = """
        - name: n
          steps:
            - expect: {verdict: SEND}
            - {at: noon, expect: {verdict: SEND}}
            - expect: {verdict: DROP}
    """

    assert differences(text) == ['step 2: the case cannot be judged: at: "noon" is no time; write "2026-01-05T12:00"']


def test_an_observer_is_told_the_step() -> None:
    """Counted from 1, and `before` comes ahead of the first."""
    notes = Notes()
    text = """[{name: n, given: {before: [{at: "2026-01-05T11:00"}]}, steps: [{expect: {verdict: SEND}}, {}]}]"""
    for case in read_cases({"a.yaml": text.encode()}, Issues()):
        CaseRunner(RULES, interpreted, notes).run(case)

    assert [(one.step, one.before) for one in notes.questions if not one.c] == [(1, True), (1, False), (2, False)]


messages = st.fixed_dictionaries(
    {
        "category": st.sampled_from(["MARKETING", "SERVICE"]),
        "line": st.sampled_from(["cards", "loans"]),
        "params": st.fixed_dictionaries({"amount": st.sampled_from([1, 199, 200])}),
    }
)
histories = st.lists(st.tuples(st.integers(0, 14), messages), min_size=1, max_size=6).map(
    lambda parts: sorted(parts, key=lambda part: part[0])
)


@given(histories, st.sampled_from([0.05, 0.1, 10]), st.integers(0, 2))
def test_a_sequence_equals_what_came_before(history: list[tuple[int, dict[str, Any]]], left: float, count: int) -> None:
    """The last step is asked, and decided, as a case is that has all other steps `before` it."""
    given: dict[str, Any] = {
        "accounts": {f"{line}/sms": {"left": left, "unit": "CNY"} for line in ("cards", "loans")},
        "user": {"tags": ["rich"]},
    }
    *before, (hour, message) = [(f"2026-01-05T{hour:02}:00", message) for hour, message in history]
    first = history[0]
    if count:
        at = f"2026-01-05T{first[0]:02}:00"
        given["ledger"] = [{"limit": "day", "count": count, "start": at, "last": at}]
    steps = [{"at": at, "message": one, "expect": {"verdict": "HOLD"}} for at, one in [*before, (hour, message)]]
    whole = {
        **given,
        "now": hour,
        "message": message,
        "before": [{**one, "at": at} for at, one in before],
    }
    cases = [{"name": "steps", "given": given, "steps": steps}]
    cases += [{"name": "before", "given": whole, "expect": {"verdict": "HOLD"}}]

    (last, asked_in_steps), (only, asked_before) = map(judged, cases)
    assert last == only
    assert asked_in_steps == asked_before


def judged(case: dict[str, Any]) -> tuple[Any, Any]:
    """What became of the last message of a case, and all that the rules were asked."""
    notes, issues = Notes(), Issues()
    [read] = read_cases({"a.yaml": json.dumps([case]).encode()}, issues)
    result = CaseRunner(RULES, interpreted, notes).run(read)
    assert issues.sorted() == ()
    last = result.steps[-1]
    trace = last.trace
    told = (last.at, [one.text for one in last.found], trace and trace.candidates, trace and trace.facts)
    return told, [plain(one) for one in notes.questions]


def plain(question: Asked) -> tuple[Any, ...]:
    """What can be compared of a question."""
    return question.scope, list(question.f), list(question.c), question.matched.rules
