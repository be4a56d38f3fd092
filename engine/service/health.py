"""The standard gRPC health service: what load balancers and `grpc_health_probe` ask.

The server as a whole (the empty name) and DecisionService are SERVING from the moment a rule set is in force until
the server is asked to stop. RuleService can be asked as soon as the port is open, so that one can see why it is not.
"""

from __future__ import annotations

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

EVERYTHING = ""
"""The name under which a client asks for the server as a whole."""


class Health:
    """What each service tells of itself."""

    def __init__(self, deciding: str, always: str) -> None:
        """`deciding` is the service that needs rules, `always` the one that does not."""
        self._deciding = (EVERYTHING, deciding)
        self._always = always
        self._servicer = health.aio.HealthServicer()

    async def register(self, server: grpc.aio.Server) -> None:
        """Serve health, with nothing decided yet."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)
        await self._servicer.set(self._always, SERVING)
        for name in self._deciding:
            await self._servicer.set(name, NOT_SERVING)

    async def ready(self) -> None:
        """From now on messages are decided."""
        for name in self._deciding:
            await self._servicer.set(name, SERVING)

    async def stopping(self) -> None:
        """From now on nothing is served; there is no way back."""
        await self._servicer.enter_graceful_shutdown()
