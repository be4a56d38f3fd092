"""The database: opened once and by many, locked by others, and what cannot be used is refused with a sentence."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update

from engine.errors import ConfigurationError, RecordsUnavailable
from engine.records.database import FILE, Database
from engine.records.tables import SCHEMA_MARK, VERSION, marks


async def test_many_processes_may_make_the_tables_at_once(database_url: str, tmp_path: Path) -> None:
    """Whoever comes first makes them, the others find them."""
    opened = await asyncio.gather(*(Database.open(database_url, tmp_path, lock_wait_ms=10_000) for _ in range(4)))
    for database in opened:
        found = await database.read(lambda connection: connection.execute(select(marks.c.name)).scalars().all())
        await database.close()
        assert sorted(found) == ["recorder", SCHEMA_MARK]


async def test_tables_of_a_later_version_are_refused(database_url: str, tmp_path: Path) -> None:
    """An older program does not touch what a newer one wrote."""
    database = await Database.open(database_url, tmp_path)
    newer = update(marks).where(marks.c.name == SCHEMA_MARK).values(value=VERSION + 1)
    await database.write(lambda connection: connection.execute(newer).rowcount)
    await database.close()

    with pytest.raises(ConfigurationError, match="newer"):
        await Database.open(database_url, tmp_path)


async def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    """What was written before an error is gone."""

    def fail(connection: object) -> None:
        connection.execute(insert(marks).values(name="x", value=1))  # type: ignore[attr-defined]  # a Connection
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(fail)
    assert await database.read(lambda c: c.execute(select(marks.c.value).where(marks.c.name == "x")).all()) == []


async def test_a_locked_file_is_told_and_reads_go_on(tmp_path: Path) -> None:
    """While somebody else holds the lock, writing says so within its time, reading works; afterwards all is well."""
    database = await Database.open(None, tmp_path, lock_wait_ms=20)
    count = select(marks.c.value)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RecordsUnavailable, match="locked"):
            await database.write(lambda connection: connection.execute(update(marks).values(value=7)).rowcount)
        before = await database.read(lambda connection: connection.execute(count).scalars().all())
    after = await database.write(lambda connection: connection.execute(update(marks).values(value=7)).rowcount)
    await database.close()

    assert sorted(before) == [0, VERSION]
    assert after == 2


async def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    """No server: RecordsUnavailable, and the password stays out of the sentence."""
    with pytest.raises(RecordsUnavailable) as caught:
        await Database.open("mysql://me:secret@127.0.0.1:1/x", tmp_path)
    assert "secret" not in str(caught.value)


async def test_a_server_that_cut_the_connection_is_found_again(database_url: str, tmp_path: Path) -> None:
    """Connections that died in the pool are replaced without anybody noticing."""
    if database_url.startswith("sqlite"):
        return
    database, other = await Database.open(database_url, tmp_path), await Database.open(database_url, tmp_path)
    number = await database.write(lambda connection: connection.execute(text("SELECT CONNECTION_ID()")).scalar())
    await other.write(lambda connection: connection.execute(text(f"KILL {number}")).rowcount)
    again = await database.write(lambda connection: connection.execute(text("SELECT 1")).scalar())
    await database.close()
    await other.close()

    assert again == 1


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://u:secret@h/x", "not supported"),
        ("mysql://u:secret@h", "names no database"),
        ("sqlite://", "need a file"),
        ("nonsense", "cannot be read"),
        ("sqlite:////no-such-folder/records.db", "cannot be used"),
    ],
)
async def test_what_cannot_hold_records_is_refused(url: str, says: str, tmp_path: Path) -> None:
    """Each with a sentence that says what is wrong, and without the password."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        await Database.open(url, tmp_path)
    assert "secret" not in str(caught.value)


async def test_the_file_is_for_its_owner_only(sqlite: Database, tmp_path: Path) -> None:
    """What people were sent is nobody else's business."""
    await sqlite.write(lambda connection: connection.execute(update(marks).values(value=1)).rowcount)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob(f"{FILE}*")}
    assert modes == dict.fromkeys((FILE, f"{FILE}-wal", f"{FILE}-shm"), 0o600)


async def test_something_else_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    """A file that is no database is not overwritten."""
    (tmp_path / FILE).write_text("my diary" * 1_000)
    with pytest.raises(RecordsUnavailable, match="not a database"):
        await Database.open(None, tmp_path)
    assert (tmp_path / FILE).read_text() == "my diary" * 1_000


async def test_a_full_disk_is_told_and_goes_by(sqlite: Database) -> None:
    """What finds no room is not kept, and may be repeated once there is some."""
    many = [{"name": f"n{number}", "value": number} for number in range(5_000)]
    await sqlite.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1").close())
    with pytest.raises(RecordsUnavailable, match="full"):
        await sqlite.write(lambda connection: connection.execute(insert(marks), many).close())
    await sqlite.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1000000").close())
    await sqlite.write(lambda connection: connection.execute(insert(marks), many).close())

    assert len(await sqlite.read(lambda connection: connection.execute(select(marks)).all())) == 5_002
