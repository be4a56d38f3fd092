"""What a decision costs over gRPC: unary Evaluate beside a bare echo of the same messages, then EvaluateBatch.

A real `signalbox serve` with the project's own rules, and a server that reads the same requests and returns the same
answers without deciding anything. The same load generator asks both in turn, in many short rounds, so that whatever
else the machine does meets both alike; the ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import _common
import grpc
from _agreement import answers_equal
from _client import SERVICE, Client, Order, Seen, client
from _common import figure, median
from _echo import write_answers
from _processes import Served, signalbox, started
from _workload import Bank

SEED: Final = 20261102
REQUESTS: Final = 2_000
BATCHES: Final = 24
BATCH_SIZE: Final = 500
RULES: Final = _common.ROOT / "rules"
TESTS: Final = _common.ROOT / "rule_tests"


@dataclass(frozen=True, slots=True)
class Effort:
    """How long everything takes."""

    rounds: int
    seconds: float
    batch_seconds: float
    compared: int


FULL: Final = Effort(rounds=9, seconds=2.5, batch_seconds=4.0, compared=300)
QUICK: Final = Effort(rounds=3, seconds=1.0, batch_seconds=2.0, compared=50)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round saw of one server."""

    seen: Seen
    cpu_us: float
    """Processor time of the server for one call, in microseconds."""
    busy: float
    """The share of one core that the server used."""


def one_round(asking: Client, server: Served, method: str, seconds: float, concurrency: int) -> Round:
    """Load one server for a while. Raises SystemExit when a call failed."""
    before = server.cpu_seconds()
    seen = asking.run(Order(server.address, method, seconds, concurrency))
    used = server.cpu_seconds() - before
    if seen.failed:
        raise SystemExit(f"{seen.failed} calls failed: {seen.failures}")
    return Round(seen, used / seen.calls * 1e6, used / seen.seconds)


def summary(rounds: Sequence[Round]) -> dict[str, float]:
    """The medians of the rounds of one server."""
    return {
        "per_second": figure(median([one.seen.per_second for one in rounds])),
        "p50_ms": figure(median([one.seen.p50_ms for one in rounds])),
        "p99_ms": figure(median([one.seen.p99_ms for one in rounds])),
        "server_cpu_us": figure(median([one.cpu_us for one in rounds])),
        "server_busy": figure(median([one.busy for one in rounds])),
        "client_busy": figure(median([one.seen.busy for one in rounds])),
    }


def answers_of(address: str, requests: Sequence[bytes]) -> list[bytes]:
    """The server's answers, as bytes."""
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(f"{SERVICE}Evaluate")
        return [call(request) for request in requests]


class Bench:
    """Both servers and both load generators, for as long as the block lasts."""

    def __init__(self, parts: ExitStack, effort: Effort, shown: _common.Progress) -> None:
        self.effort, self._shown = effort, shown
        folder = Path(parts.enter_context(TemporaryDirectory(prefix="signalbox-bench-")))
        bank = Bank(SEED)
        shown.say("making requests")
        self.requests = [bank.unary() for _ in range(REQUESTS)]
        self.batches = [bank.batch(BATCH_SIZE) for _ in range(BATCHES)]
        unary = [request.SerializeToString() for request in self.requests]
        shown.say("starting the servers")
        self.ours = parts.enter_context(signalbox(folder, RULES, TESTS))
        write_answers(folder / "answers", answers_of(self.ours.address, unary))
        echo = str(_common.ROOT / "bench" / "_echo.py")
        self.echo = parts.enter_context(started([echo, str(folder / "answers")], folder / "echo.log"))
        self._unary = parts.enter_context(client(unary, folder, "unary"))
        batches = [batch.SerializeToString() for batch in self.batches]
        self._batch = parts.enter_context(client(batches, folder, "batches"))
        self.bytes_per_request = sum(map(len, unary)) / len(unary)

    def answers_equal(self) -> bool:
        """Do all ways to ask give the same decisions?"""
        self._shown.say("comparing answers")
        version = (RULES / "rollout.yaml").read_text(encoding="utf-8").rpartition("stable:")[2].split()[0].strip("\"'")
        with grpc.insecure_channel(self.ours.address) as channel:
            return answers_equal(channel, version, self.requests[: self.effort.compared], self.batches[:2])

    def unary(self, concurrency: int) -> dict[str, Any]:
        """Ours and the echo in turn; who goes first changes from round to round."""
        ours: list[Round] = []
        echo: list[Round] = []
        sides = [(self.ours, ours), (self.echo, echo)]
        for server, _ in sides:
            one_round(self._unary, server, "Evaluate", 1.0, concurrency)
        for number in range(self.effort.rounds):
            self._shown.part("unary calls, rounds", number, self.effort.rounds)
            for server, into in sides if number % 2 else reversed(sides):
                into.append(one_round(self._unary, server, "Evaluate", self.effort.seconds, concurrency))
        pairs = list(zip(ours, echo, strict=True))
        return {
            "unary": summary(ours),
            "echo": summary(echo),
            "ratio": figure(median([a.seen.per_second / b.seen.per_second for a, b in pairs])),
            "ratio_server_cpu": figure(median([b.cpu_us / a.cpu_us for a, b in pairs])),
        }

    def batch(self) -> dict[str, Any]:
        """EvaluateBatch, two under way, so that the server never waits for the client."""
        one_round(self._batch, self.ours, "EvaluateBatch", 1.0, 2)
        rounds = []
        for number in range(self.effort.rounds):
            self._shown.part("batches, rounds", number, self.effort.rounds)
            seconds = self.effort.batch_seconds / 2
            rounds.append(one_round(self._batch, self.ours, "EvaluateBatch", seconds, 2))
        calls = summary(rounds)
        return {
            "batch_per_second": figure(calls["per_second"] * BATCH_SIZE),
            "batch_size": BATCH_SIZE,
            "batch": calls | {"server_cpu_us_per_message": figure(calls["server_cpu_us"] / BATCH_SIZE)},
        }


