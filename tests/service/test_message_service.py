"""MessageService as its callers see it: what is refused before it is taken in, what answers share, what is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2

from engine.decision.model import Decision, Reason, Verdict
from engine.errors import AlreadyExists, InvalidInput, NotFound, SignalboxError, StateUnavailable, TooLarge
from engine.errors import TooMuchUnrecorded as Unrecorded
from engine.flow.intake import Accepted, Incoming
from engine.flow.lookup import Lookup
from engine.flow.operating import Cancelled, DeadLetter, DeadLetterName, Redriven
from engine.records.database import Database
from engine.records.feed import Feed
from engine.records.queries import Queries
from engine.service.counts import Counts
from engine.service.messages import MessageParts, MessageServicer
from engine.service.translate_messages import ReportedReceipt
from signalbox.v1 import decision_pb2, message_pb2
from signalbox.v1 import message_service_pb2 as contract
from tests.decision.rulesets import MINUTE, NOON
from tests.flow.lived import KEYS, accepted, asked, attempted, delivered, id_of, record

SEND = Decision(Verdict.SEND, Reason.NONE, 0, None, "a-rule", (), "v1")
DROP = Decision(Verdict.DROP, Reason.BLOCKED, 0, None, "b-rule", (), "v1")
SOME_ID = "p01-" + "0" * 32


ERRORS: dict[str, SignalboxError] = {
    "exists": AlreadyExists("message.content", SOME_ID),
    "backlog": Unrecorded("too much waits"),
    "away": StateUnavailable("no Redis"),
}


class Intake:
    """Takes in what it is given, and remembers it; a user named after an error gets that error."""

    def __init__(self) -> None:
        self.taken: list[Incoming] = []

    def _answer(self, incoming: Incoming) -> Accepted | SignalboxError:
        message = incoming.message
        if message.user_id in ERRORS:
            return ERRORS[message.user_id]
        repeated = any(one.message.request_id == message.request_id for one in self.taken)
        self.taken.append(incoming)
        decision = DROP if message.user_id == "blocked" else SEND
        return Accepted(KEYS.message_id(message.tenant, message.user_id, message.request_id), decision, repeated)

    async def send(self, items: Sequence[Incoming]) -> list[Accepted | SignalboxError]:
        return [self._answer(one) for one in items]

    async def send_one(self, incoming: Incoming) -> Accepted:
        answer = self._answer(incoming)
        if isinstance(answer, SignalboxError):
            raise answer
        return answer


class Operators:
    """Cancelling and dead letters as a script, with what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.letters = [DeadLetter(SOME_ID, 1, NOON + at, "sms", "carrier-a", "CONFIG") for at in range(5)]
        self.stopped: bool | None = True

    async def message(self, message_id: str) -> bool | None:
        self.asked.append(message_id)
        return self.stopped

    async def campaign(self, tenant: str, campaign: str) -> Cancelled:
        self.asked.append(("campaign", tenant, campaign))
        return Cancelled(7, 3)

    async def line(self, tenant: str, line: str) -> Cancelled:
        self.asked.append(("line", tenant, line))
        return Cancelled(2, 1)

    async def page(self, limit: int, after: DeadLetter | None) -> list[DeadLetter]:
        return [one for one in self.letters if after is None or one.since_ms > after.since_ms][:limit]

    async def redrive(self, names: Sequence[DeadLetterName]) -> Redriven:
        self.asked += names
        return Redriven(len(names), 0)

    async def redrive_all(self) -> Redriven:
        self.asked.append("all")
        return Redriven(4, 1)


class Site:
    """A servicer with everything behind it."""

    def __init__(self, database: Database, own_time: bool = False, batch_max: int = 1000) -> None:
        self.intake, self.operators, self.counts = Intake(), Operators(), Counts()
        self.reported: list[ReportedReceipt] = []
        self.feed = Feed(database)
        queries, nothing_live = Queries(database), NothingLive()
        parts = MessageParts(
            intake=self.intake,
            finder=Lookup(nothing_live, queries),  # type: ignore[arg-type]  # it answers as the state does
            queries=queries,
            feed=self.feed,
            cancelling=self.operators,
            dead_letters=self.operators,
            report=self._report,
            keys=KEYS,
        )
        self.servicer = MessageServicer(parts, self.counts, lambda: NOON, own_time, batch_max)

    async def _report(self, receipts: Sequence[ReportedReceipt]) -> list[tuple[str, str]]:
        self.reported += receipts
        return [("NOTED", "") if one.reference.startswith("p") else ("REJECTED", "is none") for one in receipts]


