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
from engine.ruleset.syntax import Type

Cell = str | int | float | None
Convert = Callable[[str], Cell]

TYPES: Final = {"string": Type.STRING, "int": Type.INT, "double": Type.DOUBLE, "date": Type.STRING}
_REMEMBERED: Final = 10_000
"""How many different texts a column remembers the value of; dates and words come again and again."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the map describes it. `words` (bank's word -> ours) is None where there is no vocabulary."""

    name: str
    headers: tuple[str, ...]
    type: str = "string"
    formats: tuple[str, ...] = ()
    optional: bool = False
    decimal_comma: bool = False
    words: Mapping[str, str] | None = None

    def converter(self) -> Convert:
        """Return the function that reads this column's cells; it raises CellRefused."""
        if self.words is not None:
            return self._filled(_remembering(_words(self.words)))
        match self.type:
            case "int":
                return self._filled(_integer)
            case "double":
                return self._filled(_comma_double if self.decimal_comma else _double)
            case "date":
                return self._filled(_remembering(_dates(self.formats)))
            case _:
                return self._filled(str)

    def _filled(self, convert: Convert) -> Convert:
        """Deal with the empty cell first: a word of its own, absent, or refused."""
        empty: Cell = (self.words or {}).get("")
        refuse = empty is None and not self.optional

        def read(text: str) -> Cell:
            text = text.strip()
            if text:
                return convert(text)
            if refuse:
                raise CellRefused("is empty; mark the column `optional: true` if that is allowed")
            return empty

        return read


def fold(word: str) -> str:
    """Return the form in which words are compared: capitals and the number of spaces make no difference."""
    return " ".join(word.split()).casefold()


def _words(words: Mapping[str, str]) -> Convert:
    folded = {fold(theirs): ours for theirs, ours in words.items()}
    expected = ", ".join(f'"{theirs}"' for theirs in sorted(words)[:30])

    def read(text: str) -> Cell:
        ours = folded.get(fold(text))
        if ours is None:
            hint = did_you_mean(text, words)
            raise CellRefused(
                f'holds "{text[:60]}", which the vocabulary does not list; {hint or "it lists " + expected}'
            )
        return ours

    return read


def _dates(formats: Sequence[str]) -> Convert:
    def read(text: str) -> Cell:
        for layout in formats:
            try:
                return datetime.strptime(text, layout).date().isoformat()  # noqa: DTZ007  (a date has no zone)
            except ValueError:
                continue
        raise CellRefused(f'holds "{text[:60]}"; expected a date written as {" or ".join(formats)}')

    return read


def _integer(text: str) -> Cell:
    if not _INTEGER.fullmatch(text):
        raise CellRefused(f'holds "{text[:60]}"; expected a whole number')
    return int(text)


def _double(text: str) -> Cell:
    if not _NUMBER.fullmatch(text):
        raise CellRefused(f'holds "{text[:60]}"; expected a number such as 1234.50')
    number = float(text)
    if math.isinf(number):
        raise CellRefused(f'holds "{text[:60]}"; expected a number that a double can hold')
    return number


def _comma_double(text: str) -> Cell:
    if "." in text:
        raise CellRefused(f'holds "{text[:60]}"; expected a number such as 1234,50')
    return _double(text.replace(",", ".", 1))


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
