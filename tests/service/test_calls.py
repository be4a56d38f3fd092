"""The edge of a call: time, errors, malformed bytes, stopping, counting."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter_ns
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from engine.errors import FieldViolation, InvalidInput, RulesUnavailable, TooLarge
from engine.service.calls import Calls
from engine.service.counts import Counts
from signalbox.v1 import decision_service_pb2 as wire
from signalbox.v1 import decision_service_pb2_grpc as wire_grpc

SERVICE = wire.DESCRIPTOR.services_by_name["DecisionService"]
EVALUATE = "signalbox.v1.DecisionService/Evaluate"


class Scripted:
    """A servicer whose Evaluate does what the test says."""

    def __init__(self, evaluate: Callable[[], Awaitable[Any]]) -> None:
        self._evaluate = evaluate

    async def Evaluate(self, request: Any, context: Any) -> Any:
        return await self._evaluate() or wire.EvaluateResponse()

    async def EvaluateBatch(self, request: Any, context: Any) -> Any:
        return wire.EvaluateBatchResponse()

    async def EvaluateStream(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for _ in requests:
            await self._evaluate()
            yield wire.EvaluateStreamResponse()


async def nothing() -> None:
    """Answers at once."""


def raising(error: Exception) -> Callable[[], Awaitable[Any]]:
    """What a servicer does that fails."""

    async def evaluate() -> None:
        raise error

    return evaluate


@contextlib.asynccontextmanager
async def served(evaluate: Callable[[], Awaitable[Any]], **more: Any) -> AsyncIterator[tuple[Calls, Counts, Any]]:
    """A real server around a scripted servicer, and a channel to it."""
    counts = Counts()
    calls = Calls(counts, more.get("begin_span"), default_deadline_s=30, calls_max=100)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((calls.handlers(SERVICE, Scripted(evaluate)),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield calls, counts, channel
    finally:
        await server.stop(0)


def stub(channel: Any) -> Any:
    """The typed client of a channel."""
    return wire_grpc.DecisionServiceStub(channel)


async def counted(counts: Counts) -> dict[tuple[str, str], int]:
    """How many calls ended how, once one has: a caller has its answer a moment before the call is over."""
    async with asyncio.timeout(5):
        while not counts.called:
            await asyncio.sleep(0)
    return {key: sum(latency.buckets) for key, latency in counts.called.items()}


async def test_an_answer_passes_and_is_counted() -> None:
    """A call that is answered is counted once, as OK."""
    async with served(nothing) as (_, counts, channel):
        await stub(channel).Evaluate(wire.EvaluateRequest())

        assert await counted(counts) == {(EVALUATE, "OK"): 1}


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            InvalidInput([FieldViolation("message.line", "is required")]),
            "INVALID_ARGUMENT",
            "message.line: is required",
        ),
        (TooLarge("1,001 messages, at most 1,000"), "RESOURCE_EXHAUSTED", "1,001 messages, at most 1,000"),
        (RulesUnavailable("no rule set is loaded yet"), "UNAVAILABLE", "no rule set is loaded yet"),
    ],
)
async def test_our_errors_become_their_codes(error: Exception, code: str, message: str) -> None:
    """Each error of ours reaches the caller with its code and its sentence, and is counted under that code."""
    async with served(raising(error)) as (_, counts, channel):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub(channel).Evaluate(wire.EvaluateRequest())

        assert (code, message) == (caught.value.code().name, caught.value.details())
        assert await counted(counts) == {(EVALUATE, code): 1}


async def test_an_unexpected_error_tells_the_caller_only_an_id(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody meets a traceback on the wire, and the text of the error, which may be personal, is nowhere."""
    async with served(raising(KeyError("13800138000"))) as (_, _, channel):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub(channel).Evaluate(wire.EvaluateRequest())

    record = caplog.records[-1].__dict__
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert record["error_id"] in caught.value.details()
    assert "in raising" not in caught.value.details()
    assert "in evaluate" in record["places"]
    assert "13800138000" not in caplog.text + record["places"] + caught.value.details()


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05abc", b"\x0a\x04\x0a\x02\xff\xfe", b"\x0a" * 4000])
async def test_bytes_that_are_no_message_are_the_callers_fault(data: bytes) -> None:
    """Garbage is INVALID_ARGUMENT, never an internal error."""
    async with served(nothing) as (_, _, channel):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/" + EVALUATE)(data)

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert caught.value.details() == "request: the bytes are no signalbox.v1.EvaluateRequest"


