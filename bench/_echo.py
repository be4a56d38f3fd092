"""A bare gRPC server on the same loop and library as ours: it reads the same request and returns the same answers.

Run as a program with a file of answers (`write_answers`) it prints a ready line as `signalbox serve` does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import _common  # noqa: F401  # puts the project on the path
import grpc
import uvloop

from signalbox.v1 import decision_service_pb2 as contract
from signalbox.v1 import decision_service_pb2_grpc as stubs


class Echo(stubs.DecisionServiceServicer):
    """Parses the request, as the library does for every handler, and returns the next of the real answers."""

    def __init__(self, answers: Sequence[contract.EvaluateResponse]) -> None:
        self._next = cycle(answers).__next__

    async def Evaluate(self, request: contract.EvaluateRequest, context: object) -> contract.EvaluateResponse:
        """Decide nothing."""
        return self._next()


def write_answers(path: Path, answers: Sequence[bytes]) -> None:
    """Write serialised EvaluateResponses for `read_answers`."""
    path.write_bytes(b"".join(len(answer).to_bytes(4, "big") + answer for answer in answers))


def read_answers(path: Path) -> Iterator[contract.EvaluateResponse]:
    """Read what `write_answers` wrote."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        yield contract.EvaluateResponse.FromString(data[at + 4 : end])
        at = end


async def serve(answers: Sequence[contract.EvaluateResponse]) -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    stubs.add_DecisionServiceServicer_to_server(Echo(answers), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready grpc=127.0.0.1:{port} http=-", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(list(read_answers(Path(sys.argv[1])))))
