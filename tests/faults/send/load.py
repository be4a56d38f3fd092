"""Many clients that hand in messages at once and, as they are told to, call again while the server is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Self

import grpc

from signalbox.v1 import decision_pb2, message_service_pb2, message_service_pb2_grpc
from signalbox.v1.budget_service_pb2 import GrantRequest, ListAccountsRequest
from signalbox.v1.budget_service_pb2_grpc import BudgetServiceStub
from tests.faults.checker import Answer, Line, not_final, told_of, told_of_record
from tests.faults.send.servers import PATIENCE_S, Servers, rest
from tests.faults.send.world import CATEGORIES, TENANT

AGAIN: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        # A call that grpc had in its queue when its server was stopped; or ours, when we moved to the next server.
        grpc.StatusCode.CANCELLED,
    }
)
BEFORE_AGAIN_S: Final = 0.05
LIMIT_S: Final = 20.0
NAMES: Final = dict(CATEGORIES)

Request = message_service_pb2.SendRequest


class Clients:
    """The clients of a server and what they were answered. `answers` has a line for each answer that arrived."""

    def __init__(self, servers: Servers) -> None:
        self.answers: list[Answer] = []
        self.refused: list[tuple[Request, int, str]] = []
        self.called_again = 0
        self._servers = servers
        self._channel: tuple[str, grpc.aio.Channel] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel[1].close()

    async def connected(self) -> grpc.aio.Channel:
        """A connection to where the server is now."""
        address, before = self._servers.address, self._channel
        if before is not None and before[0] == address:
            return before[1]
        channel = grpc.aio.insecure_channel(address)
        self._channel = address, channel
        if before is not None:
            await before[1].close()
        return channel

    async def ask(self, call: Callable[[grpc.aio.Channel], Awaitable[Any]]) -> Any:
        """Make a call, again and again while the server is away."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while True:
            channel = await self.connected()
            try:
                return await call(channel)
            except grpc.aio.AioRpcError as error:
                if error.code() not in AGAIN or loop.time() > deadline:
                    raise
            except (grpc.aio.UsageError, asyncio.CancelledError):
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise
            self.called_again += 1
            await rest(BEFORE_AGAIN_S)

    # ---- messages in ----

    async def send(self, requests: Iterable[Request], each: int = 20, clients: int = 8) -> None:
        """Hand in messages: so many clients with batches of so many; until every one is answered."""
        batches = iter(_batches(list(requests), each))

        async def client() -> None:
            for batch in batches:
                await self.send_batch(batch)

        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(client())

    async def send_batch(self, batch: Sequence[Request]) -> None:
        """Hand in a batch; the messages of it that are to be sent again are."""
        while batch:
            request = message_service_pb2.SendBatchRequest(requests=batch)
            response = await self.ask(
                lambda channel, request=request: message_service_pb2_grpc.MessageServiceStub(channel).SendBatch(
                    request, timeout=LIMIT_S
                )
            )
            batch = [
                one
                for one, result in zip(batch, response.results, strict=True)
                if not self._take(one, result, response)
            ]
            if batch:
                await rest(BEFORE_AGAIN_S)

    def _take(self, request: Request, result: Any, response: Any) -> bool:
        if result.WhichOneof("result") == "error":
            if grpc.StatusCode.UNAVAILABLE.value[0] == result.error.code:
                return False
            self.refused.append((request, result.error.code, result.error.message))
        else:
            self.note(request, result.message_id, response.decisions[result.decision], result.repeated)
        return True

    async def send_one(self, request: Request) -> Answer:
        """Hand in one message by itself; raises what it is refused with."""
        response = await self.ask(
            lambda channel: message_service_pb2_grpc.MessageServiceStub(channel).Send(request, timeout=LIMIT_S)
        )
        return self.note(request, response.message_id, response.decision, response.repeated)

    def note(self, request: Request, message_id: str, decision: Any, repeated: bool) -> Answer:
        """Write down an answer."""
        message = request.message
        answer = Answer(
            message_id,
            message.tenant,
            message.user_id,
            message.request_id,
            NAMES[message.category],
            message.line,
            decision_pb2.Verdict.Name(decision.verdict).removeprefix("VERDICT_"),
            decision_pb2.Reason.Name(decision.reason).removeprefix("REASON_") if decision.reason else "",
            repeated,
            tuple(step.channel for step in decision.plan.steps),
        )
        self.answers.append(answer)
        return answer

    # ---- what became of them ----

    async def get(self, message_id: str) -> Line:
        """What the server says of one message."""
        request = message_service_pb2.GetRequest(message_id=message_id)
        try:
            return told_of(
                await self.ask(
                    lambda channel: message_service_pb2_grpc.MessageServiceStub(channel).Get(request, timeout=LIMIT_S)
                )
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return {}

    async def get_all(self, message_ids: Iterable[str]) -> dict[str, Line]:
        """What it says of many."""
        told: dict[str, Line] = {}
        ids = iter(message_ids)

        async def client() -> None:
            for message_id in ids:
                told[message_id] = await self.get(message_id)

        async with asyncio.TaskGroup() as group:
            for _ in range(16):
                group.create_task(client())
        return told

    async def see_the_end(self) -> dict[str, Line]:
        """Wait until the records say of every accepted message that it has ended; return what is told of each."""
        everything = {answer.message_id for answer in self.answers}
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while asyncio.get_running_loop().time() < deadline:
            listed = await self.listed()
            if everything <= listed.keys() and not any(map(not_final, listed.values())):
                break
            await rest(0.3)
        return await self.get_all(everything)

    async def listed(self) -> dict[str, Line]:
        """Every message as the records have it, without its trace."""
        found: dict[str, Line] = {}
        token = ""
        while True:
            request = message_service_pb2.ListRequest(tenant=TENANT, page_size=1000, page_token=token)
            page = await self.ask(
                lambda channel, request=request: message_service_pb2_grpc.MessageServiceStub(channel).List(
                    request, timeout=LIMIT_S
                )
            )
            found |= {record.message_id: told_of_record(record) for record in page.records}
            token = page.next_page_token
            if not token:
                return found

    # ---- accounts ----

    async def grant(self, totals: dict[str, int]) -> None:
        """Put money into the accounts of lines."""
        for line, micros in totals.items():
            entry = GrantRequest(tenant=TENANT, account=f"{line}/sms", unit="CNY", micros=micros, entry_id="first")
            await self.ask(lambda channel, entry=entry: BudgetServiceStub(channel).Grant(entry, timeout=LIMIT_S))

    async def accounts(self) -> list[Any]:
        """The accounts as the server keeps them."""
        request = ListAccountsRequest(tenant=TENANT)
        response = await self.ask(lambda channel: BudgetServiceStub(channel).ListAccounts(request, timeout=LIMIT_S))
        return list(response.accounts)


def _batches(requests: Sequence[Request], each: int) -> Iterator[Sequence[Request]]:
    return (requests[start : start + each] for start in range(0, len(requests), each))
