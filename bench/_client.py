"""A load generator in a process of its own: requests made beforehand go out as bytes, replies are only counted or kept.

Run as a program with a file of requests it reads one order a line on standard input (the fields of `Order`) and answers
each with one line of what it saw. So it costs less than the server that it measures. An order goes on with the requests
where the one before it stopped; after the last request comes the first again.
"""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple

import _common
import grpc
import uvloop

SERVICE: Final = "/signalbox.v1.DecisionService/"
OPTIONS: Final = [("grpc.max_receive_message_length", 64 << 20), ("grpc.use_local_subchannel_pool", 1)]
FAILURES_TOLD: Final = 5
NEVER_S: Final = 1e9

_KEPT: Final = struct.Struct(">dd?I")


@dataclass(frozen=True, slots=True)
class Order:
    """What to send where. `concurrency` calls are always under way; or, when `rate` is given, so many are begun a
    second, whether or not those before are answered, and latency counts from when a call was due.

    It is over after `seconds`, or after `calls` when that is given, or at the next line of input when neither is.
    `method` is one of DecisionService, or names its service too, with a "/" in front. `keep` is a file for the answers.
    """

    address: str
    method: str
    seconds: float = 0.0
    concurrency: int = 1
    rate: float = 0.0
    calls: int = 0
    keep: str = ""


class Kept(NamedTuple):
    """A call whose answer was kept, in the order of the requests: when it was due, in seconds since 1970, how long it
    took from then on, and the answer; None when it failed."""

    due_s: float
    took_s: float
    answer: bytes | None


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

    def stop(self) -> None:
        """Let an order end that has no end of its own."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
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
def client(requests: Iterator[bytes] | Sequence[bytes], folder: Path, name: str) -> Iterator[Client]:
    """A load generator with these requests, in this order, over and over."""
    path = folder / name
    with path.open("wb") as file:
        for request in requests:
            file.write(len(request).to_bytes(4, "big") + request)
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


def write_kept(path: Path, answers: Sequence[Kept]) -> None:
    """Write what was kept of an order."""
    with path.open("wb") as file:
        for due_s, took_s, answer in answers:
            file.write(_KEPT.pack(due_s, took_s, answer is not None, len(answer or b"")) + (answer or b""))


def read_kept(path: Path) -> list[Kept]:
    """Read what was kept of an order."""
    data, at, kept = path.read_bytes(), 0, []
    while at < len(data):
        due_s, took_s, answered, size = _KEPT.unpack_from(data, at)
        at += _KEPT.size
        kept.append(Kept(due_s, took_s, data[at : at + size] if answered else None))
        at += size
    return kept


class Sender:
    """Carries out one order; `stopped` is set when one without an end is to end."""

    def __init__(self, order: Order, requests: Iterator[bytes]) -> None:
        self._order = order
        self._requests = requests
        self._left = order.calls or sys.maxsize
        self._began = 0.0
        self._until = 0.0
        self._took: list[float] = []
        self._kept: list[Kept] = []
        self._seen = Seen()

    async def run(self) -> Seen:
        """Send until it is over and every call is answered."""
        order, seen, took = self._order, self._seen, self._took
        async with grpc.aio.insecure_channel(order.address, options=OPTIONS) as channel:
            await channel.channel_ready()
            call = channel.unary_unary(order.method if order.method.startswith("/") else SERVICE + order.method)
            self._began, began_cpu = perf_counter(), process_time()
            self._until = self._began + (order.seconds or NEVER_S)
            if not order.seconds and not order.calls:
                asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._stop)
            if order.rate:
                await self._paced(call)
            else:
                await asyncio.gather(*(self._worker(call) for _ in range(order.concurrency)))
            seen.seconds = perf_counter() - self._began
            seen.busy = (process_time() - began_cpu) / seen.seconds
        seen.calls = len(took) - seen.failed
        seen.p50_ms = _common.percentile(took, 0.5) * 1000
        seen.p99_ms = _common.percentile(took, 0.99) * 1000
        seen.max_ms = max(took) * 1000
        if order.keep:
            write_kept(Path(order.keep), self._kept)
        return seen

    def _stop(self) -> None:
        sys.stdin.readline()
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self._left = 0

    async def _worker(self, call: Any) -> None:
        at = perf_counter()
        while at < self._until and self._left > 0:
            self._left -= 1
            at = await self._one(call, at)

    async def _paced(self, call: Any) -> None:
        under_way: set[asyncio.Task[float]] = set()
        number = 0
        while (due := self._began + number / self._order.rate) < self._until and self._left > 0:
            if (wait := due - perf_counter()) > 0:
                await asyncio.sleep(wait)
            self._left -= 1
            number += 1
            task = asyncio.create_task(self._one(call, due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _one(self, call: Any, due: float) -> float:
        """Send the next request; returns when it was answered."""
        place, answer = len(self._took), None
        self._took.append(0.0)
        if self._order.keep:
            self._kept.append(Kept(0.0, 0.0, None))
        try:
            answer = await call(next(self._requests))
        except grpc.aio.AioRpcError as error:
            self._seen.failed += 1
            if len(self._seen.failures) < FAILURES_TOLD:
                self._seen.failures.append(f"{error.code().name}: {error.details()}")
        now = perf_counter()
        self._took[place] = now - due
        if self._order.keep:
            self._kept[place] = Kept(time.time() - (now - due), now - due, answer)
        return now


def main() -> None:
    """Obey orders until there are no more."""
    requests = cycle(list(pieces(Path(sys.argv[1]).read_bytes())))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        while line := sys.stdin.readline():
            if line.strip():
                print(json.dumps(asdict(runner.run(Sender(Order(**json.loads(line)), requests).run()))), flush=True)


if __name__ == "__main__":
    main()
