"""A parameter table is the cases that it stands for, written once."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decision import case_table
from engine.decision.case_reading import Case, read_cases
from engine.ruleset.issues import Issues
from tests.decision.test_cases import complaints, run


def read(text: str) -> list[Case]:
    """The cases of a text that has nothing wrong with it."""
    issues = Issues()
    cases = list(read_cases({"cases.yaml": textwrap.dedent(text).encode()}, issues))
    assert issues.sorted() == ()
    return cases


def test_every_row_is_a_case_of_its_own() -> None:
    """With its values in their places, typed as they are written in the row, and the row's line."""
    first, second = read("""
        - name: ${amount} goes by $channel, for $$5 or $5, and ${channel}
          table:
            columns: [amount, channel, tags, when]
            rows:
              - [199.99, push, [rich], "2026-01-05T12:00"]
              - [200, sms, [], "2026-01-05T13:00"]
          given:
            message: {params: {amount: $amount}, content: {text: "$$ $5 ${amount}$"}}
            user: {tags: $tags}
            now: $when
          expect: {channels: [$channel], refused: {$channel: OPTED_OUT}}
    """)

    assert (first.name, second.name) == (
        "199.99 goes by push, for $5 or $5, and push",
        "200 goes by sms, for $5 or $5, and sms",
    )
    assert (first.line, second.line) == (6, 7)
    assert first.given["message"] == {"params": {"amount": 199.99}, "content": {"text": "$ $5 199.99$"}}
    assert (first.given["user"], second.given["user"]) == ({"tags": ["rich"]}, {"tags": []})
    assert second.expect == {"channels": ["sms"], "refused": {"sms": "OPTED_OUT"}}
    assert second.row == {"amount": 200, "channel": "sms", "tags": [], "when": "2026-01-05T13:00"}


def test_a_name_without_a_value_gets_them_all() -> None:
    """So that each case can be told from the others, and picked."""
    cases = read("""
        - name: n
          table: {rows: [{a: 1, b: "x: y"}, {b: {c: [null, 2]}, a: "1"}]}
          given: {message: {params: {a: $a, b: $b}}}
          expect: {verdict: SEND}
    """)

    assert [case.name for case in cases] == ["n [a 1, b x: y]", "n [a 1, b {c: [null, 2]}]"]
    assert [case.given["message"]["params"] for case in cases] == [
        {"a": 1, "b": "x: y"},
        {"a": "1", "b": {"c": [None, 2]}},
    ]


def test_a_case_without_a_table_may_hold_dollars() -> None:
    """They mean nothing there."""
    [case] = read("- {name: costs $amount, given: {message: {scene: $$}}, expect: {verdict: SEND}}")

    assert (case.name, case.given["message"]["scene"]) == ("costs $amount", "$$")


def test_tables_and_sequences_go_together() -> None:
    """The values are put into the steps too."""
    report = run("""
        - name: up to ${most} a day
          table: {columns: [most, verdict], rows: [[1, SEND], [3, DROP]]}
          given: {message: {category: MARKETING}, ledger: [{limit: day, count: $most}]}
          steps: [{at: "2026-01-05T12:00", expect: {verdict: $verdict}}]
    """)

    assert (report.passed, report.failed) == (2, 0)


