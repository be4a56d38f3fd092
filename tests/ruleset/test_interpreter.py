"""What conditions mean: the interpreter against Google's C++ CEL, and the corners where implementations differ."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any

import pytest
from cel_expr_python import cel
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ruleset.facts_schema import UNREACHABLE, Scope
from engine.ruleset.interpreter import EvaluationError, compile_expr, holds
from engine.ruleset.temporal import EPOCH, MICROSECOND
from tests.ruleset.strategies import SCHEMA, Facts, Writer, parsed, random_facts, tried

ROOTS = ("message", "user", "content", "now", "channels", "channel", "budget", "platform")
DEFINED = ("large", "few", "vips", "odd")


@lru_cache(maxsize=1)
def google() -> cel.Env:
    """Google's CEL with its functions on texts, every root a map, and the constants of the schema as variables."""
    roots = {root: cel.Type.Map(cel.Type.STRING, cel.Type.DYN) for root in ROOTS}
    config = cel.NewEnvConfigFromYaml("extensions:\n- name: strings\n")
    return cel.NewEnv(config=config, variables={**roots, **dict.fromkeys(DEFINED, cel.Type.DYN)})


def _for_google(value: Any) -> Any:
    """Times as protobuf messages, the only form that binding takes inside a map."""
    if isinstance(value, dict):
        return {key: _for_google(inner) for key, inner in value.items()}
    if isinstance(value, datetime):
        time = Timestamp()
        time.FromMicroseconds((value - EPOCH) // MICROSECOND)
        return time
    if isinstance(value, timedelta):
        span = Duration()
        span.FromMicroseconds(value // MICROSECOND)
        return span
    return value


def google_says(text: str, facts: Facts) -> bool | None:
    """Google's answer: True, False, or None for an error."""
    nested = _for_google(SCHEMA.nested(facts.f, facts.c, Scope.CHANNEL))
    data = {"large": 200.0, "few": 3, "vips": ["gold", "high"], "odd": [1, 3, 5], **nested}
    value = google().compile(text, disable_check=True).eval(data=data)
    return None if value.type() == cel.Type.ERROR else bool(value.value())


@given(st.integers(0, 2**48))
@settings(max_examples=250)
def test_the_interpreter_says_what_google_says(seed: int) -> None:
    """Value for value and error for error, on random conditions and random facts."""
    random = Random(seed)
    text = Writer(random).condition(3)
    expr, _ = tried(text)
    if expr is None:
        return  # an arm that always fails is refused at check time
    judge = holds(expr, SCHEMA, Scope.CHANNEL)

    for _ in range(6):
        facts = random_facts(random)
        assert judge(facts.f, facts.c) == google_says(text, facts), text


def value_of(condition: str, **given: Any) -> Any:
    """The value of a condition on the facts given under message.params."""
    expr = parsed(condition)
    facts = facts_with(given)
    return compile_expr(expr, SCHEMA, Scope.CHANNEL)(facts.f, facts.c)


def facts_with(given: dict[str, Any]) -> Facts:
    """Facts of which only message.params.<name> are given; what an absent object would hold is unreachable."""
    f: list[Any] = [None] * SCHEMA.size
    for fact in SCHEMA.params:
        holder_is_there = fact.parent is None or f[fact.parent] is True
        f[fact.slot] = given.get(fact.path.removeprefix("message.params.")) if holder_is_there else UNREACHABLE
    return Facts(f, [None] * len(SCHEMA.subjects(Scope.CHANNEL)))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("message.params.count + 1 > 0", 2**63 - 1),
        ("message.params.count - 1 < 0", -(2**63)),
        ("message.params.count * 2 < 0", -(2**63)),
        ("-message.params.count > 0", -(2**63)),
        ("message.params.count / -1 > 0", -(2**63)),
        ("message.params.count % -1 == 0", -(2**63)),
        ("1 / message.params.count > 0", 0),
        ("1 % message.params.count > 0", 0),
    ],
)
def test_a_result_beyond_64_bits_and_a_division_by_zero_are_errors(text: str, count: int) -> None:
    """Int arithmetic never wraps around and never gives a wrong number; Google's CEL agrees."""
    with pytest.raises(EvaluationError):
        value_of(text, count=count)

    assert google_says(text, facts_with({"count": count})) is None


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("message.params.count / 2 == -3", {"count": -7}),
        ("message.params.count % 2 == -1", {"count": -7}),
        ("message.params.count % -3 == 1", {"count": 7}),
        ("message.params.amount / 0.0 > 1.7e308", {"amount": 1.0}),
        ("message.params.amount / -0.0 < 0.0", {"amount": 1.0}),
        ("message.params.amount / 0.0 != message.params.amount / 0.0", {"amount": 0.0}),
        ("!(message.params.amount / 0.0 <= 1.0)", {"amount": 0.0}),
        ("size(message.params.text) == 2", {"text": "é😀"}),
        ('message.params.text > "\uffff"', {"text": "😀"}),
        ('message.params.text.matches("^.$")', {"text": "😀"}),
        ("1 in message.params.rates", {"rates": (1.0,)}),
        ('message.params.text.lowerAscii() == "istanbul İ"', {"text": "ISTANBUL İ"}),
        ('message.params.text.upperAscii() == "STRAßE"', {"text": "straße"}),
        ('message.params.text.trim() == "a\u200b"', {"text": "\u3000\u0085a\u200b\n"}),
        ("message.params.sizes.exists(n, 10 / n == 5)", {"sizes": (0, 2)}),
        ("!message.params.sizes.all(n, 10 / n == 5)", {"sizes": (0, 1)}),
        ('message.params.words.all(w, odd.exists(n, n == size(w)) || w == "ab")', {"words": ("a", "ab", "abc")}),
        ('timestamp(message.params.text) == timestamp("2026-01-05T12:00:00Z")', {"text": "2026-01-05T20:00:00+08:00"}),
        ('duration(message.params.text) == duration("1h30m")', {"text": "90m"}),
        ('message.params.since - timestamp("1970-01-01T00:00:00Z") == duration("1s")', {"since": 1_000_000}),
    ],
)
def test_corners_where_languages_differ_are_as_in_cel(text: str, given: dict[str, Any]) -> None:
    """Truncating division, exact comparison of int and double, IEEE division, code points."""
    facts = facts_with(given)

    assert value_of(text, **given) is True
    assert google_says(text, facts) is True


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (False, "message.params.flag && false"),
        (False, "false && message.params.flag"),
        (True, "message.params.flag || true"),
        (True, "true || message.params.flag"),
        (None, "message.params.flag || false"),
        (None, "message.params.flag ? true : true"),
        (True, "has(message.params.flag) ? message.params.flag : true"),
        (None, "has(message.params.order.total)"),
        (False, "has(message.params.order)"),
        (None, "message.params.words.exists(w, true)"),
        (True, "message.params.words.all(w, false) || true"),
        (True, "odd.exists(n, message.params.flag || n == 5)"),
        (None, "odd.exists(n, message.params.flag && n < 5)"),
        (False, "odd.all(n, message.params.flag && n < 5)"),
    ],
)
def test_an_absent_fact_is_an_error_that_logic_may_absorb(expected: bool | None, text: str) -> None:
    """`&&` and `||` are decided by either side; a choice and has() below an absent object are not."""
    facts = facts_with({})

    assert holds(parsed(text), SCHEMA, Scope.CHANNEL)(facts.f, facts.c) is expected
    assert google_says(text, facts) is expected


@pytest.mark.parametrize("text", ["10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-05", "x", ""])
def test_a_text_that_is_no_time_has_no_value(text: str) -> None:
    """timestamp() and duration() of a fact are errors when the text is none."""
    with pytest.raises(EvaluationError):
        value_of("timestamp(message.params.text) > now.timestamp", text=text)
    with pytest.raises(EvaluationError):
        value_of('duration(message.params.text) > duration("1s")', text=text)


@pytest.mark.parametrize("op", [">", "!=", ">="])
def test_int_and_double_compare_on_one_number_line(op: str) -> None:
    """As the language's definition says; Google's C++ rounds the int first, so beyond 2^53 it is no oracle here."""
    assert value_of(f"message.params.count {op} 9007199254740992.0", count=2**53 + 1) is True


def test_a_rule_without_a_condition_always_holds() -> None:
    """No `when:` is True on any facts."""
    assert holds(None, SCHEMA, Scope.MESSAGE)([], []) is True
