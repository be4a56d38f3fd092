"""The listening server: its port, its bounds, and an end that breaks off no call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from engine.errors import ConfigurationError
from engine.service.calls import Calls
from engine.service.counts import Counts
from engine.service.health import Health
from engine.service.listener import Bounds, listening
from signalbox.v1 import decision_service_pb2 as wire
from signalbox.v1 import decision_service_pb2_grpc as wire_grpc

SERVICE = wire.DESCRIPTOR.services_by_name["DecisionService"]
ALWAYS = "signalbox.v1.RuleService"


class Gate:
    """A servicer whose Evaluate has begun when `begun` is set and ends when `go` is."""

    def __init__(self) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def Evaluate(self, request: Any, context: Any) -> Any:
        self.begun.set()
        await self.go.wait()
        return wire.EvaluateResponse()

    async def EvaluateBatch(self, request: Any, context: Any) -> Any:
        return wire.EvaluateBatchResponse()

    async def EvaluateStream(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for _ in requests:
            yield wire.EvaluateStreamResponse()


def gated(
    gate: Gate, health: Health | None = None, grace_s: float = 30, port: int = 0, calls_max: int = 100
) -> AbstractAsyncContextManager[str]:
    """A server around the gate."""
    return listening(
        Bounds("127.0.0.1", port, 65_536, grace_s),
        Calls(Counts(), None, 30, calls_max),
        health or Health(SERVICE.full_name, ALWAYS),
        {SERVICE: gate},
    )


async def health_of(channel: Any, name: str) -> str:
    """What a service tells of itself."""
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name))
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


async def test_a_call_under_way_is_answered_though_the_server_stops() -> None:
    """Stopping tells health watchers at once, waits for the call, and does not wait for the watchers."""
    gate = Gate()
    server = gated(gate)
    address = await server.__aenter__()
    async with grpc.aio.insecure_channel(address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=ALWAYS))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        call = asyncio.ensure_future(wire_grpc.DecisionServiceStub(channel).Evaluate(wire.EvaluateRequest()))
        await gate.begun.wait()
        stopping = asyncio.ensure_future(server.__aexit__(None, None, None))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert not stopping.done()
        gate.go.set()

        assert await call == wire.EvaluateResponse()
        async with asyncio.timeout(10):
            await stopping


async def test_after_the_grace_period_calls_are_broken_off() -> None:
    """A call that does not end cannot keep the server from stopping."""
    gate = Gate()
    server = gated(gate, grace_s=0)
    address = await server.__aenter__()
    async with grpc.aio.insecure_channel(address) as channel:
        call = asyncio.ensure_future(wire_grpc.DecisionServiceStub(channel).Evaluate(wire.EvaluateRequest()))
        await gate.begun.wait()
        async with asyncio.timeout(10):
            await server.__aexit__(None, None, None)

        with pytest.raises(grpc.aio.AioRpcError):
            await call


async def test_health_follows_the_rules() -> None:
    """Nobody sends messages to a server that has no rules yet, but its rules can be asked for."""
    health = Health(SERVICE.full_name, ALWAYS)
    async with gated(Gate(), health) as address, grpc.aio.insecure_channel(address) as channel:
        before = [await health_of(channel, name) for name in ("", SERVICE.full_name, ALWAYS)]
        health.ready()
        after = [await health_of(channel, name) for name in ("", SERVICE.full_name, ALWAYS)]

    assert before == ["NOT_SERVING", "NOT_SERVING", "SERVING"]
    assert after == ["SERVING"] * 3


async def test_a_port_is_not_shared() -> None:
    """A second server on the same port is refused, rather than given every other connection."""
    async with gated(Gate()) as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(ConfigurationError) as caught:
            async with gated(Gate(), port=port):
                pass

    assert str(caught.value) == (
        f"cannot listen on {address}; is another program using the port? --port 0 takes a free one"
    )


async def test_requests_and_calls_are_bounded() -> None:
    """Too large a request and too many calls at once are answered with RESOURCE_EXHAUSTED."""
    gate = Gate()
    async with gated(gate, calls_max=1) as address, grpc.aio.insecure_channel(address) as channel:
        stub = wire_grpc.DecisionServiceStub(channel)
        large = wire.EvaluateRequest()
        large.message.content.text = "x" * 65_536
        with pytest.raises(grpc.aio.AioRpcError) as too_large:
            await stub.Evaluate(large)
        first = asyncio.ensure_future(stub.Evaluate(wire.EvaluateRequest()))
        await gate.begun.wait()
        with pytest.raises(grpc.aio.AioRpcError) as too_many:
            await stub.Evaluate(wire.EvaluateRequest())
        gate.go.set()
        await first

    assert too_large.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert too_many.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_large_requests_squeezed_small_are_bounded_too() -> None:
    """What counts is the size after decompression."""
    async with gated(Gate()) as address:
        channel = grpc.aio.insecure_channel(address, compression=grpc.Compression.Gzip)
        large = wire.EvaluateRequest()
        large.message.content.text = "x" * 10_000_000
        async with channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await wire_grpc.DecisionServiceStub(channel).Evaluate(large)

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
