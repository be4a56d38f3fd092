"""The databases that the tests of the records run on: a file of SQLite, and a MariaDB server of our own.

Without `mariadbd` on the machine its half is skipped; where CI=true it fails instead.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pymysql
import pytest

from engine.records.database import Database

START_SECONDS = 60
NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """The unix socket of a MariaDB server that lives as long as the tests do."""
    server, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if server is None or install is None:
        if os.environ.get("CI") == "true":
            pytest.fail("mariadbd and mariadb-install-db are needed here; install the package mariadb-server")
        pytest.skip("no MariaDB on this machine")
    with tempfile.TemporaryDirectory(prefix="sb-sql-") as folder:
        common = ["--no-defaults", f"--datadir={folder}/data", *(["--user=root"] if os.geteuid() == 0 else [])]
        quick = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        subprocess.run([install, *common, *quick], check=True, capture_output=True, timeout=START_SECONDS)
        socket = f"{folder}/s"
        running = [f"--socket={socket}", "--skip-networking", "--innodb-flush-log-at-trx-commit=0"]
        small = ["--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M", "--innodb-doublewrite=0"]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen([server, *common, *running, *small], stdout=log, stderr=log)
        try:
            _wait(socket, process)
            yield socket
        finally:
            process.kill()  # nothing of it is kept, so it need not put its data in order
            process.wait()


def _wait(socket: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if Path(socket).exists():
            pymysql.connect(unix_socket=socket, user="root").close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)  # a moment, unless it died
    pytest.fail("the MariaDB of the tests did not start")


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/records.db"
        return
    socket = request.getfixturevalue("mariadb")
    name = f"test_{next(NUMBERS)}"
    with pymysql.connect(unix_socket=socket, user="root") as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        yield f"mysql://root@/{name}?unix_socket={socket}"
        cursor.execute(f"DROP DATABASE {name}")


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    """An open database of each kind in turn."""
    opened = await Database.open(database_url, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """An open SQLite database."""
    opened = await Database.open(None, tmp_path)
    yield opened
    await opened.close()
