"""The standard gRPC health service: what load balancers and `grpc_health_probe` ask.

The server as a whole (the empty name) and DecisionService are SERVING from the moment a rule set is in force until
the server is asked to stop. RuleService can be asked as soon as the port is open, so that one can see why it is not.

The servicer that comes with grpc never ends a Watch, which would keep a stopping server for its whole grace period.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

EVERYTHING = ""
"""The name under which a client asks for the server as a whole."""

Context = grpc.aio.ServicerContext[Any, Any]


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # grpc ships no types
    """What each service tells of itself."""

    def __init__(self, deciding: str, always: str) -> None:
        """`deciding` is the service that needs rules, `always` the one that does not."""
        self._states = {EVERYTHING: NOT_SERVING, deciding: NOT_SERVING, always: SERVING}
        self._changed = asyncio.Event()
        self._stopped = False

    def register(self, server: grpc.aio.Server) -> None:
        """Serve health on this server."""
        health_pb2_grpc.add_HealthServicer_to_server(self, server)

    def ready(self) -> None:
        """From now on messages are decided."""
        self._tell(SERVING)

    def stop(self) -> None:
        """From now on nothing is served, for good; every watcher is told so as its last word."""
        self._stopped = True
        self._tell(NOT_SERVING)

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Context) -> health_pb2.HealthCheckResponse:
        """Tell the state of one service; NOT_FOUND for a name that is none."""
        state = self._states.get(request.service)
        if state is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return health_pb2.HealthCheckResponse(status=state)

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        """Tell the state of one service, and again whenever it changes."""
        told = None
        while True:
            changed = self._changed
            state = self._states.get(request.service, SERVICE_UNKNOWN)
            if state != told:
                await context.write(health_pb2.HealthCheckResponse(status=state))
                told = state
            if self._stopped:
                return
            await changed.wait()

    def _tell(self, state: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        self._states = dict.fromkeys(self._states, state)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