class NothingLive:
    """A state without any message in it."""

    async def read_one(self, message_id: str) -> None:
        return None


@pytest.fixture
def site(database: Database) -> Site:
    """A servicer on the real clock, and its parts."""
    return Site(database)


def request(user_id: str = "u", request_id: str = "r", **fields: object) -> contract.SendRequest:
    """A message to send."""
    wire = message_pb2.Message(tenant="t", line="cards", user_id=user_id, request_id=request_id, category=2)
    wire.content.text = "hello"
    return contract.SendRequest(message=wire, **fields)  # type: ignore[arg-type]


def at(wire: contract.SendRequest, now_ms: int) -> contract.SendRequest:
    """The same with a time."""
    wire.now.FromMilliseconds(now_ms)
    return wire


def violations(error: InvalidInput) -> list[str]:
    """The fields complained of."""
    return [violation.field for violation in error.violations]


def details(status: status_pb2.Status, kind: Any) -> Any:
    """The rich detail of a status."""
    found = kind()
    assert status.details[0].Unpack(found)
    return found


# ---- sending ----


async def test_a_message_is_answered_with_its_id_and_its_decision(site: Site) -> None:
    """The id is derived from tenant, user and request_id; the time is the server's."""
    response = await site.servicer.Send(request(), None)

    assert response.message_id == KEYS.message_id("t", "u", "r")
    assert response.decision.verdict == decision_pb2.VERDICT_SEND
    assert not response.repeated
    assert site.intake.taken[0].now_ms == NOON
    assert dict(site.counts.decided) == {(Verdict.SEND, Reason.NONE, 0): 1}


async def test_a_repeated_message_says_so_and_is_no_new_decision(site: Site) -> None:
    """It is answered alike and counted apart."""
    first, second = await site.servicer.Send(request(), None), await site.servicer.Send(request(), None)

    assert second.repeated
    assert (second.message_id, second.decision) == (first.message_id, first.decision)
    assert sum(site.counts.decided.values()) == 1
    assert site.counts.repeated == 1


async def test_everything_that_is_wrong_is_told_at_once(site: Site) -> None:
    """The fields of the message, the key that sending needs, and a time that this server does not take."""
    wire = at(request(user_id="", request_id=""), NOON)

    with pytest.raises(InvalidInput) as caught:
        await site.servicer.Send(wire, None)

    assert violations(caught.value) == ["message.user_id", "message.request_id", "now"]
    assert (site.counts.rejected, site.intake.taken) == (1, [])


async def test_on_the_messages_clock_every_message_brings_its_time(database: Database) -> None:
    """And only there."""
    site = Site(database, own_time=True)

    await site.servicer.Send(at(request(), NOON + MINUTE), None)
    with pytest.raises(InvalidInput) as missing:
        await site.servicer.Send(request(), None)
    with pytest.raises(InvalidInput) as wrong:
        await site.servicer.Send(at(request(), -1), None)

    assert [one.now_ms for one in site.intake.taken] == [NOON + MINUTE]
    assert violations(missing.value) == violations(wrong.value) == ["now"]


