"""Fingerprints and conjunctions say what the interpreter says, on classes instead of values."""

from __future__ import annotations

import marshal
import pickle
from random import Random
from timeit import timeit
from types import CodeType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ruleset.classes import MAX_DISJUNCTS, build_program
from engine.ruleset.facts_schema import Scope
from engine.ruleset.interpreter import holds
from tests.ruleset.strategies import SCHEMA, Writer, parsed, random_facts, tried

MESSAGE = Scope.MESSAGE


@given(st.integers(0, 2**48), st.sampled_from((Scope.MESSAGE, Scope.CHANNEL)))
@settings(max_examples=150)
def test_conjunctions_and_classes_say_what_the_interpreter_says(seed: int, scope: Scope) -> None:
    """Some conjunction holds exactly where the condition is definitely true; holds() is the same three values."""
    random = Random(seed)
    texts = [Writer(random, scope).condition(random.choice((0, 1, 2, 3))) for _ in range(random.choice((1, 3, 8)))]
    rules = {i: expr for i, text in enumerate(texts) if (expr := tried(text)[0]) is not None}
    program = pickle.loads(pickle.dumps(build_program(list(rules.items()), SCHEMA, scope)))
    judges = {rule: holds(expr, SCHEMA, scope) for rule, expr in rules.items()}

    for _ in range(5):
        facts = random_facts(random, scope)
        expected = {rule: judge(facts.f, facts.c) for rule, judge in judges.items()}
        classes = program.every_class(facts.f, facts.c)
        assert {rule: program.holds(rule, classes) for rule in rules} == expected, texts
        assert program.matches(classes) == program.matches(program.fingerprint(facts.f, facts.c)), texts
        assert program.matches(classes) == tuple(rule for rule, value in expected.items() if value), texts
        assert all(term.possible >> number & 1 for term, number in zip(program.terms, classes, strict=True))


@given(st.integers(0, 2**48))
@settings(max_examples=50)
def test_no_rule_has_more_disjuncts_than_the_bound(seed: int) -> None:
    """However a condition is nested, the matcher gets at most MAX_DISJUNCTS conjunctions of it."""
    expr, _ = tried(Writer(Random(seed)).condition(5))
    if expr is not None:
        assert len(build_program([(0, expr)], SCHEMA, Scope.CHANNEL).conjunctions) <= MAX_DISJUNCTS


def conjunctions_of(*texts: str) -> list[tuple[int, tuple[tuple[int, str, int], ...]]]:
    """The conjunctions of some conditions, by the number of the condition."""
    program = build_program([(i, parsed(text)) for i, text in enumerate(texts)], SCHEMA, MESSAGE)
    return [(made.rule, made.tests) for made in program.conjunctions]


def test_quiet_hours_are_one_test() -> None:
    """Two arms over one always present fact are one set of classes, told by what is left out."""
    assert conjunctions_of("now.local_hour < 9 || now.local_hour >= 20") == [(0, ((0, "!=", 3),))]


def test_constants_that_no_rule_tells_apart_share_a_class() -> None:
    """A list of thirty campaigns is one class, not thirty."""
    campaigns = ", ".join(f'"c{i}"' for i in range(30))

    assert conjunctions_of(f"message.campaign in [{campaigns}]") == [(0, ((0, "==", 3),))]


def test_the_same_expression_is_one_term_for_all_rules() -> None:
    """Spaces, brackets and the side of the constant make no other term."""
    program = build_program(
        [
            (0, parsed("message.params.amount / 2.0 > 3.0")),
            (1, parsed("5.0 <= (message.params.amount/2.0)")),
            (2, parsed("user.known == content.has_url")),
            (3, parsed("content.has_url != user.known")),
        ],
        SCHEMA,
        MESSAGE,
    )

    assert len(program.terms) == 3


def test_an_always_holding_rule_has_a_conjunction_without_tests() -> None:
    """No condition, and one that no facts can break, need no test; an impossible one has no conjunction."""
    always, never = parsed("now.local_hour >= 0"), parsed('message.scene == "trade" && message.scene == "security"')
    program = build_program([(7, None), (8, always), (9, never)], SCHEMA, MESSAGE)

    assert [(made.rule, made.tests) for made in program.conjunctions] == [(7, ()), (8, ())]


def test_a_condition_with_too_many_disjuncts_is_one_term() -> None:
    """What would unfold into 3^5 conjunctions is asked of the interpreter as one yes or no."""
    arms = [" || ".join(f'message.params.text.contains("{i}{j}")' for j in "abc") for i in range(5)]
    text = " && ".join(f"({arm})" for arm in arms)

    assert conjunctions_of(text) == [(0, ((0, "==", 3),))]


def test_generated_code_holds_nothing_that_a_rule_says() -> None:
    """Constants and paths are bound by reference; the code object knows slots, class numbers and methods only."""
    texts = (
        'message.campaign == "evil\\"); import os"',
        'message.params.text.startsWith("secret")',
        '"gold" in user.tags',
    )
    program = build_program([(i, parsed(text)) for i, text in enumerate(texts)], SCHEMA, MESSAGE)
    code = marshal.loads(program.generated.code)

    assert isinstance(code, CodeType)
    assert {const for const in code.co_consts if isinstance(const, str)} <= {"fingerprint"}
    assert set(code.co_names) <= {"startswith", "endswith"}


def test_what_a_user_sent_never_reaches_a_fingerprint() -> None:
    """A fingerprint is small ints, whatever the facts are."""
    program = build_program(
        [(0, parsed('message.campaign == "x" || message.params.text.matches("^a")'))], SCHEMA, MESSAGE
    )
    facts = random_facts(Random(1), MESSAGE)

    assert all(type(number) is int and 0 <= number < 8 for number in program.fingerprint(facts.f, facts.c))


@pytest.mark.parametrize("text", ["message.params.order.total >= 5.0", 'message.params.order.buyer.name == "a"'])
def test_absent_and_unreachable_are_classes_0_and_1(text: str) -> None:
    """A fact below an absent object is told apart from one that is merely absent."""
    program = build_program([(0, parsed(text))], SCHEMA, MESSAGE)
    found = {
        program.fingerprint(facts.f, facts.c)[0]
        for seed in range(60)
        for facts in [random_facts(Random(seed), MESSAGE)]
    }

    assert {0, 1} < found


def test_a_fingerprint_of_a_dozen_terms_is_generated_code() -> None:
    """Far from a target that a busy machine could miss, but out of reach for a closure per term and fact."""
    texts = [f'message.params.text == "{i}" || message.params.count > {i} || now.local_hour < {i}' for i in range(6)]
    program = build_program([(i, parsed(text)) for i, text in enumerate(texts)], SCHEMA, MESSAGE)
    facts, take = random_facts(Random(3), MESSAGE), program.fingerprint

    assert timeit(lambda: take(facts.f, facts.c), number=2_000) / 2_000 < 100e-6