GOOD = "expect: {verdict: SEND}, given: {message: {params: {amount: $a}}}"


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("table: {columns: [a], rows: [[1]]}, given: {now: $b}", ("unknown-parameter", 'the table has no column "b"')),
        ("table: {columns: [a], rows: [[1]]}, given: {now: x$b}", ("unknown-parameter", 'the table has no column "b"')),
        ("table: {columns: [a], rows: [[1]]}, doc: 'x ${b}'", ("unknown-parameter", 'the table has no column "b"')),
        ("table: {columns: [a, c], rows: [[1, 2]]}", ("unused-column", 'nothing in the case uses the column "c"')),
        ("table: {columns: [a], rows: [[1, 2]]}", ("wrong-table", "this one has 2 cells")),
        ("table: {columns: [a], rows: [5]}", ("wrong-table", "this one has the number 5")),
        ("table: {columns: [a], rows: []}", ("wrong-table", "a table has columns and at least one row")),
        ("table: {columns: [a, a], rows: [[1, 2]]}", ("wrong-table", 'the column "a" stands twice')),
        ("table: {columns: [1a], rows: [[1]]}", ("wrong-table", "a column's name is a word")),
        ("table: {columns: 5, rows: [[1]]}", ("wrong-table", "columns is a list of names")),
        ("table: {columns: [a], rows: [{a: 1, b: 2}]}", ("wrong-table", 'the table has no column "b"')),
        ("table: {columns: [a, b], rows: [{a: 1}]}, doc: $b", ("wrong-table", "the row says nothing of b")),
        ("table: {columns: [a], row: [[1]]}", ("wrong-table", "a table has columns and at least one row")),
        ("table: 5", ("wrong-table", "a table has columns and at least one row")),
        ("table: {columns: [a], rows: [[[1]]]}, doc: 'x ${a}'", ("wrong-table", "cannot be put into a text")),
        ("table: {columns: [a], rows: [[[1]]]}, steps: {$a: 1}", ("wrong-table", "the name of a field is a word")),
    ],
)
def test_what_is_wrong_with_a_table_is_told_at_its_place(case: str, told: tuple[str, str]) -> None:
    """None of its cases is run then."""
    found = complaints(f"- {{name: n, {case}, {GOOD if 'given' not in case else 'expect: {matched: [$a]}'}}}")

    assert (told[0], True) in [(code, told[1] in text) for code, _line, text, _hint in found]
    assert run(f"- {{name: n, {case}, {GOOD}}}").results == ()


def test_a_value_of_the_wrong_kind_is_told_at_its_cell() -> None:
    """Where it is to be mended."""
    text = "- name: n\n  table:\n    columns: [v]\n    rows:\n      - [SEND]\n      - [SENT]\n  expect: {verdict: $v}\n"

    assert complaints(text) == [("wrong-value", 6, 'verdict cannot be the text "SENT"', 'did you mean "SEND"?')]


def test_a_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In rows, and in what it puts into texts, however small the file is."""
    rows = ", ".join(["[1]"] * (case_table.MAX_ROWS + 1))
    [many] = complaints(f"- {{name: n, table: {{columns: [a], rows: [{rows}]}}, {GOOD}}}")
    monkeypatch.setattr(case_table, "MAX_WRITTEN", 1000)
    [long] = complaints(f"- {{name: 'n {'${a}' * 40}', table: {{columns: [a], rows: [[{'x' * 100}]]}}, {GOOD}}}")

    assert (many[0], long[0]) == ("too-large", "too-large")


words = st.text("abc $5{}äß", max_size=6)
cells = st.none() | st.booleans() | st.integers() | words | st.lists(st.integers(), max_size=2)
rows = st.lists(st.fixed_dictionaries({"one": cells, "two": st.integers() | st.text("abcäß", max_size=5)}), min_size=1)


def parted(text: str) -> str:
    """A text as it is written where a dollar means something."""
    return text.replace("$", "$$")


@given(rows, words)
def test_a_table_is_its_cases_written_out(rows: list[dict[str, Any]], word: str) -> None:
    """Reading a table gives what reading each of its cases does."""
    table = {
        "name": "n ${two}",
        "table": {"columns": ["one", "two"], "rows": [[row["one"], row["two"]] for row in rows]},
        "given": {"message": {"params": {"a": "$one", "b": [{"c": "$two"}], "d": parted(word) + "-${two}"}}},
        "expect": {"verdict": "SEND"},
    }
    written = [
        {
            "name": f"n {row['two']}",
            "given": {"message": {"params": {"a": row["one"], "b": [{"c": row["two"]}], "d": f"{word}-{row['two']}"}}},
            "expect": {"verdict": "SEND"},
        }
        for row in rows
    ]
    first, second = (read(json.dumps(one, ensure_ascii=False)) for one in ([table], written))

    assert [(case.name, case.given, case.expect) for case in first] == [
        (case.name, case.given, case.expect) for case in second
    ]
