"""A map ready for use: what `compile.py` makes of a mapping file. The half page to read first.

    file -> cells (Table) -> values (one flat list: row, joined tables, shares) -> user, messages

Every condition is a function of that list that gives True, or else does not hold; every template fills itself from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.mapping.clock import Clock
from cli.mapping.columns import Column
from cli.mapping.tables import Layout
from cli.mapping.templates import Template, Values
from engine.ruleset.issues import Issue
from engine.ruleset.source import Span
from signalbox.v1 import message_pb2, state_pb2

Condition = Callable[[Values], bool]


@dataclass(frozen=True, slots=True)
class Table:
    """How a table is written, and its columns in the order of their values; `first` is the slot of the first."""

    layout: Layout
    columns: tuple[Column, ...]
    first: int


@dataclass(frozen=True, slots=True)
class Join:
    """A table looked up for each row: `key` pairs the column of the table with the slot in the row."""

    name: str
    table: Table
    file: Path
    key: tuple[tuple[int, int], ...]
    where: Condition | None


@dataclass(frozen=True, slots=True)
class Share:
    """A number from 0 to 99 drawn from a column."""

    name: str
    key_slot: int
    slot: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A label of the user, where the condition holds."""

    tag: str
    when: Condition | None


@dataclass(frozen=True, slots=True)
class Binding:
    """An address of the user, where the condition holds."""

    channel: str
    value: Template
    when: Condition | None


@dataclass(frozen=True, slots=True)
class OptOut:
    """Something the user does not want, where the condition holds."""

    wire: state_pb2.OptOut
    when: Condition | None


@dataclass(frozen=True, slots=True)
class UserMap:
    """Whom a row is about."""

    ids: tuple[Template, ...]
    known: Condition | None
    zone: Template | None
    language: Template | None
    tags: tuple[Tag, ...]
    attributes: tuple[tuple[str, Template], ...]
    bindings: tuple[Binding, ...]
    opt_outs: tuple[OptOut, ...]


@dataclass(frozen=True, slots=True)
class MessageKind:
    """One kind of message. `base` holds all that is the same for every row; the rest is filled in."""

    name: str
    when: Condition | None
    spread: str
    shift_ms: int
    base: message_pb2.Message
    fields: tuple[tuple[str, Template], ...]
    content: tuple[tuple[str, Template], ...]
    params: tuple[tuple[str, Template], ...]
    send_after_ms: int
    expire_after_ms: int


@dataclass(frozen=True, slots=True)
class BreakerTime:
    """A time, in milliseconds since the epoch and the end excluded, in which something was not NORMAL."""

    channel: str
    state: int
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class EventMap:
    """A whole map. `accounts` and `breakers` are None where the map leaves them to the server.

    `channels` holds every channel that the map names, with its place in the file.
    """

    tenant: str
    source: Table
    joins: tuple[Join, ...]
    shares: tuple[Share, ...]
    size: int
    clock: Clock
    user: UserMap
    kinds: tuple[MessageKind, ...]
    accounts: Mapping[str, state_pb2.Account] | None
    breakers: tuple[BreakerTime, ...] | None
    channels: tuple[tuple[str, Span], ...]
    warnings: tuple[Issue, ...]