async def test_field_violations_travel_with_the_status() -> None:
    """A caller can read which fields are wrong without taking the sentence apart."""
    async with served(raising(InvalidInput([FieldViolation("message.line", "is required")]))) as (_, _, channel):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub(channel).Evaluate(wire.EvaluateRequest())

    request = error_details_pb2.BadRequest()
    status = rpc_status.from_call(caught.value)
    assert status is not None
    assert status.details[0].Unpack(request)
    assert [(v.field, v.description) for v in request.field_violations] == [("message.line", "is required")]


async def test_the_largest_error_still_reaches_the_caller() -> None:
    """However much is wrong, and in whatever script, the status fits into a client's trailers."""
    violations = [FieldViolation(f"message.params.{'键' * 200}{i}", "值" * 1000) for i in range(1000)]
    async with served(raising(InvalidInput(violations))) as (_, _, channel):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub(channel).Evaluate(wire.EvaluateRequest())

    request = error_details_pb2.BadRequest()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(caught.value)
    assert status is not None
    assert status.details[0].Unpack(request)
    assert request.field_violations[-1].description == f"and {1000 - len(request.field_violations) + 1} more"


async def test_a_call_without_a_deadline_is_bounded() -> None:
    """What takes longer than the server's default ends with DEADLINE_EXCEEDED."""
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with served(hang) as (calls, counts, channel):
        call = asyncio.ensure_future(stub(channel).Evaluate(wire.EvaluateRequest()))
        await begun.wait()
        calls.sweep(perf_counter_ns() + 29_000_000_000)
        assert not call.done()
        calls.sweep(perf_counter_ns() + 31_000_000_000)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        while not counts.called:
            await asyncio.sleep(0)

        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "the server's default of 30 s" in str(caught.value.details())
        assert await counted(counts) == {(EVALUATE, "DEADLINE_EXCEEDED"): 1}


async def test_a_callers_own_deadline_outranks_the_default() -> None:
    """A caller who asked for more time gets it."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await go.wait()

    async with served(wait) as (calls, _, channel):
        call = asyncio.ensure_future(stub(channel).Evaluate(wire.EvaluateRequest(), timeout=300))
        await begun.wait()
        calls.sweep(perf_counter_ns() + 100_000_000_000)
        go.set()

        assert wire.EvaluateResponse() == await call


async def test_a_caller_who_leaves_ends_the_call() -> None:
    """A cancelled call is ended in the server and counted as such."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with served(hang) as (_, counts, channel):
        call = stub(channel).Evaluate(wire.EvaluateRequest())
        waiting = asyncio.ensure_future(call)
        await begun.wait()
        call.cancel()
        await ended.wait()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while not counts.called:
            await asyncio.sleep(0)

        assert await counted(counts) == {(EVALUATE, "CANCELLED"): 1}


async def test_before_it_stops_it_answers_what_is_being_judged() -> None:
    """A message being judged is answered; a stream that only waits is told to call again."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await go.wait()

    async with served(wait) as (calls, _, channel):
        stream = stub(channel).EvaluateStream()
        await stream.write(wire.EvaluateStreamRequest())
        await begun.wait()
        idle = stub(channel).EvaluateStream()
        await idle.wait_for_connection()
        while not calls._waiting:
            await asyncio.sleep(0)
        refusing = asyncio.ensure_future(calls.refuse_further())
        assert await idle.code() is grpc.StatusCode.UNAVAILABLE
        assert not stream.done()
        go.set()

        assert await stream.read() == wire.EvaluateStreamResponse()
        assert await stream.code() is grpc.StatusCode.UNAVAILABLE
        await refusing
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub(channel).Evaluate(wire.EvaluateRequest())
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_stream_renews_its_time_with_every_request() -> None:
    """Only a stream that has been silent for the whole default is ended."""
    async with served(nothing) as (calls, _, channel):
        stream = stub(channel).EvaluateStream()
        await stream.write(wire.EvaluateStreamRequest())
        assert await stream.read() == wire.EvaluateStreamResponse()
        calls.sweep(perf_counter_ns() + 29_000_000_000)
        await stream.write(wire.EvaluateStreamRequest())
        assert await stream.read() == wire.EvaluateStreamResponse()
        calls.sweep(perf_counter_ns() + 31_000_000_000)

        assert await stream.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_stream_ends_when_its_caller_is_done() -> None:
    """A stream whose caller has said all is answered to the end and closes well."""
    async with served(nothing) as (_, counts, channel):
        stream = stub(channel).EvaluateStream()
        await stream.write(wire.EvaluateStreamRequest())
        await stream.done_writing()
        answers = [answer async for answer in stream]

        assert answers == [wire.EvaluateStreamResponse()]
        assert await stream.code() is grpc.StatusCode.OK
        assert await counted(counts) == {("signalbox.v1.DecisionService/EvaluateStream", "OK"): 1}
