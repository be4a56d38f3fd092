"""The kinds of single values that a rule file may hold: durations, times of day, amounts, names and choices.

A value arrives as `Written`, its text and whether it was quoted, and each kind reads it by what *it* needs, never by
what YAML guesses: `05`, `no` or `21:00` stay the text they look like. Refusals say what was found and what was
expected; the field's name and its place are added by `reading.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from fractions import Fraction
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MILLISECONDS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DAY_MS: Final = MILLISECONDS["d"]
LONGEST_TEXT: Final = 2_000
LARGEST_COUNT: Final = 1_000_000_000
LARGEST_AMOUNT: Final = 1_000_000_000
MICROS: Final = 1_000_000

_COUNT: Final = {"type": "integer", "minimum": 0, "maximum": LARGEST_COUNT}
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
_COMMA = re.compile(r"[0-9]{1,12},[0-9]{1,12}")
_DURATION = re.compile(r"([0-9]{1,15})(ms|s|m|h|d)")
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LABEL = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,62}")
_UNIT = re.compile(r"COUNT|[A-Z]{3}")


class Written(str):
    """The text of a scalar as it stands in the file; `quoted` tells `"5"` from `5`."""

    __slots__ = ("quoted",)
    quoted: bool

    def __new__(cls, text: str, quoted: bool) -> Written:
        """Make the text remember whether it was quoted."""
        written = super().__new__(cls, text)
        written.quoted = quoted
        return written

    @property
    def empty(self) -> bool:
        """True for what YAML calls null: nothing after the colon, `~` or `null`."""
        return not self.quoted and self in ("", "~", "null", "Null", "NULL")


def wrong(found: object, expected: str, hint: str = "", code: str = "wrong-value") -> PydanticCustomError:
    """Make the refusal of a value; raise it inside a validator."""
    text = f"found {describe(found)}; expected {expected}"
    return PydanticCustomError("refused", "{found}", {"found": text, "hint": hint, "code": code})


def misplaced(code: str, message: str, hint: str, *at: str | int) -> PydanticCustomError:
    """Make the refusal of a combination of fields; `at` is the path, below the validated form, to point at."""
    return PydanticCustomError("combination", "{found}", {"found": message, "hint": hint, "code": code, "at": at})


def describe(value: object) -> str:
    """Say in a rule author's words what a value is."""
    if isinstance(value, Written):
        if value.empty:
            return "nothing"
        if value.quoted:
            return f'the quoted text "{shorten(value)}"'
        return f"the number {shorten(value)}" if _NUMBER.fullmatch(value) else f'"{shorten(value)}"'
    if isinstance(value, dict):
        return "a group of fields"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return str(value)


def shorten(text: str, width: int = 60) -> str:
    """Cut a text that would swamp a message; what cannot be printed is shown as an escape."""
    cut = text if len(text) <= width else text[: width - 1] + "…"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in cut)


def closest(word: str, choices: Iterable[str]) -> str:
    """Return the choice that `word` was probably meant to be, or an empty text.

    Case and the difference between `-` and `_` are forgiven first, then spelling (difflib's ratio of at least 0.6).
    """
    plain = {choice.casefold().replace("_", "-"): choice for choice in choices}
    wanted = word[:100].casefold().replace("_", "-")
    if wanted in plain:
        return plain[wanted]
    near = get_close_matches(wanted, plain, n=1, cutoff=0.6)
    return plain[near[0]] if near else ""


def did_you_mean(word: str, choices: Sequence[str]) -> str:
    """Return the hint that names the nearest choice, or else all of them."""
    near = closest(word, choices)
    if near:
        return f'did you mean "{near}"?'
    return f"it may be {listing(choices)}" if choices else ""


def listing(choices: Iterable[str]) -> str:
    """Join names for a sentence: a, b or c."""
    names = list(choices)
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]


def _written(value: object, expected: str) -> Written:
    if isinstance(value, Written) and not value.empty:
        return value
    raise wrong(value, expected, code="wrong-type")


