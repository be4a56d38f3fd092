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

from engine.ruleset.facts_schema import Scope
from engine.ruleset.interpreter import EvaluationError, compile_expr, holds
from engine.ruleset.temporal import EPOCH, MICROSECOND
from tests.ruleset.strategies import SCHEMA, Facts, Writer, parsed, random_facts, tried

ROOTS = ("message", "user", "content", "now", "channels", "channel", "budget", "platform")
DEFINED = ("large", "few", "vips", "odd")


@lru_cache(maxsize=1)
def google() -> cel.Env:
    """Google's CEL with every root a map, and the constants of the schema as variables."""
    roots = {root: cel.Type.Map(cel.Type.STRING, cel.Type.DYN) for root in ROOTS}
    return cel.NewEnv(variables={**roots, **dict.fromkeys(DEFINED, cel.Type.DYN)})


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
@settings(max_examples=400)
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
