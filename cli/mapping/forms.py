"""What may stand in a mapping file: one form a section, read with the same readers as the rule files.

Texts that hold conditions, paths or templates stay texts here; `compile.py` gives them their meaning.
"""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from engine.decision.model import PRIORITY, Strategy
from engine.decision.moment import is_zone
from engine.ruleset.fact_types import PRIORITIES, STATES
from engine.ruleset.scalars import Label, Micros, Text, Unit, Written, duration_ms, matching, one_of, wrong

MOST_MS: Final = 366 * 86_400_000
_DURATION = re.compile(r"[0-9]{1,15}(?:ms|s|m|h|d)")
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
_AT = re.compile(r"([a-z][a-z0-9_]*)(?:\s*([+-])\s*(\S+))?")
_DELIMITER_NAMES: Final = {"tab": "\t", "auto": ""}


class Form(BaseModel):
    """A group of fields of a map; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _text_of(value: object, expected: str) -> Written:
    if isinstance(value, Written) and not value.empty:
        return value
    raise wrong(value, expected, code="wrong-type")


def _texts(value: object) -> object:
    """Let a single text stand for a list of one."""
    return [value] if isinstance(value, Written) else value


def _spelling(value: object) -> str:
    """Read a word as the file spells it; the empty one, for the empty cell, is written ""."""
    if isinstance(value, Written) and (value.quoted or not value.empty):
        return str(value)
    raise wrong(value, 'a word as the file spells it; "" is the empty cell', code="wrong-type")


def _delimiter(value: object) -> str:
    expected = "one character in quotes, tab, or auto"
    written = _text_of(value, expected)
    text = _DELIMITER_NAMES.get(str(written), str(written))
    if len(text) > 1 or text in ('"', "\n", "\r"):
        raise wrong(value, expected)
    return text


def _encoding(value: object) -> str:
    expected = "the name of a text encoding such as utf-8, cp1250 or gb18030"
    written = _text_of(value, expected)
    try:
        codec = codecs.lookup(str(written))
    except LookupError as error:
        raise wrong(value, expected) from error
    if not codec._is_text_encoding:
        raise wrong(value, expected)
    return str(written)


def _zone(value: object) -> str:
    written = _text_of(value, "the IANA name of a time zone, such as Europe/Prague")
    if not is_zone(str(written)):
        raise wrong(value, "the IANA name of a time zone, such as Europe/Prague")
    return str(written)


def _hours(value: object) -> tuple[int, int]:
    expected = 'a part of the day such as "08:00-22:00", or "00:00-24:00" for all of it'
    parts = _HOURS.fullmatch(_text_of(value, expected))
    if parts is None:
        raise wrong(value, expected)
    start, end = (int(parts[i]) * 60 + int(parts[i + 1]) for i in (1, 3))
    if not start < end <= 24 * 60:
        raise wrong(value, expected)
    return start * 60, end * 60


def _at(value: object) -> tuple[str, int]:
    """Read `event`, `event - 40s` or `event + 2h`: a spread's name and the milliseconds to add."""
    expected = "the name of a spread, perhaps with a shift: event, event - 40s, event + 2h"
    parts = _AT.fullmatch(_text_of(value, expected))
    if parts is None:
        raise wrong(value, expected)
    if not parts[2]:
        return parts[1], 0
    shift = duration_ms(Written(parts[3], False), 1, MOST_MS, expected)
    return parts[1], shift if parts[2] == "+" else -shift


def _length(value: object) -> int:
    return duration_ms(value, 1, MOST_MS, "a duration such as 30m, 2h or 3d")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, Written) or value.quoted or value not in ("true", "false"):
        raise wrong(value, "true or false")
    return value == "true"


def _named(field: str) -> BeforeValidator:
    """Let a single word stand for the form with nothing but that field."""
    return BeforeValidator(lambda v: {field: v} if isinstance(v, Written) and not v.empty else v)


Texts = Annotated[tuple[Text, ...], BeforeValidator(_texts), Field(min_length=1, max_length=100)]
Spellings = Annotated[
    tuple[Annotated[str, BeforeValidator(_spelling)], ...],
    BeforeValidator(_texts),
    Field(min_length=1, max_length=10_000),
]
Flag = Annotated[bool, BeforeValidator(_flag)]
Length = Annotated[int, BeforeValidator(_length)]
Category = Annotated[str, one_of(*PRIORITY)]
State = Annotated[str, one_of(*STATES)]


class ColumnForm(Form):
    """A column: its type, the names it may have in the file's header, how its dates are written."""

    type: Annotated[str, one_of("string", "int", "double", "date")] = "string"
    header: Texts | None = None
    formats: Texts | None = None
    optional: Flag = False


class TableForm(Form):
    """A table: how it is written and which of its columns the map uses."""

    format: Annotated[str, one_of("csv", "jsonl")] = "csv"
    delimiter: Annotated[str, BeforeValidator(_delimiter)] = ""
    encoding: Annotated[str, BeforeValidator(_encoding)] = "utf-8"
    decimal: Annotated[str, one_of(".", ",")] = "."
    columns: dict[str, Annotated[ColumnForm, _named("type")]] = Field(
        description="the columns that the map uses, such as amount: double"
    )


