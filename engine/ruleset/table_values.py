"""Values as they stand in the cells of a decision table, bare or quoted, as literals of the language of conditions."""

from __future__ import annotations

import re
from typing import Final

from engine.ruleset.documents import Scalar
from engine.ruleset.expressions import Names
from engine.ruleset.issues import Issues
from engine.ruleset.printing import show_value
from engine.ruleset.scalars import closest, shorten
from engine.ruleset.syntax import Type, Value
from engine.ruleset.temporal import parse_duration, parse_timestamp
from engine.ruleset.tokens import BadLiteral, string_value
from engine.ruleset.typing_rules import ELEMENTS, named

QUOTED: Final = r'"(?:[^"\\\r\n]|\\[^\r\n])*"' + r"|(?<!\w)'(?:[^'\\\r\n]|\\[^\r\n])*'"
"""A text in quotes. A quote inside a word, as in O'Neil, begins none."""

_TEXT: Final = re.compile(QUOTED)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_PATH: Final = re.compile(r"(?:timestamp|duration)\(|[a-z]+\.")
"""How an expression begins that stands where a timestamp or a duration may stand bare."""
_MADE: Final = re.compile(r'(timestamp|duration)\("([^"]*)"\)')
_DAYS: Final = re.compile(r"([0-9]{1,6})d")
_SIGNS: Final = re.compile(r"""[()\[\]{}<>=!&|"\\]|\.\.""")
_WIDE: Final = re.compile(
    "[\uff0c\u3001\uff1b\u201c\u201d\u2018\u2019\uff02\u300c\u300d\uff08\uff09\uff1e\uff1c\uff1d]"
)
_RANGE: Final = "[a..b] takes b in, [a..b) does not, [a..) has no end"
_QUOTE_IT: Final = "a text with such signs in it stands in quotes"


def literal(node: Scalar, kind: Type, names: Names, issues: Issues) -> str | None:
    """Return the literal, or the name of a constant, for one value of a cell; None (and an issue) if it is none.

    `kind` is what the column holds; of a list, each of its items is meant.
    """
    kind = ELEMENTS.get(kind, kind)
    text = node.text
    if kind is Type.STRING:
        return _string(node, names, issues)
    if kind is Type.BOOL and text.lower() in ("true", "false"):
        return text.lower()  # spreadsheets write TRUE
    if kind in (Type.INT, Type.DOUBLE, Type.BOOL) and _NAME.fullmatch(text):
        return _constant(node, kind, names, issues)
    if kind is Type.INT and _WHOLE.fullmatch(text):
        return text
    if kind is Type.DOUBLE and _NUMBER.fullmatch(text):
        return text if set(text) & set(".eE") else f"{text}.0"
    if kind in (Type.TIMESTAMP, Type.DURATION):
        return _time(node, kind, issues)
    return _refuse(node, kind, issues)


def value_of(text: str, names: Names) -> Value | None:
    """Return the value of what `literal` made, to compare bounds by; None if it is known only to the language."""
    if text in names.definitions:
        return names.definitions[text].value
    try:
        if text[0] in "\"'":
            return string_value(text)
        made = _MADE.fullmatch(text)
        if made is not None:
            return parse_timestamp(made[2]) if made[1] == "timestamp" else parse_duration(made[2])
        return float(text) if set(text) & set(".eE") else int(text)
    except (BadLiteral, ValueError):
        return None


def _bare_time(text: str, kind: Type) -> str | None:
    """Return the literal for a timestamp or a duration written bare or quoted; None if it is none."""
    bare = text[1:-1] if _TEXT.fullmatch(text) else text
    try:
        if kind is Type.TIMESTAMP:
            parse_timestamp(bare)
        else:
            days = _DAYS.fullmatch(bare)
            bare = f"{int(days[1]) * 24}h" if days else bare
            parse_duration(bare)
    except ValueError:
        return None
    return f'{kind.value}("{bare}")'


def _time(node: Scalar, kind: Type, issues: Issues) -> str | None:
    found = _bare_time(node.text, kind)
    if found is None and _PATH.match(node.text):
        return node.text
    return _refuse(node, kind, issues) if found is None else found


