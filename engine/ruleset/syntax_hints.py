"""What was probably meant where a condition has something that does not fit: hints for people who learn the language."""

from __future__ import annotations

import re
from typing import Final

_AND_OR: Final = "two questions are joined by && (and) or || (or)"

_HERE: Final = (
    (re.compile(r"<>|=>|=<|>=|<="), "write != or >= or <="),
    (re.compile(r"=(?!=)"), "two values are compared with =="),
    (re.compile(r"&(?!&)"), "both sides must hold: &&"),
    (re.compile(r"\|(?!\|)"), "one side must hold: ||"),
    (re.compile(r"and\b", re.IGNORECASE), "and is written &&"),
    (re.compile(r"or\b", re.IGNORECASE), "or is written ||"),
    (re.compile(r"not\b", re.IGNORECASE), "not is written !"),
    (re.compile(r"is\b", re.IGNORECASE), "two values are compared with =="),
    (re.compile(r"contains\b", re.IGNORECASE), 'of a text: message.scene.contains("a"); of a list: "a" in user.tags'),
    (re.compile("[≥≤≠]"), "write >= for ≥, <= for ≤, != for ≠"),
    (re.compile("[\u201c\u201d\u2018\u2019\uff02\u300c\u300d]"), 'texts stand in straight quotes: "…"'),
    (re.compile("[\uff08\uff09\uff0c\uff1d\uff01\uff1e\uff1c\uff06\uff5c]"), "a full-width sign; use its ASCII form"),
    (re.compile(r"[^\S\n]"), "a blank of another kind, such as web pages and letters have; write an ordinary one"),
)  # fmt: skip
"""By what stands at the place."""

_AROUND: Final = (
    (re.compile(r"(?<![\w.])\d+$"), re.compile(r",\d"), "a number has no comma in it: 5000, and 0.5 with a point"),
    (re.compile(r"\bin\s*\(?\s*[^\s()]+$"), re.compile(r","), 'a list stands in square brackets: ["a", "b"]'),
    (re.compile(r"\blocal_hour\s*[<>=]=?\s*\d+$"), re.compile(r"[:a-z]", re.IGNORECASE), "an hour is a number, 0 to 23"),
    (re.compile(r"(?:^|[\s(])not\s+$", re.IGNORECASE), re.compile(r"\w"), "not is written !, as in !user.known"),
    (re.compile(r"(?:^|[\s(!])has\s+$"), re.compile(r"\w"), "what is asked for stands in brackets: has(message.scene)"),
    (re.compile(r"[\w)\"'\]]\s+$"), re.compile(r"[\w\"'(]"), _AND_OR),
)
"""By what stands before the place and at it."""


def hint_at(text: str, at: int) -> str:
    """What to write instead of what stands at `at` and does not fit; empty if nothing better is known."""
    for pattern, hint in _HERE:
        # Of => only the > does not fit, the = before it was read already, or the other way round.
        if pattern.match(text, at) or (at and len(hint) < 22 and pattern.match(text, at - 1)):
            return hint
    before = text[:at]
    return next((hint for last, first, hint in _AROUND if last.search(before) and first.match(text, at)), "")