async def test_in_a_batch_a_bad_message_fails_alone(site: Site) -> None:
    """The others are answered in their places, and equal decisions travel once."""
    batch = contract.SendBatchRequest()
    for user_id, request_id in (("u", "1"), ("", "2"), ("blocked", "3"), ("exists", "4"), ("v", "5"), ("backlog", "6")):
        batch.requests.append(request(user_id, request_id))

    response = await site.servicer.SendBatch(batch, None)

    assert [result.WhichOneof("result") for result in response.results] == [
        *("decision", "error", "decision", "error", "decision", "error")
    ]
    assert [result.decision for result in response.results if result.message_id] == [0, 1, 0]
    assert [one.verdict for one in response.decisions] == [decision_pb2.VERDICT_SEND, decision_pb2.VERDICT_DROP]
    bad, exists, backlog = (response.results[place].error for place in (1, 3, 5))
    assert bad.code == code_pb2.INVALID_ARGUMENT
    assert exists.code == code_pb2.ALREADY_EXISTS
    assert details(exists, error_details_pb2.BadRequest).field_violations[0].field == "message.content"
    assert backlog.code == code_pb2.RESOURCE_EXHAUSTED
    assert details(backlog, error_details_pb2.RetryInfo).retry_delay.seconds == 5
    assert dict(site.counts.decided) == {(Verdict.SEND, Reason.NONE, 0): 2, (Verdict.DROP, Reason.BLOCKED, 0): 1}
    assert site.counts.rejected == 1


async def test_a_batch_has_a_bound(database: Database) -> None:
    """One more is refused as a whole; an empty one is answered with nothing."""
    site = Site(database, batch_max=2)
    batch = contract.SendBatchRequest(requests=[request()] * 3)

    with pytest.raises(TooLarge, match="requests: 3 messages; at most 2"):
        await site.servicer.SendBatch(batch, None)

    assert await site.servicer.SendBatch(contract.SendBatchRequest(), None) == contract.SendBatchResponse()


async def test_a_stream_goes_on_after_a_bad_message_and_ends_with_the_state(site: Site) -> None:
    """What is wrong with one message is its answer; that nothing can be taken in is the end."""

    async def requests() -> AsyncIterator[contract.SendStreamRequest]:
        for user_id in ("u", "", "exists", "v", "away", "w"):
            yield contract.SendStreamRequest(request=request(user_id, f"of-{user_id}"))

    responses = site.servicer.SendStream(requests(), None)
    answers = [await anext(responses) for _ in range(4)]
    with pytest.raises(StateUnavailable):
        await anext(responses)

    assert [answer.WhichOneof("result") for answer in answers] == ["decision", "error", "error", "decision"]
    assert [answer.error.code for answer in answers[1:3]] == [code_pb2.INVALID_ARGUMENT, code_pb2.ALREADY_EXISTS]
    assert [one.message.user_id for one in site.intake.taken] == ["u", "v"]


# ---- what became of them ----


async def test_a_message_is_told_with_everything_that_was_sent(site: Site, database: Database) -> None:
    """Its head, itself, its first decision, its steps and its trace."""
    wanted = asked(campaign="spring", params={"amount": 5.0, "list": ["a", 1.0]}, addresses=(("sms", "+86"),))
    await record(database, accepted(wanted, attempted, delivered))

    told = await site.servicer.Get(contract.GetRequest(message_id=id_of(wanted)), None)

    head = told.record
    assert (head.message_id, head.tenant, head.campaign, head.state) == (
        *(id_of(wanted), "t", "spring"),
        contract.MESSAGE_STATE_DELIVERED,
    )
    assert (head.accepted_at.ToMilliseconds(), head.verdict, head.decided_by) == (NOON, 1, "to-push")
    assert [(s.number, s.channel, s.provider, s.attempts) for s in head.steps] == [(1, "push", "carrier-a", 1)]
    assert told.message.content.text == "hello"
    assert dict(told.message.params) == {"amount": 5.0, "list": told.message.params["list"]}
    assert list(told.message.params["list"]) == ["a", 1.0]
    assert told.message.addresses[0].value == "+86"
    assert told.decision.plan.steps[1].channel == "sms"
    assert [contract.EventKind.Name(event.kind) for event in told.events] == [
        *("EVENT_KIND_DECIDED", "EVENT_KIND_ATTEMPTED", "EVENT_KIND_ANSWERED", "EVENT_KIND_ENDED")
    ]
    assert told.events[0].decision == told.decision
    assert told.events[1].detail["provider"] == "carrier-a"


