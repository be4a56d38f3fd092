"""The language held against CEL: an expression has CEL's value or error, and what is outside is told by its name."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cel_expr_python import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ruleset.evaluation import Outcome, evaluate
from engine.ruleset.facts_schema import Scope
from engine.ruleset.free_values import taken
from engine.ruleset.interpreter import holds
from engine.ruleset.outside import OUTSIDE
from tests.ruleset.strategies import SCHEMA, Facts, Writer, random_facts, tried

ERROR = "error"

NOTHING: dict[str, Any] = {}

LITERALS: list[tuple[str, str, Any]] = [
    ("0x1F", "int", 31),
    ("-0x10", "int", -16),
    ("-9223372036854775808", "int", -(2**63)),
    ("9223372036854775808", ERROR, None),
    (".5e1", "double", 5.0),
    ("1e-400", "double", 0.0),
    ("r'a\\n'", "string", "a\\n"),
    ("'''a\"'b'''", "string", "a\"'b"),
    (r'"\x41\101\u00e9\U0001f600"', "string", "AAé😀"),
    (r'"\ud83d"', ERROR, None),
    ("[]", "list", []),
    ("[1, 'a', [true]]", "list", [1, "a", [True]]),
    ("[1 + 1, size('ab')]", "list", [2, 2]),
    ("7 7", ERROR, None),
    ("", ERROR, None),
]
NUMBERS: list[tuple[str, str, Any]] = [
    ("9223372036854775807 + 1", ERROR, None),
    ("-(-9223372036854775807 - 1)", ERROR, None),
    ("3037000500 * 3037000500", ERROR, None),
    ("-9 / 4", "int", -2),
    ("-9 % 4", "int", -1),
    ("9 % -4", "int", 1),
    ("1 / 0", ERROR, None),
    ("1 % 0", ERROR, None),
    ("1.0 / 0.0", "double", "Infinity"),
    ("-1.0 / 0.0", "double", "-Infinity"),
    ("0.0 / 0.0", "double", "NaN"),
    ("1.5 % 1.0", ERROR, None),
    ("1 + 1.0", ERROR, None),
    ("--3", "int", 3),
    ("-true", ERROR, None),
    ("1 + 'a'", ERROR, None),
    ("2 + 3 * 4 - -1", "int", 15),
]
COMPARED: list[tuple[str, str, Any]] = [
    ("1 == 1.0", "bool", True),
    ("1 == '1'", "bool", False),
    ("true == 1", "bool", False),
    ("[1] == [1.0]", "bool", True),
    ("[1, 2] == [2, 1]", "bool", False),
    ("[[], [1]] != [[], [1]]", "bool", False),
    ("[1, 'a'] == [1, 2]", "bool", False),
    ("0.0 / 0.0 == 0.0 / 0.0", "bool", False),
    ("-0.0 == 0.0", "bool", True),
    ("9007199254740993 > 9007199254740992.0", "bool", False),
    ("9223372036854775807 >= 9223372036854775808.0", "bool", True),
    ("false < true", "bool", True),
    ("'Z' < 'a'", "bool", True),
    ("'\\U00010000' > '\\uffff'", "bool", True),
    ("1 < 'a'", ERROR, None),
    ("[1] < [2]", ERROR, None),
    ("2 in [1, 2.0]", "bool", True),
    ("'a' in []", "bool", False),
    ("1 in 'abc'", ERROR, None),
]
LOGIC: list[tuple[str, str, Any]] = [
    ("false && 1 / 0 == 1", "bool", False),
    ("1 / 0 == 1 && false", "bool", False),
    ("1 / 0 == 1 || true", "bool", True),
    ("1 / 0 == 1 || false", ERROR, None),
    ("true && 1", ERROR, None),
    ("'a' || true", "bool", True),
    ("!1", ERROR, None),
    ("1 ? 2 : 3", ERROR, None),
    ("true ? 1 : 'a'", "int", 1),
    ("true ? 1 : 1 / 0", "int", 1),
    ("1 / 0 > 0 ? 1 : 2", ERROR, None),
    ("nobody || true", "bool", True),
    ("nobody", ERROR, None),
    ("nothing(1) || true", "bool", True),
    ("'a'.nothing()", ERROR, None),
    ("size(1, 2)", ERROR, None),
]
LISTS: list[tuple[str, str, Any]] = [
    ("[1] + ['a'] + []", "list", [1, "a"]),
    ("[7, 8][1]", "int", 8),
    ("[7, 8][1.0]", "int", 8),
    ("[7, 8][2]", ERROR, None),
    ("[7, 8][-1]", ERROR, None),
    ("[7]['0']", ERROR, None),
    ("[7][0.5]", ERROR, None),
    ("[7][1.0 / 0.0]", ERROR, None),
    ("size([1, 2]) + [1].size()", "int", 3),
    ("[1, 2].exists(x, x == 2)", "bool", True),
    ("[1, 'a'].exists(x, x + 1 == 2)", "bool", True),
    ("['a', 1].exists(x, x + 1 == 3)", ERROR, None),
    ("[2, 0].all(x, 1 / x == 1)", "bool", False),
    ("[1, 0].all(x, 1 / x == 1)", ERROR, None),
    ("[].exists(x, 1 / 0 == 1) || [].all(x, 1 / 0 == 1)", "bool", True),
    ("[1].all(x, [2].exists(y, x < y))", "bool", True),
    ("[1].exists(x, [2].exists(x, x == 1))", "bool", False),
    ("[1].all(x, 'yes')", ERROR, None),
    ("'abc'.all(x, true)", ERROR, None),
    ("[1].all(1, true)", ERROR, None),
    ("[1].exists(x)", ERROR, None),
]
TEXTS: list[tuple[str, str, Any]] = [
    ("size('a😀é')", "int", 3),
    ("'abc'.startsWith('')", "bool", True),
    ("'abc'.endsWith('bc') && !'abc'.contains('ac')", "bool", True),
    ("'banana'.matches('(an)+a$')", "bool", True),
    ("'a'.matches('(')", ERROR, None),
    ("'a'.contains(1)", ERROR, None),
    ("'ÄaZ'.lowerAscii() + 'äz'.upperAscii()", "string", "ÄazäZ"),
    ("'\\u00a0 a b\\u3000\\n'.trim()", "string", "a b"),
    ("string(-0.0045) + string(1e21) + string(12.0) + string(true)", "string", "-0.00451e+2112true"),
    ("int(' 1')", ERROR, None),
    ("int('-12') + int(-3.9)", "int", -15),
    ("int(9223372036854775807.0)", ERROR, None),
    ("double('1e3') + double(2)", "double", 1002.0),
    ("double('x')", ERROR, None),
    ("bool('True') && !bool('f')", "bool", True),
    ("bool('yes')", ERROR, None),
    ("dyn(1) == 1.0", "bool", True),
]
TIMES: list[tuple[str, str, Any]] = [
    ("timestamp('2026-01-05T12:00:00.000000001+08:00')", "timestamp", "2026-01-05T04:00:00.000000001Z"),
    ("timestamp(0)", "timestamp", "1970-01-01T00:00:00Z"),
    ("timestamp('0001-01-01T00:00:00Z') - duration('1ns')", ERROR, None),
    ("timestamp('9999-12-31T23:59:59.999999999Z') + duration('1ns')", ERROR, None),
    ("timestamp('9999-01-01T00:00:00Z') - timestamp('0001-01-01T00:00:00Z')", ERROR, None),
    ("timestamp('2026-01-05T00:00:00Z') - timestamp('2026-01-04T23:59:58.5Z')", "duration", "1.5s"),
    ("duration('1h1m1.5s') + duration('-0.5s')", "duration", "3661s"),
    ("duration('1d')", ERROR, None),
    ("duration('60s') == duration('1m')", "bool", True),
    ("timestamp('yesterday')", ERROR, None),
    ("int(timestamp('1969-12-31T23:59:59.5Z'))", "int", -1),
    ("string(duration('90m')) + string(timestamp(1))", "string", "5400s1970-01-01T00:00:01Z"),
    ("duration('1s') < timestamp(0)", ERROR, None),
]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [*LITERALS, *NUMBERS, *COMPARED, *LOGIC, *LISTS, *TEXTS, *TIMES],
    ids=str,
)
def test_an_expression_has_the_value_or_the_error_that_cel_gives_it(text: str, kind: str, value: Any) -> None:
    """Its type, its value as JSON has it; what has none is an error, never something unsupported."""
    found = evaluate(text, NOTHING)

    if kind == ERROR:
        assert (found.outcome, found.type, found.value) == (ERROR, None, None)
        assert found.message
    else:
        assert found == Outcome("value", kind, value)
        assert repr(found.value) == repr(value)  # 1 is not 1.0, and 0.0 not -0.0


FACTS = {
    "message": {"scene": "trade", "params": {"amount": 200, "rate": 2.0, "note": None}, "tags": ["a", ""]},
    "user.tags": ["vip-1", "old"],
    "user": {"zone": "Asia/Shanghai"},
    "a.b.c": "long",
    "a.b": {"c": "short", "d": [{"e": 5}]},
    "at": {"@timestamp": "2026-01-05T12:00:00Z"},
    "for": {"@duration": "90s"},
}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("message.params.amount", "int", 200),
        ("message.params.rate", "double", 2.0),
        ("message.tags", "list", ["a", ""]),
        ("user.tags.exists(t, t.startsWith('vip'))", "bool", True),
        ("user.zone", "string", "Asia/Shanghai"),
        ("a.b.c", "string", "long"),
        ("a.b.d[0].e", "int", 5),
        ("a.b.d.exists(one, one.e > 4 && !has(one.f))", "bool", True),
        ("[1].exists(message, message == 1 && .message.scene == 'trade')", "bool", True),
        ("has(message.scene) && !has(message.campaign)", "bool", True),
        ("has(message.params.note)", "bool", False),
        ("message.params.note", ERROR, None),
        ("has(message.nothing.more)", ERROR, None),
        ("has(message)", ERROR, None),
        ("has(message.scene.more)", ERROR, None),
        ("message.campaign == 'x' || message.scene == 'trade'", "bool", True),
        ("message.campaign == 'x'", ERROR, None),
        ("message.scene.more", ERROR, None),
        ("at + duration('1s')", "timestamp", "2026-01-05T12:00:01Z"),
    ],
)
def test_facts_are_read_by_their_paths_and_have_the_types_of_their_values(text: str, kind: str, value: Any) -> None:
    """Objects and keys with points; absent and null alike; the longest key wins."""
    found = evaluate(text, taken(FACTS))

    assert (found.outcome, found.type, found.value) == (
        (ERROR, None, None) if kind == ERROR else ("value", kind, value)
    ), found.message


EXAMPLES = {
    "unsigned": ("1u + 1u", "uint(1)"),
    "bytes": ("b'x'", "bytes('x')"),
    "null": ("null", "[null]", "y"),
    "maps": ("{'a': 1}", "x", "x == 1", "'a' in x", "size(x)", "x.exists(k, true)", "x['a']"),
    "messages": ("Thing{a: 1}", "google.protobuf.Value{}", "Kind.LARGE", "Kind(1)"),
    "types": ("type(1)", "int", "google.protobuf.Timestamp"),
    "time-parts": ("timestamp(0).getHours()", "duration('1s').getSeconds('UTC')"),
    "macros": ("[1].map(x, x)", "[1].exists_one(x, true)", "[1].all(i, x, true)", "[1].filter(x, true)"),
    "optionals": ("x.?a", "[?x]", "optional.of(1)"),
    "extensions": ("'a'.charAt(0)", "'a'.replace('a', 'b')", "math.greatest(1, 2)", "base64.encode('a')"),
    "quoted-fields": ("x.`a-b`",),
    "comments": ("1 // one",),
    "large": ("(" * 33 + "1" + ")" * 33, "1 + " * 1500 + "1", "!" * 500 + "true"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_outside_is_told_by_its_name(name: str) -> None:
    """By the short name that the documentation lists, even where && or || could do without it."""
    for text in EXAMPLES[name]:
        for whole in (text, f"true || {text}" if name not in ("null", "maps") else text):
            found = evaluate(whole, taken({"x": {"a": 1}, "y": [None]}))
            assert found.outcome == "unsupported", (whole, found)
            assert (found.message or "").startswith(f"{name}: ")


def test_the_documentation_lists_exactly_what_is_outside() -> None:
    """docs/rules.md, section "Outside the language": the first cell of each row is the short name."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    section = text.partition("\n## Outside the language\n")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == list(OUTSIDE)


