"""One SQL database, used from an event loop: every statement runs in a thread, every writing one in the same thread.

    await database.write(work)     work(connection) in one transaction, one after the other; committed = on disk
    await database.read(work)      work(connection) on one view of the data, several at a time

SQLite locks whole files, so this process never competes with itself for the lock; other processes it waits for. A
statement that fails because the database is away, locked or full becomes `RecordsUnavailable` here and may be repeated.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from engine.errors import ConfigurationError, RecordsUnavailable
from engine.records.tables import create_tables

T = TypeVar("T")

FILE: Final = "records.db"
READERS: Final = 4
"""Reads that run at a time; further ones wait their turn."""

LOCK_WAIT_MS: Final = 2_000
"""How long a statement waits for somebody else's lock before the caller is told to come again."""

_ANSWER_SECONDS: Final = 15
_DRIVERS: Final = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
_DEADLOCK: Final = 1213
_DEADLOCK_TRIES: Final = 5


class Database:
    """An open database whose tables exist. Made by `open`, given back by `close`."""

    def __init__(self, url: URL, writer: Engine, reader: Engine) -> None:
        self.name = url.render_as_string(hide_password=True)
        self._writer = writer
        self._reader = reader
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="records-write")
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="records-read")

    @classmethod
    async def open(cls, url: str | None, data_dir: Path, lock_wait_ms: int = LOCK_WAIT_MS) -> Database:
        """Connect, and create the tables where they are missing; without a URL to a file in the data directory.

        Raises ConfigurationError for a URL that cannot work or tables written by a newer version, RecordsUnavailable
        while the database is away.
        """
        return await asyncio.to_thread(cls._open, url, data_dir, lock_wait_ms)

    @classmethod
    def _open(cls, url: str | None, data_dir: Path, lock_wait_ms: int) -> Database:
        target = _target(url, data_dir)
        writer, reader = _engines(target, lock_wait_ms)
        try:
            with _ours(target.get_backend_name()):
                with writer.connect() as connection:
                    kind = connection.dialect
                if target.get_backend_name() == "mysql" and getattr(kind, "is_mariadb", False):
                    # Both servers answer to mysql://, but their names for the exact comparison of texts differ.
                    _dispose(writer, reader)
                    target = target.set(drivername=_DRIVERS["mariadb"])
                    writer, reader = _engines(target, lock_wait_ms)
                with writer.connect() as connection:
                    create_tables(connection)
                    connection.commit()
        except BaseException:
            _dispose(writer, reader)
            raise
        return cls(target, writer, reader)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and commit it; raises RecordsUnavailable, and then nothing of it was kept.

        That is so unless the answer to the commit itself was lost: `work` must bear to be repeated. It is repeated here
        when the database picked it to resolve a deadlock.
        """
        return await asyncio.get_running_loop().run_in_executor(self._writing, self._write, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which changes nothing, on one view of the data; raises RecordsUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._run, self._reader, work)

    async def close(self) -> None:
        """Finish what is under way and give the connections back."""
        await asyncio.to_thread(self._close)

    def _write(self, work: Callable[[Connection], T]) -> T:
        for _ in range(_DEADLOCK_TRIES - 1):
            try:
                return self._run(self._writer, work)
            except RecordsUnavailable as error:
                if _code(error.__cause__) != _DEADLOCK:
                    raise
        return self._run(self._writer, work)

    def _run(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with _ours(engine.dialect.name), engine.begin() as connection:
            return work(connection)

    def _close(self) -> None:
        self._writing.shutdown()
        self._reading.shutdown()
        _dispose(self._writer, self._reader)


def _target(url: str | None, data_dir: Path) -> URL:
    """Return the full address; raises ConfigurationError for what no table of ours can live in."""
    if url is None:
        return URL.create("sqlite", database=str(data_dir / FILE))
    try:
        target = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(
            "the URL of the records cannot be read; it looks like mysql://user:password@host:3306/signalbox"
        ) from error
    backend = target.get_backend_name()
    if backend == "sqlite":
        if not target.database or target.database == ":memory:" or "mode" in target.query:
            raise ConfigurationError("the records need a file: write sqlite:///folder/records.db")
        return target
    if backend not in _DRIVERS:
        raise ConfigurationError(f"records in {backend} are not supported; use sqlite:, mysql: or mariadb:")
    if not target.database:
        raise ConfigurationError("the URL of the records names no database: end it with /signalbox, say")
    return target.set(drivername=_DRIVERS[backend])


def _engines(target: URL, lock_wait_ms: int) -> tuple[Engine, Engine]:
    """Return the engine that writes, with one connection, and the one that reads."""
    if target.get_backend_name() == "sqlite":
        _make_file(Path(str(target.database)))
        arguments: dict[str, Any] = {"timeout": lock_wait_ms / 1_000, "check_same_thread": False}
        shared: dict[str, Any] = {"connect_args": arguments}
    else:
        seconds = max(1, lock_wait_ms // 1_000)
        # Texts are sorted by their first 1,024 bytes only, unless one says otherwise; paging wants all of them.
        begin = f"SET SESSION innodb_lock_wait_timeout={seconds}, SESSION max_sort_length=8192"
        arguments = {"charset": "utf8mb4", "init_command": begin}
        arguments |= {"connect_timeout": seconds, "read_timeout": _ANSWER_SECONDS, "write_timeout": _ANSWER_SECONDS}
        shared = {"connect_args": arguments, "pool_pre_ping": True, "pool_recycle": 1_800}
    # Parameters are what people wrote to people: no error text may carry them.
    shared |= {"hide_parameters": True, "max_overflow": 0, "pool_timeout": _ANSWER_SECONDS}
    if target.get_backend_name() == "sqlite":
        writer = create_engine(target, pool_size=1, **shared)
        reader = create_engine(target, pool_size=READERS, **shared)
        _speak_sqlite(writer, "BEGIN IMMEDIATE")
        _speak_sqlite(reader, "BEGIN")
        return writer, reader
    # Row locks and unique keys guard what is written; locks on gaps would only make deadlocks.
    writer = create_engine(target, pool_size=1, isolation_level="READ COMMITTED", **shared)
    return writer, create_engine(target, pool_size=READERS, isolation_level="REPEATABLE READ", **shared)


def _make_file(path: Path) -> None:
    """Make the file for its owner's eyes only, which SQLite would not."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise ConfigurationError(f"the records file {path} cannot be used: {error.strerror}") from error


