"""The server's records, by the page: a thousand messages are one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cli.mapping.messages import Prepared
from cli.sending.calls import CALL_SECONDS, Calls
from cli.sending.place import key_of_message
from signalbox.v1 import decision_pb2, message_pb2, message_service_pb2

PAGE: Final = 1000


def recorded(
    calls: Calls, tenant: str, since_ms: int | None = None, until_ms: int | None = None, state: int = 0
) -> Iterator[message_service_pb2.MessageRecord]:
    """Give the messages accepted in a time, the newest first; of one state, or with 0 of all."""
    request = message_service_pb2.ListRequest(tenant=tenant, page_size=PAGE)
    request.state = state  # type: ignore[assignment]  # the wire's numbers
    if since_ms is not None:
        request.since.FromMilliseconds(since_ms)
    if until_ms is not None:
        request.until.FromMilliseconds(until_ms)
    while True:
        page = calls.make(lambda server: server.messages.List(request, timeout=CALL_SECONDS))
        yield from page.records
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def key_of_record(record: message_service_pb2.MessageRecord) -> int:
    """Return the same number as `key_of_message` for the message."""
    return key_of_message(record.user_id, record.request_id)


def decision_of(record: message_service_pb2.MessageRecord) -> decision_pb2.Decision:
    """Return what is recorded of a decision; of a supplement's steps the first was admitted, of others all."""
    made = decision_pb2.Decision(
        verdict=record.verdict, reason=record.reason, decided_by=record.decided_by, version=record.version
    )
    made.plan.strategy = record.strategy
    first_only = record.strategy == message_pb2.STRATEGY_SUPPLEMENT
    for step in record.steps[:1] if first_only else record.steps:
        made.plan.steps.add(channel=step.channel, admitted=True)
    return made


class Earlier:
    """What was decided of messages whose time was over before this run, as far as the server has recorded them.

    On the messages' clock a server remembers a request for as long as anywhere, which in a year that is played in
    minutes is soon over. Then it refuses the message, because the clock never goes back, and only the records still
    tell that it was sent. They are read when the first such message comes: `since_ms` gives the time they begin at.
    """

    def __init__(self, calls: Calls, tenant: str, since_ms: Callable[[], int | None]) -> None:
        self._calls, self._tenant, self._since_ms = calls, tenant, since_ms
        self._found: dict[int, decision_pb2.Decision] | None = None

    def decision(self, message: Prepared) -> decision_pb2.Decision | None:
        """Return what was decided of a message then, None when it is not known."""
        if self._found is None:
            self._found = dict(self._read())
        return self._found.get(key_of_message(message.user_id, message.evaluation.message.request_id))

    def _read(self) -> Iterator[tuple[int, decision_pb2.Decision]]:
        """Give each message with its decision; equal decisions are one object."""
        known: dict[bytes, decision_pb2.Decision] = {}
        for record in recorded(self._calls, self._tenant, self._since_ms()):
            decision = decision_of(record)
            yield key_of_record(record), known.setdefault(decision.SerializeToString(deterministic=True), decision)
