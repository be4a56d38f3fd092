"""Problems for people: every one has a code, a place, a sentence and, where we know it, the way out.

Nothing here raises; a stage reports all it finds and the next one decides by `has_errors` whether to go on.
"""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from engine.ruleset.flow_text import flow_text
from engine.ruleset.source import Span

MAX_ISSUES = 100
"""The most problems listed for one version; the rest are counted in a last one."""

MAX_CARET = 120
"""The longest row of carets drawn under an excerpt."""


MAX_EXAMPLE = 100
"""A witness longer than this is shown with one line for each part of it."""


class Severity(Enum):
    """ERROR keeps a version from being served; WARNING is probably not meant; NOTE is only good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that a problem has to do with, such as the other of two rules; `text` says in what way."""

    file: str
    line: int
    column: int
    text: str

    @classmethod
    def at(cls, span: Span, text: str) -> Related:
        """Name a place of a file."""
        return cls(span.source.name, span.line, span.column, text)


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem. `line` and `column` count from 1 in characters; `width` is how many characters it covers.

    `excerpt` is the line, cut when long, and `caret` the 1-based column of the place within that excerpt. `witness` is
    an example that shows the problem: the `given:` of a rule-test case, as JSON; empty if there is none.
    """

    code: str
    severity: Severity
    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    excerpt: str = ""
    width: int = 1
    caret: int = 1
    witness: str = ""
    related: tuple[Related, ...] = ()

    @property
    def given(self) -> Mapping[str, Any] | None:
        """The witness read; None if there is none."""
        read: Mapping[str, Any] | None = json.loads(self.witness) if self.witness else None
        return read

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Order of listing: by place, then by code and text so that the order never depends on chance."""
        return (self.file, self.line, self.column, self.code, self.message)

    def __lt__(self, other: Issue) -> bool:
        return self.sort_key < other.sort_key


class Issues:
    """Collects problems while the stages run; the same problem at the same place is kept once."""

    def __init__(self) -> None:
        self._found: dict[Issue, None] = {}

    def add(self, issue: Issue) -> None:
        """Take in a problem made elsewhere."""
        self._found.setdefault(issue)

    def extend(self, issues: Iterable[Issue]) -> None:
        """Take in several problems."""
        for issue in issues:
            self.add(issue)

    def error(
        self,
        code: str,
        span: Span,
        message: str,
        hint: str = "",
        witness: str = "",
        related: Iterable[Related] = (),
    ) -> None:
        """Report a problem that keeps the version from being served."""
        self.add(_placed(code, Severity.ERROR, span, message, hint, witness, tuple(related)))

    def warning(
        self,
        code: str,
        span: Span,
        message: str,
        hint: str = "",
        witness: str = "",
        related: Iterable[Related] = (),
    ) -> None:
        """Report something that is probably not meant."""
        self.add(_placed(code, Severity.WARNING, span, message, hint, witness, tuple(related)))

    def note(
        self,
        code: str,
        span: Span,
        message: str,
        hint: str = "",
        witness: str = "",
        related: Iterable[Related] = (),
    ) -> None:
        """Report something to know that need not be mended."""
        self.add(_placed(code, Severity.NOTE, span, message, hint, witness, tuple(related)))

    @property
    def has_errors(self) -> bool:
        """Whether anything found so far keeps the version from being served."""
        return any(issue.severity is Severity.ERROR for issue in self._found)

    def __len__(self) -> int:
        return len(self._found)

    def sorted(self) -> tuple[Issue, ...]:
        """By place, at most MAX_ISSUES, the gravest before all others; the rest is counted in a last one."""
        found = sorted(self._found)
        if len(found) <= MAX_ISSUES + any(issue.code == "too-many" for issue in found):  # an earlier stage has counted
            return tuple(found)
        gravest_first = sorted(found, key=lambda issue: _GRAVITY.index(issue.severity))
        kept, rest = sorted(gravest_first[:MAX_ISSUES]), gravest_first[MAX_ISSUES:]
        severity = rest[0].severity
        text = f"{len(rest)} more problems were found and are not listed"
        return (*kept, Issue("too-many", severity, kept[-1].file, kept[-1].line, kept[-1].column, text))


_GRAVITY = tuple(Severity)


def _placed(
    code: str, severity: Severity, span: Span, message: str, hint: str, witness: str, related: tuple[Related, ...]
) -> Issue:
    excerpt, caret = span.window()
    width = min(span.width, max(1, len(excerpt) - caret + 1))
    file, line, column = span.source.name, span.line, span.column
    return Issue(code, severity, file, line, column, message, hint, excerpt, width, caret, witness, related)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean "x"?` for the nearest known name, else an empty text."""
    near = difflib.get_close_matches(name[:100], list(known), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else ""


_COLOURS = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m", Severity.NOTE: "\x1b[2m"}
_RESET, _DIM = "\x1b[0m", "\x1b[2m"


def render(issues: Iterable[Issue], color: bool, notes: bool = False) -> str:
    """The problems as text: head line, the line of the file, a row of carets under the place, the hint, the example.

    Notes are left out unless they are asked for.
    """
    shown = (issue for issue in issues if notes or issue.severity is not Severity.NOTE)
    return "\n".join(line for issue in shown for line in _lines(issue, color))


def _lines(issue: Issue, color: bool) -> list[str]:
    head = f"{issue.severity.value}[{issue.code}]"
    paint, reset, dim = (_COLOURS[issue.severity], _RESET, _DIM) if color else ("", "", "")
    lines = [f"{paint}{head}{reset} {_printable(issue.file)}:{issue.line}:{issue.column}: {_printable(issue.message)}"]
    if issue.excerpt.strip():
        excerpt = _printable(issue.excerpt)
        before, under = excerpt[: issue.caret - 1], excerpt[issue.caret - 1 : issue.caret - 1 + issue.width]
        carets = "^" * min(MAX_CARET, max(1, _cells(under)))
        lines += [f"    {excerpt}", f"    {' ' * _cells(before)}{paint}{carets}{reset}"]
    for other in issue.related:
        lines.append(f"    {dim}see:{reset} {_printable(f'{other.file}:{other.line}:{other.column}: {other.text}')}")
    if issue.hint:
        lines.append(f"    {dim}hint:{reset} {_printable(issue.hint)}")
    if issue.given is not None:
        lines += [f"    {dim}for example:{reset}", *(f"      {line}" for line in _example(issue.given))]
    return lines


def _example(given: Mapping[str, Any]) -> list[str]:
    """The `given:` of a rule test, to be pasted: on one line, or if that is long with a line for each of its parts."""
    whole = f"given: {flow_text(given)}"
    if len(whole) <= MAX_EXAMPLE:
        return [whole]
    return ["given:", *(f"  {flow_text(name)}: {flow_text(part)}" for name, part in given.items())]


def _printable(text: str) -> str:
    """One line, one character for each; what a terminal could obey or hide is shown as a replacement sign."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if c in "\t\n\r" else c if c.isprintable() else "\ufffd" for c in text)


def _cells(text: str) -> int:
    """The width on a terminal: East Asian wide characters take two cells, combining marks none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) != 0 for c in text)