class NamedTable(BaseModel):
    """Of a table nothing but its columns, for a map whose other fields may be wrong."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Any = ""
    delimiter: Any = ""
    encoding: Any = ""
    decimal: Any = ""
    columns: dict[str, Annotated[ColumnForm, _named("type")]]


class JoinForm(TableForm):
    """A table whose rows are looked up for each row of the source."""

    file: Text = Field(description="the table's file, from the map's folder")
    key: dict[str, Text] = Field(min_length=1, description="column of this table: the same in the row")
    where: Any = None


class TimeForm(Form):
    """When a row's messages happen."""

    date: Text = Field(description="the column that holds the day, such as row.date")
    key: Text = Field(description="the column that identifies the row, such as row.trans_id")
    zone: Annotated[str, BeforeValidator(_zone)] = Field(description="the time zone of the day, such as Europe/Prague")
    spreads: dict[str, Annotated[tuple[int, int], BeforeValidator(_hours)]] = Field(
        min_length=1, description='named parts of the day, such as event: "00:00-24:00"'
    )


class BindingForm(Form):
    """An address of the user, where the condition holds."""

    channel: Label = Field(description="a channel of the rules' facts.yaml")
    value: Text = Field(description="the address, a template")
    when: Any = None


class OptOutForm(Form):
    """Something the user does not want, where the condition holds."""

    channel: Label | None = None
    category: Category = "MARKETING"
    when: Any = None


class UserForm(Form):
    """Whom a row is about."""

    id: Texts = Field(description="the user's id, a template; of several the first that can be filled in")
    known: Any = None
    zone: Text | None = None
    language: Text | None = None
    tags: dict[str, Any] = Field(default_factory=dict)
    attributes: dict[str, Text] = Field(default_factory=dict)
    bindings: tuple[BindingForm, ...] = ()
    opt_outs: tuple[OptOutForm, ...] = ()


class ContentForm(Form):
    """What a message says; every field is a template."""

    title: Text | None = None
    text: Text | None = None
    html: Text | None = None
    url: Text | None = None


class WishesForm(Form):
    """What the caller would like."""

    channels: tuple[Label, ...] = ()
    strategy: Annotated[str, one_of(*Strategy.__members__)] | None = None


class MessageForm(Form):
    """One kind of message, made from each row for which `when` holds."""

    name: Annotated[
        str, matching(re.compile(r"[a-z0-9][a-z0-9-]{0,62}"), "small letters, digits and dashes", "bad-name")
    ] = Field(description="how request ids begin, such as notice")
    doc: str = ""
    when: Any = None
    at: Annotated[tuple[str, int], BeforeValidator(_at)] = Field(description="when it is due, such as event")
    line: Text = Field(description="the business line that sends it")
    category: Category = Field(description="what kind of notice it is, such as TRANSACTION")
    priority: Annotated[str, one_of(*PRIORITIES)] | None = None
    scene: Text | None = None
    campaign: Text | None = None
    owner: Text | None = None
    department: Text | None = None
    conversion_goal: Text | None = None
    content: ContentForm | None = None
    template: Text | None = None
    params: dict[str, Text] = Field(default_factory=dict)
    wishes: WishesForm | None = None
    send_after: Length | None = None
    expire_after: Length | None = None


class AccountForm(Form):
    """What an account holds before the first row."""

    left: Micros = Field(description="what is left, such as 500.00")
    unit: Unit = Field(description="CNY or another currency, or COUNT")


class BreakerForm(Form):
    """A time in which a channel (or without one the platform) was not NORMAL; days of the map's zone, end excluded."""

    state: State
    channel: Label | None = None
    since: Text = Field(description="from which day and time on, such as 1993-09-14T08:00")
    until: Text = Field(description="until which day and time, such as 1993-09-14T20:00")


class MapForm(Form):
    """The top of a mapping file."""

    doc: str = ""
    tenant: Text = Field(description="the company whose messages these are")
    define: Any = None
    source: TableForm = Field(description="how the rows are written and which columns they have")
    vocabulary: dict[str, dict[str, Spellings]] = Field(default_factory=dict)
    joins: dict[str, JoinForm] = Field(default_factory=dict)
    shares: dict[str, Text] = Field(default_factory=dict)
    time: TimeForm = Field(description="when a row's messages happen")
    user: UserForm = Field(description="whom a row is about")
    messages: tuple[MessageForm, ...] = Field(min_length=1, max_length=100, description="the kinds of messages")
    accounts: dict[str, AccountForm] | None = None
    breakers: tuple[BreakerForm, ...] | None = None


class NamesForm(BaseModel):
    """Of a map nothing but what gives names, so that these can be checked in a map that is wrong elsewhere."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    source: NamedTable
    vocabulary: dict[str, dict[str, Spellings]] = Field(default_factory=dict)
    joins: dict[str, NamedTable] = Field(default_factory=dict)
    shares: dict[str, Text] = Field(default_factory=dict)
