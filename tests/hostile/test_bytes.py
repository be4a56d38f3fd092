"""Bytes that are no request, or hardly one, on every method."""

from __future__ import annotations

from random import Random

import pytest

from signalbox.v1 import decision_service_pb2 as contract
from signalbox.v1 import rule_service_pb2
from tests.hostile.client import BATCH, EVALUATE, STATUS, UNARY, Client, check, check_response
from tests.hostile.flaws import good_request
from tests.hostile.requests import SURROGATE, encode, good_batch, good_message, good_now, good_state

MALFORMED = ("INVALID_ARGUMENT", ("request",))


def noise(random: Random) -> bytes:
    """Random bytes, of which short ones are often a message by chance."""
    return random.randbytes(random.choice((1, 2, 3, 8, 40, 300, 5_000)))


def mutated(random: Random, data: bytes) -> bytes:
    """Good bytes with a few wounds: flipped, cut, doubled, filled, moved."""
    wounded = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 5))):
        at, length = random.randrange(len(wounded) + 1), random.choice((1, 2, 8, 64))
        piece = bytes(wounded[at : at + length])
        match random.randrange(5):
            case 0:
                wounded[at : at + 1] = random.randbytes(1)
            case 1:
                del wounded[at : at + length]
            case 2:
                wounded[at:at] = piece
            case 3:
                wounded[at : at + length] = random.choice((b"\xff", b"\x00", b"\x80")) * len(piece)
            case _:
                wounded += piece
    return bytes(wounded)


@pytest.mark.parametrize("path", UNARY)
def test_noise_is_answered(client: Client, path: str) -> None:
    """500 pieces of noise on each method are refused by name, or answered when they mean something."""
    random = Random(path)
    for _ in range(500):
        check(client.ask(path, noise(random)))


@pytest.mark.parametrize("path", [EVALUATE, BATCH])
def test_wounded_requests_are_answered(client: Client, path: str) -> None:
    """600 good requests with a few bytes changed are refused by name, or answered as what they now say."""
    random = Random(path)
    for _ in range(600):
        request = (
            good_batch(random, 3, trace=True)
            if path == BATCH
            else contract.EvaluateRequest(
                message=good_message(random), state=good_state(random), now=good_now(random), trace=True
            )
        )
        check(client.ask(path, mutated(random, request.SerializeToString())))


@pytest.mark.parametrize("path", UNARY)
def test_nothing_at_all_is_answered(client: Client, path: str) -> None:
    """No bytes are an empty request: a flawed one, an empty batch, a question for the status."""
    answer = client.ask(path, b"")

    check(answer)
    assert answer.code == ("INVALID_ARGUMENT" if path == EVALUATE else "OK")


@pytest.mark.parametrize("field", ["tenant", "user_id", "scene"])
def test_half_a_character_is_refused(client: Client, field: str) -> None:
    """A string that is no UTF-8 makes the bytes no request, on its own and within a batch."""
    request = good_request()
    setattr(request.message, field, SURROGATE)
    batch = contract.EvaluateBatchRequest(evaluations=[contract.Evaluation(message=request.message)])

    for answer in (client.evaluate(request), client.batch(batch)):
        assert (answer.code, answer.fields) == MALFORMED


def test_fields_that_nobody_knows_are_passed_over(client: Client) -> None:
    """A newer client may send more than this server knows; it is answered by what the server knows."""
    more = b"\xba\x3e\x03abc"  # field 999, three bytes
    plain = good_request()
    plain.message.content.text = "hello " * 20
    message = plain.message.SerializeToString() + more
    batch = contract.EvaluateRequest.FromString(plain.SerializeToString())
    batch.ClearField("message")
    data = batch.SerializeToString() + b"\x0a" + _length(message) + message + more

    assert client.ask(EVALUATE, data) == client.evaluate(plain)
    assert client.ask(STATUS, more).code == "OK"


def _length(data: bytes) -> bytes:
    """A length as the wire writes it, for lengths of two bytes."""
    assert 128 <= len(data) < 16_384
    return bytes((len(data) & 127 | 128, len(data) >> 7))


def test_garbage_ends_its_stream_and_nothing_else(client: Client) -> None:
    """What was sent before it on the stream is decided; then the stream ends as the caller's mistake."""
    request = contract.EvaluateStreamRequest(message=good_request().message, now=good_request().now)
    good = encode(request)
    expected, _ = client.along([good, good])
    answers, end = client.along([good, good, b"\xff\xff\xff", good])

    assert answers == expected
    assert (end.code, end.fields) == MALFORMED


def test_wounded_streams_are_answered(client: Client) -> None:
    """100 streams of wounded requests: each request is answered in its place until one is no request at all."""
    random = Random("streams")
    for _ in range(100):
        requests = [
            contract.EvaluateStreamRequest(
                message=good_message(random), now=good_now(random), trace=random.random() < 0.5
            )
            for _ in range(5)
        ]
        requests[0].state.CopyFrom(good_state(random))
        sent = [mutated(random, data) if random.random() < 0.5 else data for data in map(encode, requests)]
        answers, end = client.along(sent)
        for answer in answers:
            check_response(answer)
        assert len(answers) == len(sent) or (end.code, end.fields) == MALFORMED


def test_the_status_is_as_before(client: Client) -> None:
    """None of it reaches the rules: the same version is in force, nothing was reloaded."""
    client.ask(STATUS, b"\xff")
    status = client.ask(STATUS, rule_service_pb2.StatusRequest().SerializeToString()).response

    assert (status.version, status.reloads, status.failures) == ("touchy", 1, 0)
