"""The language as it is written: what is accepted, what is refused, where and with which hint."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ruleset.expressions import Names, parse_condition, roots_of, scope_of
from engine.ruleset.facts_schema import Scope
from engine.ruleset.issues import Issues, render
from engine.ruleset.source import Source
from engine.ruleset.syntax import Call, Literal
from tests.ruleset.strategies import SCHEMA, conditions, parsed, tried


@given(conditions())
@settings(max_examples=150)
def test_well_typed_conditions_are_accepted(text: str) -> None:
    """Whatever the generator writes is of the language; only a constant that always fails is refused."""
    _, issues = tried(text)

    assert {issue.code for issue in issues.sorted()} <= {"constant-error"}


@pytest.mark.parametrize(
    ("code", "column", "text"),
    [
        ("unknown-fact", 1, 'mesage.scene == "trade"'),
        ("unknown-fact", 21, "message.priority == P0"),
        ("unknown-fact", 1, "message.params > 1"),
        ("impossible-value", 28, 'message.scene in ["trade", "acount"]'),
        ("wrong-type", 1, "message.params.amount > message.params.text"),
        ("wrong-type", 25, "message.params.amount > 1 + message.params.amount"),
        ("wrong-type", 1, "now.local_hour + 1"),
        ("wrong-type", 1, '"a" in message.params.text'),
        ("wrong-type", 1, "message.params.order == 1"),
        ("cel-syntax", 15, 'message.scene = "trade"'),
        ("cel-syntax", 21, "now.local_hour < 9 ||"),
        ("cel-syntax", 18, 'message.scene == "tr'),
        ("cel-syntax", 1, ""),
        ("cel-unsupported", 1, 'user.tags.exists_one(x, x == "a")'),
        ("cel-unsupported", 1, "user.tags.map(x, x)"),
        ("cel-unsupported", 1, "exists(user.tags, x)"),
        ("cel-unsupported", 21, "user.tags.exists(x, x.name == 'a')"),
        ("wrong-arguments", 1, "user.tags.exists(x)"),
        ("wrong-arguments", 1, "user.tags.all(1, true)"),
        ("wrong-arguments", 1, "user.tags.all(i, x, true)"),
        ("wrong-type", 1, "message.params.text.exists(x, true)"),
        ("wrong-type", 21, "user.tags.exists(x, size(x))"),
        ("wrong-type", 21, "user.tags.exists(x, x > 1)"),
        ("name-taken", 18, "user.tags.exists(user, true)"),
        ("name-taken", 18, "user.tags.exists(large, true)"),
        ("name-taken", 35, "user.tags.exists(x, user.tags.all(x, true))"),
        ("too-deep", 54, "user.tags.all(x, odd.all(y, message.params.sizes.all(z, z > 1)))"),
        ("wrong-type", 1, "now.local_hour.trim() == 1"),
        ("wrong-arguments", 1, 'message.params.text.trim("a") == "b"'),
        ("cel-unsupported", 1, "user.tags[0] == 'a'"),
        ("cel-unsupported", 1, "{1: 2} == 1"),
        ("cel-unsupported", 1, "message{a: 1}"),
        ("cel-unsupported", 19, "now.local_hour == 1u"),
        ("cel-unsupported", 24, 'message.params.text == b"x"'),
        ("cel-unsupported", 24, "message.params.text == null"),
        ("cel-unsupported", 1, "int(message.params.amount) == 1"),
        ("cel-unsupported", 1, "now.timestamp.getHours() == 1"),
        ("cel-unsupported", 1, "while == 1"),
        ("cel-unsupported", 1, ".message.scene == 'trade'"),
        ("cel-unsupported", 20, "now.local_hour > 1 // why"),
        ("cel-unsupported", 14, "user.tags == []"),
        ("cel-unsupported", 29, "message.params.text.matches(message.campaign)"),
        ("cel-literal", 1, "9223372036854775808 == 1"),
        ("cel-literal", 1, "1e400 > 1.0"),
        ("cel-literal", 1, "1. > 1.0"),
        ("cel-literal", 25, 'message.params.text == "\\q"'),
        ("cel-literal", 25, 'message.params.text == "\ud800"'),
        ("cel-literal", 25, 'message.params.text == "\\ud800"'),
        ("bad-pattern", 29, 'message.params.text.matches("(")'),
        ("constant-error", 18, "now.local_hour > 1 / 0"),
        ("constant-error", 17, 'now.timestamp > timestamp("2026")'),
        ("wrong-arguments", 1, "has(1)"),
        ("wrong-arguments", 1, "size() == 1"),
        ("unknown-function", 1, 'message.params.text.startswith("a")'),
        ("too-deep", 33, "(" * 33 + "true" + ")" * 33),
        ("too-deep", 1, "now.local_hour" + " + 1" * 40 + " == 1"),
        ("too-large", 1, "true && " * 600 + "true"),
    ],
)  # fmt: skip
def test_what_is_not_of_the_language_is_refused_with_place(code: str, column: int, text: str) -> None:
    """Each has its code and the column of what is wrong."""
    expr, issues = tried(text)

    assert expr is None
    assert [(issue.code, issue.column) for issue in issues.sorted()] == [(code, column)], render(issues.sorted(), False)


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        ('did you mean "message.scene"?', 'mesage.scene == "trade"'),
        ('a text stands in quotes: "P0"', "message.priority == P0"),
        ('did you mean "account"?', 'message.scene == "acount"'),
        ("and is written &&", "user.known and content.has_url"),
        ("two values are compared with ==", 'message.scene = "trade"'),
        ("a whole number written with a point is a double: 2.0", "message.params.amount + 1 > 2.0"),
        ('did you mean "startsWith"?', 'message.params.text.startswith("a")'),
        ("read channels.<name>.state", 'channel.state == "SLOW"'),
    ],
)
def test_a_hint_says_how_to_mend_it(hint: str, text: str) -> None:
    """The likeliest mistake is named."""
    _, issues = tried(text, "routing" if "channel." in text else "interception")

    assert issues.sorted()[0].hint == hint


def test_several_mistakes_are_told_at_once_but_not_all() -> None:
    """Up to five of one condition, each at its place."""
    _, issues = tried(" || ".join(f"unknown{i} == 1" for i in range(9)))

    assert len(issues.sorted()) == 5


def test_constants_are_folded_and_known_by_name() -> None:
    """Arithmetic of constants is one literal; what a `define:` gave is noted as used."""
    names = Names(SCHEMA, "interception", SCHEMA.definitions)
    text = "message.params.amount >= large * 2.0"
    expr = parse_condition(text, Source("when", text).span, names, Issues())

    assert isinstance(expr, Call)
    assert isinstance(expr.args[1], Literal)
    assert expr.args[1].value == 400.0
    assert names.used == {"large"}


@pytest.mark.parametrize(
    ("expected", "literal"),
    [
        ("aA\u00e9\U0001f600A", r'"\x61A\u00e9\U0001F600\101"'),
        ("\n\t\\\"'?`", r'''"\n\t\\\"\'\?\`"'''),
        (r"\d+", r'r"\d+"'),
        ('a"b\nc', '"""a"b\nc"""'),
        ("é漢😀", "'é漢😀'"),
    ],
)
def test_escapes_are_undone(expected: str, literal: str) -> None:
    """All escapes of CEL, raw and long strings."""
    expr = parsed(f"message.params.text == {literal}")

    assert isinstance(expr, Call)
    assert isinstance(expr.args[1], Literal)
    assert expr.args[1].value == expected


