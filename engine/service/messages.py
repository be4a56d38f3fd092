"""MessageService: messages in (`sending.py`), what became of them, and what operators and providers say of them.

A servicer only reads, asks one part, and writes: what that means stands in `engine/flow`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from engine.errors import FieldViolation, InvalidInput, NotFound, TooLarge
from engine.flow.operating import Cancelled, Cancelling, DeadLetters, Timeline
from engine.records.feed import Change, Changes, Feed
from engine.records.queries import Queries, Trace
from engine.service.counts import Counts
from engine.service.sending import Intake, Sending
from engine.service.status import to_status
from engine.service.translate import Violations, check_name
from engine.service.translate_messages import (
    ReportedReceipt,
    read_id,
    read_letter_name,
    read_letter_token,
    read_page_size,
    read_receipt,
    read_tenant_name,
    read_wanted,
    write_letter_token,
)
from engine.service.translate_records import write_change, write_letter, write_record, write_trace
from engine.state.keys import Keys
from signalbox.v1 import message_service_pb2 as contract

T = TypeVar("T")

MAX_RECEIPTS: Final = 1000
MAX_NAMES: Final = 1000

OUTCOMES: Final = {
    "NOTED": contract.ReceiptResult.OUTCOME_NOTED,
    "REPEATED": contract.ReceiptResult.OUTCOME_REPEATED,
    "KEPT": contract.ReceiptResult.OUTCOME_KEPT,
    "REJECTED": contract.ReceiptResult.OUTCOME_REJECTED,
}


class Finder(Protocol):
    """Finds messages by their id."""

    async def get(self, message_id: str) -> Trace | None:
        """Return a message with every event so far, or None when nothing is known of it."""


Report = Callable[[Sequence[ReportedReceipt]], Awaitable[Sequence[tuple[str, str]]]]
"""Takes receipts in and says of each what was done: NOTED, REPEATED, KEPT, or REJECTED and why."""


@dataclass(frozen=True, slots=True)
class MessageParts:
    """Everything that answers for MessageService. `timeline` is None on the real clock."""

    intake: Intake
    finder: Finder
    queries: Queries
    feed: Feed
    cancelling: Cancelling
    dead_letters: DeadLetters
    report: Report
    keys: Keys
    timeline: Timeline | None = None


class MessageServicer(Sending):
    """Answers MessageService. `now_ms` is the server's clock; `own_time`: messages bring their time along.

    `batch_max` bounds a batch.
    """

    def __init__(
        self, parts: MessageParts, counts: Counts, now_ms: Callable[[], int], own_time: bool, batch_max: int
    ) -> None:
        super().__init__(parts.intake, counts, now_ms, own_time, batch_max)
        self._parts = parts

    # ---- what became of them ----

    async def Get(self, request: contract.GetRequest, context: object) -> contract.GetResponse:
        """Tell all about one message."""
        trace = await self._find(request.message_id)
        if trace is None:
            raise _unknown(request.message_id)
        return write_trace(trace)

    async def List(self, request: contract.ListRequest, context: object) -> contract.ListResponse:
        """List recorded messages."""
        bad = Violations()
        wanted, size = read_wanted(request, bad), read_page_size(request.page_size, bad)
        bad.check()
        page = await self._parts.queries.page(wanted, size, request.page_token)
        return contract.ListResponse(records=[write_record(one) for one in page.messages], next_page_token=page.next)

    async def Watch(
        self, request: contract.WatchRequest, context: object
    ) -> AsyncGenerator[contract.WatchResponse, None]:
        """Follow what becomes of messages."""
        bad = Violations()
        check_name(request.tenant, "tenant", bad)
        check_name(request.line, "line", bad, required=False)
        check_name(request.campaign, "campaign", bad, required=False)
        bad.check()
        async for changes in self._parts.feed.follow(request.cursor, request.tenant, request.line, request.campaign):
            for change in await self._with_decisions(changes):
                yield write_change(change)

    async def _with_decisions(self, changes: Changes) -> list[Change]:
        """Give the events that begin a trace their decision, which the feed leaves to the message."""
        return list(await asyncio.gather(*(self._with_decision(change) for change in changes.changes)))

    async def _with_decision(self, change: Change) -> Change:
        event = change.event
        if event.kind != "DECIDED" or event.decision is not None:
            return change
        recorded = await self._parts.queries.get(change.message_id)
        if recorded is None or recorded.accepted_ms != change.accepted_ms:
            return change  # a later life under the same id has begun
        return change._replace(event=event._replace(decision=recorded.decision))

    async def _find(self, message_id: str) -> Trace | None:
        bad = Violations()
        read_id(message_id, "message_id", self._parts.keys, bad)
        bad.check()
        return await self._parts.finder.get(message_id)

    # ---- what others say of them ----

    async def Cancel(self, request: contract.CancelRequest, context: object) -> contract.CancelResponse:
        """Take messages back."""
        bad, cancelling = Violations(), self._parts.cancelling
        which = request.WhichOneof("which")
        if which == "message_id":
            cancelled = await self._cancel_one(request.message_id)
        elif which == "campaign":
            name = read_tenant_name(request.campaign.tenant, request.campaign.campaign, "campaign", "campaign", bad)
            bad.check()
            cancelled = await self._at_rest(lambda: cancelling.campaign(*name))
        elif which == "line":
            name = read_tenant_name(request.line.tenant, request.line.line, "line", "line", bad)
            bad.check()
            cancelled = await self._at_rest(lambda: cancelling.line(*name))
        else:
            raise InvalidInput([FieldViolation("message_id", "is required, unless campaign or line is given")])
        return contract.CancelResponse(cancelled=cancelled.cancelled, too_late=cancelled.too_late)

    async def _cancel_one(self, message_id: str) -> Cancelled:
        bad = Violations()
        read_id(message_id, "message_id", self._parts.keys, bad)
        bad.check()
        stopped = await self._at_rest(lambda: self._parts.cancelling.message(message_id))
        # What the state has forgotten was final long ago.
        if stopped is None and await self._parts.finder.get(message_id) is None:
            raise _unknown(message_id)
        return Cancelled(1, 0) if stopped else Cancelled(0, 1)

    async def ReportReceipts(
        self, request: contract.ReportReceiptsRequest, context: object
    ) -> contract.ReportReceiptsResponse:
        """Note what became of messages; a receipt that cannot be read is rejected alone."""
        if len(request.receipts) > MAX_RECEIPTS:
            raise TooLarge(f"receipts: {len(request.receipts)} receipts; at most {MAX_RECEIPTS} are allowed at once")
        now_ms = self._now_ms()
        read: list[ReportedReceipt] = []
        errors: list[InvalidInput | None] = []
        for place, wire in enumerate(request.receipts):
            try:
                read.append(read_receipt(wire, f"receipts[{place}]", now_ms))
                errors.append(None)
            except InvalidInput as error:
                errors.append(error)
        outcomes = iter(await self._at_rest(lambda: self._parts.report(read)) if read else ())
        response = contract.ReportReceiptsResponse()
        for place, failed in enumerate(errors):
            outcome, why = next(outcomes) if failed is None else ("REJECTED", "")
            result = response.results.add(outcome=OUTCOMES[outcome])
            if outcome == "REJECTED":
                result.error.CopyFrom(to_status(failed or _no_attempt(place, why)))
        return response

    async def ListDeadLetters(
        self, request: contract.ListDeadLettersRequest, context: object
    ) -> contract.ListDeadLettersResponse:
        """List steps that failed for good."""
        bad = Violations()
        size, after = read_page_size(request.page_size, bad), read_letter_token(request.page_token)
        bad.check()
        found = await self._parts.dead_letters.page(size, after)
        goes_on = bool(found) and bool(await self._parts.dead_letters.page(1, found[-1]))
        return contract.ListDeadLettersResponse(
            dead_letters=[write_letter(letter) for letter in found],
            next_page_token=write_letter_token(found[-1]) if goes_on else "",
        )

    async def RedriveDeadLetters(
        self, request: contract.RedriveDeadLettersRequest, context: object
    ) -> contract.RedriveDeadLettersResponse:
        """Send dead letters anew."""
        bad, dead_letters = Violations(), self._parts.dead_letters
        count = len(request.dead_letters)
        if count > MAX_NAMES:
            raise TooLarge(f"dead_letters: {count} names; at most {MAX_NAMES} are allowed at once, or all")
        if bool(count) is request.all:
            bad.add("dead_letters", "say which ones, or all: one of the two")
        names = [
            read_letter_name(one, f"dead_letters[{place}]", self._parts.keys, bad)
            for place, one in enumerate(request.dead_letters)
        ]
        bad.check()
        done = await self._at_rest(dead_letters.redrive_all if request.all else lambda: dead_letters.redrive(names))
        return contract.RedriveDeadLettersResponse(redriven=done.redriven, too_late=done.too_late)

    async def _at_rest(self, act: Callable[[], Awaitable[T]]) -> T:
        """On the messages' clock, time stands still meanwhile, and what it leads to has happened afterwards."""
        return await (act() if self._parts.timeline is None else self._parts.timeline.at_rest(act))


def _unknown(message_id: str) -> NotFound:
    return NotFound(f"nothing is known of a message {message_id}")


def _no_attempt(place: int, why: str) -> InvalidInput:
    return InvalidInput([FieldViolation(f"receipts[{place}].reference", why)])
