"""Rows out of files: CSV or JSON lines, gzipped or not, each row with its line and only the cells that are wanted.

A damaged row is a value of the stream (`BadRow`), not an exception: the run goes on behind it. Only a file that cannot
be read at all, or no further, raises.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from cli.mapping.problems import Cause, TableBroken, did_you_mean

DELIMITERS: Final = (",", ";", "\t", "|")
LONGEST_CELL: Final = 1 << 20
"""Characters; a cell beyond it is nearly always a quote that was never closed."""

REPLACEMENT: Final = "\ufffd"

_JSON_LINES: Final = re.compile(r"\.(?:jsonl|ndjson)(?:\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is written. `delimiter` is empty when the header line is to show it."""

    format: str = "csv"
    delimiter: str = ""
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column to read: the name it has here and the names it may have in the file."""

    name: str
    headers: tuple[str, ...]


class Row(NamedTuple):
    """The wanted cells of one row, as text, in the order they were asked for; empty text where there is nothing."""

    line: int
    cells: Sequence[str]


class JsonNumber(str):
    """A number of a JSON line, as it is written there."""

    __slots__ = ()


class BadRow(NamedTuple):
    """A row that cannot be read, and why."""

    line: int
    causes: tuple[Cause, ...]

    @property
    def reason(self) -> str:
        """All that is wrong, in one line."""
        return "; ".join(cause.text for cause in self.causes)


def _bad(line: int, kind: str, more: str = "") -> BadRow:
    return BadRow(line, (Cause(kind, kind + more),))


def read_table(path: Path, layout: Layout, wanted: Sequence[Wanted]) -> Iterator[Row | BadRow]:
    """Give the rows of a file in its order. One whose name says so is JSON lines, whatever its layout.

    Raises TableBroken when the file is not there, lacks a column, or ends in the middle of its compressed data.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise TableBroken(path, "it is no regular file, and it has to be read twice")
        with _open(path, layout.encoding) as stream:
            reader = _json_rows if layout.format == "jsonl" or _is_json_lines(path) else _csv_rows
            yield from reader(path, stream, layout, wanted)
    except (OSError, EOFError, zlib.error) as error:
        raise TableBroken(path, _why(error)) from error


def _is_json_lines(path: Path) -> bool:
    return bool(_JSON_LINES.search(path.name))


def _why(error: Exception) -> str:
    if isinstance(error, gzip.BadGzipFile | EOFError | zlib.error):
        return f"the compressed data is damaged or cut off ({error})"
    return getattr(error, "strerror", None) or str(error)


def _open(path: Path, encoding: str) -> IO[str]:
    """Open as text, decompressing what begins like gzip, without the byte order mark; bad bytes become U+FFFD."""
    with path.open("rb") as head:
        opener = gzip.open if head.read(2) == b"\x1f\x8b" else open
    _refuse_utf16(path, opener, encoding)
    name = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    stream: IO[str] = opener(path, "rt", encoding=name, errors="replace", newline="")
    return stream


def _refuse_utf16(path: Path, opener: Callable[..., Any], encoding: str) -> None:
    """Tell a file of 16-bit characters by its byte order mark, or else by the zeros of its first letters."""
    with opener(path, "rb") as stream:
        head: bytes = stream.read(64)
    if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        return
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise TableBroken(path, f"it is UTF-16, not {encoding}", "say so in the map: encoding: utf-16")
    if b"\0" in head:
        hint = "if it is UTF-16, say so in the map: encoding: utf-16-le, or utf-16-be"
        raise TableBroken(path, f"it is no text in {encoding}: it holds zero bytes", hint)


def _csv_rows(path: Path, stream: IO[str], layout: Layout, wanted: Sequence[Wanted]) -> Iterator[Row | BadRow]:
    first = stream.readline(LONGEST_CELL)
    header_lines = [first]
    delimiter = layout.delimiter or _delimiter_of(first)
    csv.field_size_limit(LONGEST_CELL)
    header = next(csv.reader(header_lines, delimiter=delimiter), None)
    if not header:
        raise TableBroken(path, "it is empty: there is no header line")
    pick = _picker(path, [name.strip() for name in header], wanted)
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    width, before = len(header), 1
    while True:
        line, problem, cells = before + 1, "", None
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problem = str(error)
        if cells is None and not problem:
            return
        before = reader.line_num + 1
        if problem:
            yield _unreadable(line, before, problem)
        elif cells:
            yield _checked(line, cells, width, pick, layout.encoding)


