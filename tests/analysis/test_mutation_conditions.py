"""The mistakes made in a condition, operator by operator; each list is all that is made of it."""

from __future__ import annotations

import pytest

from engine.analysis.mutation.conditions import Edits
from engine.analysis.mutation.mutants import mutants_of
from engine.ruleset.expressions import Names, parse_condition
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.issues import Issues
from engine.ruleset.printing import show
from engine.ruleset.source import Source
from engine.ruleset.syntax import Expr
from engine.ruleset.terms import key_of
from tests.analysis.mutation_versions import changes, version

OF_CONDITIONS = ("boundary", "operator", "constant", "negation", "part")


def routing(when: str) -> str:
    """A routing rule with this condition before one that takes the rest."""
    rule = f"- id: r\n  when: >-\n    {when}\n  then: {{distribute: {{to: sms}}}}\n"
    return rule + "- {id: rest, then: {concurrent: [push]}}"


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (
            "content.length < 20",
            [
                "content.length < 20 -> content.length >= 20",
                "content.length < 20 -> content.length <= 20",
                "content.length < 20 -> content.length < 21",
                "content.length < 20 -> content.length < 19",
            ],
        ),
        (
            "content.length >= 20",
            [
                "content.length >= 20 -> content.length < 20",
                "content.length >= 20 -> content.length > 20",
                "content.length >= 20 -> content.length >= 21",
                "content.length >= 20 -> content.length >= 19",
            ],
        ),
        (
            'message.category == "MARKETING"',
            [
                'message.category == "MARKETING" -> message.category != "MARKETING"',
                'message.category == "MARKETING" -> message.category == "ONE_TIME_PASSWORD"',
            ],
        ),
        (
            'message.line != "cards"',
            ['message.line != "cards" -> message.line == "cards"', 'message.line != "cards" -> message.line != "card"'],
        ),
        ("user.known", ["user.known -> !user.known"]),
        ("!user.known", ["!user.known -> user.known"]),
        (
            'message.category in ["SERVICE", "REPAYMENT"]',
            [
                'message.category in ["SERVICE", "REPAYMENT"] -> !(message.category in ["SERVICE", "REPAYMENT"])',
                'message.category in ["SERVICE", "REPAYMENT"] -> message.category in ["REPAYMENT"]',
                'message.category in ["SERVICE", "REPAYMENT"] -> message.category in ["SERVICE"]',
            ],
        ),
        (
            'message.line in ["cards"]',
            [
                'message.line in ["cards"] -> !(message.line in ["cards"])',
                'message.line in ["cards"] -> message.line in ["card"]',
            ],
        ),
        (
            'message.line.startsWith("a")',
            [
                'message.line.startsWith("a") -> !message.line.startsWith("a")',
                'message.line.startsWith("a") -> message.line.endsWith("a")',
                'message.line.startsWith("a") -> message.line.startsWith("aa")',
            ],
        ),
        (
            'message.line.matches("^ab$")',
            [
                'message.line.matches("^ab$") -> !message.line.matches("^ab$")',
                'message.line.matches("^ab$") -> message.line.matches("ab$")',
                'message.line.matches("^ab$") -> message.line.matches("^ab")',
            ],
        ),
        (
            "size(message.line) + 1 > 9",
            [
                "size(message.line) + 1 > 9 -> size(message.line) + 1 <= 9",
                "size(message.line) + 1 > 9 -> size(message.line) + 1 >= 9",
                "size(message.line) + 1 > 9 -> size(message.line) + 1 > 10",
                "size(message.line) + 1 > 9 -> size(message.line) + 1 > 8",
                "size(message.line) + 1 -> size(message.line) - 1",
            ],
        ),
        (
            'now.timestamp < timestamp("2026-01-05T00:00:00Z")',
            [
                f'now.timestamp < timestamp("2026-01-05T00:00:00Z") -> now.timestamp {other}'
                for other in (
                    '>= timestamp("2026-01-05T00:00:00Z")',
                    '<= timestamp("2026-01-05T00:00:00Z")',
                    '< timestamp("2026-01-05T00:00:01Z")',
                    '< timestamp("2026-01-04T23:59:59Z")',
                )
            ],
        ),
    ],
)
def test_what_is_made_of_one_question(when: str, expected: list[str]) -> None:
    """Boundaries, constants, operators and negations of a single question, as its author would have written them."""
    assert changes(version(routing=routing(when)), "r", *OF_CONDITIONS) == expected


def test_a_chain_is_cut_joined_otherwise_and_turned_round() -> None:
    """Each link is left out once, each operator exchanged once, the whole turned round once."""
    found = changes(version(routing=routing("user.known && content.has_url")), "r", *OF_CONDITIONS)

    assert found == [
        "user.known && content.has_url -> !(user.known && content.has_url)",
        "user.known -> (left out)",
        "content.has_url -> (left out)",
        "&& content.has_url -> || content.has_url",
        "user.known -> !user.known",
        "content.has_url -> !content.has_url",
    ]