def _string(node: Scalar, names: Names, issues: Issues) -> str | None:
    text = node.text
    if _TEXT.fullmatch(text):
        return text
    if text[0] in "\"'" or _SIGNS.search(text):
        _complain(node, text, issues)
        return None
    if text in names.definitions or text in names.conditions:
        _two_meanings(node, names, issues)
        return None
    if _WIDE.search(text):
        found = f'the full-width signs in "{shorten(text)}" are letters of a text here'
        hint = 'put the text in quotes if it is meant so; else use the signs , " ( ) < >'
        issues.warning("full-width-cell", node.span, found, hint)
    return show_value(text, Type.STRING)


def _two_meanings(node: Scalar, names: Names, issues: Issues) -> None:
    """Report a bare text that is the name of a definition too."""
    text = node.text
    if text in names.conditions:
        what, other = "condition", "make a column of the condition, with the cells true and false"
    else:
        sign = "in" if isinstance(names.definitions[text].value, tuple) else "=="
        what, other = "constant", f"write {sign} {text} for the constant"
    found = f'"{text}" is the name of a {what}, so it is not clear whether the text or the {what} is meant'
    issues.error("ambiguous-cell", node.span, found, f'{other}, or "{text}" in quotes for the text')


def _complain(node: Scalar, text: str, issues: Issues) -> None:
    """Say what is wrong with a bare text that looks like something else."""
    hint = _QUOTE_IT
    if text[0] in "\"'":
        found, hint = "this text is not closed, or goes on after its quotes", 'a quote in a text is written \\"'
    elif ".." in text:
        found = f'"{shorten(text)}" looks like a range without its brackets'
        hint = f"{_RANGE}; a text with .. in it stands in quotes"
    elif text[0] == "[" or text[-1] == "]":
        found = f'"{shorten(text)}" has a bracket, which belongs to a range such as [200..500)'
        hint = "a list is written without brackets: a, b; a text with brackets stands in quotes"
    else:
        found = f'"{shorten(text)}" looks like a condition and has no _ in it, or like a text without its quotes'
        hint = f"in a condition _ stands for the column's value; {_QUOTE_IT}"
    issues.error("bad-cell", node.span, found, hint)


def _constant(node: Scalar, kind: Type, names: Names, issues: Issues) -> str | None:
    constant = names.definitions.get(node.text)
    if constant is None:
        near = closest(node.text, names.definitions)
        hint = f'did you mean "{near}"?' if near else _EXPECTED[kind]
        issues.error("bad-cell", node.span, f'"{shorten(node.text)}" is no {_NOUN[kind]} and no constant', hint)
    elif isinstance(constant.value, tuple):
        found = f'"{node.text}" is a list'
        issues.error("bad-cell", node.span, found, f"write in {node.text} for one of its items")
    elif constant.type is not kind and not {constant.type, kind} <= {Type.INT, Type.DOUBLE}:
        found = f'the constant "{node.text}" is {named(constant.type)}, and the column holds {named(kind)}'
        issues.error("wrong-type", node.span, found)
    else:
        return node.text
    return None


_NOUN: Final = {
    Type.BOOL: "true and no false", Type.INT: "whole number", Type.DOUBLE: "number", Type.TIMESTAMP: "timestamp",
    Type.DURATION: "duration",
}  # fmt: skip
_EXPECTED: Final = {
    Type.BOOL: "write true or false",
    Type.INT: "write a whole number such as 20, a range such as [9..20), or >= and the name of a constant",
    Type.DOUBLE: "write a number such as 200 or 0.08, a range such as [200..500), or >= and the name of a constant",
    Type.TIMESTAMP: "write it like 2026-01-05T12:00:00Z or 2026-01-05T12:00:00+08:00",
    Type.DURATION: "write it like 90s, 1h30m or 7d",
    Type.OBJECT: "write present, absent or -; an object has no value of its own",
}


def _refuse(node: Scalar, kind: Type, issues: Issues) -> str | None:
    """Report that a value is none of its kind; always None, so that a reading can end with it."""
    if kind is Type.OBJECT:
        found = "only whether an object is there can be asked"
    elif ".." in node.text:
        issues.error("bad-cell", node.span, f'"{shorten(node.text)}" looks like a range without its brackets', _RANGE)
        return None
    else:
        found = f'"{shorten(node.text)}" is no {_NOUN[kind]}'
    issues.error("bad-cell", node.span, found, _EXPECTED[kind])
    return None
