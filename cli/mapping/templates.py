"""Texts with gaps: `"{row.amount} CZK"`. A gap names a column, a joined column or a share; nothing is computed.

A number is written with two decimals, a whole number and a text as they are, a date as YYYY-MM-DD. A brace of its own
is written twice. A text that is nothing but one gap keeps the value's type where types matter (params).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

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

    __slots__ = ("_format", "_gaps", "_pick", "constant", "slot")

    def __init__(self, parts: Sequence[str | Gap]) -> None:
        gaps = [part for part in parts if not isinstance(part, str)]
        self.constant: str | None = "".join(p for p in parts if isinstance(p, str)) if not gaps else None
        """The whole text when it has no gaps."""
        self.slot: int | None = gaps[0].slot if len(parts) == 1 and gaps else None
        """Where the value is when the text is nothing but one gap."""
        # One %-format for the whole text takes a third of the time of joining its parts.
        self._format = "".join(p.replace("%", "%%") if isinstance(p, str) else p.sign for p in parts)
        self._gaps = gaps
        slots = [gap.slot for gap in gaps]
        self._pick: Callable[[Values], Any] = itemgetter(*slots) if slots else tuple

    def __call__(self, values: Values) -> str:
        """Return the text. Raises GapEmpty."""
        if self.constant is not None:
            return self.constant
        picked = self._pick(values)
        if picked is None or (type(picked) is tuple and None in picked):
            raise GapEmpty(next(gap.path for gap in self._gaps if values[gap.slot] is None))
        return self._format % picked


class Gap(NamedTuple):
    """A gap: where its value is, what it is called, and how it is written."""

    slot: int
    path: str
    sign: str


def read_template(node: Scalar, schema: FactsSchema, issues: Issues) -> Template | None:
    """Read a template; None if something in it is wrong, and then `issues` says what."""
    parts: list[str | Gap] = []
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
            parts.append(Gap(fact.slot, fact.path, "%.2f" if fact.type is Type.DOUBLE else "%s"))
    return Template(parts) if good else None
