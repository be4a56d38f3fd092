"""Keyword lists, as far as broken folders do not show them already."""

from __future__ import annotations

from engine.ruleset.issues import Issues
from engine.ruleset.lists import LONGEST_WORD, MOST_COMPLAINTS, Words, parse_list
from engine.ruleset.source import Source


def parsed(text: str) -> tuple[Words, list[str]]:
    """Return the words of a list and the codes of what is wrong with it."""
    issues = Issues()
    words = parse_list(Source("lists/a.txt", text), issues)
    return words, [issue.code for issue in issues.sorted()]


def test_a_list_is_a_word_and_a_severity_a_line() -> None:
    """Blank lines and comments are passed over, the severity is 1 if not said, blanks around a word go."""
    text = "# a comment\n\ncasino\t9\r\n  fast money \nweiß\t\n赌场\t3"
    assert parsed(text) == ((("casino", 9), ("fast money", 1), ("weiß", 1), ("赌场", 3)), [])


def test_words_that_match_the_same_are_one_word() -> None:
    """Case and width do not count in matching, so they do not count between the lines of a list."""
    words, codes = parsed("Casino\t9\nＣＡＳＩＮＯ\t9\ncasino\t3\n")
    assert words == (("Casino", 9),)
    assert codes == ["duplicate-word", "conflicting-duplicate"]


def test_a_file_in_another_format_is_told_in_few_lines() -> None:
    """A spreadsheet saved as a list has a mistake in every line; ten of them are enough."""
    assert parsed("word\tbad\n" * 100_000)[1] == ["bad-severity"] * MOST_COMPLAINTS


def test_a_word_has_a_bearable_length() -> None:
    """A whole page in one line is no word."""
    assert parsed("x" * LONGEST_WORD)[1] == []
    assert parsed("x" * (LONGEST_WORD + 1))[1] == ["too-long"]
