"""Keyword lists: which severities a text hits, all lists in one pass (Aho-Corasick)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from ahocorasick_rs import AhoCorasick

# Characters that show nothing and are put between the letters of a word to slip through a list.
_HIDING = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff]")


_WIDE = tuple((wide, unicodedata.normalize("NFKC", wide)) for wide in "，：；！？（）")

MOST_MARKS = 30
"""Combining marks in a row that are looked at in a long text; no language stacks as many, and Unicode's own
stream-safe format has this bound (UAX 15, section 13)."""

SHORT = 1000
"""Characters up to which a text of nothing but marks does no harm (0.3 ms)."""


@lru_cache(maxsize=1)
def _mark_runs() -> re.Pattern[str]:
    """Return what finds the marks beyond the bound.

    Normalising puts the marks after a letter in order by insertion, so that 30,000 of them would take seconds. The
    marks are all characters that decompose into something that combines; beyond plane 1 there are none.
    """
    marks = [
        character
        for character in map(chr, range(0x300, 0x20000))
        if unicodedata.combining(unicodedata.normalize("NFKD", character)[0])
    ]
    letters = "".join(map(re.escape, marks))
    return re.compile(f"([{letters}]{{{MOST_MARKS}}})[{letters}]+")


def fold(text: str) -> str:
    """Bring a text into the form in which words are compared.

    Full-width and other compatibility letters become plain (NFKC), case is folded, invisible characters vanish.
    """
    if text.isascii():
        return text.lower()
    # Looking first is ten times as fast as normalising, and replacing the usual Chinese punctuation leaves nothing to
    # normalise in most texts (0.6 us instead of 4).
    for wide, plain in _WIDE:
        text = text.replace(wide, plain)
    if _HIDING.search(text):
        text = _HIDING.sub("", text)
    if len(text) > SHORT:
        text = _mark_runs().sub(r"\1", text)
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return text.casefold()


class KeywordLists:
    """All lists of a rule set as one automaton.

    `lists` maps a list's name to its (word, severity) pairs. It travels between processes as those pairs; the
    automaton is built at the first search.
    """

    def __init__(self, lists: Mapping[str, tuple[tuple[str, int], ...]]) -> None:
        self.names = tuple(sorted(lists))
        self._lists = {name: lists[name] for name in self.names}
        self._automaton: AhoCorasick | None = None
        self._marks: list[tuple[int, int]] = []
        self._none = (0,) * len(self.names)

    def __reduce__(self) -> tuple[type[KeywordLists], tuple[Mapping[str, tuple[tuple[str, int], ...]]]]:
        return KeywordLists, (self._lists,)

    def words(self, name: str) -> tuple[tuple[str, int], ...]:
        """Return the words of a list with their severities."""
        return self._lists[name]

    def prepare(self) -> KeywordLists:
        """Build the automaton now, so that the first message does not wait for it."""
        words: list[str] = []
        for index, name in enumerate(self.names):
            for word, severity in self._lists[name]:
                words.append(fold(word))
                self._marks.append((index, severity))
        self._automaton = AhoCorasick(words) if words else None
        return self

    def hits(self, texts: Iterable[str]) -> tuple[int, ...]:
        """Return the highest severity hit in each list, 0 for none, in the order of `names`.

        A word is never found across the border between two texts.
        """
        if not self._marks:
            self.prepare()
        automaton = self._automaton
        if automaton is None:
            return self._none
        found = automaton.find_matches_as_indexes(fold("\n".join(texts)), overlapping=True)
        if not found:
            return self._none
        highest = [0] * len(self.names)
        for word, _start, _end in found:
            index, severity = self._marks[word]
            if severity > highest[index]:
                highest[index] = severity
        return tuple(highest)
