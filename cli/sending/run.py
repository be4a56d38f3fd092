"""The run: what a batch needs is put in place, then the batch is sent, and what comes back is counted.

    batch -> breakers, users -> SendBatch -> answers -> counts, rejects, place

On the messages' clock one batch is under way at a time. On the real clock there are several, and a batch that needs a
user to be another than before waits for those that went out with the user as they were.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import grpc
from google.rpc import code_pb2, status_pb2

from cli.client import explain_status, retry_delay_s, wrong_fields
from cli.evaluation.batches import Batch
from cli.mapping.messages import Prepared, Rejected
from cli.mapping.problems import Cause
from cli.problems import BrokenOff
from cli.sending.calls import CALL_SECONDS, Calls, is_too_large, may_come_again
from cli.sending.outcome import Outcome
from cli.sending.place import key_of_message
from cli.sending.records import Earlier
from cli.sending.surroundings import Breakers
from cli.sending.times import MOVED, Times
from cli.sending.users import Users
from signalbox.v1 import message_service_pb2

Request = message_service_pb2.SendBatchRequest
Response = message_service_pb2.SendBatchResponse


class UnderWay(NamedTuple):
    """A batch whose answer has not come."""

    batch: Batch
    messages: Sequence[Prepared]
    request: Request
    reply: Any


@dataclass
class Run:
    """One sending of a stream of messages.

    `prepare` is called once, when the first batch is there; `done` after each batch that is dealt with. `accepted`
    holds what stands for each message that the server has (see `key_of_message`), `untold` for those of which it did
    not say what was decided.
    """

    calls: Calls
    times: Times
    users: Users
    breakers: Breakers | None
    earlier: Earlier
    outcome: Outcome
    reject: Callable[[Rejected], None]
    prepare: Callable[[], None]
    done: Callable[[Batch], None]
    accepted: set[int] = field(default_factory=set)
    untold: set[int] = field(default_factory=set)
    first_ms: int | None = None
    last_ms: int = 0

    def run(self, batches: Iterator[Batch]) -> None:
        """Send all batches. Raises BrokenOff when the server fails for good."""
        waiting: deque[UnderWay] = deque()
        for batch in batches:
            self._put_in_place(batch, waiting)
            waiting.append(self._begin(batch))
            while len(waiting) >= self.times.under_way:
                self._finish(waiting.popleft())
        while waiting:
            self._finish(waiting.popleft())

    def _put_in_place(self, batch: Batch, waiting: deque[UnderWay]) -> None:
        at_ms = batch.messages[0].at_ms
        if self.first_ms is None:
            self.first_ms = at_ms
            self.times.reach(at_ms)
            self.prepare()
        if self.breakers is not None:
            self.breakers.reach(at_ms)
        users = self.users.wanted(batch)
        if not users:
            return
        if self.users.change(users):
            self.times.reach(at_ms)
            while waiting:
                self._finish(waiting.popleft())
        self.users.put(users, at_ms if self.times.own else None)

    def _begin(self, batch: Batch) -> UnderWay:
        messages = batch.messages
        if self.users.refused:
            messages = [one for one in messages if not self._without_user(one)]
        request = self._request(messages)
        return UnderWay(batch, messages, request, self._call(request) if messages else None)

    def _request(self, messages: Sequence[Prepared], not_before_ms: int = 0) -> Request:
        return Request(requests=[self.times.request(message, not_before_ms) for message in messages])

    def _call(self, request: Request) -> Any:
        return self.calls.server.messages.SendBatch.future(request, timeout=CALL_SECONDS)

    def _without_user(self, message: Prepared) -> bool:
        why = self.users.refused.get(message.user_id)
        if why is not None:
            self._refused(message, Cause("the server does not store the user", f"the user cannot be stored: {why}"))
        return why is not None

    def _finish(self, one: UnderWay) -> None:
        if one.messages:
            self._take_in(one.messages, one.request, one.reply)
        self.last_ms = max(self.last_ms, one.batch.messages[-1].at_ms)
        self.done(one.batch)

    def _take_in(self, messages: Sequence[Prepared], request: Request, reply: Any) -> None:
        """Wait for the answer and count it; what is refused for a while is sent again, in order.

        By then it is later: on the messages' clock as late as the last of those that went with it.
        """
        last_ms = messages[-1].at_ms
        while True:
            response = self._answer(messages, request, reply)
            if response is None:
                return
            again, delay_s = self._count(messages, response)
            if not again:
                return
            self.calls.pause(f"the server takes no more for now: {explain_status(again[0][1])}", delay_s)
            messages = [message for message, _ in again]
            request = self._request(messages, last_ms)
            reply = self._call(request)

    def _answer(self, messages: Sequence[Prepared], request: Request, reply: Any) -> Response | None:
        """Return the answer to a request; None when it was too large, and its halves have been dealt with instead."""
        while True:
            try:
                response: Response = reply.result()
            except grpc.RpcError as error:
                if is_too_large(error) and len(messages) > 1:
                    self._halve(messages, request)
                    return None
                self.calls.pause_after(error)
                reply = self._call(request)
                continue
            self.calls.answered()
            if len(response.results) != len(messages):
                raise BrokenOff(f"the server answered {len(response.results)} of {len(messages)} messages")
            return response

    def _halve(self, messages: Sequence[Prepared], request: Request) -> None:
        middle = len(messages) // 2
        for half in (slice(None, middle), slice(middle, None)):
            part = Request(requests=request.requests[half])
            self._take_in(messages[half], part, self._call(part))

    def _count(
        self, messages: Sequence[Prepared], response: Response
    ) -> tuple[list[tuple[Prepared, status_pb2.Status]], float | None]:
        """Count the answers; return what may be sent again, and after how many seconds."""
        given: Counter[int] = Counter()
        again: list[tuple[Prepared, status_pb2.Status]] = []
        for message, result in zip(messages, response.results, strict=True):
            if not result.HasField("error"):
                given[result.decision] += 1
                self._accept(message, result.message_id, result.repeated)
            elif may_come_again(result.error):
                again.append((message, result.error))
            elif not self._known_otherwise(message, result.error):
                code = code_pb2.Code.Name(result.error.code)
                self._refused(message, Cause(f"refused with {code}", explain_status(result.error)))
        for index, times in given.items():
            self.outcome.count(response.decisions[index], times)
        return again, max((retry_delay_s(status) or 0.0 for _, status in again), default=None)

    def _accept(self, message: Prepared, message_id: str, repeated: bool) -> None:
        self.outcome.accepted_one(message_id, repeated)
        self.accepted.add(key_of_message(message.user_id, message.evaluation.message.request_id))

    def _known_otherwise(self, message: Prepared, error: status_pb2.Status) -> bool:
        """Count a message that the server refuses though it was accepted before; tell whether it is one."""
        if self._was_moved(error):
            self.outcome.untold += 1
            self.untold.add(key_of_message(message.user_id, message.evaluation.message.request_id))
            self._accept(message, "", True)
            return True
        if self.times.own and error.code == code_pb2.FAILED_PRECONDITION:
            decision = self.earlier.decision(message)
            if decision is not None:
                self.outcome.count(decision, 1)
                self._accept(message, "", True)
                return True
        return False

    def _was_moved(self, status: status_pb2.Status) -> bool:
        """Tell a message that was accepted before, and differs in nothing but the times that have moved since."""
        if self.times.own or status.code != code_pb2.ALREADY_EXISTS:
            return False
        fields = wrong_fields(status)
        return bool(fields) and all(field in MOVED for field in fields)

    def _refused(self, message: Prepared, cause: Cause) -> None:
        self.reject(Rejected(message.line, message.evaluation.message.request_id, (cause,)))
