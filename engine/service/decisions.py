"""DecisionService: what would be decided, and why, without changing anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2

from engine.decision.judge import Judge
from engine.decision.ledger_model import LedgerModel
from engine.decision.model import Decision
from engine.decision.session import Item, Judgement, Session, State
from engine.decision.trace import explain
from engine.errors import FieldViolation, InvalidInput, TooLarge
from engine.flow.evaluation import Evaluator
from engine.service.counts import Counts
from engine.service.status import to_status
from engine.service.translate import NO_TIME, read_message, time_ms
from engine.service.translate_decision import write_decision, write_trace
from engine.service.translate_state import MAX_USERS, MAX_USES, assumed_parts, read_state, write_changes
from signalbox.v1 import decision_pb2, message_pb2, state_pb2
from signalbox.v1 import decision_service_pb2 as contract

WRITTEN_KEPT = 4096
"""Bound on the decisions kept as messages of the contract; at it, and with the rule set, they are forgotten."""


class DecisionServicer:
    """Answers DecisionService. `now_ms` is the server's clock; `batch_max` bounds a batch."""

    def __init__(self, evaluator: Evaluator, counts: Counts, now_ms: Callable[[], int], batch_max: int) -> None:
        self._evaluator = evaluator
        self._counts = counts
        self._now_ms = now_ms
        self._batch_max = batch_max
        self._written: dict[Decision, decision_pb2.Decision] = {}
        self._written_of: Judge | None = None

    async def Evaluate(self, request: contract.EvaluateRequest, context: object) -> contract.EvaluateResponse:
        """Judge one message."""
        try:
            state = read_state(request.state, self._evaluator.default_zone)
            now_ms = _read_now(request.now) if request.HasField("now") else self._now_ms()
            session = self._evaluator.session(state, request.trace)
            judged, trace = await self._judge_one(session, request.message, now_ms)
        except InvalidInput:
            self._counts.rejected += 1
            raise
        return contract.EvaluateResponse(
            decision=self._write(session.judge, judged.decision), assumed=assumed_parts(request.state), trace=trace
        )

    async def EvaluateBatch(
        self, request: contract.EvaluateBatchRequest, context: object
    ) -> contract.EvaluateBatchResponse:
        """Judge messages in order against one state."""
        count = len(request.evaluations)
        if count > self._batch_max:
            raise TooLarge(f"evaluations: {count} messages; at most {self._batch_max} are allowed in one batch")
        state = read_state(request.state, self._evaluator.default_zone)
        now_ms = _read_now(request.now) if request.HasField("now") else self._now_ms()
        session = self._evaluator.session(state, request.trace)
        response = contract.EvaluateBatchResponse(assumed=assumed_parts(request.state))
        fill = self._fill_traced if request.trace else self._fill
        last_ms = await fill(session, request, now_ms, response)
        write_changes(state.ledger, response.changed, last_ms)
        return response

    async def EvaluateStream(
        self, requests: AsyncIterator[contract.EvaluateStreamRequest], context: object
    ) -> AsyncIterator[contract.EvaluateStreamResponse]:
        """Judge messages along a stream, keeping what they would have used."""
        state = State(default_zone=self._evaluator.default_zone)
        given: set[int] = set()
        async for request in requests:
            response = contract.EvaluateStreamResponse()
            try:
                now_ms = _read_now(request.now) if request.HasField("now") else self._now_ms()
                if request.HasField("state"):
                    state = read_state(request.state, self._evaluator.default_zone, state)
                    given |= set(state_pb2.StatePart.values()) - set(assumed_parts(request.state))
                session = self._evaluator.session(state, request.trace)
                judged, trace = await self._judge_one(session, request.message, now_ms)
                self._tidy(state.ledger, judged, now_ms)
                response.decision.CopyFrom(self._write(session.judge, judged.decision))
                if trace is not None:
                    response.trace.CopyFrom(trace)
                write_changes(state.ledger, response.changed, now_ms)
            except InvalidInput as error:
                response.error.CopyFrom(self._reject(error))
            if len(state.ledger.uses) > MAX_USERS:
                raise TooLarge(
                    f"the stream has come to hold the limits of more than {MAX_USERS} users; "
                    "begin another one and give it the ledger it needs"
                )
            response.assumed.extend(part for part in assumed_parts(state_pb2.State()) if part not in given)
            yield response

    async def _judge_one(
        self, session: Session, wire: message_pb2.Message, now_ms: int
    ) -> tuple[Judgement, decision_pb2.Trace | None]:
        (judged,) = await self._evaluator.evaluate(session, [(read_message(wire), now_ms)])
        if judged.error is not None:
            raise judged.error
        self._count(judged.decision)
        ruleset = session.judge.ruleset
        return judged, write_trace(explain(judged, ruleset), ruleset) if session.explain else None

    def _tidy(self, ledger: LedgerModel, judged: Judgement, now_ms: int) -> None:
        """Forget what is over when a stream has used very many limits of one user; TooLarge if that is not enough."""
        uses = ledger.uses.get((judged.message.tenant, judged.message.user_id), {})
        if len(uses) <= MAX_USES:
            return
        for key in [key for key, use in uses.items() if max(use.expire_ms, use.end_ms) <= now_ms]:
            del uses[key]
        if len(uses) > MAX_USES:
            raise TooLarge(f"the stream has come to hold more than {MAX_USES} running limits of one user")

    def _reject(self, error: InvalidInput) -> status_pb2.Status:
        self._counts.rejected += 1
        return to_status(error)

    def _write(self, judge: Judge, decision: Decision) -> decision_pb2.Decision:
        """Write a decision; equal ones are one object (see `Judge.settle`), so most have been written before."""
        if judge is not self._written_of or len(self._written) >= WRITTEN_KEPT:
            self._written, self._written_of = {}, judge
        written = self._written.get(decision)
        if written is None:
            written = self._written[decision] = write_decision(decision)
        return written

    def _count(self, decision: Decision, times: int = 1) -> None:
        strategy = decision.plan.strategy if decision.plan is not None else 0
        self._counts.decided[decision.verdict, decision.reason, strategy] += times

    async def _fill(
        self,
        session: Session,
        request: contract.EvaluateBatchRequest,
        now_ms: int,
        response: contract.EvaluateBatchResponse,
    ) -> int:
        """Judge all messages together; return the time of the last that was decided."""
        last_ms = now_ms
        items, errors = _read_items(request, now_ms)
        judged = await self._evaluator.evaluate(session, items)
        numbers: dict[int, int] = {}
        times: list[int] = []
        decisions: list[Decision] = []
        add, results = response.decisions.append, response.results
        rest = iter(judged)
        for place in range(len(request.evaluations)):
            unread = errors.get(place)
            one = next(rest) if unread is None else None
            error = unread if one is None else one.error
            if one is None or error is not None:
                assert error is not None
                results.add(error=self._reject(error))
                continue
            # Equal decisions are one object (see `Judge.settle`), which lives as long as this list of judgements.
            decision = one.decision
            number = numbers.get(id(decision))
            if number is None:
                number = numbers[id(decision)] = len(numbers)
                add(self._write(session.judge, decision))
                decisions.append(decision)
                times.append(0)
            times[number] += 1
            last_ms = one.now_ms
            results.add(decision=number)
        for decision, often in zip(decisions, times, strict=True):
            self._count(decision, often)
        return last_ms

    async def _fill_traced(
        self,
        session: Session,
        request: contract.EvaluateBatchRequest,
        now_ms: int,
        response: contract.EvaluateBatchResponse,
    ) -> int:
        """Judge one message after the other, each with its explanation; return the time of the last decided."""
        last_ms = now_ms
        for evaluation in request.evaluations:
            await asyncio.sleep(0)  # explaining takes time; others get their turn
            result = response.results.add()
            try:
                at_ms = _read_now(evaluation.now) if evaluation.HasField("now") else now_ms
                judged, trace = await self._judge_one(session, evaluation.message, at_ms)
                last_ms = at_ms
            except InvalidInput as error:
                result.error.CopyFrom(self._reject(error))
                continue
            result.decision = len(response.decisions)
            response.decisions.append(self._write(session.judge, judged.decision))
            if trace is not None:
                result.trace.CopyFrom(trace)
        return last_ms


def _read_items(request: contract.EvaluateBatchRequest, now_ms: int) -> tuple[Sequence[Item], dict[int, InvalidInput]]:
    """Read the messages of a batch; those that cannot be read are given by their place."""
    items: list[Item] = []
    errors: dict[int, InvalidInput] = {}
    for place, evaluation in enumerate(request.evaluations):
        try:
            at_ms = _read_now(evaluation.now) if evaluation.HasField("now") else now_ms
            items.append((read_message(evaluation.message), at_ms))
        except InvalidInput as error:
            errors[place] = error
    return items, errors


def _read_now(wire: Timestamp) -> int:
    now_ms = time_ms(wire)
    if now_ms is None:
        raise InvalidInput([FieldViolation("now", NO_TIME)])
    return now_ms
