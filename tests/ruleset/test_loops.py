"""exists and all in conditions: what they become, what is known of them before any message, what they match."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ruleset.classes import build_program
from engine.ruleset.facts_schema import Scope
from engine.ruleset.interpreter import holds
from engine.ruleset.logic import Answer, always_true, can_err, never_true
from engine.ruleset.normal import TooComplex, normalise
from engine.ruleset.printing import show
from engine.ruleset.terms import key_of
from tests.ruleset.strategies import SCHEMA, Writer, parsed, random_facts, tried

M = Scope.MESSAGE


@given(st.integers(0, 2**48))
@settings(max_examples=200)
def test_the_plain_form_means_the_same(seed: int) -> None:
    """Value for value and error for error, on random questions about random lists."""
    random = Random(seed)
    expr, _ = tried(Writer(random).loop())
    if expr is None:
        return
    try:
        plain = holds(normalise(expr), SCHEMA, Scope.CHANNEL)
    except TooComplex:
        return
    judge = holds(expr, SCHEMA, Scope.CHANNEL)

    for _ in range(8):
        facts = random_facts(random)
        assert plain(facts.f, facts.c) == judge(facts.f, facts.c), show(expr)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('user.tags.exists(t, t == "a")', '"a" in user.tags'),
        ('user.tags.all(t, "a" != t)', '!("a" in user.tags)'),
        ('user.tags.exists(t, t in ["a", "b"])', '"a" in user.tags || "b" in user.tags'),
        ("user.tags.exists(t, vips.exists(v, v == t))", '"gold" in user.tags || "high" in user.tags'),
        ("vips.exists(v, v == message.params.text)", "message.params.text in vips"),
        (
            "odd.all(x, now.local_hour < x)",
            "!(!(now.local_hour < 1) || !(now.local_hour < 3) || !(now.local_hour < 5))",
        ),
        ('user.tags.all(t, t.startsWith("a"))', '!user.tags.exists(t, !t.startsWith("a"))'),
        (
            'user.tags.exists(t, t == "a" || t.endsWith("b"))',
            '"a" in user.tags || user.tags.exists(t, t.endsWith("b"))',
        ),
        ('["ab"].exists(x, x.startsWith("a"))', "true"),
    ],
)
def test_what_can_be_asked_plainly_is(text: str, plain: str) -> None:
    """Membership, opposites, parts of a question and few constants share the terms of other conditions."""
    assert show(normalise(parsed(text))) == plain


def test_the_name_of_the_item_does_not_matter() -> None:
    """Conditions that differ in it only are the same condition; which of two items is meant does matter."""
    one = parsed('user.tags.exists(t, message.params.words.all(w, t + w != "ab"))')
    same = parsed('user.tags.exists(x, message.params.words.all(y, x + y != "ab"))')
    other = parsed('user.tags.exists(x, message.params.words.all(y, y + x != "ab"))')

    assert key_of(one) == key_of(same) != key_of(other)
    assert len(build_program([(0, one), (1, same)], SCHEMA, M).terms) == 1


@pytest.mark.parametrize(
    "text",
    [
        'has(user.tags) && user.tags.exists(t, t.trim() == "a")',
        "has(user.tags) && has(message.campaign) && user.tags.all(t, t < message.campaign)",
        "has(user.tags) && user.tags.exists(t, has(message.campaign) && t.contains(message.campaign))",
        "has(user.tags) && user.tags.exists(t, 100 / (size(t) + 1) > 3)",
        "vips.exists(v, user.zone.startsWith(v))",
        "has(user.tags) && user.tags.all(t, odd.exists(n, n < size(t)))",
    ],
)
def test_a_guarded_question_has_a_value_on_all_facts(text: str) -> None:
    """The list under has(), and what else the question reads, before it or in it."""
    assert can_err(parsed(text), SCHEMA, M).answer is Answer.NO


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ('user.tags.all(t, t.trim() == "a")', "user.tags"),
        ("has(user.tags) && user.tags.exists(t, t.contains(message.campaign))", "message.campaign"),
        ("vips.all(v, v != message.campaign)", "message.campaign"),
        ("has(user.tags) && user.tags.exists(t, message.params.words.all(w, w < t))", "message.params.words"),
    ],
)
def test_an_unguarded_fact_is_named(text: str, absent: str) -> None:
    """Of the list and of the question alike."""
    found = can_err(parsed(text), SCHEMA, M)

    assert (found.answer, found.absent) == (Answer.YES, absent)


def test_an_operation_that_can_fail_for_an_item_is_named() -> None:
    """Nothing is known of an item but its type."""
    found = can_err(parsed("has(message.params.sizes) && message.params.sizes.all(n, 10 / n > 1)"), SCHEMA, M)

    assert found.operation is not None
    assert found.operation.op == "/"


@pytest.mark.parametrize(
    ("text", "never", "always"),
    [
        ('has(user.tags) && user.tags.exists(t, t == "a" && t == "b")', True, False),
        ('user.known && has(user.tags) && user.tags.all(t, t < "b" && !user.known)', True, False),
        ('!has(user.tags) || user.tags.all(t, t == t.trim() || t < "b" || t >= "b")', False, True),
        ('has(user.tags) && user.tags.exists(t, t == "a")', False, False),
    ],
)
def test_a_question_that_no_item_answers_is_found(text: str, never: bool, always: bool) -> None:
    """What contradicts itself for one item never holds for some, and what holds for each item always does."""
    assert (never_true(parsed(text), SCHEMA, M) is Answer.YES) is never
    assert (always_true(parsed(text), SCHEMA, M) is Answer.YES) is always


@pytest.mark.parametrize("count", [16, 17, 200])
def test_long_lists_of_constants_are_judged_soon(count: int) -> None:
    """Few are asked one by one, many by one question; the answer is the same."""
    items = ", ".join(f'"a{number}"' for number in range(count))
    expr = parsed(f"has(message.campaign) && [{items}].exists(s, message.campaign.startsWith(s))")

    assert can_err(expr, SCHEMA, M).answer is Answer.NO
    assert never_true(expr, SCHEMA, M) is Answer.NO
