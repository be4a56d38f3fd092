"""The edge of a call that is answered by a stream: it may last, and it ends in our words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from time import perf_counter_ns
from typing import Any

import grpc
import pytest

from engine.errors import RecordsUnavailable
from engine.service.calls import Calls
from engine.service.counts import Counts
from signalbox.v1 import message_service_pb2 as wire
from signalbox.v1 import message_service_pb2_grpc as wire_grpc

SERVICE = wire.DESCRIPTOR.services_by_name["MessageService"]
WATCH = "signalbox.v1.MessageService/Watch"


class Source:
    """A servicer whose Watch tells what is put into it; an exception ends it, None ends it well."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self.ended = asyncio.Event()

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[wire.WatchResponse]:
        try:
            while (told := await self.told.get()) is not None:
                if isinstance(told, Exception):
                    raise told
                yield wire.WatchResponse(cursor=told)
        finally:
            self.ended.set()

    def __getattr__(self, name: str) -> Any:
        return None  # the other methods are not called


@contextlib.asynccontextmanager
async def followed(source: Source) -> AsyncIterator[tuple[Calls, Counts, Any]]:
    """A real server around the source, and a channel to it."""
    counts = Counts()
    calls = Calls(counts, None, default_deadline_s=30, calls_max=100)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((calls.handlers(SERVICE, source),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield calls, counts, channel
    finally:
        await server.stop(0)


def watch(channel: Any) -> Any:
    """A stream of answers."""
    return wire_grpc.MessageServiceStub(channel).Watch(wire.WatchRequest())


async def test_a_stream_of_answers_tells_them_in_order_and_ends_well() -> None:
    """Each is sent when it is there; the end is counted once, as OK."""
    source = Source()
    async with followed(source) as (_, counts, channel):
        stream = watch(channel)
        source.told.put_nowait("1")
        first = await stream.read()
        source.told.put_nowait("2")
        source.told.put_nowait(None)
        second = await stream.read()

        assert (first.cursor, second.cursor, await stream.read()) == ("1", "2", grpc.aio.EOF)
        assert await stream.code() is grpc.StatusCode.OK
        while not counts.called:
            await asyncio.sleep(0)
        assert list(counts.called) == [(WATCH, "OK")]


async def test_it_may_be_silent_for_as_long_as_nothing_happens() -> None:
    """The default deadline is for calls that have something to do."""
    source = Source()
    async with followed(source) as (calls, _, channel):
        stream = watch(channel)
        source.told.put_nowait("1")
        await stream.read()
        while not calls._waiting:
            await asyncio.sleep(0)
        calls.sweep(perf_counter_ns() + 3_600_000_000_000)
        source.told.put_nowait("2")

        assert (await stream.read()).cursor == "2"


async def test_a_server_that_stops_ends_it_and_says_to_call_again() -> None:
    """At once, with UNAVAILABLE: the caller goes on elsewhere with its cursor."""
    source = Source()
    async with followed(source) as (calls, _, channel):
        stream = watch(channel)
        while not calls._waiting:
            await asyncio.sleep(0)
        await calls.refuse_further()

        assert await stream.code() is grpc.StatusCode.UNAVAILABLE
        assert source.ended.is_set()


async def test_its_errors_are_ours() -> None:
    """What a servicer raises half-way reaches the caller with its code."""
    source = Source()
    async with followed(source) as (_, _, channel):
        stream = watch(channel)
        source.told.put_nowait("1")
        source.told.put_nowait(RecordsUnavailable("the database is locked"))
        await stream.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()

        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNAVAILABLE, "the database is locked")


async def test_bytes_that_are_no_request_are_the_callers_fault() -> None:
    """As with every other call."""
    async with followed(Source()) as (_, _, channel):
        stream = channel.unary_stream("/" + WATCH)(b"\xff")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_caller_who_leaves_ends_it() -> None:
    """The servicer's own end is run, so nothing of it stays behind."""
    source = Source()
    async with followed(source) as (_, _, channel):
        stream = watch(channel)
        source.told.put_nowait("1")
        await stream.read()
        stream.cancel()
        async with asyncio.timeout(5):
            await source.ended.wait()
