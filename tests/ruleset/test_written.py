"""The forms of a rule file, as far as broken folders do not show them already."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from engine.ruleset.scalars import Interval, Micros, Segments, TimeOfDay, Touches, Window, Written, closest
from engine.ruleset.written import THENS, RuleForm, RulesFile


def read(kind: object, text: str, quoted: bool = False) -> object:
    """Return what a scalar means as some kind of value, or "refused"."""
    try:
        return TypeAdapter(kind).validate_python(Written(text, quoted))
    except ValidationError:
        return "refused"


@given(st.integers(0, 10**9), st.integers(0, 999_999))
def test_an_amount_is_exact(units: int, millionths: int) -> None:
    """Every amount with up to six decimals is kept to the last millionth; floats have no part in it."""
    expected = units * 1_000_000 + millionths
    found = read(Micros, f"{units}.{millionths:06}")
    assert found == (expected if expected <= 10**15 else "refused")


@pytest.mark.parametrize("text", ["-1", "0.0000001", "1e3", ".5", "1,5", "nan", "inf", "1000000000.000001", "0x10"])
def test_an_amount_is_a_plain_number(text: str) -> None:
    """What people would have to think about is no amount."""
    assert read(Micros, text) == "refused"


@pytest.mark.parametrize(
    ("kind", "text", "meant"),
    [
        (Interval, "1500ms", 1_500),
        (Interval, "366d", 31_622_400_000),
        (Interval, "367d", "refused"),
        (Interval, "999ms", "refused"),
        (Interval, "1 h", "refused"),
        (Interval, "٣s", "refused"),
        (Window, "day", 0),
        (Window, "24h", 86_400_000),
        (TimeOfDay, "00:00", 0),
        (TimeOfDay, "23:59", 1_439),
        (TimeOfDay, "23:60", "refused"),
        (Touches, "0", 0),
        (Touches, "unlimited", None),
        (Touches, "1.0", "refused"),
        (Touches, "true", "refused"),
        (Segments, "segments", True),
        (Segments, "1", False),
        (Segments, "2", "refused"),
    ],
)
def test_a_scalar_is_read_by_what_is_wanted(kind: object, text: str, meant: object) -> None:
    """Each kind of value has one spelling, and YAML's guesses about it do not count."""
    assert read(kind, text) == meant


def test_a_quoted_number_is_no_number() -> None:
    """Quotes say text, so a number in quotes is refused rather than guessed."""
    assert read(Touches, "5") == 5
    assert read(Touches, "5", quoted=True) == "refused"
    assert read(Micros, "0.5", quoted=True) == "refused"


@pytest.mark.parametrize(("word", "meant"), [("Quiet-Hours", "QUIET_HOURS"), ("QUITE_HOURS", "QUIET_HOURS"), ("x", "")])
def test_the_nearest_word_is_suggested(word: str, meant: str) -> None:
    """Letter case, dashes and a slip of the finger are forgiven; far-fetched guesses are not made."""
    assert closest(word, ("QUIET_HOURS", "BLOCKED")) == meant


@pytest.mark.parametrize("form", [RulesFile, RuleForm, *THENS.values()])
def test_every_form_has_a_json_schema(form: type[RuleForm]) -> None:
    """Editors can be given a schema of the rule files, which refuses unknown fields as the parser does."""
    schema = form.model_json_schema()
    assert schema["additionalProperties"] is False