def _unreadable(line: int, last: int, problem: str) -> BadRow:
    """Say what a misplaced quote has cost: the reader takes the lines behind it for a part of the cell."""
    lines = f", from line {line} to line {last}" if last > line else ""
    if problem.startswith("unexpected end"):
        lines = f", from line {line} to the end (line {last})"
        return _bad(line, "not readable as CSV: a quote is opened and never closed", f"{lines}: all of it is lost")
    if problem.startswith("field larger"):
        return _bad(
            line,
            f"not readable as CSV: a cell of more than {LONGEST_CELL:,} characters",
            f"{lines}; is a quote never closed?",
        )
    return _bad(line, f"not readable as CSV: {problem}", lines)


def _checked(line: int, cells: list[str], width: int, pick: _Picker, encoding: str) -> Row | BadRow:
    if len(cells) != width:
        fields = "1 field" if len(cells) == 1 else f"{len(cells)} fields"
        return BadRow(
            line, (Cause("has more or fewer fields than the header", f"has {fields}, the header has {width}"),)
        )
    chosen = pick(cells)
    for cell in chosen:
        if REPLACEMENT in cell:
            return _bad(line, f"holds bytes that are not {encoding}", f": {cell[:60]!r}")
    return Row(line, chosen)


def _delimiter_of(header: str) -> str:
    """Return the usual delimiter that the header line holds most often; a single column has none and any will do."""
    return max(DELIMITERS, key=header.count)


class _Picker:
    """Takes the wanted cells out of a row."""

    def __init__(self, positions: Sequence[int]) -> None:
        self._one = positions[0] if len(positions) == 1 else None
        self._get = itemgetter(*positions)

    def __call__(self, cells: Sequence[str]) -> Sequence[str]:
        return self._get(cells) if self._one is None else (cells[self._one],)


def _picker(path: Path, header: Sequence[str], wanted: Sequence[Wanted]) -> _Picker:
    """Find the wanted columns in a header.

    Raises TableBroken for all columns that are missing or stand twice.
    """
    found = [[i for i, name in enumerate(header) if name in column.headers] for column in wanted]
    problems = [
        f"the column `{header[places[0]]}` stands {len(places)} times in the header"
        for places in found
        if len(places) > 1
    ]
    missing = [column for column, places in zip(wanted, found, strict=True) if not places]
    problems += [f"there is no column {' or '.join(f'`{name}`' for name in column.headers)}" for column in missing]
    if problems:
        raise TableBroken(path, "; ".join(problems), _columns_hint(header, missing) if missing else "")
    return _Picker([places[0] for places in found])


def _columns_hint(header: Sequence[str], missing: Sequence[Wanted]) -> str:
    """Name the nearest columns of the file, capitals forgiven, and then all it has."""
    hints = []
    for column in missing:
        near = next(filter(None, (did_you_mean(name, header) for name in column.headers)), "")
        if near:
            hints.append(f"{near} (the map calls the column {column.name})")
    return "; ".join([*hints, "the file has " + ", ".join(f"`{name[:60]}`" for name in header[:40])])


def _json_rows(path: Path, stream: IO[str], layout: Layout, wanted: Sequence[Wanted]) -> Iterator[Row | BadRow]:
    for line, text in enumerate(stream, 1):
        if not text.strip():
            continue
        if REPLACEMENT in text:
            yield _bad(line, f"holds bytes that are not {layout.encoding}")
            continue
        try:
            fields = json.loads(text, parse_constant=_refuse_constant, parse_float=JsonNumber, parse_int=JsonNumber)
        except (ValueError, RecursionError) as error:
            yield _bad(line, "not readable as JSON", f": {error}")
            continue
        yield _json_row(line, fields, wanted)


def _json_row(line: int, fields: object, wanted: Sequence[Wanted]) -> Row | BadRow:
    if not isinstance(fields, dict):
        return _bad(line, "is no JSON object")
    cells = []
    for column in wanted:
        value = next((fields[name] for name in column.headers if name in fields), None)
        if isinstance(value, dict | list):
            return _bad(line, f"the field {column.headers[0]} holds a list or an object; expected a single value")
        cells.append(_as_text(value))
    return Row(line, cells)


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if not isinstance(value, str) else value


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")
