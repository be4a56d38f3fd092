"""The values of CEL's literals: numbers within their bounds, texts with their escapes undone."""

from __future__ import annotations

import math
import re
from typing import Final

from engine.ruleset.arithmetic import MAX_INT, MIN_INT

_ESCAPE: Final = re.compile(
    r"\\(?:(?P<sign>[abfnrtv\\?\"'`])|(?P<octal>[0-3][0-7]{2})|[xX](?P<byte>[0-9a-fA-F]{2})"
    r"|u(?P<four>[0-9a-fA-F]{4})|U(?P<eight>[0-9a-fA-F]{8})|(?P<bad>[\s\S]?))"
)
_SIGNS: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_DOUBLE: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class BadLiteral(Exception):
    """A literal without a value; `start` and `end` are offsets within its text."""

    def __init__(self, start: int, end: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.start, self.end, self.message, self.hint = start, end, message, hint


def int_value(text: str) -> int:
    """A decimal or hexadecimal integer of 64 bits. Raises BadLiteral."""
    digits = text.removeprefix("-")
    value = int(digits[2:], 16) if digits.startswith("0x") else int(digits)
    value = -value if text.startswith("-") else value
    if not MIN_INT <= value <= MAX_INT:
        raise BadLiteral(0, len(text), "the number does not fit into 64 bits", "write it as a double, with a point")
    return value


def double_value(text: str) -> float:
    """A finite double. Raises BadLiteral."""
    if not _DOUBLE.fullmatch(text):
        raise BadLiteral(0, len(text), f"{text[:40]} is no number", "digits stand on both sides of the point: 1.0")
    value = float(text)
    if not math.isfinite(value):
        raise BadLiteral(0, len(text), "the number is too large for a double")
    return value


def string_value(text: str) -> str:
    """A quoted text without its quotes and escapes. Raises BadLiteral."""
    raw = text[0] in "rR"
    body = text[1:] if raw else text
    quotes = 3 if len(body) >= 6 and body[:3] in ('"""', "'''") else 1
    first = raw + quotes
    inner = text[first : len(text) - quotes]
    _refuse_surrogates(inner, first)
    return inner if raw else _unescaped(inner, first)


def _refuse_surrogates(inner: str, first: int) -> None:
    for at, character in enumerate(inner):
        if "\ud800" <= character <= "\udfff":
            raise BadLiteral(first + at, first + at + 1, "this is half a character (a lone surrogate)")


def _unescaped(inner: str, first: int) -> str:
    def replace(found: re.Match[str]) -> str:
        start, end = first + found.start(), first + found.end()
        if found["sign"]:
            return _SIGNS.get(found["sign"], found["sign"])
        if found["octal"]:
            return chr(int(found["octal"], 8))
        if found["bad"] is not None:
            hint = r"known: \n \t \\ \" \' \xHH \uHHHH \UHHHHHHHH; a raw text r\"…\" takes backslashes as they are"
            raise BadLiteral(start, end, f"unknown escape {found[0]}", hint.replace('\\"…\\"', '"…"'))
        code = int(found["byte"] or found["four"] or found["eight"], 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise BadLiteral(start, end, f"{found[0]} is no character")
        return chr(code)

    return _ESCAPE.sub(replace, inner)
