"""Requests to be judged by the project's own rules, drawn from a seed: one message with its user's state, and batches.

Each request brings all four parts of the state, as a caller without Signalbox' own state would: users with tags, zone
and addresses, three or four running limits a user, the accounts that charges name, the breakers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import _common  # noqa: F401  # puts the project on the path
from _traffic import HOURS, KINDS

from signalbox.v1 import decision_service_pb2 as contract
from signalbox.v1 import message_pb2, state_pb2

TENANT: Final = "bank"
MONDAY_S: Final = 1_793_548_800  # 2026-11-02 00:00 in Shanghai
ADDRESSES: Final = {"push": 0.7, "wechat": 0.6, "sms": 0.95, "inapp": 0.7, "mail": 0.5}
ZONES: Final = ("Asia/Shanghai", "Asia/Shanghai", "Asia/Shanghai", "Asia/Urumqi", "Europe/Prague", "")
TAGS: Final = {"high": 0.08, "app": 0.6, "salary": 0.45}
WEEK_MS: Final = 7 * 86_400_000
DAY_MS: Final = 86_400_000

TEXTS: Final = {
    "TRANSACTION": "您尾号{n:04d}的账户于{n}时发生交易，金额{amount}元，余额{balance}元。如非本人操作请致电客服。",
    "ONE_TIME_PASSWORD": "验证码{n:06d}，5分钟内有效。请勿告诉任何人，包括银行工作人员。",
    "NOTIFICATION": "Your statement no. {n} is ready. Log in to the app to read it.",
    "SERVICE": "Your request {n} has been received; we will come back to you within two working days.",
    "REPAYMENT": "您的贷款本期应还{amount}元，将于3日后到期，请确保账户{n:04d}余额充足。",
    "MARKETING": "【秋季活动{campaign}】绑卡即享优惠，详情见应用首页。回复TD退订",
}


@dataclass(frozen=True, slots=True)
class Person:
    """One user of the bank."""

    user: state_pb2.User
    busy: bool


class Bank:
    """Draws requests; two banks with the same seed draw the same."""

    def __init__(self, seed: int, users: int = 5_000) -> None:
        self._chance = random.Random(seed)
        self._people = [self._person(number) for number in range(users)]

    def unary(self) -> contract.EvaluateRequest:
        """One message with the state it needs."""
        person, now_ms = self._someone(), self._moment()
        request = contract.EvaluateRequest(message=self._message(person, now_ms))
        request.now.FromMilliseconds(now_ms)
        self._state(request.state, [person], now_ms, [request.message])
        return request

    def batch(self, size: int) -> contract.EvaluateBatchRequest:
        """`size` messages within a minute, with the state of all users among them, each listed once."""
        request, now_ms = contract.EvaluateBatchRequest(), self._moment()
        people: dict[str, Person] = {}
        for number in range(size):
            person, at_ms = self._someone(), now_ms + number * 60_000 // size
            people[person.user.user_id] = person
            evaluation = request.evaluations.add(message=self._message(person, at_ms))
            evaluation.now.FromMilliseconds(at_ms)
        messages = [evaluation.message for evaluation in request.evaluations]
        self._state(request.state, list(people.values()), now_ms, messages)
        return request

    def _someone(self) -> Person:
        """Few users get many messages: the busiest fifth gets about half of them."""
        return self._people[min(len(self._people) - 1, int(self._chance.expovariate(3.5) * len(self._people)))]

    def _moment(self) -> int:
        hour = self._chance.choices(range(24), HOURS)[0]
        second = self._chance.randrange(7) * 86_400 + hour * 3_600 + self._chance.randrange(3_600)
        return (MONDAY_S + second) * 1000

    def _person(self, number: int) -> Person:
        chance = self._chance
        user = state_pb2.User(tenant=TENANT, user_id=f"u{number:07d}", zone=chance.choice(ZONES), language="zh-CN")
        user.tags.extend(
            tag for tag, share in (("high", 0.08), ("app", 0.6), ("salary", 0.45)) if chance.random() < share
        )
        for channel, share in ADDRESSES.items():
            if chance.random() < share:
                user.bindings.add(channel=channel, value=f"{channel}-{chance.randrange(10**10):010d}")
        if chance.random() < 0.1:
            user.opt_outs.add(channel="sms")
        return Person(user, chance.random() < 0.2)

    def _message(self, person: Person, now_ms: int) -> message_pb2.Message:
        chance = self._chance
        category = chance.choices(list(KINDS), [kind[0] for kind in KINDS.values()])[0]
        _, _, lines, scenes = KINDS[category]
        message = message_pb2.Message(
            tenant=TENANT,
            line=chance.choices(list(lines), list(lines.values()))[0],
            user_id=person.user.user_id,
            request_id=f"r{chance.randrange(10**12):012d}",
            category=message_pb2.Category.Value(f"CATEGORY_{category}"),
            scene=chance.choices(list(scenes), list(scenes.values()))[0] or "",
        )
        campaign, amount = f"c{chance.randrange(40)}", round(chance.lognormvariate(4.6, 1.9), 2)
        if category == "MARKETING":
            message.campaign = campaign
        number = chance.randrange(10_000)
        message.content.text = TEXTS[category].format(n=number, amount=amount, balance=amount * 7, campaign=campaign)
        if category in ("TRANSACTION", "REPAYMENT"):
            message.params.update({"amount": amount, "currency": "CNY"})
        message.occurred_at.FromMilliseconds(now_ms - 1_000)
        return message

    def _state(
        self, state: state_pb2.State, people: Sequence[Person], now_ms: int, messages: Sequence[message_pb2.Message]
    ) -> None:
        state.users.users.extend(person.user for person in people)
        lines = {message.user_id: message.line for message in messages}
        for person in people:
            self._uses(state.ledger.users.add(), person, lines[person.user.user_id], now_ms)
        for line in sorted(set(lines.values())):
            for name, unit in (("sms/cash", "CNY"), ("wechat/count", "COUNT"), ("push/count", "COUNT")):
                state.accounts.accounts.add(tenant=TENANT, name=f"{line}/{name}", unit=unit, left_micros=10**12)
        state.breakers.platform = state_pb2.BREAKER_STATE_NORMAL

    def _uses(self, ledger: state_pb2.UserLedger, person: Person, line: str, now_ms: int) -> None:
        ledger.tenant, ledger.user_id = TENANT, person.user.user_id
        day_ms = now_ms - (now_ms + 8 * 3_600_000) % DAY_MS
        touched = max(day_ms, now_ms - self._chance.randrange(6 * 3_600_000))
        count = 4 if person.busy else 1
        for name, key in (("line-sms", line), ("all-sms", "")):
            ledger.uses.add(limit=name, key=key, start_ms=day_ms, end_ms=day_ms + DAY_MS, count=count, last_ms=touched)
        week_ms = now_ms - self._chance.randrange(WEEK_MS)
        ledger.uses.add(
            limit="marketing-line", key=line, start_ms=week_ms, end_ms=week_ms + WEEK_MS, count=1, last_ms=week_ms
        )
        if person.busy:
            ledger.uses.add(
                limit="marketing-sms", key="", start_ms=week_ms, end_ms=week_ms + WEEK_MS, count=1, last_ms=week_ms
            )
