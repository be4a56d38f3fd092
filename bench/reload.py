"""What a reload costs those who are served meanwhile, and whether thousands of them leave anything behind.

First a steady load of unary Evaluate, in turn with and without reloads of a 500-rule version (with its tests) going on.
Then thousands of small versions, each new, each asked a few messages, while the memory of server and rules process is
watched.
"""

from __future__ import annotations

import argparse
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter, sleep
from typing import Any, Final

import _common
import grpc
from _big_version import small_version, write_version
from _client import Client, Order, Seen, client
from _common import figure, median
from _processes import Served, signalbox
from _workload import Bank

from signalbox.v1 import decision_service_pb2_grpc, rule_service_pb2, rule_service_pb2_grpc

SEED: Final = 20261103
BIG: Final = 500
RATE: Final = 200.0
REQUESTS: Final = 500
WARM: Final = 100
"""Reloads before memory is first taken: caches and the allocators' pools fill up first."""
LOOK_S: Final = 0.02
LIMIT_S: Final = 60.0


@dataclass(slots=True)
class Rules:
    """The rules folder of the server, and how to make it serve another version."""

    folder: Path
    tests: Path
    status: rule_service_pb2_grpc.RuleServiceStub | None = None

    def name(self, version: str) -> None:
        """Write rollout.yaml, whole or not at all."""
        new = self.folder / "rollout.new"
        new.write_text(f'stable: "{version}"\n', encoding="utf-8")
        new.replace(self.folder / "rollout.yaml")

    def serve(self, version: str) -> float:
        """Name a version and wait until it decides; returns the seconds. Raises SystemExit with the problems."""
        assert self.status is not None
        began = perf_counter()
        self.name(version)
        deadline = monotonic() + LIMIT_S
        while monotonic() < deadline:
            status = self.status.Status(rule_service_pb2.StatusRequest())
            if status.version == version:
                return perf_counter() - began
            if status.attempted_version == version and any(one.severity == "ERROR" for one in status.problems):
                raise SystemExit(f"{version} was refused:\n{status}")
            sleep(LOOK_S)
        raise SystemExit(f"{version} was not taken within {LIMIT_S:.0f} s")


