"""Messages that live: decided by real rules, written as `admit` writes them, and moved on by real transitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgpack

from engine.decision import transitions
from engine.decision.change import Change, Event
from engine.decision.life import Life
from engine.decision.model import Message
from engine.decision.outline import pack_admission
from engine.decision.packing import pack_message
from engine.decision.session import Judgement, judge_now
from engine.flow.lives import change_life
from engine.state.apply import Changes
from engine.state.connection import Store
from engine.state.messages import Messages, Record
from tests.decision.rulesets import DAY, NOON, by_interpreter, message, ruleset, session

SIZE: Final = 100
"""Bytes that each message counts as unrecorded."""

RULES: Final = ruleset(
    routing="""
      - {id: held-mail, when: 'message.scene == "later"', then: {distribute: {to: mail}}}
      - id: in-turn
        when: message.scene == "in turn"
        then: {supplement: [{channel: push, wait: 60s}, {channel: sms}]}
      - {id: to-push, then: {distribute: {to: push}}}
    """,
    interception="""
      - id: evening
        when: has(message.scene) && message.scene == "later" && now.local_hour < 20
        then: {hold: {until: "20:00", reason: QUIET_HOURS}}
      - {id: no-ads, when: 'message.category == "MARKETING"', then: {drop: {reason: COMPLIANCE}}}
    """,
    budget="""
      - {id: per-mail, when: 'channel.name == "mail"', then: {charge: {account: "{line}/mail", amount: 0.5, unit: CNY}}}
    """,
)


def request(number: int = 1, **fields: Any) -> Message:
    """A message of the user u or v; the same number is the same request."""
    return message(request_id=f"r{number}", **fields)


def judged(what: Message, at_ms: int = NOON) -> Judgement:
    """Decide a message by the rules above."""
    (judgement,) = judge_now(session(RULES), [(what, at_ms)], by_interpreter)
    assert judgement.error is None
    return judgement


def fields_of(what: Message, at_ms: int = NOON) -> dict[str, bytes | int]:
    """The fields of a record as its first decision leaves them."""
    one = judged(what, at_ms)
    decided = msgpack.packb((1, at_ms, int(Event.DECIDED), 0, {}))
    fields: dict[str, bytes | int] = {"n": 1, "u": at_ms + DAY, "x": one.proposal.expire_ms, "b": pack_message(what)}
    fields |= {"p": session(RULES).judge.pack_outline(one.proposal), "a": pack_admission(one.admission)}
    fields |= {"e": decided, "c": 1, "k": SIZE}
    return fields if one.decision.verdict.name != "DROP" else {**fields, "z": 1}


def record_of(what: Message, at_ms: int = NOON, message_id: str = "") -> Record:
    """The same as it is read."""
    f = fields_of(what, at_ms)
    return Record(
        id=message_id or f"p00-{what.user_id}{what.request_id}",
        n=1,
        until_ms=int(f["u"]),
        expire_ms=int(f["x"]),
        body=bytes(f["b"]),
        digests=None,
        outline=bytes(f["p"]),
        admission=bytes(f["a"]),
        later_outline=None,
        later_admission=None,
        life=None,
        events=bytes(f["e"]),
        count=1,
        unrecorded=SIZE,
        final="z" in f,
    )


class Living:
    """Messages in a Redis."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.messages = Messages(store)
        self.changes = Changes(store)

    async def accept(self, what: Message, at_ms: int = NOON) -> str:
        """Write a message's record and its pointer; return its id."""
        keys = self.store.keys
        message_id = keys.message_id(what.tenant, what.user_id, what.request_id)
        await self.write(message_id, fields_of(what, at_ms))
        load = keys.load(keys.partition_of(message_id))
        await self.store.call("HINCRBY", load, "unrecorded", SIZE)
        return message_id

    async def write(self, message_id: str, fields: dict[str, bytes | int]) -> None:
        """Write fields of a record, and a pointer to it."""
        keys = self.store.keys
        words = [word for field in fields.items() for word in field]
        await self.store.call("HSET", keys.message(message_id), *words)
        await self.store.call("XADD", keys.events(keys.partition_of(message_id)), "*", "m", message_id)

    async def decide_again(self, message_id: str, what: Message, at_ms: int) -> None:
        """Write a later decision, as `admit` does: whole in its event, and in the record until a life takes it in."""
        record = await self.record(message_id)
        one = judged(what, at_ms)
        outline, admission = session(RULES).judge.pack_outline(one.proposal), pack_admission(one.admission)
        event = msgpack.packb((1, at_ms, int(Event.DECIDED), 0, {"outline": outline, "admission": admission}))
        fields = {"n": record.n + 1, "q": outline, "r": admission, "e": record.events + event, "c": record.count + 1}
        await self.write(message_id, fields)

    async def record(self, message_id: str) -> Record:
        """Read a record that is there."""
        record = await self.messages.read_one(message_id)
        assert record is not None
        return record

    async def change(self, message_id: str, transition: Callable[[Life], Change | None]) -> None:
        """Let something happen to a message."""
        assert await change_life(self.messages, self.changes, self.store.keys, message_id, transition)

    async def send(self, message_id: str, at_ms: int) -> None:
        """A provider takes the first step, and will tell more."""

        def begun(life: Life) -> Change:
            change = Change(life, at_ms)
            transitions.attempt(change, life.steps[0], "carrier")
            return change

        def answered(life: Life) -> Change:
            change, step = Change(life, at_ms + 1), life.steps[0]
            transitions.answer(change, step, step.attempts[-1], "OK", "c-1", "")
            transitions.sent(change, step, 60_000)
            return change

        await self.change(message_id, begun)
        await self.change(message_id, answered)

    async def report(self, message_id: str, kind: str, at_ms: int) -> None:
        """A receipt comes."""
        await self.change(message_id, lambda life: transitions.receipt(life, 1, 1, kind, at_ms, at_ms))

    async def unrecorded(self) -> int:
        """The bytes that count as unrecorded."""
        keys = [self.store.keys.load(partition) for partition in range(self.store.keys.partitions)]
        return sum(int(one or 0) for one in await self.store.pipeline([("HGET", key, "unrecorded") for key in keys]))
