"""Are the answers the same, whichever way they are asked for? Nothing is measured that was not compared first."""

from __future__ import annotations

from collections.abc import Sequence

import _common
import grpc

from engine.decision.judge import Judge
from engine.decision.session import Session, judge_now
from engine.flow.loading import load_folder
from engine.service.translate import read_message
from engine.service.translate_decision import write_decision
from engine.service.translate_state import read_state
from signalbox.v1 import decision_pb2
from signalbox.v1 import decision_service_pb2 as contract
from signalbox.v1 import decision_service_pb2_grpc as stubs

ZONE = "Asia/Shanghai"  # the server's default
Decisions = list[decision_pb2.Decision]


class Asker:
    """Asks a server, and the plain interpreter in this process, for the decisions of the same batch."""

    def __init__(self, channel: grpc.Channel, version: str) -> None:
        self._stub = stubs.DecisionServiceStub(channel)
        loaded = load_folder(_common.ROOT / "rules" / version, _common.ROOT / "rule_tests" / version)
        assert loaded.ruleset is not None
        self._judge = Judge(loaded.ruleset)

    def batched(self, batch: contract.EvaluateBatchRequest) -> Decisions:
        """By one EvaluateBatch."""
        reply = self._stub.EvaluateBatch(batch)
        return [reply.decisions[result.decision] for result in reply.results]

    def streamed(self, batch: contract.EvaluateBatchRequest) -> Decisions:
        """By EvaluateStream, one message after the other."""
        requests = [contract.EvaluateStreamRequest(message=one.message, now=one.now) for one in batch.evaluations]
        requests[0].state.CopyFrom(batch.state)
        return [response.decision for response in self._stub.EvaluateStream(iter(requests))]

    def interpreted(self, batch: contract.EvaluateBatchRequest) -> Decisions:
        """By the plain interpreter, without server, memo and durable-rules."""
        session = Session(self._judge, read_state(batch.state, ZONE))
        items = [(read_message(one.message), one.now.ToMilliseconds()) for one in batch.evaluations]
        return [write_decision(one.decision) for one in judge_now(session, items, lambda unknown: None)]

    def alone(self, request: contract.EvaluateRequest) -> tuple[decision_pb2.Decision, decision_pb2.Decision]:
        """One message by Evaluate, and the same as a batch of one."""
        batch = contract.EvaluateBatchRequest(state=request.state)
        batch.evaluations.add(message=request.message, now=request.now)
        return self._stub.Evaluate(request).decision, self.batched(batch)[0]


def answers_equal(
    channel: grpc.Channel,
    version: str,
    requests: Sequence[contract.EvaluateRequest],
    batches: Sequence[contract.EvaluateBatchRequest],
) -> bool:
    """Do Evaluate, EvaluateBatch, EvaluateStream and the plain interpreter decide alike?"""
    asker = Asker(channel, version)
    if any(one != other for one, other in map(asker.alone, requests)):
        return False
    return all(asker.batched(batch) == asker.streamed(batch) == asker.interpreted(batch) for batch in batches)