def bottleneck(result: dict[str, Any]) -> str:
    """Which side was at its limit, in words."""
    words = []
    for name in ("unary", "echo", "batch"):
        server, asking = result[name]["server_busy"], result[name]["client_busy"]
        limit = "the server" if server >= 0.9 else "the client" if asking >= 0.9 else "neither alone (the machine)"
        words.append(f"{name}: {limit} (server {server:.0%} of a core, client {asking:.0%})")
    return "; ".join(words)


def measure(effort: Effort, concurrency: int) -> dict[str, Any]:
    """Start everything, compare answers, then measure."""
    with _common.progress() as shown, ExitStack() as parts:
        bench = Bench(parts, effort, shown)
        equal = bench.answers_equal()
        if not equal:
            return {"answers_equal": False}
        result = bench.unary(concurrency) | bench.batch()
        users = sum(len(batch.state.users.users) for batch in bench.batches) / len(bench.batches)
        return result | {
            "answers_equal": True,
            "bottleneck": bottleneck(result),
            "concurrency": concurrency,
            "rounds": effort.rounds,
            "request_bytes": round(bench.bytes_per_request),
            "users_per_batch": round(users),
        }


def table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The result for people."""
    lines = []
    for name in ("unary", "echo"):
        one = result[name]
        value = f"{one['per_second']:>9,.0f} calls/s, p50 {one['p50_ms']:.2f} ms, p99 {one['p99_ms']:.2f} ms"
        lines.append((name, f"{value}, {one['server_cpu_us']:.0f} us of the server's processor each"))
    lines.append(
        ("ratio", f"{result['ratio']:>9.2f} (by the servers' processor time {result['ratio_server_cpu']:.2f})")
    )
    each = result["batch"]["server_cpu_us_per_message"]
    lines.append(("batch of 500", f"{result['batch_per_second']:>9,.0f} messages/s, {each:.1f} us each"))
    lines.append(("at its limit", result["bottleneck"]))
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quick", action="store_true", help="a short run, for a first look")
    parser.add_argument("--concurrency", type=int, default=16, help="unary calls under way at once (default 16)")
    given = parser.parse_args()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    about = _common.machine()
    result = measure(QUICK if given.quick else FULL, given.concurrency)
    workload = (
        f"{result.get('request_bytes')} bytes a request: a message, its user's state, 3-4 running limits, accounts; "
        f"{given.concurrency} calls under way, medians of {result.get('rounds')} interleaved rounds; answers "
        f"{'equal' if result['answers_equal'] else 'DIFFERENT'} by Evaluate, EvaluateBatch, EvaluateStream, interpreter"
    )
    result |= {"workload": workload, "machine": about}
    _common.report(result, table(result) if result["answers_equal"] else [("answers", "differ")], given.json)
    if not result["answers_equal"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
