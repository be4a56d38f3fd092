"""The one message that is explained in full: the one asked for, or else the one with the most to tell.

It is judged once more, with a trace, against the state as it was before it: its batch's state, and the messages of the
batch up to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from cli.evaluation.batches import Batch
from signalbox.v1 import decision_pb2, decision_service_pb2, decision_service_pb2_grpc

Request = decision_service_pb2.EvaluateBatchRequest
Response = decision_service_pb2.EvaluateBatchResponse

EVERY_RULE = 20
"""Messages of a batch of which a server explains every rule, for whoever asks for a certain message."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A message with its answer and the long explanation."""

    line: int
    evaluation: decision_service_pb2.Evaluation
    decision: decision_pb2.Decision
    trace: decision_pb2.Trace


class Pick:
    """Watches the answers go by and keeps the request of the best candidate."""

    def __init__(self, request_id: str | None) -> None:
        self.request_id = request_id
        self._best = -1
        self._found: tuple[Request, int, int] | None = None

    def look_at(self, request: Request, response: Response, batch: Batch) -> None:
        """Compare a batch's messages with the best so far."""
        if self.request_id is not None:
            for index, message in enumerate(batch.messages):
                if message.evaluation.message.request_id == self.request_id:
                    self._found = (request, index, message.line)
            return
        scores = [interest(decision) for decision in response.decisions]
        best = max(scores, default=-1)
        if best > self._best:
            chosen = scores.index(best)
            for index, result in enumerate(response.results):
                if result.WhichOneof("result") == "decision" and result.decision == chosen:
                    self._best, self._found = best, (request, index, batch.messages[index].line)
                    return

    def explain(self, stub: decision_service_pb2_grpc.DecisionServiceStub, timeout: float) -> Explained | None:
        """Judge the picked message once more with a trace; None when there was none. Raises grpc.RpcError."""
        if self._found is None:
            return None
        request, index, line = self._found
        again = decision_service_pb2.EvaluateBatchRequest(state=request.state, trace=True)
        if self.request_id is not None and index < EVERY_RULE:
            again.trace_level = decision_service_pb2.TRACE_LEVEL_RULES
        again.evaluations.extend(request.evaluations[: index + 1])
        response = stub.EvaluateBatch(again, timeout=timeout)
        result = response.results[index]
        if result.WhichOneof("result") != "decision":
            return None
        return Explained(line, request.evaluations[index], response.decisions[result.decision], result.trace)


def interest(decision: decision_pb2.Decision) -> int:
    """Return how much there is to tell: steps, and different rules that refused some of the channels."""
    refused = {(refusal.rule_id, refusal.reason) for refusal in decision.refusals if refusal.rule_id}
    sent = decision.verdict == decision_pb2.VERDICT_SEND
    return 3 * len(refused) + len(decision.plan.steps) + 2 * sent
