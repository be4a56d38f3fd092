"""The cells of a decision table's condition columns, each made into a condition of the language.

    -                 anything            200, 300      one of them          [200..500)   a range
    absent, present   is it there         not a, b      none of them         >= 200       a comparison
    _ … _             any condition, _ being the value of the column

A condition of an optional fact asks first whether it is there, so that every row has a value on all messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.ruleset.condition_text import ConditionText
from engine.ruleset.documents import Node, Scalar
from engine.ruleset.drafts import Condition
from engine.ruleset.expressions import Names
from engine.ruleset.issues import Issues
from engine.ruleset.scalars import shorten
from engine.ruleset.syntax import Fact, Type, Value
from engine.ruleset.table_typing import Typing, bracketed, joined
from engine.ruleset.table_values import QUOTED, literal, value_of
from engine.ruleset.tables import Column
from engine.ruleset.typing_rules import ELEMENTS, NUMBERS, named

_COMMA: Final = re.compile(rf"{QUOTED}|(?P<comma>,)")
_PLACEHOLDER: Final = re.compile(rf"{QUOTED}|(?P<path>\.\s*)?(?P<word>[A-Za-z_][A-Za-z0-9_]*)")
_OPERATOR: Final = re.compile(r"(?:>=|<=|==|!=|>(?!=)|<(?!=)|in(?=[\s\[]))\s*")
_SECOND: Final = re.compile(r",\s*(?:>=|<=|==|!=|>|<)")
_NOT: Final = re.compile(r"not\s+")
_RANGE: Final = re.compile(r"(?P<open>[\[(])\s*(?P<low>.*?)\s*\.\.\s*(?P<high>.*?)\s*(?P<close>[\])])", re.DOTALL)
_TWO_NUMBERS: Final = re.compile(r"[0-9],[0-9]")
_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_ORDERED: Final = NUMBERS | {Type.STRING, Type.TIMESTAMP, Type.DURATION}


def part(node: Scalar, start: int, end: int) -> Scalar:
    """Return the characters `[start, end)` of a cell, without the blanks around them, as a cell of their own."""
    text = node.text[start:end]
    start += len(text) - len(text.lstrip())
    text = text.strip()
    return Scalar(text, "", node.place(start, start + len(text)))


def items_of(node: Scalar) -> Iterator[Scalar]:
    """Give what stands between the commas of a cell; a comma in quotes parts nothing."""
    start = 0
    for found in _COMMA.finditer(node.text):
        if found["comma"]:
            yield part(node, start, found.start())
            start = found.end()
    yield part(node, start, len(node.text))


def is_empty(node: Node) -> bool:
    """Tell whether a cell says nothing."""
    return isinstance(node, Scalar) and node.text.strip() in ("", "-")


def _plain_cell(node: Node, issues: Issues) -> Scalar | None:
    """Return a cell without the blanks around it; None (and an issue) if YAML made a list or a group of it."""
    if isinstance(node, Scalar):
        return part(node, 0, len(node.text))
    hint = 'put the cell in quotes, such as "[0..10]" or "a, b"'
    issues.error("condition-not-plain", node.span, "YAML takes the brackets of this cell for its own", hint)
    return None


def whole_condition(node: Node, typing: Typing, issues: Issues) -> Condition | None:
    """Read a cell of a column `when`; None if it says nothing, or (with an issue) if it is wrong."""
    cell = _filled_cell(node, issues)
    read = None if cell is None else typing.condition(ConditionText.of(cell), issues)
    return None if cell is None or read is None else bracketed(read, cell)


def value_condition(node: Node, column: Column, typing: Typing, issues: Issues) -> Condition | None:
    """Read a cell of a column of values; None if it says nothing, or (with an issue) if it is wrong."""
    cell = _filled_cell(node, issues)
    if cell is None:
        return None
    found = Issues()
    text = _Reader(cell, column, typing.names, found).read()
    read = None if text is None or found.has_errors else typing.condition(text, found)
    issues.extend(found.sorted())
    return read


def _filled_cell(node: Node, issues: Issues) -> Scalar | None:
    cell = _plain_cell(node, issues)
    return None if cell is None or is_empty(cell) or _is_dash(cell, issues) else cell


def _is_dash(cell: Scalar, issues: Issues) -> bool:
    if len(cell.text) != 1 or cell.text not in _DASHES:
        return False
    hint = f'write - for anything, or the sign in quotes, "{cell.text}", if it is a value'
    issues.error("bad-cell", cell.span, f"this dash, U+{ord(cell.text):04X}, is not the minus sign -", hint)
    return True


@dataclass(slots=True)
class _Reader:
    """Reads one cell of a column of values."""

    cell: Scalar
    column: Column
    names: Names
    issues: Issues

    def read(self) -> ConditionText | None:
        """Return the condition that the cell is; None (and an issue) if it is none."""
        text = self.cell.text
        if text in ("absent", "present"):
            return self._presence(text)
        if self.column.type is Type.OBJECT:
            literal(self.cell, Type.OBJECT, self.names, self.issues)
            return None
        condition, or_absent = self._condition(text)
        if condition is not None and self.column.guard:
            condition = ConditionText.joined([self._made(f"{self.column.guard} && "), condition])
        if condition is not None and or_absent:
            condition = self._bracketed([self._made(f"!({self.column.guard}) || "), condition])
        return condition

    def _condition(self, text: str) -> tuple[ConditionText | None, bool]:
        """Return what is asked of the value when it is there, and whether it may be absent as well."""
        operator = _OPERATOR.match(text)
        if operator is not None:
            return self._comparison(operator), False
        if any(found["word"] == "_" and not found["path"] for found in _PLACEHOLDER.finditer(text)):
            return self._bracketed([self._filled(ConditionText.of(self.cell))]), False
        negation = _NOT.match(text)
        if negation is None:
            return self._any_of(self.cell)
        asked, or_absent = self._any_of(part(self.cell, negation.end(), len(text)))
        if or_absent:
            return self._refuse("absent stands in a list without not", "not absent is written present"), False
        return None if asked is None else ConditionText.joined([self._made("!"), self._bracketed([asked])]), False

    def _presence(self, word: str) -> ConditionText | None:
        guard = self.column.guard
        if not guard:
            found = f'"{shorten(self.column.text)}" is always there'
            return self._refuse(found, 'write - for anything, or "absent" in quotes if it is a value')
        return self._made(f"({guard})" if word == "present" else f"!({guard})").about(self.cell.span)

    def _comparison(self, operator: re.Match[str]) -> ConditionText | None:
        """Read `>= 200` as `_ >= 200`; a timestamp or a duration may stand bare."""
        rest = part(self.cell, operator.end(), len(self.cell.text))
        kind = self.column.type
        sign = operator[0].strip()
        if not rest.text:
            return self._refuse(f"nothing stands after {sign}", "write it with a value, such as >= 200")
        if _SECOND.search(rest.text):
            hint = "between two bounds: [200..500); one or the other: _ < 200 || _ >= 500"
            return self._refuse("a cell has one comparison, and commas only between values", hint)
        if kind in ELEMENTS and sign not in ("==", "!="):
            hint = "write values, such as a, b for a list that holds one of them; or ask size(_) > 2"
            return self._refuse(f"{named(self._kind)} has no order and is in no list", hint, "wrong-type")
        if kind in (Type.TIMESTAMP, Type.DURATION):
            bare = literal(rest, self._kind, self.names, self.issues)
            if bare is None or bare != rest.text:
                value = None if bare is None else ConditionText.made(bare, rest)
                return None if value is None else ConditionText.joined([self._value(), f" {sign} ", value])
        said = self._filled(ConditionText.of(self.cell))
        return self._bracketed([self._value(), " ", said])

    def _filled(self, text: ConditionText) -> ConditionText:
        """Put the column's value in the place of every `_`."""
        changes = [
            (found.start("word"), found.end("word"), self._value(part(self.cell, *found.span("word"))))
            for found in _PLACEHOLDER.finditer(text.text)
            if found["word"] == "_" and not found["path"]
        ]
        return text.replaced(changes) if changes else text

    def _any_of(self, node: Scalar) -> tuple[ConditionText | None, bool]:
        """Read a list of values and ranges; the second answer is whether `absent` is among them."""
        if self.column.type in NUMBERS | {Type.LIST_INT, Type.LIST_DOUBLE} and _TWO_NUMBERS.search(node.text):
            found = f'"{shorten(node.text)}" may be one number or two'
            hint = "a list has a blank after each comma: 1, 500; a number has none in it: 1500 or 0.5"
            return self._refuse(found, hint, "ambiguous-cell", node), False
        items = list(items_of(node))
        wanted = [item for item in items if item.text != "absent"]
        if len(wanted) < len(items) and not self._presence("absent"):
            return None, False
        if not wanted or any(not item.text for item in items):
            found = "a value is missing before or after a comma"
            return self._refuse(found, "write a, b; an empty text counts as absent", node=node), False
        asked = self._asked(wanted)
        return asked, len(wanted) < len(items)

    def _asked(self, items: list[Scalar]) -> ConditionText | None:
        """Ask whether the value is one of the items: of `in [a, b]` if they are plain, else one after the other."""
        ranges = any(_RANGE.fullmatch(item.text) for item in items)
        if ranges or len(items) == 1 or self.column.type not in NUMBERS | {Type.STRING}:
            single = [self._one(item) for item in items]
            return self._either([one for one in single if one is not None]) if all(single) else None
        texts = [literal(item, self._kind, self.names, self.issues) for item in items]
        known = [(text, item) for text, item in zip(texts, items, strict=True) if text is not None]
        if len(known) < len(items):
            return None
        if any(text in self.names.definitions for text in texts):  # which may be of the other kind of number
            return self._either([self._equal(text, item) for text, item in known])
        values = joined([ConditionText.made(text, item) for text, item in known], ", ")
        return ConditionText.joined([self._value(), " in [", values, "]"])

    @property
    def _kind(self) -> Type:
        return self.column.type or Type.STRING

    def _one(self, item: Scalar) -> ConditionText | None:
        bounds = _RANGE.fullmatch(item.text)
        if bounds is not None:
            return self._range(item, bounds)
        text = literal(item, self._kind, self.names, self.issues)
        return None if text is None else self._equal(text, item)

    def _equal(self, text: str, item: Scalar) -> ConditionText:
        value = ConditionText.made(text, item)
        if self._kind in ELEMENTS:
            return ConditionText.joined([value, " in ", self._value(item)])
        if self._kind is Type.BOOL and text in ("true", "false"):
            return ConditionText.joined([self._made("" if text == "true" else "!", item), self._value(item)])
        return ConditionText.joined([self._value(item), " == ", value])

    def _range(self, item: Scalar, bounds: re.Match[str]) -> ConditionText | None:
        if self._kind not in _ORDERED:
            found = f"{named(self._kind)} has no order, so it cannot be in a range"
            return self._refuse(found, "write the values: a, b", "wrong-type", item)
        brackets = bounds["open"] + bounds["close"]
        signs = {"low": ">=" if brackets[0] == "[" else ">", "high": "<=" if brackets[1] == "]" else "<"}
        asked: list[ConditionText] = []
        values: list[Value | None] = []
        for name, sign in signs.items():
            if not bounds[name]:
                continue
            bound = part(item, *bounds.span(name))
            text = literal(bound, self._kind, self.names, self.issues)
            if text is None:
                return None
            values.append(value_of(text, self.names))
            asked.append(ConditionText.joined([self._value(item), f" {sign} ", ConditionText.made(text, bound)]))
        if not asked:
            return self._refuse("a range with no bound is anything", "write - for anything", node=item)
        if len(values) == 2 and self._is_empty(values[0], values[1], brackets):
            hint = "the lower bound comes first; [ ] take a bound in, ( ) do not"
            return self._refuse(f"no value is in the range {shorten(item.text)}", hint, "empty-range", item)
        return joined(asked, " && ")

    def _is_empty(self, low: Value | None, high: Value | None, brackets: str) -> bool:
        both_texts = isinstance(low, str) and isinstance(high, str)
        if not both_texts and not (isinstance(low, int | float) and isinstance(high, int | float)):
            return False  # not known, or another complaint's matter
        if low == high:
            return brackets != "[]"
        next_to = self._kind is Type.INT and brackets == "()" and isinstance(low, int) and high == low + 1
        return next_to or low > high  # type: ignore[operator]  # both texts or both numbers, seen above

    def _value(self, place: Scalar | None = None) -> ConditionText:
        """Return the column's value, standing where the cell, or a part of it, asks for it."""
        text = self.column.text
        return self._made(text if isinstance(self.column.value, Fact) else f"({text})", place)

    def _made(self, text: str, place: Scalar | None = None) -> ConditionText:
        return ConditionText.made(text, place or self.cell)

    def _either(self, texts: list[ConditionText]) -> ConditionText:
        return texts[0] if len(texts) == 1 else self._bracketed([joined(texts, " || ")])

    def _bracketed(self, parts: list[ConditionText | str]) -> ConditionText:
        """Put brackets around what is asked; they stand where the cell does."""
        return ConditionText.joined([self._made("("), *parts, self._made(")")])

    def _refuse(
        self, found: str, hint: str, code: str = "bad-cell", node: Scalar | None = None
    ) -> ConditionText | None:
        """Report what is wrong; always None, so that a reading can end with it."""
        self.issues.error(code, (node or self.cell).span, found, hint)
        return None
