"""Whatever stands in a file of rule tests, running it ends with results and problems, never with an error."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.decision.case_shape import CASE, Kind
from engine.decision.cases import interpreted, run_cases
from engine.ruleset.issues import Severity
from tests.decision.test_cases import RULES

PATHS = [fact.path for fact in RULES.schema.facts] + ["provider.window.count", "channel.state", "now", "", "a.b"]
WORDS = [
    "push",
    "sms",
    "SEND",
    "HOLD",
    "PAUSED",
    "MARKETING",
    "2026-01-05T12:00",
    "9999-12-31T23:59",
    "day",
    "rest",
    "$a",
]

odd = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text("a$0{}:-é\u0000\ud7ff", max_size=4)
)
anything = st.recursive(
    odd, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner), max_leaves=4
)


def of(shape: Any) -> st.SearchStrategy[Any]:
    """What mostly has this shape, and now and then does not."""
    match shape:
        case dict() if "*" in shape:
            right = st.dictionaries(st.sampled_from([*WORDS, "cards/sms"]), of(shape["*"]), max_size=2)
        case dict():
            right = st.fixed_dictionaries({}, optional={key: of(value) for key, value in shape.items()})
        case list():
            right = st.lists(of(shape[0]), max_size=2)
        case (dict() as fields, words):
            right = of(fields) | of(words)
        case tuple():
            right = st.sampled_from(shape)
        case Kind.TEXTS:
            right = st.lists(st.sampled_from(WORDS), max_size=2)
        case Kind.MAPPING:
            right = st.dictionaries(st.sampled_from([*PATHS, *WORDS]), anything, max_size=3)
        case Kind.NUMBER:
            right = st.integers(-5, 1000) | st.floats(allow_nan=False, allow_infinity=False)
        case _:
            right = odd
    return right | anything if shape is not CASE else right


tables = st.none() | st.fixed_dictionaries(
    {}, optional={"columns": st.just(["a"]) | anything, "rows": st.lists(st.lists(odd, max_size=1), max_size=2)}
)
cases = st.tuples(of(CASE), tables).map(lambda both: {**both[0], **({"table": both[1]} if both[1] else {})})


def run(content: bytes) -> None:
    """Run a file; each case that it holds passed, or is told what keeps it from that."""
    report = run_cases(RULES, {"a.yaml": content}, interpreted)
    for result in report.results:
        assert result.passed or all(result.differences)
    assert all(issue.message and issue.line >= 1 for issue in report.issues if issue.severity is Severity.ERROR)


@given(st.lists(cases, max_size=3))
def test_no_case_brings_the_runner_down(cases: list[dict[str, Any]]) -> None:
    """Fields that hold anything, tables and steps among them."""
    run(json.dumps(cases, ensure_ascii=False).encode("utf-8", "replace"))


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_bring_the_reader_down(content: bytes) -> None:
    """What is no YAML, no text, or nothing at all."""
    run(content)
