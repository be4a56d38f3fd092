"""Params as rules and adapters see them: the plain values of the caller's Struct, few or many."""

from __future__ import annotations

from typing import Any

from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from engine.service.translate import FEW_PARAMS, Violations, read_params

PLAIN = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def read(given: dict[str, Any]) -> dict[str, Any]:
    """What is read of a Struct that holds this."""
    wire, bad = Struct(), Violations()
    wire.update(given)
    found = read_params(wire, "message.params", bad)
    assert not bad.found
    return dict(found)


@given(st.dictionaries(st.text(max_size=3), PLAIN, max_size=FEW_PARAMS))
def test_params_come_as_they_were_given(given: dict[str, Any]) -> None:
    """Zero, the empty text, false and null stay what they are, and so do lists and objects, however deep."""
    assert read(given) == given
    assert {name: type(value) for name, value in read(given).items()} == {n: type(v) for n, v in given.items()}


@given(st.dictionaries(st.text(max_size=3), PLAIN, max_size=FEW_PARAMS))
def test_many_params_are_read_like_few(given: dict[str, Any]) -> None:
    """Beyond a few, each is read when it is looked at, and reads the same."""
    others = {f"other{number}": float(number) for number in range(FEW_PARAMS + 1)}

    assert read(given | others) == given | others
