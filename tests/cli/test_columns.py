"""Cells become typed values or are refused in words."""

from __future__ import annotations

import pytest

from cli.mapping.columns import Column
from cli.mapping.problems import CellRefused
from cli.mapping.tables import JsonNumber

DATE = Column("d", ("d",), "date", ("%y%m%d", "%Y-%m-%d"))
WORD = Column("w", ("w",), words={"PRIJEM": "credit", "Vklad na účet": "cash_in", "": "none"})


@pytest.mark.parametrize(
    ("expected", "column", "cell"),
    [
        ("a b", Column("s", ("s",)), " a b "),
        (7, Column("i", ("i",), "int"), "+7"),
        (-1234.5, Column("x", ("x",), "double"), "-1234.50"),
        (0.001, Column("x", ("x",), "double"), "1e-3"),
        (1234.5, Column("x", ("x",), "double", decimal_comma=True), "1234,50"),
        ("1993-01-31", DATE, "930131"),
        ("1994-02-01", DATE, "1994-02-01"),
        ("credit", WORD, "prijem "),
        ("cash_in", WORD, "VKLAD  NA ÚČET"),
        ("none", WORD, "  "),
        (None, Column("s", ("s",), optional=True), ""),
        (1234.5, Column("x", ("x",), "double", decimal_comma=True), JsonNumber("1234.5")),
        (1000.0, Column("x", ("x",), "double", decimal_comma=True), "1e3"),
    ],
)
def test_a_cell_has_a_value(expected: object, column: Column, cell: str) -> None:
    """Blanks around it do not count; words are compared without capitals."""
    found = column.converter()(cell)

    assert (expected, type(expected)) == (found, type(found))


@pytest.mark.parametrize(
    ("column", "cell", "complaint"),
    [
        (Column("s", ("s",)), " ", "is empty"),
        (Column("i", ("i",), "int"), "7.0", "whole number"),
        (Column("x", ("x",), "double"), "1_000", "a number"),
        (Column("x", ("x",), "double"), "nan", "a number"),
        (Column("x", ("x",), "double"), "1e999", "a double can hold"),
        (Column("x", ("x",), "double", decimal_comma=True), "1.234,50", "1234,50"),
        (
            Column("x", ("x",), "double", decimal_comma=True),
            "1 000,00",
            'holds "1 000,00"; expected a number such as 1234,50',
        ),
        (Column("x", ("x",), "double", decimal_comma=True), "1,2,3", 'holds "1,2,3"'),
        (Column("x", ("x",), "double", decimal_comma=True), JsonNumber("1e400"), 'holds "1e400"'),
        (Column("x", ("x",), "double"), "１２", "a number"),
        (Column("w", ("w",), words={"a": "b"}), "", 'list "" in its vocabulary, or mark the column `optional: true`'),
        (DATE, "930231", "%y%m%d or %Y-%m-%d"),
        (WORD, "PRIJIM", "did you mean `PRIJEM`"),
        (WORD, "xyz", 'it lists "", "PRIJEM"'),
    ],
)
def test_a_wrong_cell_is_refused_with_what_was_expected(column: Column, cell: str, complaint: str) -> None:
    """Nothing is guessed, and the same cell is refused again."""
    convert = column.converter()

    for _ in range(2):
        with pytest.raises(CellRefused) as refused:
            convert(cell)
        assert complaint in str(refused.value)
