"""The names of attempts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import read_reference, reference_of


@given(st.from_regex(r"p[0-9]{2,4}-[0-9a-f]{32}", fullmatch=True), st.integers(1, 99), st.integers(1, 999_999))
def test_a_reference_can_be_read(message_id: str, step: int, number: int) -> None:
    """What `reference_of` names, `read_reference` takes apart."""
    assert (message_id, step, number) == read_reference(reference_of(message_id, step, number))


@pytest.mark.parametrize("text", ["", "x", ".1.2", "p01-ab.1", "p01-ab.1.2.3", "p01-ab.-1.2", "p01-ab.1.²", "a.b.c"])
def test_what_is_no_reference(text: str) -> None:
    """Anything else is refused with a sentence that shows the form."""
    with pytest.raises(ValueError, match=r"one reads <message_id>\.<step>\.<number>"):
        read_reference(text)
