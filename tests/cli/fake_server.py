"""A server that keeps the contract as far as the command sees it: in memory, in this process, with a clock of its own.

`calls` holds every request in order. `fail` holds what the next calls of a method fail with, in place of an answer.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from threading import Lock
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from signalbox.v1 import (
    budget_service_pb2,
    budget_service_pb2_grpc,
    channel_service_pb2,
    channel_service_pb2_grpc,
    decision_pb2,
    identity_service_pb2,
    identity_service_pb2_grpc,
    message_service_pb2,
    message_service_pb2_grpc,
    state_pb2,
)

NOW_MS = 1_770_000_000_000
DELIVERED = message_service_pb2.MESSAGE_STATE_DELIVERED
SENT = message_service_pb2.MESSAGE_STATE_SENT
Key = tuple[str, str, str]


def status(code: int, text: str = "no", retry_s: float | None = None, field: str = "") -> status_pb2.Status:
    """Return an error as the server writes it."""
    made = status_pb2.Status(code=code, message=text)
    packed = any_pb2.Any()
    if retry_s is not None:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromNanoseconds(int(retry_s * 1e9))
        packed.Pack(info)
        made.details.append(packed)
    if field:
        request = error_details_pb2.BadRequest()
        request.field_violations.add(field=field, description="differs")
        packed.Pack(request)
        made.details.append(packed)
    return made


class FakeServer:
    """What the servicers share."""

    def __init__(self, messages_clock: bool = True) -> None:
        self.messages_clock = messages_clock
        self.now_ms: int | None = None if messages_clock else time.time_ns() // 1_000_000
        self.calls: list[tuple[str, Any]] = []
        self.fail: dict[str, list[status_pb2.Status]] = defaultdict(list)
        self.refuse: dict[str, list[status_pb2.Status]] = defaultdict(list)
        """By request id: what a message alone is refused with, one after the other."""
        self.records: dict[Key, message_service_pb2.GetResponse] = {}
        self.users: dict[str, state_pb2.User] = {}
        self.refused_users: set[str] = set()
        self.entries: dict[tuple[str, str, str], int] = {}
        self.advance_in = 1
        self.most_at_once = 1000
        self.address = ""
        self.forgetful = False
        self._lock = Lock()

    def methods(self) -> list[str]:
        """Return the names of the methods that were called, one for each run of calls."""
        names = [name for name, _ in self.calls]
        return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]

    def of(self, method: str) -> list[Any]:
        """Return the requests of a method."""
        return [request for name, request in self.calls if name == method]

    def take(self, method: str, request: Message, context: grpc.ServicerContext) -> None:
        """Note a call; end it with an error if one is planned."""
        with self._lock:
            self.calls.append((method, request))
            error = self.fail[method].pop(0) if self.fail[method] else None
        if error is not None:
            context.abort_with_status(rpc_status.to_status(error))

    def finish(self, state: int = DELIVERED) -> None:
        """Let everything become final."""
        for answer in self.records.values():
            answer.record.state = state  # type: ignore[assignment]


class Messages(message_service_pb2_grpc.MessageServiceServicer):
    """Accepts what it is given; a message of the scene `drop` is dropped."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server

    def SendBatch(self, request: Any, context: Any) -> Any:
        self.server.take("SendBatch", request, context)
        if len(request.requests) > self.server.most_at_once:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")
        response = message_service_pb2.SendBatchResponse()
        for one in request.requests:
            result = response.results.add()
            answer = self._send(one)
            if isinstance(answer, status_pb2.Status):
                result.error.CopyFrom(answer)
                continue
            recorded, result.repeated = answer
            result.message_id = recorded.record.message_id
            result.decision = len(response.decisions)
            response.decisions.append(recorded.decision)
        return response

    def _send(self, one: Any) -> Any:
        server, message = self.server, one.message
        planned = server.refuse[message.request_id]
        if planned:
            return planned.pop(0)
        if one.HasField("now") != server.messages_clock:
            return status(code_pb2.INVALID_ARGUMENT, field="now")
        key = (message.tenant, message.user_id, message.request_id)
        known = server.records.get(key)
        if known is not None and not server.forgetful:
            return (known, True) if known.message == message else _differs(known.message, message)
        if server.messages_clock:
            at_ms = one.now.ToMilliseconds()
            if server.now_ms is not None and at_ms < server.now_ms:
                return status(code_pb2.FAILED_PRECONDITION, "its time is over")
            server.now_ms = at_ms
        server.records[key] = made = _recorded(message, server.now_ms or 0)
        return made, False

    def Get(self, request: Any, context: Any) -> Any:
        self.server.take("Get", request, context)
        for answer in self.server.records.values():
            if answer.record.message_id == request.message_id:
                return answer
        context.abort(grpc.StatusCode.NOT_FOUND, "nothing is known of it")

    def List(self, request: Any, context: Any) -> Any:
        self.server.take("List", request, context)
        since = request.since.ToMilliseconds() if request.HasField("since") else 0
        until = request.until.ToMilliseconds() if request.HasField("until") else 1 << 60
        found = [
            answer.record
            for answer in reversed(self.server.records.values())
            if request.state in (0, answer.record.state)
            and since <= answer.record.accepted_at.ToMilliseconds() < until
            and request.tenant == answer.record.tenant
        ]
        first = int(request.page_token or 0)
        last = first + min(request.page_size or 100, 7)
        return message_service_pb2.ListResponse(
            records=found[first:last], next_page_token=str(last) if last < len(found) else ""
        )

    def Cancel(self, request: Any, context: Any) -> Any:
        self.server.take("Cancel", request, context)
        return message_service_pb2.CancelResponse(cancelled=0 if request.message_id == "late" else 1, too_late=2)

    def ListDeadLetters(self, request: Any, context: Any) -> Any:
        self.server.take("ListDeadLetters", request, context)
        letter = message_service_pb2.DeadLetter(message_id="p00-1", step=1, channel="sms", provider="a", outcome="AUTH")
        return message_service_pb2.ListDeadLettersResponse(
            dead_letters=[letter], next_page_token="" if request.page_token else "more"
        )

    def RedriveDeadLetters(self, request: Any, context: Any) -> Any:
        self.server.take("RedriveDeadLetters", request, context)
        return message_service_pb2.RedriveDeadLettersResponse(redriven=len(request.dead_letters))


