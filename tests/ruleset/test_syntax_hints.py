"""What is told about a condition that is written as people first write it: the hint says how to write it."""

from __future__ import annotations

import time

import pytest

from engine.ruleset.grammar import SyntaxProblem, parse


def told_of(text: str) -> tuple[str, str]:
    """Return what does not fit and the hint."""
    with pytest.raises(SyntaxProblem) as problem:
        parse(text)
    return problem.value.message.removesuffix(" does not fit here"), problem.value.hint


@pytest.mark.parametrize(
    ("text", "sign", "hint"),
    [
        ("message.params.amount > 5,000", ",", "a number has no comma in it: 5000, and 0.5 with a point"),
        ('message.scene in ("a", "b")', ",", 'a list stands in square brackets: ["a", "b"]'),
        ('message.scene in "a", "b"', ",", 'a list stands in square brackets: ["a", "b"]'),
        ("now.local_hour => 8", "=", "write >= or <="),
        ("now.local_hour ≥ 8", "≥", "write >= for ≥, <= for ≤, != for ≠"),
        ("now.local_hour <> 8", ">", "write !="),
        ("now.local_hour = 8", "=", "two values are compared with =="),
        ("now.local_hour >= 8:00", ":", "an hour is a number, 0 to 23"),
        ("now.local_hour >= 8h", "h", "an hour is a number, 0 to 23"),
        ("message.params.amount > 5 CNY", "CNY", "a number stands alone, without a unit or a currency"),
        ("message.params.amount > 5000元", "元", "a number stands alone, without a unit or a currency"),
        ("provider.window.error_rate > 20% && x", "&&", "a share is written 0.2, not 20 %"),
        ("if user.known", "user", "leave if out: a condition says when by itself"),
        ("user.known； user.known", "；", "a full-width sign; use its ASCII form"),
        ("message.line == «a»", "«", 'texts stand in straight quotes: "…"'),
        ("not user.known", "user", "not is written !, as in !user.known"),
        ("has message.scene", "message", "what is asked for stands in brackets: has(message.scene)"),
        (
            'user.tags contains "high"',
            "contains",
            'of a text: message.scene.contains("a"); of a list: "a" in user.tags',
        ),
        (
            "user.known\u00a0&& user.known",
            "this blank",
            "a blank of another kind, such as web pages and letters have; write an ordinary one",
        ),
    ],
)
def test_a_first_way_to_write_it_is_put_right(text: str, sign: str, hint: str) -> None:
    """What people write who know mathematics, English or a spreadsheet is answered with how it is written here."""
    assert told_of(text) == (sign, hint)


def test_a_share_at_the_end_is_put_right() -> None:
    """In a condition that ends with a per cent sign the next number is not what is missing."""
    assert told_of("provider.window.error_rate > 20%")[1] == "a share is written 0.2, not 20 %"


def test_a_long_text_takes_no_long_time() -> None:
    """The search for a hint looks at a bounded piece of the condition."""
    begun = time.perf_counter()
    assert told_of("1" * 3_990 + ",5")[0] == ","
    assert time.perf_counter() - begun < 1
