"""The run: a batch to the server, the next one prepared meanwhile, what comes back kept and counted.

A batch needs the state that the one before left behind, so one call is under way at a time; reading and mapping the
next messages goes on beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from cli.client import explain_error, explain_status
from cli.evaluation.batches import Batch
from cli.evaluation.pick import Pick
from cli.evaluation.state import KeptState
from cli.evaluation.tally import Tally, name_of
from cli.mapping.messages import Prepared, Rejected
from cli.mapping.problems import Cause
from cli.problems import BrokenOff
from signalbox.v1 import decision_service_pb2, decision_service_pb2_grpc, state_pb2

CALL_SECONDS: Final = 60.0

Request = decision_service_pb2.EvaluateBatchRequest
Response = decision_service_pb2.EvaluateBatchResponse


@dataclass
class Run:
    """One evaluation of a stream of messages."""

    stub: decision_service_pb2_grpc.DecisionServiceStub
    state: KeptState
    pick: Pick
    reject: Callable[[Rejected], None]
    progress: Callable[[Batch], None]
    tally: Tally = field(default_factory=Tally)
    assumed: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)

    def run(self, batches: Iterator[Batch]) -> None:
        """Judge all batches. Raises BrokenOff when the server fails."""
        batch = next(batches, None)
        while batch is not None:
            request = self.state.request(batch)
            reply = self.stub.EvaluateBatch.future(request, timeout=CALL_SECONDS)
            following = next(batches, None)
            self._take_in(batch, request, self._wait(reply, batch))
            batch = following

    def _wait(self, reply: Any, batch: Batch) -> Response:
        try:
            response: Response = reply.result()
        except grpc.RpcError as error:
            first = batch.messages[0]
            raise BrokenOff(
                f"the server failed on the batch that begins with line {first.line}: {explain_error(error)}"
            ) from error
        if len(response.results) != len(batch.messages):
            raise BrokenOff(f"the server answered {len(response.results)} of {len(batch.messages)} messages")
        return response

    def _take_in(self, batch: Batch, request: Request, response: Response) -> None:
        self.state.take_in(response.changed)
        given: Counter[int] = Counter()
        for message, result in zip(batch.messages, response.results, strict=True):
            if result.HasField("error"):
                self._refused(message, explain_status(result.error))
            else:
                given[result.decision] += 1
        for index, times in given.items():
            self.tally.add(response.decisions[index], times)
        self.versions.update(decision.version for decision in response.decisions)
        self.assumed.update(name_of(state_pb2.StatePart, part) for part in response.assumed)
        self.pick.look_at(request, response, batch)
        self.progress(batch)

    def _refused(self, message: Prepared, why: str) -> None:
        self.reject(Rejected(message.line, message.evaluation.message.request_id, Cause.plain(why)))
