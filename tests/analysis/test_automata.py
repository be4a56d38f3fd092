"""Texts and patterns: what is said of all texts is what RE2 and the interpreter say of each."""

from __future__ import annotations

from collections.abc import Container
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.analysis.automata.characters import Unknown, holds, matched_by, representatives
from engine.analysis.automata.machine import Machine
from engine.analysis.automata.search import search
from engine.analysis.automata.words import TooMany, accepts, words
from engine.analysis.text_answers import SOME, Reason, Settler, asked, matching
from engine.ruleset.arithmetic import FUNCTIONS
from engine.ruleset.partition import FIRST, Partition, make_partition
from engine.ruleset.patterns import searcher
from engine.ruleset.syntax import Call, Expr, Fact, Literal, Type

PIECES = (
    "a b k 1 _ - é . ^ $ \n ] } { {,2} a{,3} [a-c] [^a] []a] [^]a] [[:alpha:]1] [[:^digit:]] [\\d_] [\\]a] \\b \\A "
    "\\z \\d \\w \\s \\D \\W \\pL \\PN \\p{Greek} \\x41 \\x{e9} \\101 \\. \\n \\Qa.b\\E \\Q+\\E (?i) (?s) (?m) (?i-s) "
    "(?-i) (?i:k) (?:a|b) (?P<n>a) (a) (|b) (?U) | * + ? {2} {1,2} {0} {1,} *? +? ſ K"
).split(" ")
"""What patterns are put together of; not all that comes out is one."""

LETTERS = "abkKAB1_-é\n .αſKc+]}{,2/"
FACT = Fact("message.scene", Type.STRING, 0, 0)


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=9), st.lists(st.text(LETTERS, max_size=6), max_size=12))
@settings(max_examples=400)
def test_a_pattern_means_what_it_means_to_re2(pieces: list[str], texts: list[str]) -> None:
    """Whatever RE2 takes: each text is found by both or by neither, and what is shown is found by RE2."""
    pattern = "".join(pieces)
    try:
        found = searcher(pattern)
    except ValueError:
        assume(False)
    machine = search("matches", pattern)

    assert [text for text in texts if accepts(machine, text)] == [text for text in texts if found(text)]
    assert all(found(text) for text in matching(pattern))


@pytest.mark.parametrize("pattern", [r"\B", r"a\C"])
def test_what_re2_asks_of_bytes_is_not_understood(pattern: str) -> None:
    """It looks inside characters for these; nothing is said then, and no text is guessed."""
    with pytest.raises(Unknown):
        search("matches", pattern)
    assert matching(pattern) == ()


@given(st.sets(st.sampled_from([r"\pL", r"[^a-z]", r"(?i:k)", r"\d", r".", r"[\x{d000}-\x{f000}]"]), min_size=1))
def test_one_character_stands_for_all_that_are_told_apart_from_none(fragments: set[str]) -> None:
    """For every character there is one that stands for it: it is in the same sets."""
    sets = [matched_by(fragment) for fragment in fragments]
    signatures = [tuple(holds(one, point) for one in sets) for point in representatives(sets)]

    assert len(set(signatures)) == len(signatures)
    for character in "aKK9é\n汉\U0010ffff\ud7ff\ue000":
        assert tuple(holds(one, ord(character)) for one in sets) in signatures


def question(op: str, value: str) -> tuple[Expr, Partition]:
    """A question with a yes or a no, and its classes."""
    return Call(op, (FACT, Literal(value, Type.STRING, 0, 0)), Type.BOOL, 0, 0), make_partition(Type.BOOL, (), False)


def compared(form: str, op: str, value: str) -> tuple[Expr, Partition]:
    """A text, or a form of it, that is compared with a constant."""
    return formed(form), make_partition(Type.STRING, [(op, (value,))], False)


def formed(form: str) -> Expr:
    """The text itself, or what a function makes of it."""
    return Call(form, (FACT,), Type.STRING, 0, 0) if form else FACT


SHORT = st.text("aAb ", min_size=1, max_size=3)
FORMS = st.sampled_from(["", "lowerAscii", "upperAscii", "trim"])
TERMS = st.one_of(
    st.builds(question, st.sampled_from(["startsWith", "endsWith", "contains"]), SHORT),
    st.builds(question, st.just("matches"), st.sampled_from(["^a+$", "b", "^.{2}$", "A|b$", "^(ab)*$", " "])),
    st.builds(compared, FORMS, st.sampled_from(["==", "<", "<="]), SHORT),
    st.builds(
        lambda form, op, size: (
            Call("size", (formed(form),), Type.INT, 0, 0),
            make_partition(Type.INT, [(op, (size,))], False),
        ),
        FORMS, st.sampled_from(["==", "<"]), st.integers(0, 4),
    ),
)  # fmt: skip


def class_on(expr: Expr, partition: Partition, text: str) -> int:
    """The class of a term by the functions that the interpreter calls."""

    def value(node: Expr) -> object:
        if isinstance(node, Fact):
            return text
        assert isinstance(node, Call | Literal)
        if isinstance(node, Literal):
            return node.value
        if node.op == "matches":
            return searcher(str(value(node.args[1])))(text)
        return FUNCTIONS[node.op](*map(value, node.args))

    return partition.class_of(value(expr))


TEXTS = ["".join(letters) for length in range(1, 5) for letters in product("aAb ", repeat=length)]


@given(st.lists(TERMS, min_size=1, max_size=5), st.integers(0, 2**20))
@settings(max_examples=150)
def test_texts_are_found_where_there_are_some_and_nowhere_else(terms: list[tuple[Expr, Partition]], seed: int) -> None:
    """All short texts over a few letters, looked through one by one, say the same."""
    wanted = [(seed >> 2 * place) % (partition.count - FIRST) + FIRST for place, (_, partition) in enumerate(terms)]
    machines: dict[object, Machine] = {
        place: asked(expr, partition, 1 << wanted[place])[1] for place, (expr, partition) in enumerate(terms)
    }

    def fitting(text: str, places: Container[object]) -> bool:
        on = [class_on(expr, partition, text) for expr, partition in terms]
        return all(on[place] == wanted[place] for place in range(len(terms)) if place in places)

    answer = Settler((SOME,)).settle(machines)

    assert answer is not None
    if isinstance(answer, Reason):
        assert not any(fitting(text, answer.names) for text in TEXTS)
    else:
        assert fitting(answer, range(len(terms)))


def test_a_search_ends() -> None:
    """A pattern whose states double with every letter is given up in the end, without an answer."""
    machines = [search("matches", "(a|b)*a(a|b){20}$"), search("matches", "^[ab]+$"), search("endsWith", "c")]
    with pytest.raises(TooMany):
        list(words(machines[:2], 1000))
    assert list(words(machines[1:], 1000)) == []