def _tagged(value: Any) -> Any:
    """Nested facts as `rules eval` is given them."""
    if isinstance(value, dict):
        return {key: _tagged(inner) for key, inner in value.items()}
    if isinstance(value, datetime):
        return {"@timestamp": value.isoformat()}
    if isinstance(value, timedelta):
        micros = value // timedelta(microseconds=1)
        return {"@duration": f"{micros}us"}
    return value


DEFINED = {"large": 200.0, "few": 3, "vips": ["gold", "high"], "odd": [1, 3, 5]}


def _free(text: str, facts: Facts) -> bool | None:
    given_facts = taken({**DEFINED, **_tagged(SCHEMA.nested(facts.f, facts.c, Scope.CHANNEL))})
    found = evaluate(text, given_facts)
    assert found.outcome != "unsupported", (text, found.message)
    return found.value if found.outcome == "value" else None


@given(st.integers(0, 2**48))
@settings(max_examples=150)
def test_a_condition_of_a_rule_means_the_same_as_a_free_expression(seed: int) -> None:
    """Checked types and slots, or types looked at when values are there: the same value and the same errors."""
    random = Random(seed)
    text = Writer(random).condition(2)
    expr, _ = tried(text)
    if expr is None or str(2**53 + 1) in text:  # beyond 2^53 free expressions round as Google does, conditions do not
        return
    judge = holds(expr, SCHEMA, Scope.CHANNEL)

    for _ in range(6):
        facts = random_facts(random)
        if 2**53 + 1 not in (*facts.f, *facts.c):
            assert judge(facts.f, facts.c) == _free(text, facts), text


