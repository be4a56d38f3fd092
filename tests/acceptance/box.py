"""A whole server, as its callers see it: in a thread of this process, reached through gRPC alone.

Everything behind it is real: the rules process, Redis on a disk, SQLite, the workers, simulated carriers. It mostly
runs on the messages' clock, so a test plays a night in a moment and says to the second what happens when.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import grpc
import uvloop

from engine.config import Config
from server import start
from signalbox.v1 import budget_service_pb2 as budget
from signalbox.v1 import (
    budget_service_pb2_grpc,
    channel_service_pb2_grpc,
    decision_service_pb2_grpc,
    identity_service_pb2_grpc,
    message_pb2,
    message_service_pb2_grpc,
    rule_service_pb2_grpc,
    state_pb2,
)
from signalbox.v1 import channel_service_pb2 as channels
from signalbox.v1 import decision_service_pb2 as decisions
from signalbox.v1 import identity_service_pb2 as identities
from signalbox.v1 import message_service_pb2 as contract
from signalbox.v1 import rule_service_pb2 as rules
from tests.acceptance.answers import Accepted, Days, Life, Refused, Said, code_name
from tests.acceptance.rules import CARRIERS, serve_version, write_version
from tests.faults.waiting import until

PATIENCE_S: Final = 60
TENANT: Final = "bank"
CHANNELS: Final = ("push", "sms", "wechat", "mail")


class Running:
    """A server in a thread; it is there when the constructor returns, and gone when `stop` does."""

    def __init__(self, config: Config) -> None:
        self._address: Future[str] = Future()
        self._thread = threading.Thread(target=self._run, args=(config,), name="server")
        self._thread.start()
        self.address = self._address.result(PATIENCE_S)

    def stop(self) -> None:
        """Stop it as SIGTERM would."""
        self._loop.call_soon_threadsafe(self._asked.set)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def _run(self, config: Config) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                runner.run(self._serve(config))
            except BaseException as error:
                if not self._address.done():
                    self._address.set_exception(error)
                raise

    async def _serve(self, config: Config) -> None:
        self._loop, self._asked = asyncio.get_running_loop(), asyncio.Event()
        async with AsyncExitStack() as parts:
            self._address.set_result(await start(config, parts))
            await self._asked.wait()


def settings(folder: Path, **more: Any) -> Config:
    """The settings of a server in a folder, with the carriers of `rules.CARRIERS` on the messages' clock."""
    providers = {
        name: {"type": "sandbox", "channel": channel, "options": {"profile": "perfect", **options}}
        for name, (channel, options) in CARRIERS.items()
    }
    given = {
        "server": {"port": 0},
        "rules": {"dir": folder / "rules", "tests_dir": folder / "rule_tests"},
        "data": {"dir": folder / "data"},
        "clock": {"source": "messages"},
        "state": {"partitions": 4, "buckets": 64},
        "providers": providers,
    }
    return Config.model_validate(given | more)


