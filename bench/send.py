"""What sending costs: SendBatch with everything decided, limited, charged and on disk, beside what Redis alone allows.

Three runs, each with a server (or a redis-server) of its own, all with `appendfsync always`:

    workers stopped    `signalbox serve --role intake`: it takes in, nobody sends or records
    Redis alone        the very calls by which such a server admits, played to a fresh redis-server as bytes
    all running        server, workers, simulated carrier and recorder in one, until the last message is final in SQL
"""

from __future__ import annotations

import argparse
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any, Final

import _common
from _client import Client, Order, client, read_kept
from _common import figure, median
from _mailing import SEND_BATCH, Mailing, batches, prepare
from _processes import Served, signalbox
from _recording import SCRIPTS, recorded
from _redis import Redis, about, own_redis

from engine.records.database import FILE
from engine.state.scripts import FOLDER
from signalbox.v1 import decision_pb2
from signalbox.v1 import message_service_pb2 as contract

SEED: Final = 20261104
SIZE: Final = 500
WARM: Final = 10
"""Batches before the measuring begins: slices of accounts are filled, blueprints drawn."""
USERS_A_BUCKET: Final = 61
"""As the default settings have it with a million users; the memory of the ledger depends on it."""
PARTITIONS: Final = 16
LOOK_S: Final = 0.5
LIMIT_S: Final = 3_600.0
FINAL: Final = ("DELIVERED", "FAILED", "DROPPED", "EXPIRED", "CANCELLED", "UNCONFIRMED", "UNKNOWN")
RULES: Final = _common.ROOT / "rules"
TESTS: Final = _common.ROOT / "rule_tests"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done: rounds of so many batches; messages for the run with everything; batches played to Redis."""

    rounds: int
    batches: int
    all_running: int
    played: int
    repeats: int


FULL: Final = Effort(rounds=7, batches=100, all_running=60_000, played=100, repeats=3)
QUICK: Final = Effort(rounds=3, batches=40, all_running=10_000, played=40, repeats=1)
TINY: Final = Effort(rounds=1, batches=2, all_running=500, played=2, repeats=1)


class Bench:
    """What the three runs share: the users and their messages, and where everything lies."""

    def __init__(self, folder: Path, effort: Effort, in_flight: int, shown: _common.Progress) -> None:
        self._folder, self._effort, self._in_flight, self._shown = folder, effort, in_flight, shown
        self._names = (f"run{number}" for number in count())

    def run(self) -> dict[str, Any]:
        """Measure everything."""
        return self.workers_stopped() | self.redis_alone() | self.all_running()

    # ---- the three runs ----

    def workers_stopped(self) -> dict[str, Any]:
        """Rounds of SendBatch to a server that only takes in; then the memory of the ledger."""
        effort = self._effort
        many = effort.rounds * effort.batches + WARM
        with ExitStack() as parts:
            server, folder = self._server(parts, many * SIZE, role="intake")
            sending, redis = self._client(parts, many, "batches"), Redis(folder / "data" / "redis")
            self._send(sending, server, WARM)
            rounds = []
            for number in range(effort.rounds):
                self._shown.part("batches, rounds", number, effort.rounds)
                rounds.append(self._round(sending, server, redis))
            freed, users = redis.memory_of("*:l:*")
            return {
                "per_second": figure(median([one["per_second"] for one in rounds])),
                "send": {name: figure(median([one[name] for one in rounds])) for name in rounds[0]},
                "users": many * SIZE,
                "ledger_mb_per_million_users": figure(freed / users),
                "redis": about(redis),
            }

    def redis_alone(self) -> dict[str, Any]:
        """Play what a server said to Redis to a Redis of its own."""
        effort = self._effort
        with ExitStack() as parts:
            path = self._folder / "calls"
            program = (str(_common.ROOT / "bench" / "_recording.py"), str(path))
            server, _ = self._server(parts, effort.played * SIZE, role="intake", program=program)
            self._send(self._client(parts, effort.played, "played"), server, effort.played)
        calls = list(recorded(path))
        warm, rest = calls[: len(calls) // 5], calls[len(calls) // 5 :]
        messages, rates, costs = sum(one.messages for one in rest), [], []
        for number in range(effort.repeats):
            self._shown.part("Redis alone, rounds", number, effort.repeats)
            with own_redis(self._folder / f"redis{number}") as redis:
                for script in SCRIPTS.values():
                    redis.client.script_load((FOLDER / f"{script.name}.lua").read_text(encoding="utf-8"))
                redis.play(warm)
                before = redis.cpu_seconds()
                rates.append(messages / redis.play(rest))
                costs.append((redis.cpu_seconds() - before) / messages * 1e6)
        size = sum(len(one.packed) for one in rest) / messages
        return {
            "redis_limit_per_second": figure(median(rates)),
            "redis_alone": {"cpu_us": figure(median(costs)), "bytes_per_message": round(size)},
        }

    def all_running(self) -> dict[str, Any]:
        """From the first call until SQL knows that every message has come to its end."""
        messages = self._effort.all_running
        with ExitStack() as parts:
            server, folder = self._server(parts, messages, role="all")
            sending = self._client(parts, messages // SIZE, "all")
            before, began = server.cpu_seconds(), perf_counter()
            self._send(sending, server, messages // SIZE)
            accepted_s = perf_counter() - began
            states = self._until_final(folder / "data", messages)
            took_s = perf_counter() - began
            return {
                "all_running_per_second": figure(messages / took_s),
                "all_running": {
                    "messages": messages,
                    "accepted_per_second": figure(messages / accepted_s),
                    "server_cpu_us": figure((server.cpu_seconds() - before) / messages * 1e6),
                    "states": states,
                },
            }

    # ---- their parts ----

    def _server(self, parts: ExitStack, messages: int, **how: Any) -> tuple[Served, Path]:
        """Start a server that knows the users of so many messages, with a like number of them in each bucket."""
        folder = self._folder / next(self._names)
        folder.mkdir()
        self._shown.say("starting a server")
        buckets = max(1, round(messages / USERS_A_BUCKET / PARTITIONS)) * PARTITIONS
        settings = {
            "SIGNALBOX_STATE_PARTITIONS": str(PARTITIONS),
            "SIGNALBOX_STATE_BUCKETS": str(buckets),
            "SIGNALBOX_SANDBOX_PROFILE": "perfect",
            "SIGNALBOX_RECORDS_BACKLOG_MIB": "65536",  # nobody records while workers are stopped
        }
        server = parts.enter_context(signalbox(folder, RULES, TESTS, **how, **settings))
        mailing = Mailing(SEED, "u")
        self._shown.say(f"making {messages:,} users known")
        prepare(server.address, (mailing.user(number) for number in range(messages)))
        return server, folder

    def _client(self, parts: ExitStack, many: int, name: str) -> Client:
        """A load generator with so many batches, a message for each user."""
        self._shown.say("making messages")
        mailing = Mailing(SEED + 1, "u")
        made: Iterator[bytes] = batches((mailing.account_change(number) for number in count()), SIZE)
        return parts.enter_context(client(islice(made, many), self._folder, name))

    def _send(self, sending: Client, server: Served, many: int) -> dict[str, float]:
        """Send so many batches and look at every answer. Raises SystemExit when one is not as it must be."""
        keep = self._folder / "answers"
        order = Order(server.address, SEND_BATCH, calls=many, concurrency=self._in_flight, keep=str(keep))
        seen = sending.run(order)
        if seen.failed:
            raise SystemExit(f"{seen.failed} calls failed: {seen.failures}")
        verdicts = _verdicts(keep)
        if verdicts != {"VERDICT_SEND": many * SIZE}:
            raise SystemExit(f"not every message was accepted and goes: {verdicts}")
        return {
            "per_second": seen.per_second * SIZE,
            "p50_ms": seen.p50_ms,
            "p99_ms": seen.p99_ms,
            "client_busy": seen.busy,
            "seconds": seen.seconds,
        }

    def _round(self, sending: Client, server: Served, redis: Redis) -> dict[str, float]:
        messages = self._effort.batches * SIZE
        before = server.cpu_seconds(), redis.cpu_seconds()
        seen = self._send(sending, server, self._effort.batches)
        used = server.cpu_seconds() - before[0], redis.cpu_seconds() - before[1]
        return seen | {
            "server_cpu_us": used[0] / messages * 1e6,
            "redis_cpu_us": used[1] / messages * 1e6,
            "server_busy": used[0] / seen["seconds"],
            "redis_busy": used[1] / seen["seconds"],
        }

    def _until_final(self, data: Path, messages: int) -> dict[str, int]:
        deadline = perf_counter() + LIMIT_S
        while True:
            states = _states(data)
            final = sum(many for state, many in states.items() if state in FINAL)
            self._shown.part("until every message is final", final, messages)
            if final >= messages:
                return states
            if perf_counter() > deadline:
                raise SystemExit(f"not every message came to its end: {states}")
            sleep(LOOK_S)


def _verdicts(keep: Path) -> dict[str, int]:
    """What was answered, over all messages: a verdict, REPEATED, or an error's text."""
    found: Counter[str] = Counter()
    for kept in read_kept(keep):
        response = contract.SendBatchResponse.FromString(kept.answer or b"")
        names = [decision_pb2.Verdict.Name(one.verdict) for one in response.decisions]
        for result in response.results:
            if result.HasField("error"):
                found[result.error.message] += 1
            else:
                found["REPEATED" if result.repeated else names[result.decision]] += 1
    return dict(found)