@lru_cache(maxsize=1)
def google() -> cel.Env:
    """Google's CEL with its functions on texts and two facts of any type."""
    config = cel.NewEnvConfigFromYaml("extensions:\n- name: strings\n")
    return cel.NewEnv(config=config, variables={"x": cel.Type.DYN, "y": cel.Type.DYN})


_ATOMS = (
    "x", "y", "x", "1", "0", "-3", "2.5", "0.0", "9007199254740993", "9223372036854775807", "9.3e18", "true", "false",
    "'a'", "''", "'Ab '", "'3'", "[]", "[1, 2]", "['a', 1.0, true]", "[[1]]", "timestamp('2026-01-05T12:00:00Z')",
    "duration('1h')", "duration('-3.5s')", "timestamp(3)", "v",
)  # fmt: skip
_GIVEN: tuple[Any, ...] = (1, -7, 2**63 - 1, 2.5, 0.0, "a", "Ab ", "", True, False, [1, 2.0], ["a"], [], [[1], "x"])


def _mixed(random: Random, depth: int) -> str:
    """An expression in which any types may meet."""
    if depth == 0 or random.random() < 0.15:
        return random.choice(_ATOMS)
    some = [_mixed(random, depth - 1) for _ in range(3)]
    op = random.choice(("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"))
    forms = (
        f"({some[0]} {op} {some[1]})", f"({some[0]} {op} {some[1]})", f"({some[0]} {op} {some[1]})",
        f"({some[0]} ? {some[1]} : {some[2]})", f"!({some[0]})", f"-({some[0]})", f"[{some[0]}, {some[1]}]",
        f"({some[0]})[{some[1]}]", f"size({some[0]})", f"({some[0]}).startsWith({some[1]})",
        f"({some[0]}).contains({some[1]})", f"({some[0]}).exists(v, {some[1]})", f"({some[0]}).all(v, {some[1]})",
        f"({some[0]}).trim()", f"({some[0]}).lowerAscii()", f"dyn({some[0]})", f"double({some[0]})",
        f"({some[0]}).matches('^[a-z]')",
    )  # fmt: skip
    return random.choice(forms)


