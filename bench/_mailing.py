"""Messages to be sent, drawn from a seed: account changes by SMS, each with four limits and a charge, to known users.

Every user gets one message, so nothing is refused and every message does the same work: idempotency, four limits
(same content, SMS of the line, SMS in all, messages in all), one charge, one step into its lane. Whatever the time of
day: no rule holds account changes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import _common  # noqa: F401  # puts the project on the path
import grpc
from _workload import ADDRESSES, TAGS, TENANT, TEXTS, ZONES

from signalbox.v1 import budget_service_pb2, budget_service_pb2_grpc, message_pb2, state_pb2
from signalbox.v1 import identity_service_pb2 as identities
from signalbox.v1 import identity_service_pb2_grpc as identity_stubs
from signalbox.v1 import message_service_pb2 as contract

LINES: Final = {"payments": 6, "cards": 3, "loans": 0.5, "wealth": 0.5}
ACCOUNTS: Final = {"sms/cash": "CNY", "wechat/count": "COUNT", "push/count": "COUNT"}
PLENTY_MICROS: Final = 10**14
PUT_AT_ONCE: Final = 1_000
SEND_BATCH: Final = "/signalbox.v1.MessageService/SendBatch"
SEND: Final = "/signalbox.v1.MessageService/Send"


class Mailing:
    """Draws users and what is sent to them; two with the same seed draw the same. `prefix` sets their names apart."""

    def __init__(self, seed: int, prefix: str) -> None:
        self._chance = random.Random(seed)
        self._prefix = prefix

    def user(self, number: int) -> state_pb2.User:
        """One user, who has a telephone number and perhaps other addresses."""
        chance = self._chance
        user = state_pb2.User(tenant=TENANT, user_id=self._name(number), zone=chance.choice(ZONES), language="zh-CN")
        user.tags.extend(tag for tag, share in TAGS.items() if chance.random() < share)
        for channel, share in ADDRESSES.items():
            if channel == "sms" or chance.random() < share:
                user.bindings.add(channel=channel, value=f"{channel}-{chance.randrange(10**10):010d}")
        if chance.random() < 0.1:
            user.opt_outs.add(channel="push")
        return user

    def account_change(self, number: int) -> contract.SendRequest:
        """An account change large enough to go by SMS; some 230 bytes."""
        chance = self._chance
        amount, some = round(200 + chance.lognormvariate(5.0, 1.2), 2), chance.randrange(10_000)
        request = contract.SendRequest()
        message = self._message(request, number, "CATEGORY_TRANSACTION")
        message.line = chance.choices(list(LINES), list(LINES.values()))[0]
        message.content.text = TEXTS["TRANSACTION"].format(n=some, amount=amount, balance=round(amount * 7, 2))
        message.params.update({"amount": amount, "currency": "CNY"})
        return request

    def news(self, number: int) -> contract.SendRequest:
        """One of a campaign of millions, P3: the same text to everybody."""
        request = contract.SendRequest()
        message = self._message(request, number, "CATEGORY_NOTIFICATION")
        message.line, message.campaign, message.priority = "cards", "autumn-news", message_pb2.PRIORITY_P3
        message.content.text = TEXTS["NOTIFICATION"].format(n=11)
        return request

    def one_time_password(self, number: int) -> contract.SendRequest:
        """One that a customer waits for: P0, by SMS, three limits."""
        request = contract.SendRequest()
        message = self._message(request, number, "CATEGORY_ONE_TIME_PASSWORD")
        message.line, message.scene = "payments", "login"
        message.content.text = TEXTS["ONE_TIME_PASSWORD"].format(n=self._chance.randrange(10**6))
        return request

    def _message(self, request: contract.SendRequest, number: int, category: str) -> message_pb2.Message:
        message = request.message
        message.tenant, message.user_id = TENANT, self._name(number)
        message.request_id = f"{self._prefix}-{number:08d}-{self._chance.randrange(10**6):06d}"
        message.category = message_pb2.Category.Value(category)
        message.occurred_at.FromSeconds(1_793_548_800 + number)
        return message

    def _name(self, number: int) -> str:
        return f"{self._prefix}{number:08d}"


def batches(requests: Iterator[contract.SendRequest], size: int) -> Iterator[bytes]:
    """Pack requests into batches, as they travel."""
    batch = contract.SendBatchRequest()
    for request in requests:
        batch.requests.append(request)
        if len(batch.requests) == size:
            yield batch.SerializeToString()
            del batch.requests[:]
    if batch.requests:
        yield batch.SerializeToString()


def prepare(address: str, users: Iterator[state_pb2.User]) -> int:
    """Fill the accounts and make users known to a server; returns how many users."""
    with grpc.insecure_channel(address) as channel:
        budget, directory = budget_service_pb2_grpc.BudgetServiceStub(channel), identity_stubs.IdentityServiceStub
        for line in LINES:
            for name, unit in ACCOUNTS.items():
                budget.Grant(
                    budget_service_pb2.GrantRequest(
                        tenant=TENANT, account=f"{line}/{name}", unit=unit, micros=PLENTY_MICROS, entry_id="bench"
                    )
                )
        return _put(directory(channel), users)


def _put(directory: identity_stubs.IdentityServiceStub, users: Iterator[state_pb2.User]) -> int:
    """Two requests are under way: while the server stores one, the next is made."""
    count, before = 0, None
    request = identities.PutUsersRequest()
    for user in users:
        request.users.append(user)
        count += 1
        if len(request.users) == PUT_AT_ONCE:
            under_way = directory.PutUsers.future(request)
            if before is not None:
                before.result()
            before, request = under_way, identities.PutUsersRequest()
    if before is not None:
        before.result()
    if request.users:
        directory.PutUsers(request)
    return count
