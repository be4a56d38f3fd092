"""Reading rows: what stands in the file comes out, and what is damaged is told by line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cli.mapping.problems import TableBroken
from cli.mapping.tables import LONGEST_CELL, BadRow, Layout, Row, Wanted, read_table

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
    (tmp_path / "t").write_bytes(b'id,name\n1,a\n2,"b\n3,c\n4,d\n')

    row, bad = read_table(tmp_path / "t", CSV, (ID, NAME))

    assert (Row, BadRow) == (type(row), type(bad))
    assert isinstance(bad, BadRow)
    assert "never closed, from line 3 to the end (line 5)" in bad.reason


def test_lines_that_a_stray_quote_costs_are_told(tmp_path: Path) -> None:
    """It ends at the next quote, or where a cell has become too long."""
    (tmp_path / "t").write_bytes(b'id,name\n1,"a\n2,"b"\n3,c\n' + b'4,"' + b"x\n" * (LONGEST_CELL // 2) + b"5,e\n")

    first, good, second, *_ = read_table(tmp_path / "t", CSV, (ID, NAME))

    assert isinstance(first, BadRow)
    assert "from line 2 to line 3" in first.reason
    assert isinstance(good, Row)
    assert isinstance(second, BadRow)
    assert "more than 1,048,576 characters, from line 5 to line" in second.reason


def test_a_row_of_one_field_is_told_in_the_singular(tmp_path: Path) -> None:
    """Small things too."""
    (tmp_path / "t").write_bytes(b"id,name\n1\n")

    (bad,) = read_table(tmp_path / "t", CSV, (ID, NAME))

    assert isinstance(bad, BadRow)
    assert bad.reason == "has 1 field, the header has 2"


def test_a_file_of_16_bit_characters_is_told_with_the_way_out(tmp_path: Path) -> None:
    """With a byte order mark or without; and is read when the map says so."""
    text = "id,name\n1,Ann\n"
    for encoding in ("utf-16", "utf-16-le"):
        with pytest.raises(TableBroken, match=r"UTF-16|zero bytes") as broken:
            rows(tmp_path / "t", text.encode(encoding))
        assert f"encoding: {encoding}" in broken.value.hint
        assert rows(tmp_path / "t", text.encode(encoding), Layout(encoding=encoding)) == [(Row, 2, ("1", "Ann"))]


def test_all_missing_columns_are_told_at_once(tmp_path: Path) -> None:
    """Capitals are forgiven in the hint; what has no near name gets them all."""
    with pytest.raises(TableBroken) as broken:
        rows(tmp_path / "t", b"Id,xyz\n")

    assert "there is no column `id`; there is no column `name` or `called`" in str(broken.value)
    assert broken.value.hint == "did you mean `Id`? (the map calls the column id); the file has `Id`, `xyz`"


def test_json_lines_give_the_same_rows(tmp_path: Path) -> None:
    """Numbers stay as they are written, null becomes nothing, what is no object is told."""
    content = b'{"id": 1e400, "name": "Ann"}\n\n{"id": 2.50, "name": null}\n[1]\n{"id": {}, "name": ""}\n{"id": NaN}\n{'

    found = rows(tmp_path / "t", content, Layout(format="jsonl"))

    assert found[:2] == [(Row, 1, ("1e400", "Ann")), (Row, 3, ("2.50", ""))]
    assert [(kind, line) for kind, line, _ in found[2:]] == [(BadRow, 4), (BadRow, 5), (BadRow, 6), (BadRow, 7)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no header"),
        (b"id,naem\n", "there is no column `name` or `called`"),
        (b"id,name,called\n", "stands 2 times"),
        pytest.param(gzip.compress(b"id,name\n" + b"1,a\n" * 999)[:-12], "damaged or cut off", id="half a gzip"),
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
