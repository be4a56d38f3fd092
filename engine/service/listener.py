"""The gRPC server: its bounds, its port, and how it ends without breaking off a call."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health as health_service
from grpc_reflection.v1alpha import reflection

from engine.errors import ConfigurationError
from engine.service.calls import Calls
from engine.service.health import Health


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a server listens and what it bounds, as the settings have it."""

    host: str
    port: int
    message_bytes_max: int
    stop_grace_s: float


@contextlib.asynccontextmanager
async def listening(
    bounds: Bounds, calls: Calls, health: Health, services: Mapping[ServiceDescriptor, object]
) -> AsyncIterator[str]:
    """Serve while the block lasts; gives the address, such as "127.0.0.1:50051".

    At its end: health says so, no new call is taken, calls under way may finish within the grace period, the rest is
    ended. Raises ConfigurationError when the port cannot be had.
    """
    server = _server(bounds)
    names = [reflection.SERVICE_NAME, health_service.SERVICE_NAME]
    for descriptor, servicer in services.items():
        server.add_generic_rpc_handlers((calls.handlers(descriptor, servicer),))
        names.append(descriptor.full_name)
    reflection.enable_server_reflection(names, server)
    health.register(server)
    address = _listen(server, bounds)
    await server.start()
    sweeping = asyncio.create_task(calls.sweep_forever(), name="calls-sweep")
    try:
        yield address
    finally:
        await _stop(server, calls, health, bounds.stop_grace_s)
        sweeping.cancel()


def _server(bounds: Bounds) -> grpc.aio.Server:
    return grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", bounds.message_bytes_max),
            # Otherwise a second server could share the port and take every other connection.
            ("grpc.so_reuseport", 0),
        ],
    )


def _listen(server: grpc.aio.Server, bounds: Bounds) -> str:
    host = f"[{bounds.host}]" if ip_address(bounds.host).version == 6 else bounds.host
    try:
        port = server.add_insecure_port(f"{host}:{bounds.port}")
    except RuntimeError as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{bounds.port}; is another program using the port? --port 0 takes a free one"
        ) from error
    return f"{host}:{port}"


async def _stop(server: grpc.aio.Server, calls: Calls, health: Health, grace_s: float) -> None:
    """Take no new call, and return when those under way are answered, at the latest after the grace period."""
    # Streams have no end of their own, so each is given one; otherwise every stop would take the whole grace period.
    health.stop()
    await calls.refuse_further()
    await server.stop(grace_s)
