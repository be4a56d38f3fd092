"""A load generator in a process of its own: requests made beforehand go out as bytes, replies are only counted.

Run as a program with a file of requests it reads one order a line on standard input (the fields of `Order`) and answers
each with one line of what it saw. So it costs less than the server that it measures.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

import _common
import grpc
import uvloop

SERVICE: Final = "/signalbox.v1.DecisionService/"
OPTIONS: Final = [("grpc.max_receive_message_length", 64 << 20), ("grpc.use_local_subchannel_pool", 1)]
FAILURES_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Order:
    """What to send where. `concurrency` calls are always under way; or, when `rate` is given, so many are begun a
    second, whether or not those before are answered, and latency counts from when a call was due."""

    address: str
    method: str
    seconds: float
    concurrency: int = 1
    rate: float = 0.0


@dataclass(slots=True)
class Seen:
    """What one order came to. Latencies in milliseconds; `busy` is the share of one core that the client used."""

    calls: int = 0
    seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    busy: float = 0.0
    failed: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Calls answered in a second."""
        return self.calls / self.seconds


class Client:
    """The process, seen from the benchmark."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begin(self, order: Order) -> None:
        """Start to send."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()

    def end(self) -> Seen:
        """Wait until it is over. Raises SystemExit when the client died."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the load generator ended")
        return Seen(**json.loads(line))

    def run(self, order: Order) -> Seen:
        """Send, and wait until it is over."""
        self.begin(order)
        return self.end()


@contextmanager
def client(requests: Sequence[bytes], folder: Path, name: str) -> Iterator[Client]:
    """A load generator with these requests, in this order, over and over."""
    path = folder / name
    path.write_bytes(b"".join(len(request).to_bytes(4, "big") + request for request in requests))
    process = subprocess.Popen(
        [sys.executable, __file__, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Client(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def pieces(data: bytes) -> Iterator[bytes]:
    """The requests in such a file."""
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : end]
        at = end


class Sender:
    """Carries out one order."""

    def __init__(self, order: Order, requests: Iterator[bytes]) -> None:
        self._order = order
        self._requests = requests
        self._took: list[float] = []
        self._seen = Seen()

    async def run(self) -> Seen:
        """Send until the time is over and every call is answered."""
        order, seen, took = self._order, self._seen, self._took
        async with grpc.aio.insecure_channel(order.address, options=OPTIONS) as channel:
            await channel.channel_ready()
            call = channel.unary_unary(SERVICE + order.method)
            began, began_cpu = perf_counter(), process_time()
            if order.rate:
                await self._paced(call, began)
            else:
                await asyncio.gather(*(self._worker(call, began) for _ in range(order.concurrency)))
            seen.seconds = perf_counter() - began
            seen.busy = (process_time() - began_cpu) / seen.seconds
        seen.calls = len(took) - seen.failed
        seen.p50_ms = _common.percentile(took, 0.5) * 1000
        seen.p99_ms = _common.percentile(took, 0.99) * 1000
        seen.max_ms = max(took) * 1000
        return seen

    async def _worker(self, call: Any, began: float) -> None:
        at, until = perf_counter(), began + self._order.seconds
        while at < until:
            at = await self._one(call, at)

    async def _paced(self, call: Any, began: float) -> None:
        under_way: set[asyncio.Task[float]] = set()
        for number in range(round(self._order.seconds * self._order.rate)):
            due = began + number / self._order.rate
            if (wait := due - perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._one(call, due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _one(self, call: Any, due: float) -> float:
        """Send the next request; returns when it was answered."""
        try:
            await call(next(self._requests))
        except grpc.aio.AioRpcError as error:
            self._seen.failed += 1
            if len(self._seen.failures) < FAILURES_TOLD:
                self._seen.failures.append(f"{error.code().name}: {error.details()}")
        now = perf_counter()
        self._took.append(now - due)
        return now


def main() -> None:
    """Obey orders until there are no more."""
    requests = cycle(list(pieces(Path(sys.argv[1]).read_bytes())))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin:
            print(json.dumps(asdict(runner.run(Sender(Order(**json.loads(line)), requests).run()))), flush=True)


if __name__ == "__main__":
    main()