def _text(value: object) -> str:
    written = _written(value, "a text")
    if not written.strip():
        raise wrong(value, "a text", code="empty-value")
    if len(written) > LONGEST_TEXT:
        raise wrong(f"{len(written):,} characters", f"at most {LONGEST_TEXT:,}", code="too-long")
    return str(written)


def matching(pattern: re.Pattern[str], expected: str, hint: str = "") -> BeforeValidator:
    """Accept a text that has a certain form."""

    def read(value: object) -> str:
        written = _written(value, expected)
        if not pattern.fullmatch(written):
            raise wrong(value, expected, hint, "bad-name")
        return str(written)

    return BeforeValidator(read)


def one_of(*choices: str, code: str = "wrong-value", hint: str = "") -> BeforeValidator:
    """Accept exactly one of some words; another spelling gets a did-you-mean, or else `hint`."""
    expected = listing(choices)

    def read(value: object) -> str:
        written = _written(value, expected)
        if written not in choices:
            near = closest(written, choices)
            raise wrong(value, expected, f'did you mean "{near}"?' if near else hint, code)
        return str(written)

    return BeforeValidator(read)


def _unquoted(value: object, expected: str, pattern: re.Pattern[str], code: str = "wrong-value") -> str:
    """Return the text of a number, or refuse a quoted one with the cure."""
    written = _written(value, expected)
    if _NUMBER.fullmatch(written) and written.quoted:
        raise wrong(value, expected, f"write it without quotes: {written}", "wrong-type")
    if pattern.fullmatch(written):
        return str(written)
    raise wrong(value, expected, code=code if _NUMBER.match(written) else "wrong-type")


def whole_number(least: int, most: int) -> BeforeValidator:
    """Accept an integer from `least` to `most`, not quoted."""
    expected = f"a whole number from {least:,} to {most:,}"

    def read(value: object) -> int:
        number = int(_unquoted(value, expected, _INTEGER))
        if not least <= number <= most:
            raise wrong(value, expected)
        return number

    return BeforeValidator(read)


def fraction(expected: str, top_included: bool) -> BeforeValidator:
    """Accept a number above 0 and below (or equal to) 1."""

    def read(value: object) -> float:
        number = float(_unquoted(value, expected, _NUMBER))
        if not 0.0 < number < 1.0 and not (top_included and number == 1.0):
            raise wrong(value, expected)
        return number

    return BeforeValidator(read)


def duration_ms(value: object, least_ms: int, most_ms: int, expected: str) -> int:
    """Read `<number>(ms|s|m|h|d)` as milliseconds within bounds."""
    written = _written(value, expected)
    parts = _DURATION.fullmatch(written)
    if parts is None:
        hint = "a duration is a whole number and its unit: 500ms, 30s, 15m, 2h or 7d"
        if _INTEGER.fullmatch(written):
            hint = f"a duration needs its unit: {written}s, {written}m, {written}h or {written}d"
        raise wrong(value, expected, hint, "bad-duration")
    length = int(parts[1]) * MILLISECONDS[parts[2]]
    if not least_ms <= length <= most_ms:
        raise wrong(value, expected, code="bad-duration")
    return length


def show_duration(length_ms: int) -> str:
    """Write a duration as rules write it, in the largest unit of which it is a whole number: 30m, 1d."""
    unit = largest_unit(length_ms)
    return f"{length_ms // MILLISECONDS[unit]}{unit}"


def largest_unit(length_ms: int) -> str:
    """Return the largest unit of which a duration is a whole number."""
    return [unit for unit, each in MILLISECONDS.items() if length_ms % each == 0][-1]


def duration(least_ms: int, most_ms: int, bounds: str) -> BeforeValidator:
    """Accept a duration between two bounds; `bounds` names them for the message (`from 1s to 7d`)."""
    return BeforeValidator(lambda value: duration_ms(value, least_ms, most_ms, f"a duration {bounds}"))


def _window(value: object) -> int:
    if isinstance(value, Written) and value == "day":
        return 0
    return duration_ms(value, 1_000, 366 * DAY_MS, "a duration from 1s to 366d, or day (the user's calendar day)")


