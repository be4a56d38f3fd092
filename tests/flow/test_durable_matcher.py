"""durable-rules, used as we use it, answers as plain Python does."""

from __future__ import annotations

import operator

import durable_rules_engine
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import MatcherUnavailable
from engine.flow.blocks import MAX_CONJUNCTIONS, MAX_TERMS, MAX_TESTS, blocks
from engine.flow.durable_matcher import DurableError, DurableMatcher
from tests.flow.stand_in import Conjunction, one_each

CLASSES = 4
COMPARE = {"==": operator.eq, "!=": operator.ne, ">=": operator.ge, "<=": operator.le}


def conjunctions(terms: int) -> st.SearchStrategy[list[Conjunction]]:
    """Lists of conjunctions over so many terms; rules repeat, and some conjunctions test nothing."""
    test = st.tuples(st.integers(0, terms - 1), st.sampled_from(["==", "!=", ">=", "<="]), st.integers(0, CLASSES))
    conjunction = st.builds(Conjunction, st.integers(0, 40), st.lists(test, max_size=6).map(tuple))
    return st.lists(conjunction, max_size=150)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Conjunction], list[tuple[int, ...]]]:
    """Conjunctions and fingerprints for them, some repeated."""
    terms = draw(st.integers(1, 8))
    fingerprint = st.tuples(*[st.integers(0, CLASSES)] * terms)
    return draw(conjunctions(terms)), draw(st.lists(fingerprint, min_size=1, max_size=12))


def plainly(program: list[Conjunction], fingerprint: tuple[int, ...]) -> tuple[int, ...]:
    """The answer by the definition."""
    return tuple(sorted({c.rule for c in program if all(COMPARE[op](fingerprint[t], n) for t, op, n in c.tests)}))


@given(cases())
@settings(max_examples=150)
def test_it_answers_as_plain_python(case: tuple[list[Conjunction], list[tuple[int, ...]]]) -> None:
    """For any conjunctions and fingerprints, the rules that match are those with a conjunction that holds."""
    program, fingerprints = case
    expected = [plainly(program, fingerprint) for fingerprint in fingerprints]

    matcher = DurableMatcher([program])
    answers = matcher.match(0, fingerprints)
    matcher.close()

    assert expected == answers


def test_all_rules_may_match_at_once() -> None:
    """500 rules that all match are all found, although the library holds 64 pending at most."""
    program = [Conjunction(i, ((0, ">=", 1), (1, "!=", 9))) for i in range(500)]

    assert [tuple(range(500)), ()] == DurableMatcher([program]).match(0, [(1, 1), (0, 1)])


def test_a_conjunction_wider_than_the_library_is_judged_all_the_same() -> None:
    """A conjunction over 300 terms, which the library would refuse, matches exactly when all its tests hold."""
    wide = Conjunction(7, tuple((term, "==", 1) for term in range(300)))
    almost = (1,) * 299 + (0,)

    assert DurableMatcher([[wide]]).match(0, [(1,) * 300, almost]) == [(7,), ()]


def test_programs_are_apart() -> None:
    """Each program answers for its own rules, also when it came in parts or has none."""
    matcher = DurableMatcher([one_each(3), []])
    matcher.add(2, one_each(1))
    matcher.add(2, [Conjunction(9, ())])

    assert matcher.match(0, [(2,)]) == [(2,)]
    assert matcher.match(1, [(2,)]) == [()]
    assert matcher.match(2, [(2,), (0,)]) == [(9,), (0, 9)]


def test_an_error_code_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the library becomes MatcherUnavailable and carries its code."""
    matcher = DurableMatcher([one_each(3)])

    def fail(handle: int, fact: str) -> None:
        raise durable_rules_engine.error("Could not assert fact, error code: 303")

    monkeypatch.setattr(durable_rules_engine, "assert_fact", fail)
    with pytest.raises(MatcherUnavailable, match="303") as caught:
        matcher.match(0, [(1,)])

    assert isinstance(caught.value, DurableError)
    assert caught.value.code == 303


def test_an_answer_code_that_is_neither_yes_nor_no_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fact that the library calls a duplicate is not taken for one that matches nothing."""
    matcher = DurableMatcher([one_each(3)])
    monkeypatch.setattr(durable_rules_engine, "assert_fact", lambda handle, fact: (2, 1))

    with pytest.raises(DurableError) as caught:
        matcher.match(0, [(1,)])
    assert caught.value.code == 2


@given(conjunctions(300))
@settings(max_examples=50)
def test_blocks_keep_the_bounds_and_lose_nothing(program: list[Conjunction]) -> None:
    """Blocks hold all conjunctions in their order, and none is over a bound."""
    cut = list(blocks(program))

    assert program == [conjunction for block in cut for conjunction in block]
    for block in cut:
        assert len(block) <= MAX_CONJUNCTIONS
        assert len({term for c in block for term, _, _ in c.tests}) <= MAX_TERMS
        assert sum(len(c.tests) for c in block) <= MAX_TESTS


def test_closing_twice_is_harmless() -> None:
    """`close` may be called again."""
    matcher = DurableMatcher([one_each(3)])
    matcher.close()
    matcher.close()
