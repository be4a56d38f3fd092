"""`given.facts` sets facts by their paths, and everything that follows from them agrees."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decision.case_observer import Asked
from engine.decision.case_reading import read_cases
from engine.decision.cases import CaseRunner, StepResult, interpreted
from engine.ruleset.fact_types import CATEGORIES, PRIORITIES, STATES, STRATEGIES, UNREACHABLE, Scope
from engine.ruleset.issues import Issues
from tests.decision.rulesets import FACTS, ruleset
from tests.decision.test_cases import Notes

CHANNELS = ("push", "sms", "wechat", "mail")
DECLARED = FACTS.replace("facts:", "facts:\n  message.params.order.id: {type: string}")

# A rule that reads every fact, so that every fact is filled in.
READS = [
    'message.tenant == "" || message.line == "" || message.user_id == "" || user.zone == "" || user.known',
    'has(message.scene) || has(message.campaign) || message.category == "SERVICE" || message.priority == "P0"',
    "has(message.wishes.strategy) || has(message.wishes.channels) || has(message.template) || has(user.language)",
    "has(message.params.amount) || has(message.params.order) || has(user.attributes.age) || has(user.tags)",
    'content.length > 3 || content.segments > 1 || content.has_url || content.hits.bad > 0 || platform.state == "SLOW"',
    "now.local_hour > 3 || now.local_minute > 3 || now.local_weekday > 3 || now.local_day > 3",
    'now.local_date == "" || has(budget.sms_cash.left)',
    *(
        f'channels.{name}.state == "SLOW" || channels.{name}.has_address || channels.{name}.opted_out'
        for name in CHANNELS
    ),
]
RULES = ruleset(
    routing="\n".join(
        f"- {{id: r{place}, when: '{text}', then: {{distribute: {{to: push}}}}}}" for place, text in enumerate(READS)
    )
    + "\n- {id: rest, then: {distribute: {to: push, otherwise: [sms, wechat, mail]}}}",
    facts=DECLARED,
    lists={"bad": "wicked\t8\n"},
)


def asked(facts: dict[str, Any], **more: Any) -> tuple[StepResult, Asked]:
    """Judge a case of these facts; return what became of it, and what the message rules were asked on."""
    text = json.dumps(
        [{"name": "n", "given": {"facts": facts, **more}, "expect": {"not_matched": []}}], ensure_ascii=False
    )
    notes, issues = Notes(), Issues()
    [case] = read_cases({"a.yaml": text.encode()}, issues)
    [result] = CaseRunner(RULES, interpreted, notes).run(case).steps
    assert issues.sorted() == ()
    assert result.passed, result.differences
    return result, next(one for one in notes.questions if one.scope is Scope.MESSAGE)


def seen(facts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The facts that the message rules were asked on, by path; absent ones are None."""
    f = asked(facts, **more)[1].f
    values = {fact.path: f[fact.slot] for fact in RULES.schema.facts}
    return {path: None if value is UNREACHABLE else value for path, value in values.items()}


texts = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=12)
anything = st.fixed_dictionaries(
    {},
    optional={
        "message.tenant": texts,
        "message.line": texts,
        "message.user_id": texts,
        "message.scene": st.none() | texts,
        "message.campaign": st.none() | texts,
        "message.template": st.none() | texts,
        "message.category": st.sampled_from(CATEGORIES),
        "message.priority": st.sampled_from(PRIORITIES),
        "message.wishes.strategy": st.none() | st.sampled_from(STRATEGIES),
        "message.wishes.channels": st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True).map(tuple),
        "message.params.amount": st.floats(-1e9, 1e9),
        "message.params.order.id": texts,
        "user.tags": st.lists(texts, min_size=1).map(tuple),
        "user.language": st.none() | texts,
        "user.zone": st.sampled_from(["Asia/Shanghai", "Europe/Prague", "America/New_York"]),
        "user.attributes.age": st.integers(0, 120),
        "platform.state": st.sampled_from(STATES),
        "content.length": st.integers(0, 10_000),
        "content.segments": st.integers(0, 20),
        "content.has_url": st.booleans(),
        "content.hits.bad": st.integers(0, 9),
        "budget.sms_cash.left": st.none() | st.floats(0, 1e6),
        "now.local_hour": st.integers(0, 23),
        "now.local_minute": st.integers(0, 59),
        "now.local_weekday": st.integers(1, 7),
        "now.local_day": st.integers(1, 31),
        **{f"channels.{name}.state": st.sampled_from(STATES) for name in CHANNELS},
        **{f"channels.{name}.has_address": st.booleans() for name in CHANNELS},
        **{f"channels.{name}.opted_out": st.booleans() for name in CHANNELS},
    },
)