@pytest.mark.parametrize("message_id", ["", "p1-0", "p09-" + "0" * 32, "x"])
async def test_a_text_that_is_no_id_is_not_looked_for(site: Site, message_id: str) -> None:
    """What an id looks like stands in the complaint."""
    with pytest.raises(InvalidInput) as caught:
        await site.servicer.Get(contract.GetRequest(message_id=message_id), None)

    assert violations(caught.value) == ["message_id"]


async def test_what_nobody_knows_is_not_found(site: Site) -> None:
    """Neither to be told of nor to be taken back."""
    with pytest.raises(NotFound, match=SOME_ID):
        await site.servicer.Get(contract.GetRequest(message_id=SOME_ID), None)
    site.operators.stopped = None
    with pytest.raises(NotFound, match=SOME_ID):
        await site.servicer.Cancel(contract.CancelRequest(message_id=SOME_ID), None)


async def test_a_list_goes_page_by_page_and_keeps_to_what_is_asked(site: Site, database: Database) -> None:
    """The newest first, every message once."""
    for number in range(5):
        wanted = asked(f"r{number}", line="cards" if number else "loans")
        await record(database, accepted(wanted, at_ms=NOON + number * MINUTE))
    asked_for = contract.ListRequest(tenant="t", line="cards", verdict=decision_pb2.VERDICT_SEND, page_size=3)

    first = await site.servicer.List(asked_for, None)
    asked_for.page_token = first.next_page_token
    second = await site.servicer.List(asked_for, None)

    assert [one.request_id for one in first.records] == ["r4", "r3", "r2"]
    assert [one.request_id for one in second.records] == ["r1"]
    assert not second.next_page_token


async def test_a_list_that_makes_no_sense_is_refused(site: Site) -> None:
    """Each field is named."""
    wrong = contract.ListRequest(user_id="\n", verdict=9, state=77, page_size=1001)  # type: ignore[arg-type]
    wrong.since.seconds = -1

    with pytest.raises(InvalidInput) as caught:
        await site.servicer.List(wrong, None)
    with pytest.raises(InvalidInput) as foreign:
        await site.servicer.List(contract.ListRequest(tenant="t", page_token="?"), None)

    assert violations(caught.value) == ["tenant", "user_id", "verdict", "state", "since", "page_size"]
    assert violations(foreign.value) == ["page_token"]


async def test_a_watcher_is_told_what_happens_and_can_go_on_where_it_was(site: Site, database: Database) -> None:
    """The first event brings its decision; a cursor begins behind what it came with."""
    before = await site.feed.end()
    await record(database, accepted(asked("a"), attempted, delivered))
    await record(database, accepted(asked("b", line="loans")))
    wanted = contract.WatchRequest(tenant="t", line="cards", cursor=before)

    async def events(count: int) -> list[contract.WatchResponse]:
        found = []
        async with asyncio.timeout(5), aclosing(site.servicer.Watch(wanted, None)) as responses:
            async for response in responses:
                found.append(response)
                if len(found) == count:
                    break
        return found

    first = await events(2)
    wanted.cursor = first[-1].cursor
    second = await events(2)

    assert [one.event.number for one in (*first, *second)] == [1, 2, 3, 4]
    assert {one.message_id for one in (*first, *second)} == {id_of(asked("a"))}
    assert first[0].event.decision.decided_by == "to-push"
    assert first[0].state == contract.MESSAGE_STATE_DELIVERED


async def test_a_watcher_names_a_tenant_and_a_cursor_of_ours(site: Site) -> None:
    """Everything of everybody cannot be followed, nor can a text that is no cursor."""
    for wrong, field in (
        (contract.WatchRequest(), "tenant"),
        (contract.WatchRequest(tenant="t", cursor="?"), "cursor"),
    ):
        with pytest.raises(InvalidInput) as caught:
            await anext(site.servicer.Watch(wrong, None))
        assert violations(caught.value) == [field]


# ---- operators and providers ----


