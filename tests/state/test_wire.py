"""A shared connection on which something goes wrong: silence, nonsense, an end in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from engine.errors import StateUnavailable
from engine.state import wires
from engine.state.wire import pack
from engine.state.wires import Room, Wires, connections
from tests.state.waiting import until

Play = Callable[[bytes], bytes]
Stage = Callable[[Play], Awaitable[Wires]]
PING = pack([("PING",)])


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Gives connections to a server that logs everybody in and then plays a part."""
    opened: list[Wires] = []
    servers: list[asyncio.Server] = []

    async def begin(play: Play) -> Wires:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65_536):
                writer.write(b"+OK\r\n" * data.count(b"CLIENT") or play(data))
            writer.close()

        path = tmp_path / "stage.sock"
        servers.append(await asyncio.start_unix_server(serve, path))
        opened.append(Wires(connections(f"unix://{path}", "test")))
        return opened[-1]

    yield begin
    for each in opened:
        await each.close()
    for server in servers:
        server.close()


async def test_silence_ends_with_an_error(stage: Stage) -> None:
    """A Redis that takes a command and never answers keeps nobody waiting past the limit."""
    silent = await stage(lambda data: b"")

    with pytest.raises(StateUnavailable, match="did not answer in time; call again"):
        await silent.exchange(PING, 1, limit_s=0.05)


async def test_nonsense_ends_with_an_error(stage: Stage) -> None:
    """What is not Redis is noticed, and the connection is given up."""
    nonsense = await stage(lambda data: b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with pytest.raises(StateUnavailable, match="answered something that is not Redis"):
        await nonsense.exchange(PING, 1, limit_s=5)


async def test_an_answer_too_many_is_nobodys(stage: Stage) -> None:
    """An answer that nobody asked for is not taken for the next caller's: that connection is given up."""
    talkative = await stage(lambda data: b"+PONG\r\n+PONG\r\n")

    assert await talkative.exchange(PING, 1, limit_s=5) == [b"PONG"]
    assert await talkative.exchange(PING, 1, limit_s=5) == [b"PONG"]


async def test_an_answer_in_pieces_is_put_together(stage: Stage) -> None:
    """How the bytes were cut on their way makes no difference."""
    seen: list[bytes] = []
    parts = [b"*2\r\n$3\r\nab", b"c\r\n:7\r\n$-", b"1\r\n+OK\r\n"]

    def play(data: bytes) -> bytes:
        seen.append(data)
        return parts[len(seen) - 1]

    cut = await stage(play)
    asked = []
    for count in range(1, 4):
        asked.append(asyncio.ensure_future(cut.exchange(PING, 1, limit_s=5)))
        await until(lambda count=count: len(seen) == count)

    assert await asyncio.gather(*asked) == [[[b"abc", 7]], [None], [b"OK"]]


# ---- room ----


async def test_room_is_given_in_order() -> None:
    """Who asks for room first gets it first, however little the others want."""
    room, order = Room(10), []

    async def one(name: str, size: int) -> None:
        await room.take(size)
        order.append(name)

    await room.take(8)
    callers = [asyncio.ensure_future(one(name, size)) for name, size in (("large", 9), ("small", 1), ("last", 1))]
    await asyncio.sleep(0)
    assert order == []
    room.give(8)
    await callers[0]
    assert order[0] == "large"
    await asyncio.gather(callers[1])
    room.give(9)
    await callers[2]

    assert order == ["large", "small", "last"]


async def test_what_is_larger_than_the_room_goes_alone() -> None:
    """A group beyond the bound is not refused for ever: it waits until nothing else is under way."""
    room = Room(10)
    await room.take(1)
    large = asyncio.ensure_future(room.take(100))
    await asyncio.sleep(0)

    assert not large.done()
    room.give(1)
    await large


async def test_no_room_ends_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller waits for room a bounded time; those behind it go on."""
    monkeypatch.setattr(wires, "ROOM_WAIT_S", 0.01)
    room = Room(10)
    await room.take(10)

    with pytest.raises(StateUnavailable, match="too much is under way"):
        await room.take(5)
    room.give(10)
    await room.take(10)


async def test_a_caller_that_leaves_the_line_takes_nothing() -> None:
    """Room that was meant for a cancelled caller goes to the next."""
    room = Room(10)
    await room.take(10)
    gone, next_one = asyncio.ensure_future(room.take(10)), asyncio.ensure_future(room.take(10))
    await asyncio.sleep(0)
    room.give(10)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone

    await asyncio.wait_for(next_one, 5)