def test_an_exchanged_operator_binds_as_it_does_in_the_text() -> None:
    """`a && b && c` becomes `a && b || c`, and `a || b || c` becomes `a || b && c`."""
    parsed = version(routing=routing('user.known && content.has_url && message.line == "a"'))

    made = [mutant for mutant in mutants_of(parsed, "r") if mutant.before.startswith("&& message.line")]

    (mutant,) = made
    assert mutant.changed[0].when is not None
    assert show(mutant.changed[0].when) == 'user.known && content.has_url || message.line == "a"'


def test_a_fraction_moves_in_its_last_digit_and_a_name_shows_its_value() -> None:
    """0.08 becomes 0.09 and 0.07; a named constant is shown by its name before and by its value after."""
    parsed = version(
        routing=routing("has(message.params.amount) && message.params.amount >= large"),
        breaker="- {id: b, when: provider.window.error_rate > 0.08, then: {set: {state: PAUSED}}}",
    )

    assert changes(parsed, "b", "constant") == [
        "provider.window.error_rate > 0.08 -> provider.window.error_rate > 0.09",
        "provider.window.error_rate > 0.08 -> provider.window.error_rate > 0.07",
    ]
    assert changes(parsed, "r", "constant") == [
        "message.params.amount >= large -> message.params.amount >= 201.0",
        "message.params.amount >= large -> message.params.amount >= 199.0",
    ]


def test_the_place_is_that_of_the_changed_text() -> None:
    """File, line and column lead to the question, to the constant, and to an exchanged operator itself."""
    parsed = version(routing=routing('user.known && message.line == "cards"'))

    found = {(mutant.before, mutant.after): mutant.text.partition(" ")[0] for mutant in mutants_of(parsed, "r")}

    line = 'message.line == "cards"'
    assert found[line, 'message.line != "cards"'] == "routing.yaml:5:21"
    assert found[line, 'message.line == "card"'] == "routing.yaml:5:37"
    assert found["&& " + line, "|| " + line] == "routing.yaml:5:18"


def test_what_the_check_would_refuse_is_not_made() -> None:
    """No unguarded fact outside routing, nothing that never or always holds, no two routes of one condition."""
    parsed = version(
        interception="""
            - id: guarded
              when: has(message.params.amount) && message.params.amount > 5.0
              then: {drop: {reason: BLOCKED}}
            - id: channels
              when: channel.opted_out && message.category == "MARKETING"
              then: {exclude: {reason: OPTED_OUT}}
            - {id: edge, when: now.local_hour <= 22, then: {drop: {reason: BLOCKED}}}
        """,
        routing="""
            - {id: known, when: user.known, then: {distribute: {to: sms}}}
            - {id: unknown, when: "!user.known && content.has_url", then: {distribute: {to: sms}}}
            - {id: rest, then: {distribute: {to: push}}}
        """,
    )

    assert "has(message.params.amount) -> (left out)" not in changes(parsed, "guarded")
    assert "channel.opted_out -> (left out)" not in changes(parsed, "channels")
    assert "now.local_hour <= 22 -> now.local_hour <= 23" not in changes(parsed, "edge")
    assert "now.local_hour <= 22 -> now.local_hour < 22" in changes(parsed, "edge")
    assert "user.known -> !user.known" in changes(parsed, "known")
    assert "content.has_url -> (left out)" in changes(parsed, "unknown")


def test_has_is_left_out_where_an_error_is_allowed() -> None:
    """In routing a rule may err, so the mistake of leaving has() out can be released, and is made."""
    parsed = version(routing=routing("!has(message.params.amount) || message.params.amount > 5.0"))

    assert "!has(message.params.amount) -> (left out)" in changes(parsed, "r", "part")


def test_no_mutant_is_the_original_and_none_is_made_twice() -> None:
    """Every mutant of a condition means something else than the rule and than the others of its rule."""
    parsed = version(
        routing=routing('!(user.known && (message.line == "a" || message.line == "b")) || content.has_url')
    )
    rule = parsed.rules[0]
    assert rule.when is not None

    keys = [key_of(one.changed[0].when) for one in mutants_of(parsed, "r") if one.kind in OF_CONDITIONS]  # type: ignore[arg-type]

    assert key_of(rule.when) not in keys
    assert len(keys) == len(set(keys)) > 10


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ('now.timestamp <= timestamp("9999-12-31T23:59:59Z")', ['timestamp("9999-12-31T23:59:58Z")']),
        ("message.params.count < 9223372036854775807", ["9223372036854775806"]),
    ],
)
def test_no_constant_leaves_the_language(when: str, expected: list[str]) -> None:
    """Next to the largest number and the last second there is nothing to be written by mistake."""
    edits = Edits(_schema(), Scope.MESSAGE).of(_condition(when))

    assert [edit.after.split(" ", 2)[2] for edit in edits if edit.kind == "constant"] == expected


def _schema() -> FactsSchema:
    schema = version().schema
    assert schema is not None
    return schema


def _condition(when: str) -> Expr:
    source = Source("routing.yaml", when)
    found = parse_condition(when, source.span, Names(_schema(), "routing", {}, set()), Issues())
    assert found is not None
    return found
