"""CSV files of decision tables: split as Python's csv module splits them, with the place of every cell."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ruleset.documents import Scalar
from engine.ruleset.issues import Issues, render
from engine.ruleset.source import Source
from engine.ruleset.table_csv import read_csv

HEADINGS = ["message.line", "then.distribute.to", "doc"]
CELLS = st.text(st.sampled_from("ab,;\t\"'\n 5_[)#-，é"), max_size=6)


def cells(text: str) -> list[tuple[Scalar, ...]]:
    """Return the records of a good file."""
    issues = Issues()
    records = read_csv(Source("tables/t.csv", text), issues)
    assert records is not None, render(issues.sorted(), color=False)
    return list(records)


def texts(text: str) -> list[list[str]]:
    """Return the texts of the cells of a good file."""
    return [[cell.text for cell in record] for record in cells(text)]


@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=5),
    separator=st.sampled_from(",;\t"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@settings(max_examples=200, deadline=None)
def test_a_file_is_split_as_by_the_csv_module(
    rows: list[list[str]], separator: str, line_end: str, quoting: csv._QuotingType
) -> None:
    """What a spreadsheet would write of any cells is read back, but for blanks around them, remarks and empty rows."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator, lineterminator=line_end, quoting=quoting)
    writer.writerows([HEADINGS, *rows])
    text = written.getvalue()
    expected = [row for row in rows if any(cell.strip() for cell in row) and not _is_remark(row, separator, quoting)]

    assert [[cell.strip() for cell in row] for row in texts(text)[1:]] == [[c.strip() for c in row] for row in expected]


def _is_remark(row: list[str], separator: str, quoting: int) -> bool:
    """Tell whether the line begins with # or has one remark in quotes and nothing else."""
    bare = quoting == csv.QUOTE_MINIMAL and not set(row[0]) & {separator, '"', "\n", "\r"}
    return (bare and row[0].startswith("#")) or (
        row[0].strip().startswith("#") and not any(cell.strip() for cell in row[1:])
    )


@given(rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=5))
@settings(max_examples=100, deadline=None)
def test_every_cell_knows_its_place(rows: list[list[str]]) -> None:
    """The place of a cell is its text in the file, with the quotes in it written twice."""
    written = io.StringIO()
    csv.writer(written).writerows([HEADINGS, *rows])
    text = written.getvalue()

    for record in cells(text):
        for cell in record:
            assert text[cell.span.start : cell.span.end].replace('""', '"') == cell.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2", [["a", "b"], ["1", "2"]]),
        ("a\n1\n", [["a"], ["1"]]),
        ("a;b\n1,5;2\n", [["a", "b"], ["1,5", "2"]]),
        ("a\tb\n1,5\t2;3\n", [["a", "b"], ["1,5", "2;3"]]),
        ('"a,b";c\nx;y\n', [["a,b", "c"], ["x", "y"]]),
        ("\n\n# remark; with, both\na,b\n,\n\r\n# x\r\nc,d\r\n", [["a", "b"], ["c", "d"]]),
        ('a,b\n"# remark, in quotes",\n"#x",y\n', [["a", "b"], ["#x", "y"]]),
        ('a,b\n != "x" , "p, q" \n', [["a", "b"], ['!= "x"', "p, q"]]),
        ('a,b\n"two\nlines",x\n', [["a", "b"], ["two\nlines", "x"]]),
        ("a,b\r1,2\r", [["a", "b"], ["1", "2"]]),
        ('a,b\n"",""""\n', [["a", "b"], ["", '"']]),
    ],
)
def test_what_people_and_programs_write(text: str, expected: list[list[str]]) -> None:
    """Each separator, each kind of line end, remarks, blank lines, and blanks around cells."""
    assert texts(text) == expected


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("", "empty-file", (1, 1)),
        ("# remark\n\n;;\n", "empty-file", (1, 1)),
        ('"# remark",\n""\n', "empty-file", (1, 1)),
        ('a,b\n"c,d\n', "csv-quote", (2, 1)),
        ('a,b\n"c"d,e\n', "csv-quote", (2, 4)),
        ("a,b;c\n", "csv-separator", (1, 4)),
        ("a,b\nc\x00,d\n", "control-character", (2, 2)),
        ("a,b\n" + "c,d\n" * 100_001, "too-large", (100_001, 4)),
    ],
)
def test_what_cannot_be_split_is_refused(text: str, code: str, place: tuple[int, int]) -> None:
    """One issue says where it goes wrong, and nothing is guessed."""
    issues = Issues()

    assert read_csv(Source("tables/t.csv", text), issues) is None
    assert [(issue.code, (issue.line, issue.column)) for issue in issues.sorted()] == [(code, place)]