@given(anything)
def test_rules_see_every_fact_as_it_is_given(facts: dict[str, Any]) -> None:
    """Whatever facts are given together, all of them are what the rules are asked on."""
    found = seen(facts)

    assert {path: found[path] for path in facts} == facts


@given(anything, st.sampled_from(CHANNELS))
def test_a_candidate_is_what_its_channel_is(facts: dict[str, Any], channel: str) -> None:
    """The facts of a candidate are those that are given of its channel."""
    facts = {**facts, f"channels.{channel}.state": "SLOW", f"channels.{channel}.opted_out": True}
    notes = Notes()
    text = json.dumps([{"name": "n", "given": {"facts": facts}, "expect": {"not_matched": []}}], ensure_ascii=False)
    for case in read_cases({"a.yaml": text.encode()}, Issues()):
        CaseRunner(RULES, interpreted, notes).run(case)
    candidates = [one.c for one in notes.questions if one.scope is Scope.CHANNEL and one.c[0] == channel]

    assert all((c[1], c[3]) == ("SLOW", True) for c in candidates)


def test_what_follows_from_a_fact_follows() -> None:
    """A category brings its priority, an opt-out is one of that category, an hour moves the clock itself."""
    result, question = asked({"message.category": "ONE_TIME_PASSWORD", "now.local_hour": 3})
    f = {fact.path: question.f[fact.slot] for fact in RULES.schema.facts}

    assert f["message.priority"] == "P0"
    assert result.at == "2026-01-05T03:00:00+08:00"


@pytest.mark.parametrize(
    ("facts", "at"),
    [
        ({"now.local_hour": 8}, "2026-01-05T08:00:00+08:00"),
        ({"now.local_weekday": 7}, "2026-01-11T12:00:00+08:00"),
        ({"now.local_day": 1, "now.local_minute": 30}, "2026-02-01T12:30:00+08:00"),
        ({"now.local_day": 29, "now.local_weekday": 7}, "2026-03-29T12:00:00+08:00"),
        ({"now.local_date": "2027-02-28"}, "2027-02-28T12:00:00+08:00"),
        ({"now.timestamp": "2026-05-01T00:00:00Z"}, "2026-05-01T08:00:00+08:00"),
        ({"now.local_hour": 8, "user.zone": "Europe/Prague"}, "2026-01-05T08:00:00+01:00"),
    ],
)
def test_the_clock_goes_to_the_next_day_that_fits(facts: dict[str, Any], at: str) -> None:
    """From the time of the case on, and the time of day stays where nothing is said of it."""
    assert asked(facts)[0].at == at


def test_facts_go_over_what_else_is_given() -> None:
    """What the message, the user and the breakers say otherwise stays."""
    found = seen(
        {"message.params.amount": 200, "channels.sms.state": "PAUSED", "channels.push.opted_out": False},
        message={"params": {"amount": 1, "order": {"id": "x"}}, "category": "MARKETING"},
        user={"opt_outs": [{"category": "MARKETING"}], "channels": ["push"]},
        breakers={"channels": {"sms": "SLOW", "mail": "SLOW"}},
    )

    assert (found["message.params.amount"], found["message.params.order.id"]) == (200.0, "x")
    assert (found["channels.sms.state"], found["channels.mail.state"]) == ("PAUSED", "SLOW")
    assert [found[f"channels.{name}.opted_out"] for name in CHANNELS] == [False, True, True, True]
    assert [found[f"channels.{name}.has_address"] for name in CHANNELS] == [True, False, False, False]


def test_what_came_before_has_facts_of_its_own() -> None:
    """Only the case's own message reads `bad` words that its text does not hold."""
    notes = Notes()
    text = json.dumps(
        [
            {
                "name": "n",
                "given": {"before": [{"at": "2026-01-05T11:00"}], "facts": {"content.hits.bad": 8}},
                "expect": {"verdict": "SEND"},
            }
        ]
    )
    for case in read_cases({"a.yaml": text.encode()}, Issues()):
        CaseRunner(RULES, interpreted, notes).run(case)
    slot = next(fact.slot for fact in RULES.schema.facts if fact.path == "content.hits.bad")

    assert [one.f[slot] for one in notes.questions if one.scope is Scope.MESSAGE] == [0, 8]
