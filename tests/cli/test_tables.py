"""Reading rows: what stands in the file comes out, and what is damaged is told by line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cli.mapping.problems import TableBroken
from cli.mapping.tables import BadRow, Layout, Row, Wanted, read_table

ID = Wanted("id", ("id",))
NAME = Wanted("name", ("name", "called"))
CSV = Layout()


def rows(path: Path, content: bytes, layout: Layout = CSV, wanted: tuple[Wanted, ...] = (ID, NAME)) -> list[object]:
    path.write_bytes(content)
    return [(type(row), row.line, tuple(row[1])) for row in read_table(path, layout, wanted)]


def test_only_the_wanted_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    """Other columns may be there, in any order."""
    assert rows(tmp_path / "t", b"x,called,id\n9,Ann,1\n") == [(Row, 2, ("1", "Ann"))]


@pytest.mark.parametrize("delimiter", [b",", b";", b"\t", b"|"])
def test_the_header_shows_the_delimiter(tmp_path: Path, delimiter: bytes) -> None:
    """Nobody need say which of the usual ones it is."""
    assert rows(tmp_path / "t", b"id|name\n1|Ann\n".replace(b"|", delimiter)) == [(Row, 2, ("1", "Ann"))]


def test_quoted_fields_hold_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    """A row is told by the line it begins on."""
    content = b'id,name\n1,"a, ""b""\nc"\n\n2,d\n'

    assert rows(tmp_path / "t", content) == [(Row, 2, ("1", 'a, "b"\nc')), (Row, 5, ("2", "d"))]


def test_a_byte_order_mark_and_gzip_make_no_difference(tmp_path: Path) -> None:
    """Both are recognised by their bytes, not by the file's name."""
    content = gzip.compress(b"\xef\xbb\xbfid,name\r\n1,\xc5\x99\r\n")

    assert rows(tmp_path / "t.csv", content) == [(Row, 2, ("1", "ř"))]


def test_another_encoding_can_be_named(tmp_path: Path) -> None:
    """The map says which."""
    assert rows(tmp_path / "t", "id,name\n1,ř\n".encode("cp1250"), Layout(encoding="cp1250")) == [(Row, 2, ("1", "ř"))]


def test_a_damaged_row_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    """Too few fields, bytes of another encoding, a misplaced quote: each costs one row."""
    found = rows(tmp_path / "t", b'id,name\n1\n2,\xf8\n3,"a"b\n4,e\n')

    assert [(kind, line) for kind, line, _ in found] == [(BadRow, 2), (BadRow, 3), (BadRow, 4), (Row, 5)]


def test_a_quote_that_is_never_closed_costs_a_row_and_no_crash(tmp_path: Path) -> None:
    """The rest of the file is inside the quote; that is said."""
    assert [kind for kind, _, _ in rows(tmp_path / "t", b'id,name\n1,a\n2,"b\n3,c\n')] == [Row, BadRow]


def test_json_lines_give_the_same_rows(tmp_path: Path) -> None:
    """Numbers become text, null becomes nothing, what is no object is told."""
    content = b'{"id": 1, "name": "Ann"}\n\n{"id": 2.5, "name": null}\n[1]\n{"id": {}, "name": ""}\n{"id": NaN}\n{'

    found = rows(tmp_path / "t", content, Layout(format="jsonl"))

    assert found[:2] == [(Row, 1, ("1", "Ann")), (Row, 3, ("2.5", ""))]
    assert [(kind, line) for kind, line, _ in found[2:]] == [(BadRow, 4), (BadRow, 5), (BadRow, 6), (BadRow, 7)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no header"),
        (b"id,naem\n", "there is no column `name` or `called`"),
        (b"id,name,called\n", "stands 2 times"),
        (gzip.compress(b"id,name\n" + b"1,a\n" * 999)[:-12], "damaged or cut off"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_words(tmp_path: Path, content: bytes, complaint: str) -> None:
    """The message names the file and what is wrong with it."""
    with pytest.raises(TableBroken, match=complaint):
        rows(tmp_path / "t", content)


def test_a_missing_file_is_told_in_words(tmp_path: Path) -> None:
    """No traceback of the operating system's."""
    with pytest.raises(TableBroken, match="No such file"):
        list(read_table(tmp_path / "none", Layout(), (ID,)))
