"""How long an urgent message takes while a bulk is running: from the call of Send to its answer, and to the carrier.

One server does everything (intake, workers, simulated carrier, recorder), with `appendfsync always`. One-time passwords
(P0) are sent one by one at a steady rate: first alone, then beside a campaign (P3) that is handed in as fast as it is
taken, in batches, and sent by the same workers, until its last message has reached the carrier.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep, time
from typing import Any, Final

import _common
from _carrier_logs import CarrierLogs
from _client import Client, Kept, Order, client, read_kept
from _common import figure, percentile
from _mailing import SEND, SEND_BATCH, Mailing, batches, prepare
from _processes import Served, signalbox

from signalbox.v1 import message_service_pb2 as contract

SEED: Final = 20261105
SIZE: Final = 500
RULES: Final = _common.ROOT / "rules"
TESTS: Final = _common.ROOT / "rule_tests"
LOOK_S: Final = 1.0
ALONE_S: Final = 20.0
SETTLE_S: Final = 2.0
LIMIT_S: Final = 3 * 3_600.0


class Bench:
    """A server that does everything, a campaign, and somebody who waits for a password."""

    def __init__(self, folder: Path, bulk: int, rate: float, alone_s: float, shown: _common.Progress) -> None:
        self._folder, self._bulk, self._rate, self._alone_s, self._shown = folder, bulk, rate, alone_s, shown
        self._reached: dict[str, int] = {}
        """When each single message reached the carrier, in ms, by its id."""
        self._sent = 0
        self._began_s = 0.0

    def run(self) -> dict[str, Any]:
        """Measure."""
        # More are made than are sent: a request that is sent twice would only be answered from memory.
        singles = round(self._rate * (self._alone_s + max(60.0, self._bulk / 200)))
        with ExitStack() as parts:
            server = self._server(parts, singles)
            self._shown.say("making messages")
            urgent, news = Mailing(SEED, "p"), Mailing(SEED, "n")
            passwords = (urgent.one_time_password(number).SerializeToString() for number in range(singles))
            waiting = parts.enter_context(client(passwords, self._folder, "passwords"))
            campaign = batches((news.news(number) for number in range(self._bulk)), SIZE)
            sending = parts.enter_context(client(campaign, self._folder, "campaign"))
            logs = CarrierLogs(self._folder / "data")
            alone = self._alone(waiting, server)
            bulk = self._beside(waiting, sending, server, logs)
            self._until_quiet(logs)
        accepted_s, sent_s, beside = bulk
        return {
            "bulk": {
                "messages": self._bulk,
                "accepted_per_second": figure(self._bulk / accepted_s),
                "sent_per_second": figure(self._bulk / sent_s),
                "seconds": figure(sent_s),
            },
            "rate": self._rate,
            "alone": self._summary(alone),
            "while_accepted": self._summary([one for one in beside if one.due_s <= self._began_s + accepted_s]),
            "while_sent": self._summary([one for one in beside if one.due_s > self._began_s + accepted_s]),
            "beside_bulk": self._summary(beside),
        }

    def _server(self, parts: ExitStack, singles: int) -> Served:
        self._shown.say("starting the server")
        settings = {"SIGNALBOX_SANDBOX_PROFILE": "perfect", "SIGNALBOX_RECORDS_BACKLOG_MIB": "65536"}
        server = parts.enter_context(signalbox(self._folder, RULES, TESTS, **settings))
        self._shown.say(f"making {self._bulk + singles:,} users known")
        urgent, news = Mailing(SEED, "p"), Mailing(SEED, "n")
        users = chain(map(urgent.user, range(singles)), map(news.user, range(self._bulk)))
        prepare(server.address, users)
        return server

    def _alone(self, waiting: Client, server: Served) -> list[Kept]:
        """Passwords with nothing else to do."""
        self._shown.say("passwords alone")
        keep = self._folder / "alone"
        waiting.run(Order(server.address, SEND, rate=self._rate, seconds=min(SETTLE_S, self._alone_s)))
        _check(waiting.run(Order(server.address, SEND, rate=self._rate, seconds=self._alone_s, keep=str(keep))).failed)
        return read_kept(keep)

    def _beside(
        self, waiting: Client, sending: Client, server: Served, logs: CarrierLogs
    ) -> tuple[float, float, list[Kept]]:
        """Passwords beside the campaign: seconds until it was accepted, until it was sent, and the passwords."""
        keep = self._folder / "beside"
        self._began_s = time()
        waiting.begin(Order(server.address, SEND, rate=self._rate, keep=str(keep)))
        seen = sending.run(Order(server.address, SEND_BATCH, calls=-(-self._bulk // SIZE), concurrency=2))
        _check(seen.failed)
        while self._sent < self._bulk:
            self._look(logs)
            self._shown.part("sending the campaign", self._sent, self._bulk)
            if time() - self._began_s > LIMIT_S:
                raise SystemExit(f"of the campaign only {self._sent:,} messages reached the carrier")
            sleep(LOOK_S)
        sent_s = time() - self._began_s
        waiting.stop()
        _check(waiting.end().failed)
        return seen.seconds, sent_s, read_kept(keep)

    def _look(self, logs: CarrierLogs) -> None:
        for call in logs.read():
            if call["category"] == "ONE_TIME_PASSWORD":
                self._reached.setdefault(call["message_id"], call["at"])
            else:
                self._sent += 1

    def _until_quiet(self, logs: CarrierLogs) -> None:
        """What was sent last may still be on its way to the carrier."""
        before = -1
        while before != len(self._reached):
            before = len(self._reached)
            sleep(LOOK_S)
            self._look(logs)

    def _summary(self, kept: Sequence[Kept]) -> dict[str, float]:
        """Milliseconds; every message must have been answered, none from memory, and have reached the carrier."""
        answers = [contract.SendResponse.FromString(one.answer or b"") for one in kept]
        if not kept:
            return {"messages": 0}
        if any(one.repeated for one in answers):
            raise SystemExit("the bulk lasted longer than there were single messages; take a lower --rate")
        lost = [one.message_id for one in answers if one.message_id not in self._reached]
        if lost:
            raise SystemExit(f"{len(lost)} messages did not reach the carrier, such as {lost[0]}")
        answered = [one.took_s * 1000 for one in kept]
        reached = [
            self._reached[answer.message_id] - one.due_s * 1000 for one, answer in zip(kept, answers, strict=True)
        ]
        return {
            "messages": len(kept),
            "send_p50_ms": figure(percentile(answered, 0.5)),
            "send_p99_ms": figure(percentile(answered, 0.99)),
            "carrier_p50_ms": figure(percentile(reached, 0.5)),
            "carrier_p99_ms": figure(percentile(reached, 0.99)),
            "carrier_max_ms": figure(max(reached)),
        }


def _check(failed: int) -> None:
    if failed:
        raise SystemExit(f"{failed} calls failed")


def table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The result for people."""
    names = (
        ("alone", "nothing else to do"),
        ("while_accepted", "while the bulk is accepted and sent"),
        ("while_sent", "while the rest of it is sent"),
        ("beside_bulk", "beside the bulk in all"),
    )
    lines = []
    for key, name in names:
        one = result[key]
        text = "no message fell into it"
        if one["messages"]:
            text = (
                f"Send p50 {one['send_p50_ms']:.1f} ms, p99 {one['send_p99_ms']:.1f} ms; to the carrier "
                f"p50 {one['carrier_p50_ms']:.1f} ms, p99 {one['carrier_p99_ms']:.1f} ms"
            )
        lines.append((name, text))
    bulk = result["bulk"]
    rates = f"accepted {bulk['accepted_per_second']:,.0f}/s, sent {bulk['sent_per_second']:,.0f}/s"
    return [*lines, ("the bulk", f"{rates}, {bulk['seconds']:.0f} s in all")]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quick", action="store_true", help="a bulk of 20,000, for a first look")
    parser.add_argument("--messages", type=int, help="messages of the bulk (default 200,000: some minutes)")
    parser.add_argument("--rate", type=float, default=20.0, help="single messages a second (default 20)")
    given = parser.parse_args()
    bulk = given.messages or (20_000 if given.quick else 200_000)
    alone_s = min(ALONE_S, max(1.0, bulk / 2_000))
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    about = _common.machine()
    with _common.progress() as shown, TemporaryDirectory(prefix="signalbox-bench-") as folder:
        result = Bench(Path(folder), bulk, given.rate, alone_s, shown).run()
    workload = (
        f"one-time passwords (P0), {given.rate:g} a second, one by one, beside a campaign (P3) of {bulk:,} messages in "
        f"batches of {SIZE}, two under way; one server for all, simulated carrier, appendfsync always"
    )
    result |= {"workload": workload, "machine": about}
    _common.report(result, table(result), given.json)


if __name__ == "__main__":
    main()
