"""One cell's text to one typed value: the bank's spelling and its words end here.

An empty cell is absent (None). Types: text, whole number, number, date (kept as `YYYY-MM-DD`, which compares as dates
do), or a word of the vocabulary.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cli.mapping.problems import CellRefused, did_you_mean
from cli.mapping.tables import JsonNumber
from engine.ruleset.syntax import Type

Cell = str | int | float | None
Convert = Callable[[str], Cell]

TYPES: Final = {"string": Type.STRING, "int": Type.INT, "double": Type.DOUBLE, "date": Type.STRING}
_REMEMBERED: Final = 10_000
"""How many different texts a column remembers the value of; dates and words come again and again."""

_FIRST_DAY: Final = "1970-01-01"
_LAST_DAY: Final = "8999-12-31"
"""The days on which messages can be judged; the server knows no time outside of them."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,3})?")
_COMMA_NUMBER = re.compile(_NUMBER.pattern.replace(r"\.", ","))
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the map describes it.

    `words` (bank's word -> ours) is None where there is no vocabulary. `judged_at` marks the date on which the messages
    happen, which is bounded.
    """

    name: str
    headers: tuple[str, ...]
    type: str = "string"
    formats: tuple[str, ...] = ()
    optional: bool = False
    decimal_comma: bool = False
    words: Mapping[str, str] | None = None
    judged_at: bool = False

    def converter(self) -> Convert:
        """Return the function that reads this column's cells; it raises CellRefused."""
        if self.words is not None:
            return self._filled(_remembering(_words(self.words)))
        match self.type:
            case "int":
                return self._filled(_integer)
            case "double":
                return self._comma_double() if self.decimal_comma else self._filled(_double)
            case "date":
                dates = _dates(self.formats)
                return self._filled(_remembering(_bounded(dates) if self.judged_at else dates))
            case _:
                return self._filled(str)

    def _comma_double(self) -> Convert:
        """Read 1234,50; a number of JSON is written with a point wherever texts have a comma."""
        point, comma = self._filled(_double), self._filled(_comma_double)
        return lambda text: point(text) if isinstance(text, JsonNumber) else comma(text)

    def _filled(self, convert: Convert) -> Convert:
        """Deal with the empty cell first: a word of its own, absent, or refused."""
        empty: Cell = (self.words or {}).get("")
        refuse = empty is None and not self.optional
        cure = "mark the column `optional: true`" if self.words is None else _LIST_EMPTY

        def read(text: str) -> Cell:
            text = text.strip()
            if text:
                return convert(text)
            if refuse:
                raise CellRefused(f"is empty; {cure} if that is allowed", "is empty")
            return empty

        return read


_LIST_EMPTY: Final = 'list "" in its vocabulary, or mark the column `optional: true`,'


def fold(word: str) -> str:
    """Return the form in which words are compared: capitals and the number of spaces make no difference."""
    return " ".join(word.split()).casefold()


def _words(words: Mapping[str, str]) -> Convert:
    folded = {fold(theirs): ours for theirs, ours in words.items()}
    expected = ", ".join(f'"{theirs}"' for theirs in sorted(words)[:30])

    def read(text: str) -> Cell:
        ours = folded.get(fold(text))
        if ours is None:
            hint = did_you_mean(text, words) or f"it lists {expected}"
            raise CellRefused(
                f'holds "{text[:60]}", which the vocabulary does not list; {hint}',
                "a word that the vocabulary does not list",
            )
        return ours

    return read


def _dates(formats: Sequence[str]) -> Convert:
    expected = f"a date written as {' or '.join(formats)}"

    def read(text: str) -> Cell:
        for layout in formats:
            try:
                return datetime.strptime(text, layout).date().isoformat()  # noqa: DTZ007  (a date has no zone)
            except ValueError:
                continue
        raise _unexpected(text, expected)

    return read


def _bounded(dates: Convert) -> Convert:
    def read(text: str) -> Cell:
        day = dates(text)
        if not _FIRST_DAY <= str(day) <= _LAST_DAY:
            raise _unexpected(text, "a day of the years 1970 to 8999")
        return day

    return read


def _integer(text: str) -> Cell:
    if not _INTEGER.fullmatch(text):
        raise _unexpected(text, "a whole number")
    return int(text)


def _double(text: str) -> Cell:
    if not _NUMBER.fullmatch(text):
        raise _unexpected(text, "a number such as 1234.50")
    return _finite(float(text), text)


def _comma_double(text: str) -> Cell:
    if not _COMMA_NUMBER.fullmatch(text):
        raise _unexpected(text, "a number such as 1234,50")
    return _finite(float(text.replace(",", ".")), text)


def _finite(number: float, text: str) -> float:
    if math.isinf(number):
        raise _unexpected(text, "a number that a double can hold")
    return number


def _unexpected(text: str, expected: str) -> CellRefused:
    return CellRefused(f'holds "{text[:60]}"; expected {expected}', f"expected {expected}")


def _remembering(convert: Convert) -> Convert:
    """Remember the values of the texts seen first; refusals are not remembered."""
    known: dict[str, Cell] = {}

    def read(text: str) -> Cell:
        try:
            return known[text]
        except KeyError:
            value = convert(text)
            if len(known) < _REMEMBERED:
                known[text] = value
            return value

    return read