async def test_one_message_or_a_campaign_or_a_line_is_taken_back(site: Site, database: Database) -> None:
    """What is long final counts as too late."""
    gone = asked("gone")
    await record(database, accepted(gone, attempted, delivered))
    of_campaign, of_line = contract.CancelRequest(), contract.CancelRequest()
    of_campaign.campaign.tenant, of_campaign.campaign.campaign = "t", "spring"
    of_line.line.tenant, of_line.line.line = "t", "cards"

    one = await site.servicer.Cancel(contract.CancelRequest(message_id=SOME_ID), None)
    site.operators.stopped = None
    late = await site.servicer.Cancel(contract.CancelRequest(message_id=id_of(gone)), None)
    many = await site.servicer.Cancel(of_campaign, None)
    some = await site.servicer.Cancel(of_line, None)

    counts = [(answer.cancelled, answer.too_late) for answer in (one, late, many, some)]
    assert counts == [(1, 0), (0, 1), (7, 3), (2, 1)]
    assert site.operators.asked[2:] == [("campaign", "t", "spring"), ("line", "t", "cards")]


async def test_cancelling_nothing_in_particular_is_refused(site: Site) -> None:
    """One of the three is named, and whole."""
    half = contract.CancelRequest()
    half.campaign.tenant = "t"
    for wrong, field in ((contract.CancelRequest(), "message_id"), (half, "campaign.campaign")):
        with pytest.raises(InvalidInput) as caught:
            await site.servicer.Cancel(wrong, None)
        assert violations(caught.value) == [field]


async def test_receipts_are_answered_one_by_one(site: Site) -> None:
    """One that cannot be read, or names no attempt, is rejected alone and says why."""
    receipts = contract.ReportReceiptsRequest()
    kind = contract.RECEIPT_KIND_DELIVERED
    receipts.receipts.add(reference=f"{SOME_ID}.1.1", kind=kind).at.FromMilliseconds(NOON - 5)
    receipts.receipts.add(reference="nonsense", kind=kind)
    receipts.receipts.add(provider_message_id="x", kind=kind)
    receipts.receipts.add(code="c" * 129)

    response = await site.servicer.ReportReceipts(receipts, None)

    noted, rejected = contract.ReceiptResult.OUTCOME_NOTED, contract.ReceiptResult.OUTCOME_REJECTED
    assert [result.outcome for result in response.results] == [noted, rejected, rejected, rejected]
    fields = [
        [one.field for one in details(result.error, error_details_pb2.BadRequest).field_violations]
        for result in response.results[1:]
    ]
    assert fields == [
        ["receipts[1].reference"],
        ["receipts[2].provider"],
        ["receipts[3].reference", "receipts[3].kind", "receipts[3].code"],
    ]
    assert [one.at_ms for one in site.reported] == [NOON - 5, NOON]


async def test_dead_letters_go_page_by_page(site: Site) -> None:
    """The last page names no next one."""
    asked_for = contract.ListDeadLettersRequest(page_size=3)

    first = await site.servicer.ListDeadLetters(asked_for, None)
    asked_for.page_token = first.next_page_token
    second = await site.servicer.ListDeadLetters(asked_for, None)

    since = [one.since.ToMilliseconds() - NOON for one in (*first.dead_letters, *second.dead_letters)]
    assert since == [0, 1, 2, 3, 4]
    assert (second.next_page_token, first.dead_letters[0].outcome) == ("", "CONFIG")
    asked_for.page_token = "WzFd"
    with pytest.raises(InvalidInput):
        await site.servicer.ListDeadLetters(asked_for, None)


async def test_dead_letters_are_sent_anew_by_name_or_all(site: Site) -> None:
    """One of the two, and whole names."""
    named = contract.RedriveDeadLettersRequest()
    named.dead_letters.add(message_id=SOME_ID, step=2)

    some = await site.servicer.RedriveDeadLetters(named, None)
    every = await site.servicer.RedriveDeadLetters(contract.RedriveDeadLettersRequest(all=True), None)

    assert (some.redriven, every.redriven, every.too_late) == (1, 4, 1)
    assert site.operators.asked == [DeadLetterName(SOME_ID, 2), "all"]
    named.all = True
    named.dead_letters.add(message_id="x")
    with pytest.raises(InvalidInput) as caught:
        await site.servicer.RedriveDeadLetters(named, None)
    assert violations(caught.value) == ["dead_letters", "dead_letters[1].message_id", "dead_letters[1].step"]
