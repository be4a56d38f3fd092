"""Intake: messages in, answers out; read from top to bottom this is what Send does.

    message -> its user -> proposal -> admit (one script a partition) -> settle -> answer

When an answer is given, all of it is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final, NamedTuple, Protocol

from engine.decision.judge import Judge
from engine.decision.life import REMEMBERED_MS
from engine.decision.model import Admission, Decision, Message
from engine.decision.outline import unpack_admission, unpack_outline
from engine.decision.packing import changed_field, pack_message
from engine.decision.session import PART_MESSAGES, Judgement, Session
from engine.decision.settle import settle
from engine.errors import AlreadyExists, RecordsUnavailable, SignalboxError, StateUnavailable, TooMuchUnrecorded
from engine.flow import admission as admitting
from engine.flow.evaluation import Evaluator
from engine.flow.live_state import LiveState
from engine.state.admit import NOTHING_ASKED, AdmitRequest, Admitted, Kind
from engine.state.coalesce import Coalescer
from engine.state.keys import Keys, user_digest
from engine.state.messages import Messages, Record

MOST_AT_ONCE: Final = 500
"""Single calls that are taken in together."""


class Incoming(NamedTuple):
    """A message to take in, and the time at which it is."""

    message: Message
    now_ms: int


class Accepted(NamedTuple):
    """The answer: what was decided when the message was first accepted, now or earlier (`repeated`)."""

    message_id: str
    decision: Decision
    repeated: bool


Answer = Accepted | SignalboxError


class Load(Protocol):
    """What waits to be recorded."""

    async def refused(self) -> frozenset[str]:
        """Return the priorities of which no more may be taken in."""


class Intake:
    """Takes messages in."""

    def __init__(
        self,
        evaluator: Evaluator,
        live: LiveState,
        admission: admitting.Admission,
        messages: Messages,
        load: Load,
        keys: Keys,
    ) -> None:
        self._evaluator = evaluator
        self._live = live
        self._admission = admission
        self._messages = messages
        self._load = load
        self._keys = keys
        # Batches are made ready one after the other: side by side they would all come to Redis together, and then wait.
        self._turn = asyncio.Lock()
        self._singles: Coalescer[Incoming, Answer] = Coalescer(self.send, MOST_AT_ONCE)

    async def send_one(self, incoming: Incoming) -> Accepted:
        """Take in one message, together with whatever else comes in at this moment.

        Raises InvalidInput, AlreadyExists, TooMuchUnrecorded, RulesUnavailable, StateUnavailable, ClockDiffers, and
        RecordsUnavailable when it is charged and only the records know whether there is enough.
        """
        answer = await self._singles.one(incoming)
        if isinstance(answer, SignalboxError):
            raise answer
        return answer

    async def send(self, items: Sequence[Incoming]) -> list[Answer]:
        """Take messages in, in order; the answer of each, or why it alone was refused.

        Raises RulesUnavailable, StateUnavailable and ClockDiffers; then it is not known which were accepted, and all
        may be sent again.
        """
        judge = self._evaluator.judge
        messages = [one.message for one in items]
        session = Session(judge, await self._live.state(messages, judge.reader))
        refused = await self._load.refused()
        async with self._turn if len(items) > PART_MESSAGES else nullcontext():
            judged = await self._evaluator.propose(session, items)
            answers: list[Answer | None] = [_refusal(one, refused) for one in judged]
            if any(answers):
                await self._recall(items, answers)
            places = [place for place, answer in enumerate(answers) if answer is None]
            requests: list[AdmitRequest] = []
            for begin in range(0, len(places), PART_MESSAGES):
                if begin:
                    await asyncio.sleep(0)  # who waits for a single message gets their turn
                requests += [self._request(judge, judged[at], session) for at in places[begin : begin + PART_MESSAGES]]
        admitted = await self._admission.admit(requests)
        for place, request, one in zip(places, requests, admitted, strict=True):
            answers[place] = _answer(judge, judged[place], request.message_id, one)
        return [answer for answer in answers if answer is not None]

    async def _recall(self, items: Sequence[Incoming], answers: list[Answer | None]) -> None:
        """What would be refused now, but was accepted before, gets its first answer again."""
        places = [place for place, answer in enumerate(answers) if answer is not None]
        known = await self.known([items[place].message for place in places], items[places[0]].now_ms)
        for place, answer in zip(places, known, strict=True):
            answers[place] = answer or answers[place]

    async def known(self, messages: Sequence[Message], now_ms: int) -> list[Answer | None]:
        """Answer messages that were accepted before, from memory; None for the others. Raises StateUnavailable."""
        keys = self._keys
        ids = [keys.message_id(one.tenant, one.user_id, one.request_id) for one in messages]
        return [
            _remembered(message, record) if record is not None and record.until_ms > now_ms else None
            for message, record in zip(messages, await self._messages.read(ids), strict=True)
        ]

    def _request(self, judge: Judge, judged: Judgement, session: Session) -> AdmitRequest:
        message, proposal = judged.message, judged.proposal
        message_id = self._keys.message_id(message.tenant, message.user_id, message.request_id)
        held_in = None
        if proposal.refusal is not None:
            held_in = admitting.held_in(proposal, session.state.breakers, self._keys, message_id)
        # A named tuple's own constructor takes twice as long.
        return tuple.__new__(
            AdmitRequest,
            (
                message_id,
                user_digest(message.tenant, message.user_id),
                proposal,
                judge.pack_outline(proposal),
                pack_message(message),
                max(proposal.expire_ms, proposal.now_ms + REMEMBERED_MS),
                NOTHING_ASKED,
                held_in,
                None,
            ),
        )


def _refusal(judged: Judgement, refused: frozenset[str]) -> SignalboxError | None:
    if judged.error is not None:
        return judged.error
    priority = judged.message.priority
    if priority in refused:
        return TooMuchUnrecorded(f"so much waits to be recorded that messages of {priority} are not taken in")
    return None


def _answer(judge: Judge, judged: Judgement, message_id: str, admitted: Admitted) -> Answer:
    kind, admission, known, _short = admitted
    if admission is not None:
        return tuple.__new__(Accepted, (message_id, judge.settle(judged.proposal, admission), False))
    if kind is Kind.SHORT:
        return RecordsUnavailable("the account it is charged to is not at hand, and the records are away; call again")
    if kind is not Kind.KNOWN or known is None:
        return StateUnavailable(f"an earlier life of {message_id} is just being recorded; send it again")
    return _repeated(judged.message, message_id, known.body, known.digests, known.outline, known.admission)


def _remembered(message: Message, record: Record) -> Answer:
    assert record.outline is not None  # a record is made with its first decision
    assert record.admission is not None
    admission = unpack_admission(record.admission)
    return _repeated(message, record.id, record.body, record.digests, record.outline, admission)


def _repeated(
    message: Message, message_id: str, body: bytes | None, digests: bytes | None, outline: bytes, admission: Admission
) -> Answer:
    """Answer a request that was accepted before: as then, if it is the same."""
    differs = changed_field(message, body, digests)
    if differs is not None:
        return AlreadyExists(differs, message_id)
    return Accepted(message_id, settle(unpack_outline(outline), admission), True)
