"""The tables, and how they come to be.

    messages            one row for each life of a message: what was asked, the decision in force, how far it has come
    events              its trace; `seq` grows over all messages and is what Watch resumes from
    accounts            budgets: what was put in, and how much of it is granted to slices
    account_entries     every top-up, by whom and when
    grants              one row for each account and partition: the last grant and the last amount taken back
    marks               the version of these tables, and a row that recorders lock

Times are milliseconds since the Unix epoch, amounts millionths of the account's unit. Words of an enum are stored as
rule files write them. Texts compare byte by byte.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.mysql import LONGTEXT

from engine.errors import ConfigurationError, RecordsUnavailable

VERSION: Final = 1
"""Of the tables; a program refuses tables of a later one."""

metadata = MetaData()

_EXACT: Final[dict[str, Any]] = {
    "mysql_engine": "InnoDB",
    "mysql_default_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_0900_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_default_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}
_NAME: Final = String(128)
_WORD: Final = String(32)
_ACCOUNT: Final = String(32)
_JSON: Final = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
_SERIAL: Final = BigInteger().with_variant(Integer(), "sqlite")


def _name(column: str) -> Column[str]:
    return Column(column, _NAME, nullable=False)


def _word(column: str) -> Column[str]:
    return Column(column, _WORD, nullable=False)


def _number(column: str) -> Column[int]:
    return Column(column, BigInteger, nullable=False)


marks = Table(
    "marks",
    metadata,
    Column("name", _WORD, primary_key=True),
    _number("value"),
    **_EXACT,
)

messages = Table(
    "messages",
    metadata,
    Column("message_id", String(64), primary_key=True),
    Column("accepted_ms", BigInteger, primary_key=True, autoincrement=False),
    *map(_name, ("tenant", "line", "user_id", "request_id", "scene", "campaign", "owner", "department")),
    *map(_word, ("category", "priority")),
    _number("expire_ms"),
    # The first decision; those after it are events.
    *map(_word, ("verdict", "reason", "strategy")),
    _number("until_ms"),
    *map(_name, ("decided_by", "version")),
    # How far it has come. `recorded_n` is the version of the record that was seen last, `events` the number of the last
    # event that is here.
    _word("state"),
    _number("updated_ms"),
    _number("recorded_n"),
    Column("events", Integer, nullable=False),
    # What is long comes last, so that a look at the rest need not read past it.
    *(Column(name, _JSON, nullable=False) for name in ("steps", "decision", "body")),
    Index("messages_by_user", "tenant", "user_id", "accepted_ms", "message_id"),
    Index("messages_by_line", "tenant", "line", "accepted_ms", "message_id"),
    Index("messages_by_campaign", "tenant", "campaign", "accepted_ms", "message_id"),
    Index("messages_by_time", "tenant", "accepted_ms", "message_id"),
    **_EXACT,
)

events = Table(
    "events",
    metadata,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("message_id", String(64), nullable=False),
    _number("accepted_ms"),
    Column("number", Integer, nullable=False),
    _number("at_ms"),
    _word("kind"),
    Column("step", Integer, nullable=False),
    Column("detail", _JSON, nullable=False),
    UniqueConstraint("message_id", "accepted_ms", "number", name="events_of_message"),
    # A number is never given twice, also when the newest rows were deleted: Watch resumes from it.
    sqlite_autoincrement=True,
    **_EXACT,
)

accounts = Table(
    "accounts",
    metadata,
    # A digest of tenant and name, which together are too long for a key.
    Column("id", _ACCOUNT, primary_key=True),
    _name("tenant"),
    Column("name", String(1024), nullable=False),
    _word("unit"),
    _number("total_micros"),
    _number("granted_micros"),
    _number("updated_ms"),
    Index("accounts_by_name", "tenant", "name", mysql_length={"name": 255}, mariadb_length={"name": 255}),
    **_EXACT,
)

account_entries = Table(
    "account_entries",
    metadata,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("account", _ACCOUNT, ForeignKey("accounts.id"), nullable=False),
    _name("entry_id"),
    _number("micros"),
    _number("at_ms"),
    _name("made_by"),
    UniqueConstraint("account", "entry_id", name="entries_of_account"),
    **_EXACT,
)

grants = Table(
    "grants",
    metadata,
    Column("account", _ACCOUNT, ForeignKey("accounts.id"), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    # The last grant, and whether its arrival in the slice is still to be confirmed.
    _number("number"),
    _number("micros"),
    Column("is_open", Boolean, nullable=False),
    # The number of the last amount taken back, and what is granted to this slice net of all such.
    _number("taken_number"),
    _number("granted_micros"),
    _number("updated_ms"),
    **_EXACT,
)

SCHEMA_MARK: Final = "schema"
RECORDER_MARK: Final = "recorder"
_LOCK: Final = "signalbox-tables"
_LOCK_SECONDS: Final = 10


def create_tables(connection: Connection) -> None:
    """Create what is missing; raises ConfigurationError for tables of a later version.

    Several processes may start at once: one creates, the others wait for it; RecordsUnavailable if that takes too long.
    """
    if connection.dialect.name == "sqlite":
        _create(connection)
        return
    taken = connection.execute(text("SELECT GET_LOCK(:name, :wait)"), {"name": _LOCK, "wait": _LOCK_SECONDS}).scalar()
    if taken != 1:
        raise RecordsUnavailable("another process is creating the tables of the records; call again")
    try:
        _create(connection)
        connection.commit()
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": _LOCK})


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    found = {mark.name: mark.value for mark in connection.execute(select(marks.c.name, marks.c.value))}
    version = found.get(SCHEMA_MARK, VERSION)
    if version > VERSION:
        raise ConfigurationError(
            f"the records were written by a newer Signalbox (tables of version {version}, this one knows {VERSION}); "
            "start the newer one"
        )
    wanted = {SCHEMA_MARK: VERSION, RECORDER_MARK: 0}
    missing = [{"name": name, "value": value} for name, value in wanted.items() if name not in found]
    if missing:
        connection.execute(insert(marks), missing)