class Channels(channel_service_pb2_grpc.ChannelServiceServicer):
    """The clock, breakers and pauses."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.pauses: list[Any] = []

    def GetClock(self, request: Any, context: Any) -> Any:
        self.server.take("GetClock", request, context)
        answer = channel_service_pb2.GetClockResponse(messages_clock=self.server.messages_clock)
        if self.server.now_ms is not None:
            answer.now.FromMilliseconds(self.server.now_ms)
        return answer

    def AdvanceClock(self, request: Any, context: Any) -> Any:
        server = self.server
        server.take("AdvanceClock", request, context)
        if request.HasField("until"):
            server.now_ms = max(server.now_ms or 0, request.until.ToMilliseconds())
            return channel_service_pb2.AdvanceClockResponse(done=True)
        server.advance_in -= 1
        if server.advance_in <= 0:
            server.finish()
        return channel_service_pb2.AdvanceClockResponse(done=server.advance_in <= 0)

    def SetBreaker(self, request: Any, context: Any) -> Any:
        self.server.take("SetBreaker", request, context)
        return channel_service_pb2.SetBreakerResponse()

    def ListChannels(self, request: Any, context: Any) -> Any:
        self.server.take("ListChannels", request, context)
        answer = channel_service_pb2.ListChannelsResponse(pauses=self.pauses)
        sms = answer.channels.add(name="sms", queued={"P0": 0, "P3": 12})
        sms.breaker.state = state_pb2.BREAKER_STATE_SLOW
        sms.breaker.speed, sms.breaker.rule_id = 0.5, "level-1-slow"
        sms.providers.add(name="first", type="sandbox")
        sms.providers.add(name="second", type="sandbox")
        return answer

    def Pause(self, request: Any, context: Any) -> Any:
        self.server.take("Pause", request, context)
        self.pauses.append(channel_service_pb2.PauseStatus(scope=request.scope, by=request.by, reason=request.reason))
        self.pauses[-1].since.FromMilliseconds(NOW_MS)
        return channel_service_pb2.PauseResponse(pause=self.pauses[-1])

    def Resume(self, request: Any, context: Any) -> Any:
        self.server.take("Resume", request, context)
        before = len(self.pauses)
        self.pauses = [one for one in self.pauses if one.scope != request.scope]
        return channel_service_pb2.ResumeResponse(was_paused=len(self.pauses) < before)


class Identities(identity_service_pb2_grpc.IdentityServiceServicer):
    """Stores users."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server

    def PutUsers(self, request: Any, context: Any) -> Any:
        self.server.take("PutUsers", request, context)
        response = identity_service_pb2.PutUsersResponse()
        for user in request.users:
            if user.user_id in self.server.refused_users:
                response.results.add(error=status(code_pb2.INVALID_ARGUMENT, "64 bindings"))
                continue
            self.server.users[user.user_id] = user
            response.results.add(version=1)
        return response

    def Unbind(self, request: Any, context: Any) -> Any:
        self.server.take("Unbind", request, context)
        return identity_service_pb2.UnbindResponse()

    def OptIn(self, request: Any, context: Any) -> Any:
        self.server.take("OptIn", request, context)
        return identity_service_pb2.OptInResponse()

    def Resolve(self, request: Any, context: Any) -> Any:
        self.server.take("Resolve", request, context)
        return identity_service_pb2.ResolveResponse(user=self.server.users.get(request.user_id))