def _speak_sqlite(engine: Engine, begin: str) -> None:
    """Set up each connection, and begin transactions ourselves: Python's driver begins them too late."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        # FULL: a commit is on disk, also for a machine that loses its power. A write-ahead log lets reads go on.
        for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32000"):
            connection.execute(f"PRAGMA {setting}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _dispose(*engines: Engine) -> None:
    for engine in engines:
        engine.dispose()


@contextmanager
def _ours(backend: str) -> Iterator[None]:
    """Turn what may pass by itself into RecordsUnavailable; a broken statement stays what it is."""
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError):
        raise
    except (DatabaseError, InterfaceError, PoolTimeout, OSError) as error:
        raise RecordsUnavailable(f"the records ({backend}) cannot be used now: {_short(error)}; call again") from error


def _cause(error: BaseException | None) -> tuple[Any, ...]:
    """Return what the driver itself said."""
    return (getattr(error, "orig", None) or error or Exception()).args


def _code(error: BaseException | None) -> int:
    """Return the server's error number; 0 where there is none."""
    first = next(iter(_cause(error)), 0)
    return first if isinstance(first, int) else 0


def _short(error: BaseException) -> str:
    said = _cause(error)
    lines = str(said[-1]).splitlines() if said else []
    return lines[0][:200] if lines else type(error).__name__