def _time_of_day(value: object) -> int:
    expected = 'a time of day from "00:00" to "23:59"'
    written = _written(value, expected)
    parts = _TIME_OF_DAY.fullmatch(written)
    if parts is None:
        padded = _TIME_OF_DAY.fullmatch(f"0{written}")
        hint = f'write two digits: "0{written}"' if padded else 'hours from 00 to 23, a colon, minutes: "21:30"'
        raise wrong(value, expected, hint, "bad-time")
    return int(parts[1]) * 60 + int(parts[2])


def _touches(value: object) -> int | None:
    expected = "a whole number from 0 (none at all) to 1,000,000,000, or unlimited"
    if isinstance(value, Written) and value == "unlimited":
        return None
    number = int(_unquoted(value, expected, _INTEGER))
    if not 0 <= number <= LARGEST_COUNT:
        raise wrong(value, expected)
    return number


def _micros(value: object) -> int:
    expected = f"an amount from 0 to {LARGEST_AMOUNT:,} with at most 6 decimals"
    if isinstance(value, Written) and _COMMA.fullmatch(value):
        raise wrong(value, expected, f"write a point for the comma: {value.replace(',', '.')}", "bad-amount")
    micros = Fraction(_unquoted(value, expected, _NUMBER, "bad-amount")) * MICROS
    if micros.denominator != 1 or not 0 <= micros <= LARGEST_AMOUNT * MICROS:
        raise wrong(value, expected, code="bad-amount")
    return micros.numerator


def _unit(value: object) -> str:
    expected = "COUNT or the three capital letters of a currency, such as CNY"
    written = _written(value, expected)
    if not _UNIT.fullmatch(written):
        capitals = written.upper()
        hint = f'did you mean "{capitals}"?' if _UNIT.fullmatch(capitals) else ""
        raise wrong(value, expected, hint, "bad-unit")
    return str(written)


def _segments(value: object) -> bool:
    expected = "segments (once for each part of the text) or 1 (once)"
    if isinstance(value, Written) and not value.quoted and value == "1":
        return False
    if _written(value, expected) != "segments":
        raise wrong(value, expected)
    return True


def _schema(reader: Callable[[object], Any], **json: Any) -> tuple[BeforeValidator, WithJsonSchema]:
    return BeforeValidator(reader), WithJsonSchema(json)


_WORD: Final[dict[str, Any]] = {"type": ["string", "number", "boolean"]}
"""A text for which YAML's quotes are not needed, whatever it looks like."""
_SPAN: Final = WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$"})

Text = Annotated[str, *_schema(_text, **_WORD, maxLength=LONGEST_TEXT)]
Name = Annotated[
    str,
    matching(_NAME, "small letters, digits and dashes, at most 63", "longer words go into doc:"),
    WithJsonSchema({**_WORD, "pattern": f"^{_NAME.pattern}$"}),
]
_NAMES_HINT: Final = "commas part names: [a, b]; channels have the names that facts.yaml gives them"
Label = Annotated[
    str,
    matching(_LABEL, "a name of letters, digits, -, _ and . with at most 63 characters", _NAMES_HINT),
    WithJsonSchema({**_WORD, "pattern": f"^{_LABEL.pattern}$"}),
]
Wait = Annotated[int, duration(1, 7 * DAY_MS, "longer than zero and at most 7d"), _SPAN]
Interval = Annotated[int, duration(1_000, 366 * DAY_MS, "from 1s to 366d"), _SPAN]
Window = Annotated[int, *_schema(_window, type="string", pattern=f"^(day|{_DURATION.pattern})$")]
TimeOfDay = Annotated[int, *_schema(_time_of_day, type="string", pattern=f"^({_TIME_OF_DAY.pattern})$")]
Touches = Annotated[int | None, *_schema(_touches, anyOf=[_COUNT, {"const": "unlimited"}])]
Micros = Annotated[int, *_schema(_micros, type="number", minimum=0, maximum=LARGEST_AMOUNT)]
Unit = Annotated[str, *_schema(_unit, type="string", pattern=f"^({_UNIT.pattern})$")]
Segments = Annotated[bool, *_schema(_segments, enum=["segments", 1])]
