"""CSV as a spreadsheet saves it, with the place of every cell.

The `csv` module of Python reads the same language and tells no places, so it is what the tests compare with. The
separator is a comma, a semicolon or a tab, whichever stands in the line of headings. A cell may stand in double quotes,
and a double quote in it is then written twice. Blank lines and lines that begin with `#` are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from engine.ruleset.documents import Scalar
from engine.ruleset.issues import Issues
from engine.ruleset.source import Source

SEPARATORS: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
MOST_CELLS: Final = 200_000
"""The most cells of one file, as many as a YAML file may have values."""

_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BREAK: Final = re.compile(r"\r\n|\r|\n")
_TO_BREAK: Final = re.compile(r"[^\r\n]*")
_QUOTED: Final = re.compile(r'"[^"]*(?:""[^"]*)*"')
_PLAIN: Final = {separator: re.compile(f"[^{separator}\r\n]*") for separator in SEPARATORS}
_HEADINGS: Final = re.compile(r'(?:"[^"]*"|[^"\r\n])*')

Record = tuple[Scalar, ...]


class _Stop(Exception):
    """What was found makes no sense of the rest of the file."""


def read_csv(source: Source, issues: Issues) -> tuple[Record, ...] | None:
    """Read the lines of a file, the headings first; None (and an issue) if it cannot be split into cells."""
    found = _CONTROL.search(source.text)
    if found:
        text = f"the character U+{ord(found[0]):04X} may not stand in a CSV file"
        issues.error("control-character", source.span(*found.span()), text, "is this file text at all?")
        return None
    start = _first_line(source.text)
    try:
        records = tuple(_Splitter(source, start, _separator(source, start, issues), issues).records())
    except _Stop:
        return None
    if not records:
        hint = "the first line names the columns, each further line is a row"
        issues.error("empty-file", source.whole, "the file is empty", hint)
        return None
    return records


def _separator(source: Source, start: int, issues: Issues) -> str:
    """Tell the separator from the line of headings, which begins at `start`, outside of quotes."""
    line = _HEADINGS.match(source.text, start)
    bare = re.sub(r'"[^"]*"', "", line[0]) if line else ""
    used = [separator for separator in SEPARATORS if separator in bare]
    if len(used) < 2:
        return used[0] if used else ","
    first = min(source.text.index(separator, start) for separator in used[1:])
    names = " and ".join(SEPARATORS[separator] for separator in used)
    hint = "put a heading that holds one of them in double quotes, so that the other parts the columns"
    text = f"the line of headings has {names}, so it is not clear which parts the columns"
    issues.error("csv-separator", source.span(first, first + 1), text, hint)
    raise _Stop


def _first_line(text: str) -> int:
    """Return where the first line begins that is neither blank nor a remark; the end of the text if there is none."""
    at = 0
    while at < len(text):
        line = _TO_BREAK.match(text, at)
        end = at if line is None else line.end()
        if (content := text[at:end].strip(" \t,;")) and not content.startswith("#"):
            return at
        broken = _BREAK.match(text, end)
        at = end + 1 if broken is None else broken.end()
    return len(text)


class _Splitter:
    """Takes a file apart, from the line of headings to its end."""

    def __init__(self, source: Source, start: int, separator: str, issues: Issues) -> None:
        self.source, self.text, self.separator, self.issues = source, source.text, separator, issues
        self.at = start
        self.cells = 0

    def records(self) -> Iterator[Record]:
        """Give every line that holds something, cell by cell."""
        while self.at < len(self.text):
            if self.text.startswith("#", self.at):
                self._skip(_TO_BREAK)
            else:
                record = self._record()
                first, *others = (cell.text.strip() for cell in record)
                if (first and not first.startswith("#")) or any(others):
                    yield record
            self._skip(_BREAK)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = self.at if found is None else found.end()

    def _record(self) -> Record:
        cells = [self._cell()]
        while self.text.startswith(self.separator, self.at):
            self.at += 1
            cells.append(self._cell())
        self.cells += len(cells)
        if self.cells > MOST_CELLS:
            text = f"the file holds more than {MOST_CELLS:,} cells"
            self._stop("too-large", self.at, text, "is this the right file?")
        return tuple(cells)

    def _cell(self) -> Scalar:
        """Read one cell; blanks around quotes are passed over."""
        begin = self.at
        while self.text.startswith(" ", begin):
            begin += 1
        if self.text.startswith('"', begin):
            return self._quoted(begin)
        plain = _PLAIN[self.separator].match(self.text, self.at)
        self.at = self.at if plain is None else plain.end()
        kept = self.text[begin : self.at].rstrip()
        return Scalar(kept, "", self.source.span(begin, begin + len(kept)))

    def _quoted(self, begin: int) -> Scalar:
        found = _QUOTED.match(self.text, begin)
        if found is None:
            self._stop("csv-quote", begin, "this quote is never closed", 'add a " where the cell ends')
        assert found is not None, "stopped before"
        self.at = found.end()
        while self.text.startswith(" ", self.at):
            self.at += 1
        if self.at < len(self.text) and self.text[self.at] not in (self.separator, "\r", "\n"):
            hint = f"a cell that begins with a quote ends with one; a quote in it is written twice: {_EXAMPLE}"
            self._stop("csv-quote", self.at, "the cell goes on after its closing quote", hint)
        inner = self.source.span(begin + 1, found.end() - 1)
        return Scalar(found[0][1:-1].replace('""', '"'), "", inner)

    def _stop(self, code: str, at: int, text: str, hint: str) -> None:
        self.issues.error(code, self.source.span(at, at + 1), text, hint)
        raise _Stop


_EXAMPLE: Final = '"_ == ""a"" || _ == ""b"""'
