"""The half of MessageService that takes messages in: one, a batch, or along a stream.

This is the way of every message, so a batch costs 7 us a message: most of it reading, 1 us writing the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Final, Protocol

from google.rpc import status_pb2

from engine.decision.model import Decision
from engine.decision.session import PART_MESSAGES
from engine.errors import (
    AlreadyExists,
    InvalidInput,
    OutOfOrder,
    RecordsUnavailable,
    SignalboxError,
    TooLarge,
    TooMuchUnrecorded,
)
from engine.flow.intake import Accepted, Incoming
from engine.service.counts import Counts
from engine.service.status import to_status
from engine.service.translate_decision import write_decision
from engine.service.translate_messages import read_incoming
from signalbox.v1 import decision_pb2
from signalbox.v1 import message_service_pb2 as contract

WRITTEN_KEPT: Final = 4096
"""Bound on the decisions kept as messages of the contract; at it they are forgotten."""

ALONE: Final = (InvalidInput, AlreadyExists, TooMuchUnrecorded, RecordsUnavailable, OutOfOrder)
"""What is wrong with one message alone; anything else ends a stream."""


class Intake(Protocol):
    """Takes messages in."""

    async def send_one(self, incoming: Incoming) -> Accepted:
        """Take in one message; raises what is wrong with it."""

    async def send(self, items: Sequence[Incoming]) -> Sequence[Accepted | SignalboxError]:
        """Take messages in, in order; the answer of each, or why it alone was refused."""


class Sending:
    """Answers Send, SendBatch and SendStream. `now_ms`, `own_time` and `batch_max` as in `MessageServicer`."""

    def __init__(
        self, intake: Intake, counts: Counts, now_ms: Callable[[], int], own_time: bool, batch_max: int
    ) -> None:
        self._intake = intake
        self._counts = counts
        self._now_ms = now_ms
        self._own_time = own_time
        self._batch_max = batch_max
        self._written: dict[Decision, decision_pb2.Decision] = {}

    async def Send(self, request: contract.SendRequest, context: object) -> contract.SendResponse:
        """Accept one message."""
        try:
            accepted = await self._intake.send_one(read_incoming(request, self._time()))
        except InvalidInput:
            self._counts.rejected += 1
            raise
        self._count(accepted, 1)
        return contract.SendResponse(
            message_id=accepted.message_id, decision=self._write(accepted), repeated=accepted.repeated
        )

    async def SendBatch(self, request: contract.SendBatchRequest, context: object) -> contract.SendBatchResponse:
        """Accept messages in order; a bad one fails alone."""
        requests = request.requests
        if len(requests) > self._batch_max:
            raise TooLarge(f"requests: {len(requests)} messages; at most {self._batch_max} are allowed in one batch")
        now_ms = self._time()
        items: list[Incoming] = []
        answers: list[Accepted | SignalboxError | None] = []
        for begin in range(0, len(requests), PART_MESSAGES):
            if begin:
                await asyncio.sleep(0)  # who waits for a single message gets their turn
            for one in requests[begin : begin + PART_MESSAGES]:
                try:
                    items.append(read_incoming(one, now_ms))
                    answers.append(None)
                except InvalidInput as error:
                    answers.append(error)
        accepted = iter(await self._intake.send(items)) if items else iter(())
        return self._write_batch([next(accepted) if answer is None else answer for answer in answers])

    async def SendStream(
        self, requests: AsyncIterator[contract.SendStreamRequest], context: object
    ) -> AsyncGenerator[contract.SendStreamResponse, None]:
        """Accept messages along a stream; a bad one fails alone."""
        async for request in requests:
            try:
                accepted = await self._intake.send_one(read_incoming(request.request, self._time()))
            except ALONE as error:
                yield contract.SendStreamResponse(error=self._reject(error))
                continue
            self._count(accepted, 1)
            yield contract.SendStreamResponse(
                message_id=accepted.message_id, decision=self._write(accepted), repeated=accepted.repeated
            )

    def _time(self) -> int | None:
        return None if self._own_time else self._now_ms()

    def _write_batch(self, answers: Sequence[Accepted | SignalboxError]) -> contract.SendBatchResponse:
        """Write the answers; equal decisions are mostly one object, and travel once."""
        response = contract.SendBatchResponse()
        add, add_decision = response.results.add, response.decisions.append
        numbers: dict[int, int] = {}  # by the decision's identity: the answers keep it alive
        first: list[Accepted] = []
        times: list[int] = []
        for answer in answers:
            if not isinstance(answer, Accepted):
                add(error=self._reject(answer))
                continue
            message_id, decision, repeated = answer
            number = numbers.get(id(decision))
            if number is None:
                number = numbers[id(decision)] = len(numbers)
                add_decision(self._write(answer))
                first.append(answer)
                times.append(0)
            times[number] += 1
            if repeated:
                add(message_id=message_id, decision=number, repeated=True)
            else:
                add(message_id=message_id, decision=number)
        for one, often in zip(first, times, strict=True):
            self._count(one, often)
        return response

    def _write(self, accepted: Accepted) -> decision_pb2.Decision:
        """Write a decision; one that was made now is shared by many messages, one that is repeated is not."""
        if accepted.repeated:
            return write_decision(accepted.decision)
        written = self._written.get(accepted.decision)
        if written is None:
            if len(self._written) >= WRITTEN_KEPT:
                self._written = {}
            written = self._written[accepted.decision] = write_decision(accepted.decision)
        return written

    def _count(self, accepted: Accepted, times: int) -> None:
        if accepted.repeated:
            self._counts.repeated += times
            return
        decision = accepted.decision
        strategy = decision.plan.strategy if decision.plan is not None else 0
        self._counts.decided[decision.verdict, decision.reason, strategy] += times

    def _reject(self, error: SignalboxError) -> status_pb2.Status:
        if isinstance(error, InvalidInput):
            self._counts.rejected += 1
        return to_status(error)
