"""A client that sends bytes, good or bad, and reads every answer against the contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import grpc
from google.protobuf.message import Message as Wire
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from signalbox.v1 import decision_service_pb2 as contract
from signalbox.v1 import rule_service_pb2
from tests.hostile.requests import encode

UNARY: Final[dict[str, Any]] = {
    "/signalbox.v1.DecisionService/Evaluate": contract.EvaluateResponse,
    "/signalbox.v1.DecisionService/EvaluateBatch": contract.EvaluateBatchResponse,
    "/signalbox.v1.RuleService/Status": rule_service_pb2.StatusResponse,
}
EVALUATE, BATCH, STATUS = UNARY
STREAM: Final = "/signalbox.v1.DecisionService/EvaluateStream"
PATIENCE_S: Final = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a response, or why there is none and which fields were to blame."""

    code: str
    response: Any = None
    fields: tuple[str, ...] = ()


class Client:
    """A connection with its methods; sends at most what it is given and takes answers of any size."""

    def __init__(self, address: str) -> None:
        unbounded = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self.channel = grpc.insecure_channel(address, options=unbounded)
        self._calls = {path: self.channel.unary_unary(path, _as_is, kind.FromString) for path, kind in UNARY.items()}
        self.stream = self.channel.stream_stream(STREAM, _as_is, contract.EvaluateStreamResponse.FromString)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.channel.close()

    def ask(self, path: str, data: bytes, **options: Any) -> Answer:
        """Call a unary method with these bytes."""
        try:
            return Answer("OK", self._calls[path](data, timeout=PATIENCE_S, **options))
        except grpc.RpcError as error:
            return refusal(error)

    def evaluate(self, request: contract.EvaluateRequest) -> Answer:
        """Ask for one message."""
        return self.ask(EVALUATE, encode(request))

    def batch(self, request: contract.EvaluateBatchRequest) -> Answer:
        """Ask for a batch."""
        return self.ask(BATCH, encode(request))

    def along(self, requests: Iterable[bytes]) -> tuple[list[contract.EvaluateStreamResponse], Answer]:
        """Send these along a stream; what was answered, and how it ended."""
        call, answers = self.stream(iter(requests), timeout=PATIENCE_S), []
        try:
            for answer in call:
                answers.append(answer)
        except grpc.RpcError as error:
            return answers, refusal(error)
        return answers, Answer("OK")


def _as_is(data: bytes) -> bytes:
    return data


def refusal(error: Any) -> Answer:
    """A failed call as an answer; where the server gave a reason in detail, it must be a whole one."""
    status = rpc_status.from_call(error)
    if status is None:
        return Answer(error.code().name)
    assert status.message == error.details()
    return Answer(error.code().name, status, fields_of(status))


def fields_of(status: status_pb2.Status) -> tuple[str, ...]:
    """The fields that a status blames; each comes with a sentence."""
    found: list[str] = []
    for detail in status.details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            assert all(violation.description for violation in bad.field_violations)
            found += [violation.field for violation in bad.field_violations]
    return tuple(found)


def check(answer: Answer) -> None:
    """An answer is within the contract: a whole response, or a refusal that says what to mend."""
    if answer.code == "OK":
        check_response(answer.response)
    elif answer.code == "INVALID_ARGUMENT":
        assert answer.fields, answer
        assert answer.fields[0], answer
        assert answer.response.message
    else:
        assert answer.code == "RESOURCE_EXHAUSTED", answer


def check_response(response: Wire) -> None:
    """A response holds whole decisions, and errors that name fields."""
    match response:
        case contract.EvaluateResponse():
            check_decisions([response.decision])
        case contract.EvaluateBatchResponse():
            check_decisions(response.decisions)
            for result in response.results:
                check_result(result)
                assert result.HasField("error") or result.decision < len(response.decisions)
        case contract.EvaluateStreamResponse():
            check_result(response)
            if response.HasField("decision"):
                check_decisions([response.decision])


def check_result(result: Any) -> None:
    """One message of a batch or a stream is decided, or refused for a field."""
    if result.WhichOneof("result") == "error":
        assert result.error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert fields_of(result.error)[0]
    else:
        assert result.WhichOneof("result") == "decision"


def check_decisions(decisions: Sequence[Any]) -> None:
    """A decision says what, why and under which version."""
    for decision in decisions:
        assert decision.verdict in (1, 2, 3)
        assert decision.version == "touchy"
        assert bool(decision.plan.steps) == (decision.verdict == 1)
        assert bool(decision.reason) == (decision.verdict != 1)
        assert decision.HasField("until") == (decision.verdict == 2)


def decided(response: contract.EvaluateBatchResponse) -> list[bytes | None]:
    """Each message's decision, spelt out; None where there was an error."""
    return [
        None if result.HasField("error") else response.decisions[result.decision].SerializeToString(deterministic=True)
        for result in response.results
    ]
