"""Pieces of the coverage page that its other parts are put together of: safe text, shares, links, cases."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final
from urllib.parse import quote

from cli.rules.coverage_report import printable
from engine.analysis.coverage import CaseName, Share, Shares

FULL: Final = "full"
PART: Final = "part"
NONE: Final = "none"
LEFT_OUT: Final = "out"
"""How much is covered; the classes of the page."""


def safe(text: str) -> str:
    """Escape a text; what cannot be shown becomes a replacement sign."""
    return escape(printable(text))


def link(version: str, name: str, text: str) -> str:
    """Return a link to a file or a rule of a version, which has the id `<version>/<name>`; `text` is HTML."""
    return f'<a href="#{safe(quote(printable(f"{version}/{name}")))}">{text}</a>'


def share_cell(share: Share) -> str:
    """Return a share as a cell of a table."""
    if not share.total:
        return '<td class="num">-</td>'
    state = FULL if share.covered == share.total else PART if share.covered else NONE
    return f'<td class="num {state}"><span>{_of(share)}</span> <b>{share.percent} %</b></td>'


def shares_in_words(found: Shares, things: str = "") -> str:
    """Return the shares as one line: `rows 1 of 2 · conditions 5 of 6 · MC/DC 2 of 3`; `things` names the rules."""
    named = ((things, found.rules), ("conditions", found.conditions), ("MC/DC", found.mcdc))
    return " · ".join(f"{name} {_of(share)}" for name, share in named if name and share.total)


def is_whole(found: Shares) -> bool:
    """Does nothing lack?"""
    return all(share.covered == share.total for share in (found.rules, found.conditions, found.mcdc))


def items(texts: Iterable[str], name: str = "") -> str:
    """Return a list, whose items are HTML already; nothing if there are none."""
    listed = "".join(f"<li>{text}</li>" for text in texts)
    return f"<ul{f' class={name}' if name else ''}>{listed}</ul>" if listed else ""


def named(case: CaseName) -> str:
    """Return a case as people find it, not escaped."""
    return f"{case.name} ({case.file}:{case.line})"


def _of(share: Share) -> str:
    return f"{share.covered:,} of {share.total:,}"
