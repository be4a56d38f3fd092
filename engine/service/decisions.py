"""DecisionService: what would be decided, and why, without changing anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2

from engine.decision.judge import Judge
from engine.decision.ledger_model import LedgerModel
from engine.decision.model import Decision, Message
from engine.decision.session import Item, Judgement, Session, State
from engine.errors import FieldViolation, InvalidInput, TooLarge
from engine.flow.evaluation import Evaluator, Peek
from engine.flow.live_parts import LiveParts
from engine.service.counts import Counts
from engine.service.explaining import COUNTERFACTUAL, Explaining, Reading, level_of, level_of_many, situation_of
from engine.service.status import to_status
from engine.service.translate import NO_TIME, read_message, time_ms
from engine.service.translate_decision import write_decision
from engine.service.translate_state import (
    MAX_ACCOUNTS,
    MAX_USERS,
    MAX_USES,
    PARTS,
    missing_parts,
    read_state,
    write_changes,
)
from signalbox.v1 import decision_pb2, state_pb2
from signalbox.v1 import decision_service_pb2 as contract

WRITTEN_KEPT = 4096
"""Bound on the decisions kept as messages of the contract; at it, and with the rule set, they are forgotten."""


class DecisionServicer:
    """Answers DecisionService. `now_ms` is the server's clock; `batch_max` bounds a batch.

    What a request does not give of the state is read from `live`; a server without state assumes it, and says so.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        counts: Counts,
        now_ms: Callable[[], int],
        batch_max: int,
        live: LiveParts | None = None,
    ) -> None:
        self._evaluator = evaluator
        self._counts = counts
        self._now_ms = now_ms
        self._batch_max = batch_max
        self._live = live
        self._written: dict[Decision, decision_pb2.Decision] = {}
        self._written_of: Judge | None = None
        self._explaining = Explaining()

    async def Evaluate(self, request: contract.EvaluateRequest, context: object) -> contract.EvaluateResponse:
        """Judge one message."""
        missing = missing_parts(request.state)
        try:
            level = level_of(request)
            state = read_state(request.state, self._evaluator.default_zone)
            now_ms = _read_now(request.now) if request.HasField("now") else self._now_ms()
            message = read_message(request.message)
            session = await self._session(state, missing, [message], level)
            situation = situation_of(message, now_ms, session) if level >= COUNTERFACTUAL else None
            judged, trace = await self._judge_one(session, missing, message, now_ms, level)
        except InvalidInput:
            self._counts.rejected += 1
            raise
        if situation is not None and trace is not None:
            reading = Reading(self._live, missing)
            trace.counterfactual.CopyFrom(await self._explaining.search(situation, session.judge, reading))
        return contract.EvaluateResponse(
            decision=self._write(session.judge, judged.decision), assumed=self._assumed(missing), trace=trace
        )

    async def EvaluateBatch(
        self, request: contract.EvaluateBatchRequest, context: object
    ) -> contract.EvaluateBatchResponse:
        """Judge messages in order against one state."""
        count = len(request.evaluations)
        if count > self._batch_max:
            raise TooLarge(f"evaluations: {count} messages; at most {self._batch_max} are allowed in one batch")
        level = level_of_many(request)
        missing = missing_parts(request.state)
        state = read_state(request.state, self._evaluator.default_zone)
        now_ms = _read_now(request.now) if request.HasField("now") else self._now_ms()
        items = _read_items(request, now_ms)
        messages = [item[0] for item in items if not isinstance(item, InvalidInput)]
        session = await self._session(state, missing, messages, level)
        response = contract.EvaluateBatchResponse(assumed=self._assumed(missing))
        if level:
            last_ms = await self._fill_traced(session, missing, items, response, level)
        else:
            last_ms = await self._fill(session, missing, items, response)
        write_changes(state.ledger, response.changed, now_ms if last_ms is None else last_ms)
        return response

    async def EvaluateStream(
        self, requests: AsyncIterator[contract.EvaluateStreamRequest], context: object
    ) -> AsyncIterator[contract.EvaluateStreamResponse]:
        """Judge messages along a stream, keeping what they would have used."""
        state = State(default_zone=self._evaluator.default_zone)
        missing = list(PARTS)
        async for request in requests:
            response = contract.EvaluateStreamResponse()
            try:
                level = level_of_many(request)
                now_ms = _read_now(request.now) if request.HasField("now") else self._now_ms()
                if request.HasField("state"):
                    state = read_state(request.state, self._evaluator.default_zone, state)
                    missing = [name for name in missing if name in missing_parts(request.state)]
                message = read_message(request.message)
                session = await self._session(state, missing, [message], level)
                judged, trace = await self._judge_one(session, missing, message, now_ms, level)
                self._tidy(state.ledger, judged, now_ms)
                response.decision.CopyFrom(self._write(session.judge, judged.decision))
                if trace is not None:
                    response.trace.CopyFrom(trace)
                write_changes(state.ledger, response.changed, now_ms)
            except InvalidInput as error:
                response.error.CopyFrom(self._reject(error))
            _check_size(state.ledger)
            response.assumed.extend(self._assumed(missing))
            yield response

    async def _session(self, state: State, missing: list[str], messages: Sequence[Message], level: int) -> Session:
        """Begin to judge these messages; what the state lacks is the server's own, where it keeps any."""
        if self._live is None or not missing:
            return self._evaluator.session(state, explain=bool(level))
        judge = self._evaluator.judge
        return Session(judge, await self._live.fill(state, missing, messages, judge.reader), explain=bool(level))

    def _peek(self, missing: list[str]) -> Peek | None:
        return self._live.peek(missing) if self._live is not None and missing else None

    def _assumed(self, missing: list[str]) -> list[state_pb2.StatePart]:
        return [PARTS[name] for name in missing] if self._live is None else []

    async def _judge_one(
        self, session: Session, missing: list[str], message: Message, now_ms: int, level: int
    ) -> tuple[Judgement, decision_pb2.Trace | None]:
        (judged,) = await self._evaluator.evaluate(session, [(message, now_ms)], self._peek(missing))
        if judged.error is not None:
            raise judged.error
        self._count(judged.decision)
        return judged, await self._explaining.trace(session, judged, level) if level else None

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
        missing: list[str],
        items: Sequence[Item | InvalidInput],
        response: contract.EvaluateBatchResponse,
    ) -> int | None:
        """Judge all messages together; return the time of the last that was decided."""
        last_ms = None
        good = [item for item in items if not isinstance(item, InvalidInput)]
        rest = iter(await self._evaluator.evaluate(session, good, self._peek(missing)))
        numbers: dict[int, int] = {}
        times: list[int] = []
        decisions: list[Decision] = []
        add, results = response.decisions.append, response.results
        for item in items:
            one = next(rest) if not isinstance(item, InvalidInput) else None
            error = item if one is None else one.error
            if one is None or error is not None:
                assert isinstance(error, InvalidInput)
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
        missing: list[str],
        items: Sequence[Item | InvalidInput],
        response: contract.EvaluateBatchResponse,
        level: int,
    ) -> int | None:
        """Judge one message after the other, each with its explanation; return the time of the last decided."""
        last_ms = None
        for item in items:
            await asyncio.sleep(0)  # explaining takes time; others get their turn
            result = response.results.add()
            try:
                if isinstance(item, InvalidInput):
                    raise item
                judged, trace = await self._judge_one(session, missing, item[0], item[1], level)
                last_ms = item[1]
            except InvalidInput as error:
                result.error.CopyFrom(self._reject(error))
                continue
            result.decision = len(response.decisions)
            response.decisions.append(self._write(session.judge, judged.decision))
            if trace is not None:
                result.trace.CopyFrom(trace)
        return last_ms


def _read_items(request: contract.EvaluateBatchRequest, now_ms: int) -> list[Item | InvalidInput]:
    """Read the messages of a batch; in the place of one that cannot be read stands why."""
    items: list[Item | InvalidInput] = []
    for evaluation in request.evaluations:
        try:
            at_ms = _read_now(evaluation.now) if evaluation.HasField("now") else now_ms
            items.append((read_message(evaluation.message), at_ms))
        except InvalidInput as error:
            items.append(error)
    return items


def _check_size(ledger: LedgerModel) -> None:
    """Raise TooLarge when a stream has come to hold too much."""
    if len(ledger.uses) > MAX_USERS:
        raise TooLarge(
            f"the stream has come to hold the limits of more than {MAX_USERS} users; "
            "begin another one and give it the ledger it needs"
        )
    if len(ledger.accounts or ()) > MAX_ACCOUNTS:
        raise TooLarge(f"the stream has come to hold more than {MAX_ACCOUNTS} accounts; begin another one")


def _read_now(wire: Timestamp) -> int:
    now_ms = time_ms(wire)
    if now_ms is None:
        raise InvalidInput([FieldViolation("now", NO_TIME)])
    return now_ms