class Bench:
    """A server with its rules, and what asks it, for as long as the block lasts."""

    def __init__(self, parts: ExitStack, shown: _common.Progress) -> None:
        self._shown = shown
        folder = Path(parts.enter_context(TemporaryDirectory(prefix="signalbox-bench-")))
        self.rules = Rules(folder / "rules", folder / "rule_tests")
        for number in range(2):
            write_version(self.rules.folder, self.rules.tests, f"big-{number}", BIG, SEED + number)
        self.rules.name("big-0")
        shown.say("starting the server")
        self.server: Served = parts.enter_context(signalbox(folder, self.rules.folder, self.rules.tests))
        channel = parts.enter_context(grpc.insecure_channel(self.server.address))
        self.rules.status = rule_service_pb2_grpc.RuleServiceStub(channel)
        self._decide = decision_service_pb2_grpc.DecisionServiceStub(channel)
        bank = Bank(SEED)
        self._requests = [bank.unary() for _ in range(REQUESTS)]
        requests = [request.SerializeToString() for request in self._requests]
        self._client: Client = parts.enter_context(client(requests, folder, "unary"))

    def latency(self, rounds: int, seconds: float) -> dict[str, Any]:
        """The same steady load in turn without and with reloads."""
        idle: list[Seen] = []
        reloading: list[Seen] = []
        took: list[float] = []
        order = Order(self.server.address, "Evaluate", seconds, rate=RATE)
        self._client.run(order)
        self.rules.serve("big-1")
        for number in range(rounds):
            self._shown.part(f"latency while {BIG} rules are reloaded, rounds", number, rounds)
            idle.append(self._client.run(order))
            self._client.begin(order)
            until = perf_counter() + seconds
            while perf_counter() < until:
                took.append(self.rules.serve(f"big-{len(took) % 2}"))
            reloading.append(self._client.end())
        failures = [failure for seen in (*idle, *reloading) for failure in seen.failures]
        return {
            "p50_ms_idle": figure(median([seen.p50_ms for seen in idle])),
            "p50_ms_reloading": figure(median([seen.p50_ms for seen in reloading])),
            "p99_ms_idle": figure(median([seen.p99_ms for seen in idle])),
            "p99_ms_reloading": figure(median([seen.p99_ms for seen in reloading])),
            "p99_ratio": figure(median([b.p99_ms / a.p99_ms for a, b in zip(idle, reloading, strict=True)])),
            "failed_calls": sum(seen.failed for seen in (*idle, *reloading)),
            "failures": failures[:5],
            "calls": sum(seen.calls for seen in (*idle, *reloading)),
            "big_rules": BIG,
            "big_reloads": len(took),
            "big_reload_s": figure(median(took)),
        }

    def growth(self, reloads: int) -> dict[str, Any]:
        """So many small versions one after the other, and the memory at every thousandth (of fewer: tenth part)."""
        every = 1_000 if reloads >= 1_000 else max(1, reloads // 10)
        began = perf_counter()
        held: list[tuple[float, float]] = []
        failed = 0
        for number in range(-WARM, reloads + 1):
            failed += self._small(number + WARM)
            if number >= 0 and number % every == 0:
                held.append(self.server.held_mb())
            if number % 10 == 0:
                grown = f"{sum(held[-1]) - sum(held[0]):+.1f} MB" if held else "warming up"
                self._shown.part(f"small reloads ({grown})", number + WARM, reloads + WARM)
        return {
            "reloads": reloads,
            "grown_mb": figure(sum(held[-1]) - sum(held[0])),
            "held_mb": [round(sum(one), 2) for one in held],
            "grown_server_mb": figure(held[-1][0] - held[0][0]),
            "grown_rules_process_mb": figure(held[-1][1] - held[0][1]),
            "held_every": every,
            "small_reload_s": figure((perf_counter() - began) / (reloads + WARM + 1)),
            "failed_calls_between": failed,
        }

    def _small(self, number: int) -> int:
        """Bring a new version into service and ask it a few messages; returns how many calls failed."""
        small_version(self.rules.folder, f"small-{number}", number)
        self.rules.serve(f"small-{number}")
        shutil.rmtree(self.rules.folder / f"small-{number - 1}", ignore_errors=True)
        failed = 0
        for place in range(3):
            try:
                self._decide.Evaluate(self._requests[(3 * number + place) % len(self._requests)])
            except grpc.RpcError:
                failed += 1
        return failed


def measure(reloads: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Both parts, on one server."""
    with _common.progress() as shown, ExitStack() as parts:
        bench = Bench(parts, shown)
        result = bench.latency(rounds, seconds)
        result |= bench.growth(reloads)
    result["failed_calls"] += result.pop("failed_calls_between")
    return result


def table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The result for people."""
    grown = ", ".join(f"{one - result['held_mb'][0]:+.1f}" for one in result["held_mb"][1:])
    return [
        ("p99 undisturbed", f"{result['p99_ms_idle']:>8.2f} ms (p50 {result['p50_ms_idle']:.2f})"),
        ("p99 while reloading", f"{result['p99_ms_reloading']:>8.2f} ms (p50 {result['p50_ms_reloading']:.2f})"),
        ("ratio", f"{result['p99_ratio']:>8.2f}"),
        ("a reload of 500 rules", f"{result['big_reload_s']:>8.2f} s, {result['big_reloads']} of them"),
        ("failed calls", f"{result['failed_calls']:>8} of {result['calls']:,}"),
        (f"grown in {result['reloads']:,} reloads", f"{result['grown_mb']:>8.1f} MB of {result['held_mb'][0]:.0f} MB"),
        (f"every {result['held_every']:,}", grown + " MB"),
        ("a small reload", f"{result['small_reload_s']:>8.2f} s"),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quick", action="store_true", help="a short run, for a first look")
    parser.add_argument("--reloads", type=int, help="how many small reloads (default 10,000; quick 200)")
    given = parser.parse_args()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    about = _common.machine()
    reloads = given.reloads or (200 if given.quick else 10_000)
    rounds, seconds = (2, 4.0) if given.quick else (5, 10.0)
    result = measure(reloads, rounds, seconds)
    workload = (
        f"{RATE:.0f} calls a second of unary Evaluate, {rounds} rounds of {seconds:.0f} s without and with reloads of "
        f"{BIG} rules and their tests; then {reloads:,} different versions of ten rules"
    )
    _common.report(result | {"workload": workload, "machine": about}, table(result), given.json)


if __name__ == "__main__":
    main()
