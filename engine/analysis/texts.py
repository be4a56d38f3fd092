"""A text whose length, SMS parts, link and listed words are as wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import floor
from typing import TYPE_CHECKING, Any, Final

from engine.decision.content import segments, texts, wording
from engine.decision.model import Content
from engine.ruleset.compile import RuleSet

if TYPE_CHECKING:
    from engine.analysis.inputs import Wanted
    from engine.analysis.situation import Situation

LINK: Final = "https://example.com/"
LONGEST: Final = 20_000
"""Characters that a text is made long at most."""

_ALPHABETS: Final = ("a", "汉")
_WORDS_TRIED: Final = 20
_PART_SIZES: Final = (160, 153, 70, 67)


def find_content(situation: Situation, wanted: Mapping[str, Wanted], ruleset: RuleSet) -> Situation | None:
    """Return the situation with the first text that fits, or None; the message's own is tried first."""
    for content in _candidates(situation, wanted, ruleset):
        made = situation.with_message(content=content, template="")
        if _fits(made, wanted, ruleset):
            return made
    return situation if _fits(situation, wanted, ruleset) else None


def _fits(situation: Situation, wanted: Mapping[str, Wanted], ruleset: RuleSet) -> bool:
    last = sorted(wanted, key=lambda path: path.startswith("content.hits."))  # searching for words is what costs
    return all(wanted[path].accepts(_fact(path, situation, ruleset)) for path in last)


def _fact(path: str, situation: Situation, ruleset: RuleSet) -> Any:
    message = situation.message
    every = texts(message)
    match path.removeprefix("content."):
        case "length":
            return max(map(len, every), default=0)
        case "segments":
            return segments(wording(message, "sms"))
        case "has_url":
            return bool(message.content and message.content.url) or any("://" in text for text in every)
        case _:
            names = ruleset.keywords.names
            return ruleset.keywords.hits(every)[names.index(path.removeprefix("content.hits."))]


def _candidates(situation: Situation, wanted: Mapping[str, Wanted], ruleset: RuleSet) -> Iterator[Content]:
    if situation.message.template:
        return  # a template has no text of its own, so only its params could change
    own = situation.message.content or Content("", "", "", "")
    wants_link = "content.has_url" in wanted and True in wanted["content.has_url"].values
    for words in _words(wanted, ruleset):
        for url in (LINK, "") if wants_link else ("", LINK):
            for text in _texts(own.text, " ".join(words), wanted):
                yield Content(own.title, text, "", url)


def _words(wanted: Mapping[str, Wanted], ruleset: RuleSet) -> Iterator[Sequence[str]]:
    """Words that hit the lists as wanted; the first of fitting severity of each list, then the others."""
    lists = [path.removeprefix("content.hits.") for path in wanted if path.startswith("content.hits.")]
    fitting = {name: _fitting(name, wanted[f"content.hits.{name}"], ruleset) for name in lists}
    tried = set()
    for turn in range(_WORDS_TRIED):
        chosen = tuple(found[min(turn, len(found) - 1)] for found in fitting.values() if found)
        if chosen not in tried:
            tried.add(chosen)
            yield [word for word in chosen if word]


def _fitting(name: str, want: Wanted, ruleset: RuleSet) -> list[str]:
    """The words of a list that give a severity that is wanted; an empty one first where none is wanted."""
    words = ruleset.keywords.words(name)
    none = [""] if want.accepts(0) else []
    return none + [word for word, severity in words if want.accepts(severity)][:_WORDS_TRIED]


def _texts(own: str, words: str, wanted: Mapping[str, Wanted]) -> Iterator[str]:
    yield words or own
    for length in _lengths(wanted):
        for letter in _ALPHABETS:
            room = length - len(words)
            if 0 <= room <= LONGEST:
                yield words + (" " + letter * (room - 1) if words and room else letter * room)


def _lengths(wanted: Mapping[str, Wanted]) -> Iterable[int]:
    """Lengths that are wanted, and those at which the number of SMS parts changes; rules may name fractions."""
    lengths, counts = (
        [floor(value) for value in wanted[path].values if value] if path in wanted else []
        for path in ("content.length", "content.segments")
    )
    for count in counts:
        for size in _PART_SIZES:
            lengths += [size * count, size * (count - 1) + 1]
    return dict.fromkeys([*lengths, *(at + 1 for at in lengths), 0, 1])
