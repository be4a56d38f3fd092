"""The decision tree of a fingerprint: it looks at less, and tells the same apart where it matters."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.ruleset.branching import Branch, Leaf, Node, grow
from engine.ruleset.classes import build_program
from tests.ruleset.strategies import SCHEMA, Scope, Writer, random_facts, tried

EVERY = 0b1111


def paths(node: Node) -> Iterator[set[int]]:
    """The terms looked at on each way through the tree."""
    if isinstance(node, Leaf):
        yield set(node.terms)
    else:
        for _classes, arm in node.arms:
            yield from ({node.term, *below} for below in paths(arm))


def test_what_no_rule_can_ask_for_is_not_looked_at() -> None:
    """Each arm looks at the terms of its own rules only."""
    tree = grow([((0, "==", 2), (1, "==", 2)), ((0, "==", 3), (2, "==", 2), (3, "==", 2))], [EVERY] * 4, frozenset())

    assert isinstance(tree, Branch)
    assert tree.term == 0
    assert dict(tree.arms) == {(3,): Leaf((2, 3)), (2,): Leaf((1,)), (0, 1): Leaf(())}


def test_terms_that_are_always_wanted_stay() -> None:
    """Where an error is to be told from a no, the terms of that rule are looked at everywhere."""
    tree = grow([((0, "==", 2), (1, "==", 2), (2, "==", 2))], [EVERY] * 3, frozenset({1}))

    assert all(1 in looked_at for looked_at in paths(tree))


def test_a_question_that_saves_nothing_is_not_asked() -> None:
    """One rule over one term, or rules that share all terms, are looked at as they are."""
    assert grow([((0, "==", 2),)], [EVERY], frozenset()) == Leaf((0,))
    assert grow([], [], frozenset()) == Leaf(())


@given(st.integers(0, 10_000))
def test_the_short_fingerprint_matches_as_the_full_one(seed: int) -> None:
    """For any rules and facts, and of the rules that may err it also tells no from error."""
    random = Random(seed)
    written = [tried(Writer(random, Scope.MESSAGE).condition(2))[0] for _ in range(random.randint(1, 12))]
    rules = [(number, when) for number, when in enumerate(written) if when is not None]
    erring = [number for number, _when in rules if random.random() < 0.3]
    program = build_program(rules, SCHEMA, Scope.MESSAGE, erring)

    for _ in range(10):
        facts = random_facts(random, Scope.MESSAGE)
        short, full = program.fingerprint(facts.f, facts.c), program.every_class(facts.f, facts.c)
        assert program.matches(full) == program.matches(short)
        assert [program.holds(n, full) for n in erring] == [program.holds(n, short) for n in erring]
