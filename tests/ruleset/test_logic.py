"""What is known of a condition before any message comes: can it err, can it ever hold, does it always."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ruleset.facts_schema import Scope
from engine.ruleset.interpreter import holds
from engine.ruleset.logic import Answer, always_true, can_err, never_true
from tests.ruleset.strategies import SCHEMA, Writer, parsed, random_facts, tried

M = Scope.MESSAGE


@given(st.integers(0, 2**48))
@settings(max_examples=200)
def test_no_facts_contradict_an_analysis(seed: int) -> None:
    """A condition told safe never errs, an impossible one never holds, a certain one always does."""
    random = Random(seed)
    expr, _ = tried(Writer(random).condition(random.choice((1, 2, 3))))
    if expr is None:
        return
    judge = holds(expr, SCHEMA, Scope.CHANNEL)
    answers = {judge(facts.f, facts.c) for facts in (random_facts(random) for _ in range(20))}

    if can_err(expr, SCHEMA, Scope.CHANNEL).answer is Answer.NO:
        assert None not in answers
    if never_true(expr, SCHEMA, Scope.CHANNEL) is Answer.YES:
        assert True not in answers
    if always_true(expr, SCHEMA, Scope.CHANNEL) is Answer.YES:
        assert answers == {True}


@pytest.mark.parametrize(
    "text",
    [
        'message.category == "MARKETING"',
        'has(message.campaign) && message.campaign == "x"',
        '!has(message.campaign) || message.campaign != "x"',
        'has(message.campaign) ? message.campaign == "x" : false',
        "(has(message.params.count) ? message.params.count : 0) > 3",
        "has(message.params.amount) && message.params.amount / 2.0 > 3.0",
        "has(message.params.order) && has(message.params.order.total) && message.params.order.total > 5.0",
        "now.local_hour * 60 + now.local_minute >= 570",
        "content.length / 70 > 2 && content.length % 2 == 0",
        'has(message.occurred_at) && now.timestamp - message.occurred_at > duration("1h")',
        'now.timestamp + duration("24h") > now.timestamp',
        "message.params.sure > 3",
    ],
)
def test_a_guarded_condition_has_a_value_on_all_facts(text: str) -> None:
    """has() before an optional fact, bounded numbers and divisors that are not zero are safe."""
    assert can_err(parsed(text), SCHEMA, M).answer is Answer.NO


@pytest.mark.parametrize(
    ("text", "absent", "guard"),
    [
        ('message.campaign == "x"', "message.campaign", "has(message.campaign)"),
        ("has(message.campaign) || message.params.count > 1", "message.params.count", "has(message.params.count)"),
        (
            "has(message.params.order) && message.params.order.total > 1.0",
            "message.params.order.total",
            "has(message.params.order) && has(message.params.order.total)",
        ),
        (
            "has(message.params.order.total)",
            "message.params.order",
            "has(message.params.order) && has(message.params.order.total)",
        ),
        ('"x" in user.tags', "user.tags", "has(user.tags)"),
    ],
)
def test_an_unguarded_fact_is_named_with_its_guard(text: str, absent: str, guard: str) -> None:
    """The answer says which path may be absent and what to write."""
    found = can_err(parsed(text), SCHEMA, M)

    assert (found.answer, found.absent, found.guard) == (Answer.YES, absent, guard)


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("10 / now.local_hour > 1", "/"),
        ("message.params.sure + 1 > 3", "+"),
        ("has(message.params.text) && timestamp(message.params.text) < now.timestamp", "timestamp"),
    ],
)
def test_an_operation_that_can_fail_is_named(text: str, operation: str) -> None:
    """Where no fact is missing, the operation itself is to blame."""
    found = can_err(parsed(text), SCHEMA, M)

    assert found.answer is Answer.YES
    assert found.operation is not None
    assert found.operation.op == operation


@pytest.mark.parametrize(
    "text",
    [
        "now.local_hour >= 24",
        "now.local_hour < 9 && now.local_hour > 20",
        'message.scene == "trade" && message.scene == "security"',
        "message.params.count > 3 && message.params.count < 4",
        'message.params.text == ""',
        "has(message.campaign) && !has(message.campaign)",
        "!has(message.params.order) && has(message.params.order.total)",
        "size(user.tags) == 0",
        "now.local_hour * 60 + now.local_minute >= 1440",
        "false",
    ],
)
def test_a_contradiction_is_found(text: str) -> None:
    """Bounds, closed sets, whole numbers and absent objects all count."""
    assert never_true(parsed(text), SCHEMA, M) is Answer.YES
    assert always_true(parsed(text), SCHEMA, M) is Answer.NO


@pytest.mark.parametrize(
    "text",
    [
        "now.local_hour >= 0",
        "now.local_weekday in [1, 2, 3, 4, 5, 6, 7]",
        'message.category != "MARKETING" || message.category == "MARKETING"',
        "has(message.params.sure)",
        "user.known == user.known",
        "true",
    ],
)
def test_a_condition_that_says_nothing_is_found(text: str) -> None:
    """What holds on all facts is told."""
    assert always_true(parsed(text), SCHEMA, M) is Answer.YES


def test_a_condition_past_the_bound_is_unknown_and_soon_so() -> None:
    """Nobody waits for 3^20 cases."""
    text = " && ".join(
        f"(message.params.count == {i} || user.attributes.age == {i} || content.length == {i})" for i in range(20)
    )

    assert can_err(parsed(text), SCHEMA, M).answer is Answer.UNKNOWN
