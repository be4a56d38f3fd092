"""A condition written out again."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.ruleset.printing import show
from engine.ruleset.terms import key_of
from tests.ruleset.strategies import Writer, parsed, tried


@given(st.integers(0, 2**48))
def test_what_is_written_out_is_the_same_condition(seed: int) -> None:
    """Parsing what was written out gives the same tree, with the names of constants and without."""
    expr, _ = tried(Writer(Random(seed)).condition())
    assume(expr is not None)
    assert expr is not None

    assert key_of(parsed(show(expr))) == key_of(expr)
    assert key_of(parsed(show(expr, names=False))) == key_of(expr)


@pytest.mark.parametrize(
    "text",
    [
        "message.params.count - (message.params.count - few) == 3",
        "!(message.params.flag && has(message.scene)) || user.known",
        '(user.known ? message.params.text : "b").startsWith("a")',
        'message.params.since >= timestamp("2026-01-05T12:00:00Z")',
        'message.params.term < duration("90.25s")',
        'message.params.text == "line\\nquote\\""',
        "-message.params.count < -3",
        'user.tags.exists(t, t.lowerAscii().startsWith("vip") || t in vips)',
        "(user.known ? vips : user.tags).all(t, message.params.words.exists(w, w + t != t.trim()))",
    ],
)
def test_it_reads_as_an_author_would_write_it(text: str) -> None:
    """No bracket more than is needed, constants by their names."""
    assert show(parsed(text)) == text