def test_a_long_chain_is_wide_and_not_deep() -> None:
    """Hundreds of links are one call, so nothing that walks the tree can run out of stack."""
    expr = parsed(" && ".join(["user.known"] * 200))

    assert isinstance(expr, Call)
    assert len(expr.args) == 200


@pytest.mark.parametrize(
    ("expected", "family", "text"),
    [
        (Scope.MESSAGE, "interception", 'channels.sms.state == "SLOW"'),
        (Scope.CHANNEL, "interception", "channel.opted_out"),
        (Scope.PROVIDER, "breaker", "provider.window.error_rate > 0.08 && now.local_hour > 3"),
        (Scope.CHANNEL_WINDOW, "breaker", "channel.window.count > 10"),
        (Scope.PLATFORM, "breaker", 'platform.state == "NORMAL"'),
    ],
)
def test_what_a_rule_reads_tells_what_it_is_judged_against(expected: Scope, family: str, text: str) -> None:
    """The scope follows from the first words of the paths."""
    expr = parsed(text, family)

    assert scope_of(expr, family) is expected
    assert roots_of(expr) <= {"channels", "channel", "provider", "platform", "now"}


@pytest.mark.parametrize("text", ["now.local_hour > 3", "provider.window.count > 1 && channel.window.count > 1"])
def test_a_breaker_rule_has_one_subject(text: str) -> None:
    """Neither none nor two."""
    assert [issue.code for issue in tried(text, "breaker")[1].sorted()] == ["breaker-subject"]


_ALPHABET = "()[]{}.,:?!&|=<>+-*/% \n\t\"'\\abtruefalsein0159xuLl_messag"
_WORDS = st.lists(
    st.sampled_from(
        ["message", ".", "scene", "==", '"a"', "&&", "||", "!", "(", ")", "has", "in", "[", "]", "?", ":", "1",
         "1.0", "-",
         "user.tags", "now.local_hour", "true", "%", "size", ".matches", '"', "'''", "\\", "/", ","]
    ),
    max_size=14,
).map(" ".join)  # fmt: skip


@given(st.text(max_size=80) | st.text(alphabet=_ALPHABET, max_size=60) | _WORDS)
@settings(max_examples=400)
def test_no_text_crashes_the_parser(text: str) -> None:
    """Any text gives a condition or issues that can be shown, within the text."""
    expr, issues = tried(text)

    assert (expr is None) == issues.has_errors
    render(issues.sorted(), color=False)


@pytest.mark.parametrize(
    "text",
    ['"' + "\\n" * 1_999, '"""' + '\\"' * 1_990, "'" + "\\" * 3_999, "!" * 3_999 + "x", "-" * 3_990 + "x",
     "a." * 1_999 + "a",
     "1+" * 1_999 + "1", "true?" * 700, "f(" + "1," * 1_900 + "1)", "(" * 4_000, "[" * 4_000, "r'''" + "''a" * 1_300,
     "1" * 4_000],
    ids=lambda text: repr(text[:4]),
)  # fmt: skip
def test_a_hostile_condition_is_answered_soon(text: str) -> None:
    """No unclosed string, chain or nest of the greatest length takes long."""
    begun = process_time()
    expr, issues = tried(text)

    assert expr is None
    assert issues.has_errors
    assert process_time() - begun < 3
