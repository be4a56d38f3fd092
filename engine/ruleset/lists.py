"""Keyword lists: `lists/<name>.txt`, one `word<TAB>severity` a line, become the facts `content.hits.<name>`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from engine.ruleset.files import is_list_name
from engine.ruleset.issues import Issues
from engine.ruleset.keywords import fold
from engine.ruleset.scalars import shorten
from engine.ruleset.source import Source, Span

MOST_WORDS: Final = 200_000
LONGEST_WORD: Final = 200
MOST_COMPLAINTS: Final = 10
"""A file in quite another format has as many mistakes as lines; this many are told."""

_SEVERITY: Final = re.compile(r"[1-9]")
_SPACED: Final = re.compile(r".*\S(\s+|\s*[,;:|\uff0c\uff1b\uff1a]\s*)[1-9]")
"""A word and a severity with something else than a tab between them."""

Words = tuple[tuple[str, int], ...]


def list_name(file_name: str) -> str:
    """Return the name of the list in `lists/<name>.txt`."""
    return file_name.removeprefix("lists/").removesuffix(".txt")


def check_name(source: Source, issues: Issues) -> bool:
    """Refuse a file whose name cannot be part of a fact."""
    name = list_name(source.name)
    if is_list_name(name):
        return True
    text = f'"{shorten(name)}" cannot stand in a condition as content.hits.{shorten(name)}'
    hint = "name the file with small letters, digits and underscores, beginning with a letter"
    issues.error("bad-list-name", Source(source.name, "").whole, text, hint)
    return False


def parse_list(source: Source, issues: Issues) -> Words:
    """Read the words of a list and their severities (1 to 9, 1 if not said), in file order, each word once.

    Words are compared as matching compares them (`keywords.fold`): two spellings that match the same are one word.
    """
    reader = _ListReader(source)
    for place in _lines(source):
        reader.take(place)
        if len(reader.issues) >= MOST_COMPLAINTS or reader.full:
            break
    issues.extend(reader.issues.sorted())
    if not reader.words and not reader.issues.has_errors:
        hint = "add words, one a line, or remove the file"
        issues.warning("empty-list", Source(source.name, "").whole, "the list holds no word", hint)
    return tuple((word, severity) for word, severity, _ in reader.words.values())


def _lines(source: Source) -> Iterator[Span]:
    """Give the place of every line that is neither blank nor a comment, without the blanks around it."""
    starts = source.line_starts
    for start, end in zip(starts, [*starts[1:], len(source.text)], strict=True):
        line = source.text[start:end].rstrip("\r\n")
        if line.strip() and not line.lstrip().startswith("#"):
            yield source.span(start, start + len(line))


class _ListReader:
    """Takes a list's lines one by one; `words` maps a folded word to (word, severity, line)."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.issues = Issues()
        self.full = False
        self.words: dict[str, tuple[str, int, int]] = {}

    def take(self, place: Span) -> None:
        """Read one line; what is wrong with it is an issue, and then it adds no word."""
        line = self.source.text[place.start : place.end]
        word, tab, rest = line.partition("\t")
        severity = self._severity(place, len(word) + 1, rest.strip()) if tab and rest.strip() else 1
        word = word.strip()
        if severity and self._bearable(word, place):
            if not tab and _SPACED.fullmatch(word):
                text = f'the whole line is taken as one word with severity 1: "{shorten(word)}"'
                hint = "put a tab, nothing else, between a word and its severity"
                self.issues.warning("list-no-tab", place, text, hint)
            self._add(word, severity, place)

    def _severity(self, line: Span, after: int, text: str) -> int:
        """Read what stands behind the tab; 0 (and an issue) if it is no severity."""
        if _SEVERITY.fullmatch(text):
            return int(text)
        place = self.source.span(line.start + after, line.end)
        if "\t" in text:
            hint = "a line is a word, one tab and a severity"
        else:
            hint = "1 is the mildest, 9 the gravest; leave it away for 1"
        found = f'found "{shorten(text)}" as the severity; expected a digit from 1 to 9'
        self.issues.error("bad-severity", place, found, hint)
        return 0

    def _bearable(self, word: str, place: Span) -> bool:
        folded = fold(word)
        if not folded.strip():
            text = "a severity without a word" if not word else "a word of invisible characters only"
            self.issues.error("empty-word", place, text, "write the word before the tab, or remove the line")
        elif len(word) > LONGEST_WORD:
            text = f"a word of {len(word):,} characters; at most {LONGEST_WORD} are allowed"
            self.issues.error("too-long", place, text, "a list has one word or short phrase a line")
        elif len(self.words) >= MOST_WORDS:
            text = f"more than {MOST_WORDS:,} words"
            self.issues.error("too-many-words", place, text, "split or shorten the list")
            self.full = True
        else:
            return True
        return False

    def _add(self, word: str, severity: int, place: Span) -> None:
        first, known, line = self.words.setdefault(fold(word), (word, severity, place.line))
        if line == place.line:
            return
        if known != severity:
            text = f'"{shorten(word)}" has severity {severity} here and {known} on line {line}'
            self.issues.error("conflicting-duplicate", place, text, "keep one of the two lines")
        else:
            same = "" if first == word else f', as "{shorten(first)}" (letter case and width do not count)'
            text = f'"{shorten(word)}" already stands on line {line}{same}'
            self.issues.warning("duplicate-word", place, text, "remove one of the two lines")
