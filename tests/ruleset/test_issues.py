"""Problems as people see them: in order, bounded, with the caret under the place."""

from __future__ import annotations

import json

import yaml

from engine.ruleset.issues import MAX_ISSUES, Issues, Related, Severity, did_you_mean, render
from engine.ruleset.source import EXCERPT_LIMIT, Source


def test_lines_and_columns_count_from_one_in_characters() -> None:
    """All three line ends count, and a character is one column whatever its bytes."""
    source = Source("a", "é😀\r\nx\ry\nz")

    assert [(source.span(i, i).line, source.span(i, i).column) for i in (0, 1, 4, 6, 8)] == [
        (1, 1), (1, 2), (2, 1), (3, 1), (4, 1),
    ]  # fmt: skip


def test_an_issue_shows_its_line_with_carets() -> None:
    """Code, place, message, the line, carets as wide as what is meant, hint."""
    issues, source = Issues(), Source("routing.yaml", "rules:\n  when: mesage.scene\n")
    issues.error("unknown-fact", source.span(15, 27), 'unknown fact "mesage.scene"', 'did you mean "message.scene"?')

    assert render(issues.sorted(), color=False).split("\n") == [
        'error[unknown-fact] routing.yaml:2:9: unknown fact "mesage.scene"',
        "      when: mesage.scene",
        "            ^^^^^^^^^^^^",
        '    hint: did you mean "message.scene"?',
    ]


def test_the_caret_stands_right_under_wide_characters() -> None:
    """A Chinese character takes two cells of a terminal."""
    issues = Issues()
    issues.error("x", Source("a", "账户 == 余额").span(6, 8), "wrong")

    assert render(issues.sorted(), color=False).split("\n")[2] == "    " + " " * 8 + "^^^^"


def test_a_long_line_is_cut_around_the_place() -> None:
    """The excerpt stays short and the caret under its character."""
    issues = Issues()
    issues.error("x", Source("a", "a" * 5_000 + "!" + "b" * 5_000).span(5_000, 5_001), "wrong")
    (issue,) = issues.sorted()

    assert len(issue.excerpt) == EXCERPT_LIMIT
    assert issue.excerpt[issue.caret - 1] == "!"
    assert issue.column == 5_001


def test_what_a_file_holds_cannot_steer_a_terminal() -> None:
    """Escape sequences are shown as signs."""
    issues = Issues()
    issues.error("x", Source("a\x1b[2J", "b\x1b[31m\u202e").span(0, 1), "wrong \x1b[0m")

    assert "\x1b" not in render(issues.sorted(), color=False)
    assert "\u202e" not in render(issues.sorted(), color=False)


def test_problems_are_sorted_counted_and_told_once() -> None:
    """By place, at most MAX_ISSUES and a last one that counts the rest; errors go before warnings when cut."""
    issues, source = Issues(), Source("a", "x\n" * 300)
    for line in range(150):
        issues.warning("w", source.span(2 * line, 2 * line + 1), "warned")
    for line in reversed(range(150)):
        issues.error("e", source.span(2 * line, 2 * line + 1), "wrong")
        issues.error("e", source.span(2 * line, 2 * line + 1), "wrong")
    found = issues.sorted()

    assert [issue.line for issue in found[:MAX_ISSUES]] == list(range(1, MAX_ISSUES + 1))
    assert {issue.severity for issue in found} == {Severity.ERROR}
    assert found[-1].message == "200 more problems were found and are not listed"


def test_the_nearest_name_is_proposed() -> None:
    """Only if it is near at all."""
    assert did_you_mean("shcene", ["scene", "line"]) == 'did you mean "scene"?'
    assert did_you_mean("zzz", ["scene", "line"]) == ""


def test_an_example_stands_under_the_problem_and_reads_back() -> None:
    """As the `given:` of a rule test: texts that YAML would take for something else are quoted."""
    given = {"message": {"category": "MARKETING", "params": {"code": "007", "ok": "yes", "text": "a: \x1b\u202e"}}}
    issues = Issues()
    issues.warning("w", Source("a", "b").span(0, 1), "odd", witness=json.dumps(given))

    (*_, label, line) = render(issues.sorted(), color=False).split("\n")

    assert label == "    for example:"
    assert yaml.safe_load(line) == {"given": given}
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_a_long_example_has_a_line_for_each_part() -> None:
    """It is still what can be pasted."""
    given = {"message": {"content": {"text": "long " * 30}}, "now": "2026-01-05T21:00", "user": {}}
    issues = Issues()
    issues.error("e", Source("a", "b").span(0, 1), "wrong", witness=json.dumps(given))

    lines = render(issues.sorted(), color=False).partition("for example:\n")[2].split("\n")

    assert [line.partition(":")[0].strip() for line in lines] == ["given", "message", "now", "user"]
    assert yaml.safe_load("\n".join(lines)) == {"given": given}


def test_other_places_are_named() -> None:
    """Those that a problem has to do with, each on a line."""
    issues, source = Issues(), Source("routing.yaml", "one\ntwo\n")
    issues.warning(
        "overlap", source.span(4, 7), "both match", related=[Related.at(source.span(0, 3), 'the rule "one"')]
    )

    assert '    see: routing.yaml:1:1: the rule "one"' in render(issues.sorted(), color=False).split("\n")


def test_notes_are_shown_only_when_asked_for() -> None:
    """They are no problems; when too many are found they are the first to be left out."""
    issues, source = Issues(), Source("a", "x\n" * 200)
    for line in range(MAX_ISSUES):
        issues.note("n", source.span(2 * line, 2 * line + 1), "to know")
    issues.error("e", source.span(300, 301), "wrong")
    found = issues.sorted()

    assert "e" in {issue.code for issue in found}
    assert (found[-1].code, found[-1].severity) == ("too-many", Severity.NOTE)
    assert "to know" not in render(found, color=False)
    assert "note[n]" in render(found, color=False, notes=True)
