"""Plain data written as YAML on one line: `{category: MARKETING, tags: [high, "7"]}`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,99}", re.ASCII)
_NO_TEXT: Final = frozenset("true false null yes no on off y n".split())
"""Words that some reader of YAML takes for something else than text."""


def flow_text(value: Any) -> str:
    """Write dicts, lists, texts, numbers, true, false and None as one line that reads back as the same.

    Texts are quoted where they need it, and what a terminal could obey or hide is written as an escape.
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow_text(key)}: {flow_text(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow_text, value)) + "]"
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) and value.casefold() not in _NO_TEXT else _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in quoted)


def _escape(code: int) -> str:
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
