"""What was probably meant where a condition has something that does not fit: hints for those who learn the language."""

from __future__ import annotations

import re
from typing import Final

_AND_OR: Final = "two questions are joined by && (and) or || (or)"

SHARE: Final = "a share is written 0.2, not 20 %"

_HERE: Final = (
    (re.compile(r"=>|=<"), "write >= or <="),
    (re.compile(r"=(?!=)"), "two values are compared with =="),
    (re.compile(r"&(?!&)"), "both sides must hold: &&"),
    (re.compile(r"\|(?!\|)"), "one side must hold: ||"),
    (re.compile(r"and\b", re.IGNORECASE), "and is written &&"),
    (re.compile(r"or\b", re.IGNORECASE), "or is written ||"),
    (re.compile(r"not\b", re.IGNORECASE), "not is written !"),
    (re.compile(r"is\b", re.IGNORECASE), "two values are compared with =="),
    (re.compile(r"contains\b", re.IGNORECASE), 'of a text: message.scene.contains("a"); of a list: "a" in user.tags'),
    (re.compile("[≥≤≠]"), "write >= for ≥, <= for ≤, != for ≠"),
    (re.compile("[\u2018-\u201f\u00ab\u00bb\uff02\uff07\u300c-\u300f]"), 'texts stand in straight quotes: "…"'),
    (re.compile("[\u3001\uff01-\uff5e]"), "a full-width sign; use its ASCII form"),
    (re.compile(r"[^\S\n]"), "a blank of another kind, such as web pages and letters have; write an ordinary one"),
)  # fmt: skip
"""By what stands at the place."""

_AROUND: Final = (
    (re.compile(r"<$"), re.compile(r">"), "write !="),
    (re.compile(r"(?<![\w.])\d+$"), re.compile(r",\d"), "a number has no comma in it: 5000, and 0.5 with a point"),
    (re.compile(r"\bin\s*\(?\s*[^\s()]+$"), re.compile(r","), 'a list stands in square brackets: ["a", "b"]'),
    (re.compile(r"\blocal_hour\s*[<>=]=?\s*\d+$"), re.compile(r"[:a-zA-Z]"), "an hour is a number, 0 to 23"),
    (re.compile(r"\d\s*%\s*$"), re.compile(r"[&|)]"), SHARE),
    (
        re.compile(r"(?<![\w.])[\d.]+\s*$"),
        re.compile(r"[^\W\d]|[%€¥$\uffe5]"),
        "a number stands alone, without a unit or a currency",
    ),
    (
        re.compile(r"(?:^|[\s(])if\s+$", re.IGNORECASE),
        re.compile(r"[\w(!]"),
        "leave if out: a condition says when by itself",
    ),
    (re.compile(r"(?:^|[\s(])not\s+$", re.IGNORECASE), re.compile(r"\w"), "not is written !, as in !user.known"),
    (re.compile(r"(?:^|[\s(!])has\s+$"), re.compile(r"\w"), "what is asked for stands in brackets: has(message.scene)"),
    (re.compile(r"[\w)\"'\]]\s+$"), re.compile(r"[\w\"'(]"), _AND_OR),
)
"""By what stands before the place and at it."""

_LOOKS_BACK: Final = 200
"""Characters; searching for what a text ends with takes time with the square of them."""


def hint_at(text: str, at: int) -> str:
    """What to write instead of what stands at `at` and does not fit; empty if nothing better is known."""
    if at >= len(text.rstrip()):
        return SHARE if re.search(r"\d\s*%\s*$", text[-_LOOKS_BACK:]) else ""
    here = next((hint for pattern, hint in _HERE if pattern.match(text, at)), "")
    before = text[max(0, at - _LOOKS_BACK) : at]
    return here or next((hint for last, first, hint in _AROUND if last.search(before) and first.match(text, at)), "")
