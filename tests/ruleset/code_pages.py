"""The pages of docs/codes, taken apart: what they say, and the versions that their examples make."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.ruleset.test_errors import version_of

PAGES = Path(__file__).resolve().parents[2] / "docs" / "codes"

_BLOCK = re.compile(r"^```(?:yaml|text|csv) (\S+)( whole)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^(?=[a-z_]+:)", re.MULTILINE)
_ENTRY = re.compile(r"^(?=  [^ #])", re.MULTILINE)
_MERGED = ("channels", "facts", "budgets", "define")
"""The parts of facts.yaml to which an example adds."""


@dataclass(frozen=True)
class Page:
    """One page: the grade and the sentence it begins with, and its two examples as files of a version."""

    code: str
    grade: str
    title: str
    wrong: dict[str, bytes]
    right: dict[str, bytes]


def pages() -> dict[str, Page]:
    """Return all pages by their codes."""
    return {path.stem: _page(path) for path in sorted(PAGES.glob("*.md")) if path.stem != "README"}


def _page(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    head, wrong, rest = re.split(r"^## (?:Wrong|Right)\n", text, flags=re.MULTILINE)
    right = re.split(r"^## ", rest, flags=re.MULTILINE)[0]
    name, sentence = head.split("\n\n")[:2]
    grade, _, title = sentence.removeprefix("**").partition(".** ")
    return Page(name.removeprefix("# "), grade.casefold(), " ".join(title.split()), _version(wrong), _version(right))


def _version(example: str) -> dict[str, bytes]:
    """Return the golden version with an example laid over it; nothing if the example is only told."""
    base = version_of("_base")
    blocks = _BLOCK.findall(example)
    for name, whole, text in blocks:
        under = base.get(name, b"").decode("utf-8")
        base[name] = (text if whole or not under or name.endswith(".txt") else _laid_over(under, text)).encode("utf-8")
    return base if blocks else {}


def _laid_over(under: str, over: str) -> str:
    """Replace the parts of a file by those of an example; bare rules take the place of all rules."""
    if over.startswith("- "):
        over = "rules:\n" + re.sub(r"^(?=.)", "  ", over, flags=re.MULTILINE)
    parts, facts = _sections(under), "channels" in _sections(under)
    for name, text in _sections(over).items():
        parts[name] = _merged(parts.get(name, f"{name}:\n"), text) if facts and name in _MERGED else text
    rules = parts.pop("rules", "")
    return "".join(parts.values()) + rules


def _sections(text: str) -> dict[str, str]:
    parts = [part if part.endswith("\n") else part + "\n" for part in _SECTION.split(text) if part]
    return {part.partition(":")[0]: part for part in parts}


def _merged(under: str, over: str) -> str:
    """Add entries to those of a part of facts.yaml; one of the same name replaces."""
    flow = re.fullmatch(r"(\w+): \{(.*)\}\n", over)
    over = f"{flow[1]}:\n  {flow[2]}\n" if flow else over
    entries = {part.strip().partition(":")[0]: part for part in (*_ENTRY.split(under)[1:], *_ENTRY.split(over)[1:])}
    return under.partition("\n")[0] + "\n" + "".join(entries.values())
