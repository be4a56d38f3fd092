"""The same request more than once: at once, from many sides, changed, after a restart, after a kill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from signalbox.v1.message_service_pb2 import SendRequest
from tests.faults.checker import Answer
from tests.faults.send.load import Clients
from tests.faults.send.run import Run, run_of
from tests.faults.send.world import CATEGORIES, request_of

SIDES = 40


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    """A server with rules, carriers and money."""
    async with run_of(tmp_path, 7) as one:
        yield one


def requests(name: str) -> list[SendRequest]:
    """One of each category; the offers and texts go on until a limit refuses, so some are dropped and held."""
    each = [request_of(f"{name}-{number}", f"{name}-user", number % len(CATEGORIES)) for number in range(24)]
    each[1].message.params["amount"] = 1
    return each


def assert_same(first: list[Answer], again: list[Answer]) -> None:
    """The second answers are the first ones, and say that they are."""
    assert again == [answer._replace(repeated=True) for answer in first]


async def answered(run: Run, some: list[SendRequest]) -> list[Answer]:
    """Hand in messages one by one; the answers."""
    return [await run.clients.send_one(request) for request in some]


async def refusal(clients: Clients, request: SendRequest) -> grpc.aio.AioRpcError:
    """What a message is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await clients.send_one(request)
    return error.value


async def test_sent_again_in_every_way(run: Run) -> None:
    """Right after, in a batch, from many sides, after a restart and after a kill, the answer is the first one.

    Held and dropped messages included; and another content under the same key is refused, with the field's name.
    """
    some = requests("same")
    first = await answered(run, some)
    assert {answer.verdict for answer in first} == {"SEND", "HOLD", "DROP"}
    assert not any(answer.repeated for answer in first)

    assert_same(first, await answered(run, some))
    run.clients.answers.clear()
    await asyncio.gather(*(run.clients.send(some, each=7, clients=1) for _ in range(SIDES)))
    known = {answer.message_id: answer._replace(repeated=True) for answer in first}
    assert len(run.clients.answers) == SIDES * len(some)
    assert all(answer == known[answer.message_id] for answer in run.clients.answers)

    for end in ("stopped", "killed"):
        if end == "stopped":
            await run.servers.stop()
        else:
            run.servers.kill("all")
            run.servers.kill_redis()
        await run.servers.start("all")
        assert_same(first, await answered(run, some))
        await assert_changes_are_refused(run, some)
    run.clients.answers.extend(first)
    run.clients.refused.clear()
    await run.ends_well()
    await run.servers.start("all")  # by now all is over, and the state has forgotten what the messages said
    assert_same(first, await answered(run, some))
    await assert_changes_are_refused(run, some)


async def assert_changes_are_refused(run: Run, some: list[SendRequest]) -> None:
    """Each field of a request is part of it; the refusal names the one that is another."""
    for request in some[:3]:
        for field, change in CHANGES.items():
            changed = SendRequest()
            changed.CopyFrom(request)
            change(changed.message)
            error = await refusal(run.clients, changed)
            assert error.code() is grpc.StatusCode.ALREADY_EXISTS
            assert field in str(error.details()), error.details()


CHANGES = {
    "content": lambda message: setattr(message.content, "text", "something else"),
    "line": lambda message: setattr(message, "line", "cards"),
    "owner": lambda message: setattr(message, "owner", "somebody"),
    "params": lambda message: message.params.update({"amount": 2}),
    "addresses": lambda message: message.addresses.add(channel="sms", value="another"),
    "expire_at": lambda message: message.expire_at.FromSeconds(4_000_000_000),
}


async def test_from_many_sides_at_once(run: Run) -> None:
    """Of many who bring the same new request together one is first, and all are told the same."""
    for number in range(8):
        request = request_of(f"race-{number}", "racer", number % len(CATEGORIES))
        answers = await asyncio.gather(*(run.clients.send_one(request) for _ in range(SIDES)))
        assert [answer.repeated for answer in answers].count(False) == 1
        assert len({answer._replace(repeated=True) for answer in answers}) == 1


async def test_two_contents_at_once_under_one_key(run: Run) -> None:
    """One of them is accepted, the other refused, whoever brings it: the key never stands for both."""
    for number in range(8):
        one, other = (request_of(f"two-{number}", f"two-{number}", 1) for _ in range(2))
        other.message.content.text = "something else"
        sides = [one, other] * (SIDES // 2)
        answers = await asyncio.gather(*map(run.clients.send_one, sides), return_exceptions=True)
        accepted = {
            request.message.content.text
            for request, answer in zip(sides, answers, strict=True)
            if isinstance(answer, Answer)
        }
        refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
        assert len(accepted) == 1
        assert len(refused) == SIDES // 2
        assert {error.code() for error in refused} == {grpc.StatusCode.ALREADY_EXISTS}