def _states(data: Path) -> dict[str, int]:
    """How many recorded messages are in each state."""
    with closing(sqlite3.connect(f"file:{data / FILE}?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT state, count(*) FROM messages GROUP BY state").fetchall())


def table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The result for people."""
    send, alone, everything = result["send"], result["redis_alone"], result["all_running"]
    return [
        (
            "workers stopped",
            f"{result['per_second']:>9,.0f} messages/s; of processors {send['server_cpu_us']:.1f} us the server, "
            f"{send['redis_cpu_us']:.1f} us Redis each; p50 {send['p50_ms']:.0f} ms a batch",
        ),
        (
            "Redis alone",
            f"{result['redis_limit_per_second']:>9,.0f} messages/s, {alone['cpu_us']:.1f} us of processor, "
            f"{alone['bytes_per_message']} bytes each",
        ),
        (
            "all running",
            f"{result['all_running_per_second']:>9,.0f} messages/s to their final states in SQL, "
            f"{everything['server_cpu_us']:.0f} us of the server's processor each",
        ),
        ("ledger", f"{result['ledger_mb_per_million_users']:>9,.1f} MB a million users with four live limits"),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quick", action="store_true", help="a short run, for a first look")
    parser.add_argument("--tiny", action="store_true", help="only to see that it works")
    parser.add_argument("--in-flight", type=int, default=4, help="batches under way at once (default 4)")
    given = parser.parse_args()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    about_machine = _common.machine()
    effort = TINY if given.tiny else QUICK if given.quick else FULL
    with _common.progress() as shown, TemporaryDirectory(prefix="signalbox-bench-") as folder:
        result = Bench(Path(folder), effort, given.in_flight, shown).run()
    workload = (
        f"account changes by SMS in batches of {SIZE}, {given.in_flight} under way: four limits, one charge and one "
        f"step each, {result['users']:,} known users with one message each; medians of {effort.rounds} rounds; "
        f"appendfsync {result['redis']['appendfsync']}; one machine for client, server and Redis"
    )
    result |= {"batch_size": SIZE, "in_flight": given.in_flight, "workload": workload, "machine": about_machine}
    _common.report(result, table(result), given.json)


if __name__ == "__main__":
    main()
