"""What is known of a content without rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decision.content import fingerprint, segments, wording
from engine.decision.model import Content, Message
from engine.ruleset.keywords import KeywordLists, fold

WORDS = st.text("abc ABC中文ａ", min_size=1, max_size=4)


def saying(*fields: str, overrides: tuple[tuple[str, str, str, str, str], ...] = ()) -> Message:
    """A message with this title, text, html and url."""
    padded = [*fields, *[""] * (4 - len(fields))]
    return Message("t", "l", "u", "SERVICE", "P1", content=Content(*padded, overrides=overrides))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("中" * 70, 1),
        ("中" * 71, 2),
        ("中" * 134, 2),
        ("中" * 135, 3),
        ("a" * 70 + "`", 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_sms_parts_follow_the_standard(text: str, parts: int) -> None:
    """160 and 153 characters of GSM 7-bit, 70 and 67 UTF-16 units of anything else; escaped ones count twice."""
    assert segments(text) == parts


def test_a_channel_can_have_its_own_wording() -> None:
    """The override wins, an empty one keeps the common text, and without a text the title stands in."""
    message = saying("T", "text", overrides=(("push", "", "", "", ""), ("sms", "", "short", "", "")))

    assert wording(message, "sms") == "short"
    assert wording(message, "push") == "text"
    assert wording(saying("T"), "sms") == "T"


@given(st.lists(st.text(max_size=5), min_size=4, max_size=4), st.lists(st.text(max_size=5), min_size=4, max_size=4))
def test_contents_are_the_same_only_when_every_field_is(first: list[str], second: list[str]) -> None:
    """No shifting of text from one field to the next makes two contents equal."""
    assert (fingerprint(saying(*first)) == fingerprint(saying(*second))) == (first == second)


def test_a_template_is_the_same_with_the_same_params() -> None:
    """The order in which the params were written does not matter."""

    def filled(**params: object) -> Message:
        return Message("t", "l", "u", "SERVICE", "P1", template="welcome", params=params)

    assert fingerprint(filled(a=1.0, b="x")) == fingerprint(filled(b="x", a=1.0))
    assert fingerprint(filled(a=1.0)) != fingerprint(filled(a=2.0))


@given(st.dictionaries(WORDS, st.integers(1, 9), max_size=6), st.text("abc ABC中文ａ｡", max_size=20))
def test_one_pass_finds_what_a_search_for_each_word_finds(words: dict[str, int], text: str) -> None:
    """The highest severity of all words of a list that are in the text, upper and full-width letters alike."""
    expected = max((severity for word, severity in words.items() if fold(word) in fold(text)), default=0)

    assert (expected,) == KeywordLists({"bad": tuple(words.items())}).hits([text])


def test_a_word_cannot_hide_behind_invisible_letters() -> None:
    """Zero-width characters, case and full width do not keep a word from being found."""
    lists = KeywordLists({"ad": (("保本", 5),), "spam": (("free", 3),)})

    assert lists.hits(["保\u200b本收益", "ＦＲＥＥ"]) == (5, 3)
    assert lists.hits(["保", "本"]) == (0, 0)


@pytest.mark.parametrize("marks", ["\u0345\u0334", "\u0f73\u0f71", "\u0301"])
def test_a_tower_of_marks_costs_no_more_than_its_length(marks: str) -> None:
    """Unicode would put 30,000 marks in order one by one; only the first thirty of a row are looked at."""
    tower = "x" + marks * 15_000

    assert len(fold(tower)) <= 100