class Budget(budget_service_pb2_grpc.BudgetServiceServicer):
    """Keeps accounts."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server

    def Grant(self, request: Any, context: Any) -> Any:
        self.server.take("Grant", request, context)
        key = (request.tenant, request.account, request.entry_id)
        before = self.server.entries.setdefault(key, request.micros)
        if before != request.micros:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "another amount")
        repeated = len(self.server.of("Grant")) > len(self.server.entries)
        account = budget_service_pb2.AccountStatus(
            tenant=request.tenant, name=request.account, unit=request.unit, left_micros=before, total_micros=before
        )
        return budget_service_pb2.GrantResponse(account=account, repeated=repeated)

    def ListAccounts(self, request: Any, context: Any) -> Any:
        self.server.take("ListAccounts", request, context)
        accounts = [
            budget_service_pb2.AccountStatus(
                tenant=tenant,
                name=name,
                unit="CNY",
                total_micros=micros,
                left_micros=micros - 45_000,
                spent_micros=45_000,
            )
            for (tenant, name, _), micros in self.server.entries.items()
        ]
        return budget_service_pb2.ListAccountsResponse(accounts=accounts)


@contextmanager
def fake_server(messages_clock: bool = True) -> Iterator[FakeServer]:
    """Give a server that answers at its `address`."""
    made = FakeServer(messages_clock)
    grpc_server = grpc.server(ThreadPoolExecutor(4))
    message_service_pb2_grpc.add_MessageServiceServicer_to_server(Messages(made), grpc_server)
    channel_service_pb2_grpc.add_ChannelServiceServicer_to_server(Channels(made), grpc_server)
    identity_service_pb2_grpc.add_IdentityServiceServicer_to_server(Identities(made), grpc_server)
    budget_service_pb2_grpc.add_BudgetServiceServicer_to_server(Budget(made), grpc_server)
    made.address = f"127.0.0.1:{grpc_server.add_insecure_port('127.0.0.1:0')}"
    grpc_server.start()
    try:
        yield made
    finally:
        grpc_server.stop(None).wait()


def _recorded(message: Any, now_ms: int) -> message_service_pb2.GetResponse:
    digest = sha256(f"{message.user_id}/{message.request_id}".encode()).hexdigest()[:32]
    answer = message_service_pb2.GetResponse(message=message)
    record, decision = answer.record, answer.decision
    record.message_id = f"p00-{digest}"
    for name in ("tenant", "line", "user_id", "request_id", "category", "priority", "scene", "campaign"):
        setattr(record, name, getattr(message, name))
    record.accepted_at.FromMilliseconds(now_ms)
    record.expire_at.FromMilliseconds(now_ms + 86_400_000)
    decision.version, decision.decided_by = "1", "route"
    if message.scene == "drop":
        decision.verdict, decision.reason = decision_pb2.VERDICT_DROP, decision_pb2.REASON_OPTED_OUT
        record.state = message_service_pb2.MESSAGE_STATE_DROPPED
    else:
        decision.verdict, decision.plan.strategy = decision_pb2.VERDICT_SEND, 2  # type: ignore[assignment]
        decision.plan.steps.add(channel="push", admitted=True, number=1).wait.seconds = 60
        decision.plan.steps.add(channel="sms", number=2)
        record.state = SENT
        record.steps.add(number=1, channel="push", state=SENT, attempts=1, provider="a")
    record.verdict, record.reason, record.strategy = decision.verdict, decision.reason, decision.plan.strategy
    record.version, record.decided_by = decision.version, decision.decided_by
    return answer


def _differs(before: Any, now: Any) -> status_pb2.Status:
    for field in now.DESCRIPTOR.fields:
        if getattr(before, field.name) != getattr(now, field.name):
            return status(code_pb2.ALREADY_EXISTS, "exists already", field=f"message.{field.name}")
    raise AssertionError("they do not differ")