class Box:
    """A server with its stubs.

    Times are texts on a clock in China: "22:00", "22:00:05", and "+1 09:00" on the day after the one the test plays on.
    """

    def __init__(self, folder: Path, **more: Any) -> None:
        self.folder = folder
        if not (folder / "rules").exists():
            write_version(folder / "rules")
            serve_version(folder / "rules", "v1")
        self._config = settings(folder, **more)
        self._own_time = self._config.clock.source == "system"
        self._names = 0
        self.days = Days()
        self.user = "u0"
        self._start()

    def _start(self) -> None:
        self._running = Running(self._config)
        self._wire = grpc.insecure_channel(self._running.address)
        self.messages = message_service_pb2_grpc.MessageServiceStub(self._wire)
        self.decisions = decision_service_pb2_grpc.DecisionServiceStub(self._wire)
        self.identities = identity_service_pb2_grpc.IdentityServiceStub(self._wire)
        self.budget = budget_service_pb2_grpc.BudgetServiceStub(self._wire)
        self.channels = channel_service_pb2_grpc.ChannelServiceStub(self._wire)
        self.rules = rule_service_pb2_grpc.RuleServiceStub(self._wire)

    def stop(self) -> None:
        """Stop the server."""
        self._wire.close()
        self._running.stop()

    def restart(self) -> None:
        """Stop the server and start it again."""
        self.stop()
        self._start()

    def serve(self, version: str, **changed: str) -> None:
        """Release a version of the rules with these files changed, and wait until it serves."""
        if not (self.folder / "rules" / version).exists():
            write_version(self.folder / "rules", version, **changed)
        serve_version(self.folder / "rules", version)
        until(lambda: self.rules.Status(rules.StatusRequest()).version == version, f"version {version}")

    @staticmethod
    def call(method: Callable[..., Any], request: Any) -> Any:
        """Make a call. Raises Refused."""
        try:
            return method(request, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            raise Refused(error) from None

    # ---- time ----

    def new_day(self) -> None:
        """Let everything come to its end, and begin with the next day and a user of its own."""
        self._names += 1
        self.user = f"u{self._names}"
        if not self._own_time:
            self.go_on_all()
            self.advance()
            self.days.begin_after(self.channels.GetClock(channels.GetClockRequest()).now.ToMilliseconds())
            self.advance("08:00")

    @property
    def now(self) -> str:
        """What the clock shows."""
        return self.days.text(self.channels.GetClock(channels.GetClockRequest()).now.ToMilliseconds())

    def advance(self, to: str | None = None) -> int:
        """Move the clock to a time, or past all that happens by itself; return how many messages are not final."""
        while True:
            request = channels.AdvanceClockRequest(until=self.days.stamp(to) if to else None)
            done = self.channels.AdvanceClock(request)
            if done.done:
                return int(done.unfinished)

    # ---- messages ----

    def message(
        self,
        scene: str = "",
        *,
        category: str = "TRANSACTION",
        user: str = "",
        line: str = "cards",
        text: str = "hello",
        addresses: Mapping[str, str | Sequence[str]] | None = None,
        send_after: str = "",
        expire_at: str = "",
        **fields: Any,
    ) -> message_pb2.Message:
        """A message to the test's user, who by default is reached everywhere."""
        self._names += 1
        user = user or self.user
        fields = {"request_id": f"r{self._names}", "tenant": TENANT} | fields
        made = message_pb2.Message(line=line, user_id=user, scene=scene, category=f"CATEGORY_{category}", **fields)
        if not made.HasField("template"):
            made.content.text = text
        reached = {channel: f"{user}-{channel}" for channel in CHANNELS} if addresses is None else addresses
        for channel, values in reached.items():
            for value in [values] if isinstance(values, str) else values:
                made.addresses.add(channel=channel, value=value)
        if send_after:
            made.send_after.CopyFrom(self.days.stamp(send_after))
        if expire_at:
            made.expire_at.CopyFrom(self.days.stamp(expire_at))
        return made

    def request(self, message: message_pb2.Message, at: str = "") -> contract.SendRequest:
        """A message with the time at which it is sent: by default, now."""
        if self._own_time:
            return contract.SendRequest(message=message)
        return contract.SendRequest(message=message, now=self.days.stamp(at or self.now))

    def send(self, scene: str = "", at: str = "", **fields: Any) -> Accepted:
        """Send one message."""
        return self.send_message(self.message(scene, **fields), at)

    def send_message(self, message: message_pb2.Message, at: str = "") -> Accepted:
        """Send a message. Raises Refused."""
        return Accepted(self.call(self.messages.Send, self.request(message, at)), self.days)

    def send_batch(self, messages: Sequence[message_pb2.Message], at: str = "") -> list[Accepted | str]:
        """Send messages together; for one that is refused the name of its code."""
        request = contract.SendBatchRequest(requests=[self.request(one, at) for one in messages])
        reply = self.messages.SendBatch(request, timeout=PATIENCE_S)
        return [
            code_name(one.error.code)
            if one.HasField("error")
            else Accepted(
                contract.SendResponse(
                    message_id=one.message_id, decision=reply.decisions[one.decision], repeated=one.repeated
                ),
                self.days,
            )
            for one in reply.results
        ]

    # ---- what would be ----

    def evaluated(self, scene: str = "", at: str = "", state: Any = None, **fields: Any) -> decisions.EvaluateResponse:
        """Ask what would be decided for a message."""
        request = decisions.EvaluateRequest(message=self.message(scene, **fields), state=state)
        request.now.CopyFrom(self.days.stamp(at or self.now))
        return self.decisions.Evaluate(request, timeout=PATIENCE_S)

    def evaluate(self, scene: str = "", at: str = "", state: Any = None, **fields: Any) -> Said:
        """What would be decided for a message."""
        return Said(self.evaluated(scene, at, state, **fields).decision, self.days)

    def evaluate_batch(self, messages: Sequence[message_pb2.Message]) -> tuple[list[str], Any]:
        """What would be decided for messages in order, in short and whole."""
        request = decisions.EvaluateBatchRequest(now=self.days.stamp(self.now))
        for message in messages:
            request.evaluations.add(message=message)
        reply = self.decisions.EvaluateBatch(request, timeout=PATIENCE_S)
        return [str(Said(reply.decisions[one.decision], self.days)) for one in reply.results], reply

    def evaluate_stream(self, messages: Sequence[message_pb2.Message]) -> list[str]:
        """The same along a stream."""
        now = self.days.stamp(self.now)
        requests = (decisions.EvaluateStreamRequest(message=message, now=now) for message in messages)
        stream = self.decisions.EvaluateStream(requests, timeout=PATIENCE_S)
        return [str(Said(one.decision, self.days)) for one in stream]

    # ---- what became of it ----

    def life(self, message_id: str) -> Life:
        """All about a message. Raises Refused."""
        return Life(self.call(self.messages.Get, contract.GetRequest(message_id=message_id)), self.days)

    def carried(self, message_id: str) -> list[tuple[str, ...]]:
        """What the carriers say that they took of a message, by their own logs: (carrier, address …)."""
        lines = [line for line in self.all_carried() if line["message_id"] == message_id]
        return [(line["provider"], *line["addresses"]) for line in lines]

    def carried_in_order(self, carrier: str) -> list[str]:
        """The ids of the messages that a carrier took, as it took them."""
        return [line["message_id"] for line in self.all_carried(carrier)]

    def all_carried(self, carrier: str = "*") -> list[dict[str, Any]]:
        """The lines of carriers' logs about calls that they took, by time."""
        paths = sorted((self.folder / "data" / "sandbox").glob(f"{carrier}.jsonl"))
        lines = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
        return sorted((line for line in lines if line["kind"] == "accepted"), key=lambda line: int(line["at"]))

    def page(self, **wanted: Any) -> tuple[list[contract.MessageRecord], str]:
        """A page of a list, and where the next one begins."""
        for name in ("since", "until"):
            if name in wanted:
                wanted[name] = self.days.stamp(wanted[name])
        page = self.call(self.messages.List, contract.ListRequest(tenant=TENANT, **wanted))
        return list(page.records), page.next_page_token

    def list(self, **wanted: Any) -> list[contract.MessageRecord]:
        """A list with all its pages."""
        found, token = self.page(**wanted)
        while token:
            more, token = self.page(**wanted, page_token=token)
            found += more
        return found

    def receipt(self, message_id: str, kind: str, attempt: str = "1.1", **fields: Any) -> str:
        """Report a receipt for an attempt (its step and number); what was done with it."""
        if message_id:
            fields["reference"] = f"{message_id}.{attempt}"
        one = contract.Receipt(kind=f"RECEIPT_KIND_{kind}", **fields)
        (result,) = self.messages.ReportReceipts(contract.ReportReceiptsRequest(receipts=[one])).results
        return contract.ReceiptResult.Outcome.Name(result.outcome).removeprefix("OUTCOME_")

    def cancel(self, **which: Any) -> tuple[int, int]:
        """Take back: how many were stopped, how many were too late. Raises Refused."""
        done = self.call(self.messages.Cancel, contract.CancelRequest(**which))
        return done.cancelled, done.too_late

    # ---- operators ----

    def dead_letters(self, page_size: int = 100) -> list[contract.DeadLetter]:
        """The dead letters of all pages."""
        found: list[contract.DeadLetter] = []
        token = ""
        while True:
            page = self.messages.ListDeadLetters(contract.ListDeadLettersRequest(page_size=page_size, page_token=token))
            found += page.dead_letters
            token = page.next_page_token
            if not token:
                return found

    def redrive(self, *names: tuple[str, int]) -> tuple[int, int]:
        """Send dead letters anew, all of them without names: how many go, how many were too late."""
        listed = [contract.DeadLetterName(message_id=message_id, step=step) for message_id, step in names]
        done = self.messages.RedriveDeadLetters(contract.RedriveDeadLettersRequest(dead_letters=listed, all=not listed))
        return done.redriven, done.too_late

    def pause(self, **scope: Any) -> None:
        """Pause something."""
        self.channels.Pause(channels.PauseRequest(scope=channels.PauseScope(**scope), by="test"))

    def resume(self, **scope: Any) -> bool:
        """Go on with something; was it paused?"""
        return bool(self.channels.Resume(channels.ResumeRequest(scope=channels.PauseScope(**scope))).was_paused)

    def breaker(self, state: str = "UNSPECIFIED", speed: float = 0.0, **scope: Any) -> None:
        """Force a breaker, or give it back to the rules."""
        wanted = channels.SetBreakerRequest(scope=channels.PauseScope(**scope), speed=speed)
        wanted.state = state_pb2.BreakerState.Value(f"BREAKER_STATE_{state}")
        self.channels.SetBreaker(wanted)

    def pauses(self) -> list[channels.PauseStatus]:
        """What is paused."""
        return list(self.channels.ListChannels(channels.ListChannelsRequest()).pauses)

    def queued(self, channel: str) -> int:
        """How many steps are in a channel's lanes."""
        found = self.channels.ListChannels(channels.ListChannelsRequest()).channels
        return sum(depth for one in found if one.name == channel for depth in one.queued.values())

    def health(self, provider: str) -> str:
        """The breaker of a provider in short: its state, the speed, and the rule or that it is forced."""
        found = self.channels.ListChannels(channels.ListChannelsRequest()).channels
        (one,) = [each.breaker for channel in found for each in channel.providers if each.name == provider]
        state = state_pb2.BreakerState.Name(one.state).removeprefix("BREAKER_STATE_")
        speed = f"{one.speed:g}" if one.speed else ""
        return " ".join(part for part in (state, speed, one.rule_id, "forced" if one.forced else "") if part)

    def go_on_all(self) -> None:
        """Undo whatever an earlier test has paused."""
        for pause in self.pauses():
            self.channels.Resume(channels.ResumeRequest(scope=pause.scope))

    # ---- money ----

    def grant(self, account: str, micros: int, unit: str = "CNY", entry: str = "") -> budget.GrantResponse:
        """Put money into an account of the tenant. Raises Refused."""
        self._names += 1
        request = budget.GrantRequest(
            tenant=TENANT, account=account, unit=unit, micros=micros, entry_id=entry or f"e{self._names}"
        )
        return self.call(self.budget.Grant, request)

    def account(self, name: str) -> tuple[int, int, int]:
        """What is left of an account, held by open messages, and spent."""
        (found,) = self.budget.ListAccounts(budget.ListAccountsRequest(tenant=TENANT, prefix=name)).accounts
        return found.left_micros, found.held_micros, found.spent_micros

    # ---- users ----

    def put(self, user: str = "", **fields: Any) -> int:
        """Store a user; the version in which they are."""
        one = state_pb2.User(tenant=TENANT, user_id=user or self.user, **fields)
        (result,) = self.identities.PutUsers(identities.PutUsersRequest(users=[one])).results
        assert result.WhichOneof("result") == "version", result
        return int(result.version)

    def bind(self, channel: str, value: str, user: str = "", **fields: Any) -> int:
        """Add an address to a user; the user's version."""
        request = identities.BindRequest(
            tenant=TENANT, user_id=user or self.user, channel=channel, value=value, **fields
        )
        return int(self.identities.Bind(request).version)

    def unbind(self, channel: str, value: str, user: str = "") -> None:
        """Take an address away from a user."""
        self.identities.Unbind(
            identities.UnbindRequest(tenant=TENANT, user_id=user or self.user, channel=channel, value=value)
        )

    def holders(self, channel: str, value: str) -> list[str]:
        """The users of an address."""
        request = identities.ReverseResolveRequest(tenant=TENANT, channel=channel, value=value)
        return [one.user_id for one in self.identities.ReverseResolve(request).holders]

    def opt_out(self, channel: str = "", category: str = "MARKETING", user: str = "") -> None:
        """Note that a user does not want something."""
        self.identities.OptOut(
            identities.OptOutRequest(
                tenant=TENANT, user_id=user or self.user, channel=channel, category=f"CATEGORY_{category}"
            )
        )

    def opt_in(self, channel: str = "") -> None:
        """Take an opt-out of marketing back."""
        self.identities.OptIn(identities.OptInRequest(tenant=TENANT, user_id=self.user, channel=channel))

    def bindings(self, channel: str, user: str = "") -> list[tuple[str, bool]]:
        """The addresses of a user on a channel, and whether they are valid."""
        request = identities.ResolveRequest(tenant=TENANT, user_id=user or self.user, channel=channel)
        return [(one.value, one.valid) for one in self.identities.Resolve(request).user.bindings]

    # ---- watching ----

    def cursor(self) -> str:
        """Where the records are now: what happens from here on comes behind it."""
        stream = self.messages.Watch(contract.WatchRequest(tenant=TENANT, line="marker"), timeout=PATIENCE_S)
        found: list[str] = []
        reader = threading.Thread(target=lambda: found.append(next(stream).cursor))
        reader.start()
        while reader.is_alive():  # a stream begins where the server is when it takes the call up
            self.send(line="marker")
            reader.join(0.05)
        stream.cancel()
        return found[0]

    def watch(self, cursor: str, count: int, **wanted: str) -> list[contract.WatchResponse]:
        """The next so many events behind a cursor."""
        stream = self.messages.Watch(contract.WatchRequest(tenant=TENANT, cursor=cursor, **wanted), timeout=PATIENCE_S)
        try:
            return [next(stream) for _ in range(count)]
        except grpc.RpcError as error:
            raise Refused(error) from None
        finally:
            stream.cancel()

    @staticmethod
    def kind(change: contract.WatchResponse) -> str:
        """What an event is about."""
        return contract.EventKind.Name(change.event.kind).removeprefix("EVENT_KIND_")
