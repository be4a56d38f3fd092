"""Lists from files: `values/<name>.txt`, one value a line, or a column of `values/<name>.csv`.

vip_lines: {from: values/vip_lines.txt}
limits: {from: values/tariff.csv, column: limit, type: double}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import Field, WithJsonSchema, create_model

from engine.ruleset.documents import Mapping as Group
from engine.ruleset.documents import Scalar, plain_value
from engine.ruleset.facts_document import MAX_TEXT, MAX_VALUES
from engine.ruleset.files import VALUES, decode, file_issue, in_folder, printable
from engine.ruleset.issues import Issues, Severity
from engine.ruleset.lists import MOST_COMPLAINTS
from engine.ruleset.reading import point, read
from engine.ruleset.scalars import Text, closest, listing, one_of, shorten
from engine.ruleset.source import Source
from engine.ruleset.syntax import Literal, Type
from engine.ruleset.table_csv import read_csv
from engine.ruleset.written import Form

MOST_TEXTS: Final = 10_000
"""Texts of one file; a list that is written out has a thousand values at most, and of numbers so has a file.

Numbers are compared by size too, and then each is a bound between two cases of its own.
"""

_TYPES: Final = {"string": Type.LIST_STRING, "int": Type.LIST_INT, "double": Type.LIST_DOUBLE}
_TYPE: Final = "what the values are"
_COMMA: Final = re.compile(r"[-+]?[0-9]+,[0-9]+")

FileDefinition: Final = create_model(
    "FileDefinition",
    __base__=Form,
    __doc__="A list of a `define:` whose values stand in a file.",
    **{  # a mapping, since `from` is a word of Python
        "from": (Text, Field(description="the file, such as values/vip_lines.txt")),
        "type": (
            Annotated[str, one_of(*_TYPES), WithJsonSchema({"enum": list(_TYPES)})],
            Field("string", description=_TYPE),
        ),
        "column": (Text | None, Field(None, description="the heading of the column, where the file is a .csv")),
        "doc": (Text, Field("", description="what it means, for people")),
    },  # type: ignore[call-overload]  # pydantic types each field as a keyword
)


class ValueFiles:
    """The files below `values/` of a version, each read when a definition asks for it."""

    def __init__(self, files: Mapping[str, bytes], unreadable: Collection[str] = ()) -> None:
        """`files` are those of the whole version; `unreadable` are there too and could not be read."""
        self._files = {name: files[name] for name in in_folder(VALUES, files)}
        self._unreadable = unreadable
        self._asked: set[str] = set()

    def definition(self, name: str, node: Group, issues: Issues) -> Literal | None:
        """Read a `{from: …}`; None and an issue if it or its file is wrong."""
        form: Any = read(node, FileDefinition, f'"{shorten(name)}"', issues)
        if form is None:
            return None
        file, kind = getattr(form, "from"), _TYPES[form.type]
        source = self._source(file, node, issues)
        if source is None or not _column_fits(file, form.column, node, issues):
            return None
        cells = _lines(source) if form.column is None else _column(source, form.column, node, issues)
        values = None if cells is None else _Values(kind, issues).take(cells, source)
        return None if values is None else Literal(values, kind, 0, 0, name)

    def _source(self, file: str, node: Group, issues: Issues) -> Source | None:
        if file in self._files:
            self._asked.add(file)
            return decode(file, self._files[file], issues)
        near = f"{VALUES}/{file}" if f"{VALUES}/{file}" in self._files else closest(file, self._files)
        hint = f'did you mean "{near}"?' if near else f"lists are read from files {VALUES}/<name>.txt or .csv"
        found = "could not be read" if file in self._unreadable else "is not there"
        issues.error("missing-file", point(node, ("from",)), f'the file "{shorten(file)}" {found}', hint)
        return None

    def warn_of_unused(self, issues: Issues) -> None:
        """Warn of files that no definition asked for."""
        for file in sorted(self._files.keys() - self._asked):
            text = f"no definition reads {printable(file)}"
            hint = f"name it in a define:, such as vips: {{from: {printable(file)}}}, or remove it"
            issues.add(file_issue(file, "unused-values", text, hint, Severity.WARNING))


def _column_fits(file: str, column: str | None, node: Group, issues: Issues) -> bool:
    """Tell whether a column is named exactly where there are some."""
    if file.endswith(".csv") and column is None:
        text = f'"{shorten(file)}" has columns, and it is not said which holds the values'
        issues.error("missing-field", point(node, ("from",)), text, "add column: and the heading of the column")
        return False
    if not file.endswith(".csv") and column is not None:
        text = f'"{shorten(file)}" has no columns: it holds one value a line'
        issues.error("wrong-value", point(node, ("column",)), text, "remove column:, or name a .csv file")
        return False
    return True


def _lines(source: Source) -> list[Scalar]:
    """Give every line that is neither blank nor a comment, without the blanks around it."""
    return [cell for cell in _stripped(source) if cell.text and not cell.text.startswith("#")]


def _stripped(source: Source) -> Iterator[Scalar]:
    starts = source.line_starts
    for start, end in zip(starts, [*starts[1:], len(source.text)], strict=True):
        line = source.text[start:end]
        begin = start + len(line) - len(line.lstrip())
        text = line.strip()
        yield Scalar(text, "", source.span(begin, begin + len(text)))


def _column(source: Source, column: str, node: Group, issues: Issues) -> list[Scalar] | None:
    """Give the cells below a heading; None and an issue if there is no such column."""
    records = read_csv(source, issues)
    if records is None:
        return None
    headings = [cell.text.strip() for cell in records[0]]
    if headings.count(column) != 1:
        found = "has no column" if column not in headings else "has more than one column"
        near = closest(column, headings)
        hint = f'did you mean "{near}"?' if near and near != column else f"its headings are {listing(headings[:20])}"
        text = f'"{source.name}" {found} "{shorten(column)}"'
        issues.error("unknown-column", point(node, ("column",)), text, shorten(hint, 200))
        return None
    at = headings.index(column)
    return [record[at] for record in records[1:] if at < len(record) and record[at].text.strip()]


class _Values:
    """Makes values of one type out of cells, each once, in the order of the file."""

    def __init__(self, kind: Type, issues: Issues) -> None:
        self.kind, self.issues = kind, issues

    def take(self, cells: list[Scalar], source: Source) -> Any:
        """Return the values as a tuple; None and issues if some are none, or there are none or too many."""
        if not cells:
            self.issues.error("empty-values", source.whole, "the file holds no value", "add values, one a line")
            return None
        most = MOST_TEXTS if self.kind is Type.LIST_STRING else MAX_VALUES
        if len(cells) > most:
            what = "texts" if self.kind is Type.LIST_STRING else "numbers"
            text = f"{len(cells):,} {what}; a list has at most {most:,}"
            self.issues.error("too-large", cells[most].span, text, "is this the right file?")
            return None
        values: dict[object, None] = {}
        wrong = 0
        for cell in cells:
            value = self._value(cell)
            values.setdefault(value)
            wrong += value is None
            if wrong == MOST_COMPLAINTS:
                break
        return None if wrong else tuple(values)

    def _value(self, cell: Scalar) -> object:
        text = cell.text.strip()
        value = text if self.kind is Type.LIST_STRING else plain_value(text)
        if isinstance(value, str) and self.kind is Type.LIST_STRING:
            if len(value) <= MAX_TEXT:
                return value
            found = f"a value of {len(value):,} characters; at most {MAX_TEXT:,} are allowed"
            self.issues.error("too-long", cell.span, found, "is this the right file?")
            return None
        if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
            return float(value) if self.kind is Type.LIST_DOUBLE else value
        if isinstance(value, float) and self.kind is Type.LIST_DOUBLE:
            return value
        expected = "a whole number" if self.kind is Type.LIST_INT else "a number"
        hint = f"write a point for the comma: {text.replace(',', '.')}" if _COMMA.fullmatch(text) else ""
        self.issues.error("wrong-type", cell.span, f'found "{shorten(text)}"; expected {expected}', hint)
        return None