def _as_json(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
        case list():
            return [_as_json(item.value() if isinstance(item, cel.Value) else item) for item in value]
        case _:
            return value


@given(st.integers(0, 2**48))
@settings(max_examples=400)
def test_mixed_types_come_out_as_in_google_cel(seed: int) -> None:
    """Any operator on any types: the same value of the same type, or an error in both."""
    random = Random(seed)
    text = _mixed(random, random.choice((1, 2, 3)))
    facts = {"x": random.choice(_GIVEN), "y": random.choice(_GIVEN)}
    ours = evaluate(text, taken(facts))
    theirs = google().compile(text, disable_check=True).eval(data=facts)

    if theirs.type() == cel.Type.ERROR:
        assert ours.outcome == ERROR, (text, facts, ours, theirs.value())
    else:
        assert ours.outcome == "value", (text, facts, ours)
        if ours.type not in ("timestamp", "duration") and "timestamp" not in text and "duration" not in text:
            assert repr(ours.value) == repr(_as_json(theirs.value())), (text, facts)


@given(st.text(max_size=60) | st.text(alphabet="()[]{}.,:?!&|=<>+-*/% \"'\\`abxy0159rtufsize", max_size=50))
@settings(max_examples=300)
def test_no_text_crashes_the_evaluation(text: str) -> None:
    """Any text has an outcome, and a message where it has no value."""
    found = evaluate(text, taken({"x": 1, "y": ["a"]}))

    assert (found.message is None) == (found.outcome == "value")
