"""Texts with gaps: `"{row.amount} CZK"`. A gap names a column, a joined column or a share; nothing is computed.

A number is written with two decimals, a whole number and a text as they are, a date as YYYY-MM-DD. A brace of its own
is written twice. A text that is nothing but one gap keeps the value's type where types matter (params).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from engine.ruleset.documents import Scalar
from engine.ruleset.facts_schema import FactsSchema, Scope
from engine.ruleset.issues import Issues, did_you_mean
from engine.ruleset.syntax import Type

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_SIGN: Final = {"{{": "{", "}}": "}"}

Values = Sequence[Any]


class GapEmpty(Exception):
    """A gap cannot be filled: the column it names is empty, or the row has no partner in the joined table."""


class Template:
    """A text with gaps, ready to be filled from a row's values."""

    __slots__ = ("_fill", "constant", "slot")

    def __init__(self, parts: Sequence[str | tuple[int, str, Type]]) -> None:
        gaps = [part for part in parts if not isinstance(part, str)]
        self.constant: str | None = "".join(p for p in parts if isinstance(p, str)) if not gaps else None
        """The whole text when it has no gaps."""
        self.slot: int | None = gaps[0][0] if len(parts) == 1 and gaps else None
        """Where the value is when the text is nothing but one gap."""
        self._fill = [part if isinstance(part, str) else _filler(*part) for part in parts]

    def __call__(self, values: Values) -> str:
        """Return the text. Raises GapEmpty."""
        if self.constant is not None:
            return self.constant
        return "".join([part if isinstance(part, str) else part(values) for part in self._fill])


def _filler(slot: int, path: str, kind: Type) -> Callable[[Values], str]:
    def text(values: Values) -> str:
        value = values[slot]
        if value is None:
            raise GapEmpty(path)
        return value if isinstance(value, str) else format(value, ".2f") if kind is Type.DOUBLE else str(value)

    return text


def read_template(node: Scalar, schema: FactsSchema, issues: Issues) -> Template | None:
    """Read a template; None if something in it is wrong, and then `issues` says what."""
    parts: list[str | tuple[int, str, Type]] = []
    good = True
    for found in _PART.finditer(node.text):
        whole, path = found[0], found[1]
        if path is None:
            if whole in "{}":
                issues.error(
                    "bad-template", node.place(*found.span()), f'a single "{whole}"', f'write "{whole * 2}" to mean it'
                )
                good = False
            parts.append(_SIGN.get(whole, whole))
            continue
        fact = schema.fact(path.strip(), Scope.MESSAGE)
        if fact is None:
            hint = (
                did_you_mean(path.strip(), schema.paths(Scope.MESSAGE)) or "a gap names a column, such as {row.amount}"
            )
            issues.error("unknown-name", node.place(*found.span(1)), f'there is no "{path.strip()[:60]}"', hint)
            good = False
        else:
            parts.append((fact.slot, fact.path, fact.type))
    return Template(_joined(parts)) if good else None


def _joined(parts: Sequence[str | tuple[int, str, Type]]) -> list[str | tuple[int, str, Type]]:
    """Join neighbouring pieces of plain text."""
    joined: list[str | tuple[int, str, Type]] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined
