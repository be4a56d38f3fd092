"""Clients that leave, hurry, hold on or send without end; and what all of it costs the server."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from random import Random

import grpc
import psutil
import pytest

from signalbox.v1 import decision_service_pb2 as contract
from tests.faults.waiting import until
from tests.hostile.client import BATCH, EVALUATE, PATIENCE_S, Client
from tests.hostile.flaws import good_request
from tests.hostile.requests import encode, good_batch
from tests.test_server import Running

MEGABYTE = 1 << 20


@pytest.fixture
def process(server: Running) -> psutil.Process:
    """The server's process."""
    return psutil.Process(server.process.pid)


def still_decides(client: Client) -> None:
    """The plain request is decided as ever."""
    answer = client.evaluate(good_request())
    assert (answer.code, answer.response.decision.decided_by) == ("OK", "by-words")


def stream_request() -> bytes:
    """One good message of a stream."""
    return encode(contract.EvaluateStreamRequest(message=good_request().message, now=good_request().now, trace=True))


def test_streams_may_be_broken_off_anywhere(client: Client) -> None:
    """300 streams that are cancelled before, between and after their answers leave nothing but the others' answers."""
    random, data = Random(1), stream_request()
    hung_up = threading.Event()

    def endless(first: int) -> Iterator[bytes]:
        yield from itertools.repeat(data, first)
        hung_up.wait(PATIENCE_S)

    calls = []
    for _ in range(300):
        sent = random.choice((0, 1, 3))
        call = client.stream(endless(sent), timeout=PATIENCE_S)
        for _ in range(random.randint(0, sent)):
            next(call)
        call.cancel()
        calls.append(call)
    hung_up.set()

    assert {call.code() for call in calls} == {grpc.StatusCode.CANCELLED}
    still_decides(client)


def test_calls_may_be_given_up(client: Client) -> None:
    """Batches that are cancelled or have no time left end as that, and the next one is answered."""
    random = Random(2)
    data = good_batch(random, 100, trace=True).SerializeToString()
    method = client.channel.unary_unary(BATCH, None, contract.EvaluateBatchResponse.FromString)
    hurried = [method.future(data, timeout=random.choice((0.0001, 0.002, 0.02))) for _ in range(60)]
    left = [method.future(data, timeout=PATIENCE_S) for _ in range(60)]
    for call in left:
        call.cancel()

    assert {call.code() for call in left} <= {grpc.StatusCode.CANCELLED, grpc.StatusCode.OK}
    assert {call.code() for call in hurried} <= {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.OK}
    still_decides(client)


def test_connections_may_break(client: Client, server: Running, process: psutil.Process) -> None:
    """200 connections that say nothing, half a greeting or noise, and go: each is let go of, none is missed."""
    host, _, port = server.address.rpartition(":")
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    random, before = Random(3), process.num_fds()
    for _ in range(200):
        with socket.create_connection((host, int(port))) as connection:
            said = (
                b"",
                preface[:10],
                preface,
                preface + random.randbytes(64),
                b"GET / HTTP/1.1\r\n\r\n",
                random.randbytes(999),
            )
            connection.sendall(random.choice(said))
            if random.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    until(lambda: process.num_fds() <= before + 5)
    still_decides(client)


def test_a_client_that_dies_frees_its_streams(server: Running, client: Client, process: psutil.Process) -> None:
    """Connections with open streams that are closed without a word are let go of."""
    before, data = process.num_fds(), stream_request()
    hung_up = threading.Event()

    def one_then_silence() -> Iterator[bytes]:
        yield data
        hung_up.wait(PATIENCE_S)

    for _ in range(20):
        with Client(server.address) as other:
            for call in [other.stream(one_then_silence()) for _ in range(3)]:
                next(call)
    hung_up.set()

    until(lambda: process.num_fds() <= before + 5)
    still_decides(client)


def grown(process: psutil.Process, attack: Callable[[], None]) -> int:
    """By how many bytes the server grows under an attack."""
    before = process.memory_info().rss
    attack()
    return int(process.memory_info().rss - before)


def test_names_of_zones_are_not_hoarded(client: Client, process: psutil.Process) -> None:
    """200 zones that do not exist, of a megabyte each, are refused and forgotten."""

    def attack() -> None:
        request = good_request()
        for number in range(200):
            request.state.users.users[0].zone = f"{number}/" + "Z" * MEGABYTE
            assert client.evaluate(request).fields == ("state.users.users[0].zone",)

    client.evaluate(good_request())
    assert grown(process, attack) < 50 * MEGABYTE


@pytest.mark.parametrize("trace", [False, True])
def test_what_is_refused_is_not_hoarded(client: Client, process: psutil.Process, trace: bool) -> None:
    """100 batches of a megabyte, of which messages are refused for a name or for a param, are forgotten."""
    batch = contract.EvaluateBatchRequest(trace=trace)
    for place in range(16):
        one = batch.evaluations.add(message=good_request().message).message
        one.content.text = "x" * 60_000
        if place % 3 == 1:
            one.tenant = ""
        elif place % 3 == 2:
            one.params["count"] = "many"

    def attack() -> None:
        for number in range(100):
            batch.evaluations[0].message.user_id = f"u{number}"
            assert client.batch(batch).code == "OK"

    client.batch(batch)
    assert grown(process, attack) < 30 * MEGABYTE


def test_contents_are_not_hoarded(client: Client, process: psutil.Process) -> None:
    """1,600 campaigns with texts as long as they may be do not stay."""

    def attack() -> None:
        for number in range(100):
            batch = contract.EvaluateBatchRequest()
            for place in range(16):
                one = batch.evaluations.add(message=good_request().message).message
                one.campaign = "spring"
                one.content.text = f"{number:03}{place:03}" + "x" * 60_000
            assert client.batch(batch).code == "OK"

    assert grown(process, attack) < 50 * MEGABYTE


def test_answers_are_not_hoarded(client: Client, process: psutil.Process) -> None:
    """8,000 messages of ever new users, accounts, scenes and times leave only a bounded memory behind."""

    def attack() -> None:
        random = Random(5)
        for number in range(8):
            batch = contract.EvaluateBatchRequest(now=good_request().now)
            batch.now.seconds += 3600 * number
            for place in range(1000):
                one = batch.evaluations.add(message=good_request().message).message
                one.user_id, one.line, one.department = f"u{number}-{place}", f"l{random.random()}", f"d{place}"
                one.params["count"], one.params["text"] = place, f"{random.random()}"
                one.category = 1 + place % 6
            assert client.batch(batch).code == "OK"

    assert grown(process, attack) < 40 * MEGABYTE


def test_a_large_request_is_forgotten(client: Client, process: psutil.Process) -> None:
    """Requests close to the bound on bytes, of users and uses in their thousands, are answered and forgotten."""
    request = good_request()
    for number in range(5_000):
        request.state.users.users.add(tenant="t", user_id=f"u{number}", tags=["gold"] * 9)
        request.state.ledger.users.add(tenant="t", user_id=f"u{number}").uses.add(limit="all", end_ms=1, count=1)
    data = request.SerializeToString()

    def attack() -> None:
        for _ in range(8):
            assert client.ask(EVALUATE, data).code == "OK"

    attack()
    assert grown(process, attack) < 50 * MEGABYTE
