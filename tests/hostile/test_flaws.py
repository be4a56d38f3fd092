"""Whatever is wrong with one field is said by its name, and only the message that has it suffers."""

from __future__ import annotations

import grpc
import pytest

from signalbox.v1 import decision_service_pb2 as contract
from tests.hostile.client import BATCH, EVALUATE, Client, decided, fields_of
from tests.hostile.flaws import MESSAGE_FLAWS, STATE_FLAWS, Flaw, good_request
from tests.hostile.requests import encode, nested


def spoilt(flaw: Flaw) -> contract.EvaluateRequest:
    """A request with one flaw."""
    request = good_request()
    flaw.spoil(request)
    return request


@pytest.mark.parametrize("flaw", MESSAGE_FLAWS + STATE_FLAWS, ids=str)
def test_a_flaw_is_refused_by_its_name(client: Client, flaw: Flaw) -> None:
    """The answer is INVALID_ARGUMENT, and the field that is wrong stands among the violations."""
    answer = client.evaluate(spoilt(flaw))

    assert answer.code == "INVALID_ARGUMENT"
    assert flaw.field in answer.fields


def test_the_plain_request_is_decided(client: Client) -> None:
    """What every flaw starts from is good."""
    assert client.evaluate(good_request()).code == "OK"


def test_all_flaws_at_once_are_refused_by_name(client: Client) -> None:
    """However much is wrong, the answer fits its bounds and names the first fields."""
    request = good_request()
    for flaw in MESSAGE_FLAWS:
        if flaw.name != "missing" and not flaw.field.startswith(("message.template", "message.content")):
            flaw.spoil(request)
    answer = client.evaluate(request)

    assert answer.code == "INVALID_ARGUMENT"
    assert len(answer.fields) > 10


def every_second_bad(trace: bool) -> contract.EvaluateBatchRequest:
    """A good message before every flawed one, each seven with different contents, and one at the end."""
    batch = contract.EvaluateBatchRequest(state=good_request().state, now=good_request().now, trace=trace)
    for place, flaw in enumerate(MESSAGE_FLAWS):
        batch.evaluations.add(message=good_request().message).message.content.text = f"text {place % 7}"
        batch.evaluations.add(message=spoilt(flaw).message)
    batch.evaluations.add(message=good_request().message)
    return batch


@pytest.mark.parametrize("trace", [False, True])
def test_bad_messages_of_a_batch_fail_alone(client: Client, trace: bool) -> None:
    """The good ones are decided, counted and charged as if the bad ones were not there; each bad one is told why."""
    mixed = every_second_bad(trace)
    good = contract.EvaluateBatchRequest()
    good.CopyFrom(mixed)
    del good.evaluations[:]
    good.evaluations.extend(mixed.evaluations[::2])
    answer, expected = client.batch(mixed).response, client.batch(good).response

    assert decided(answer)[::2] == decided(expected)
    assert set(decided(answer)[1::2]) == {None}
    assert answer.changed == expected.changed
    assert [result.trace for result in answer.results[::2]] == [result.trace for result in expected.results]
    for flaw, result in zip(MESSAGE_FLAWS, answer.results[1::2], strict=True):
        assert flaw.field in fields_of(result.error), flaw


def test_bad_messages_of_a_stream_fail_alone(client: Client) -> None:
    """A stream goes on after what it cannot judge, and keeps what it has counted."""
    mixed = every_second_bad(trace=False)
    requests = [contract.EvaluateStreamRequest(message=one.message, now=mixed.now) for one in mixed.evaluations]
    requests[0].state.CopyFrom(mixed.state)
    answers, end = client.along(map(encode, requests))
    expected, _ = client.along(map(encode, requests[::2]))

    assert end.code == "OK"
    assert answers[::2] == expected
    for flaw, one in zip(MESSAGE_FLAWS, answers[1::2], strict=True):
        assert flaw.field in fields_of(one.error), flaw


def test_a_bad_state_changes_nothing_of_a_stream(client: Client) -> None:
    """A state that is refused leaves the stream with the one it had."""
    request = contract.EvaluateStreamRequest(message=good_request().message, now=good_request().now)
    first = contract.EvaluateStreamRequest(state=good_request().state)
    first.MergeFrom(request)
    bad = [
        contract.EvaluateStreamRequest(message=one.message, now=one.now, state=one.state)
        for one in map(spoilt, STATE_FLAWS)
        if not one.state.users.users or "age" not in one.state.users.users[0].attributes
    ]
    answers, end = client.along(map(encode, (first, *bad, request)))
    expected, _ = client.along(map(encode, (first, request)))

    assert end.code == "OK"
    assert (answers[0], answers[-1]) == (expected[0], expected[-1])


def test_what_lies_as_deep_as_a_parser_allows_is_decided(client: Client) -> None:
    """A value of thirty levels that no rule asks for does no harm, not even where it is part of the content."""
    request = good_request()
    request.message.params.fields["deep"].struct_value.CopyFrom(nested(28))
    request.message.template.id = "welcome"

    assert client.evaluate(request).code == "OK"


def test_what_lies_deeper_is_refused(client: Client) -> None:
    """A hundred levels are refused as a whole, as no request at all."""
    request = good_request()
    request.message.params.fields["deep"].struct_value.CopyFrom(nested(100))
    answer = client.evaluate(request)

    assert (answer.code, answer.fields) == ("INVALID_ARGUMENT", ("request",))


def test_a_message_too_many_is_refused(client: Client) -> None:
    """1,000 messages are decided, 1,001 are not; nothing is decided of them."""
    batch = contract.EvaluateBatchRequest(now=good_request().now)
    batch.evaluations.extend([contract.Evaluation(message=good_request().message)] * 1000)
    assert client.batch(batch).code == "OK"

    batch.evaluations.add(message=good_request().message)
    assert client.batch(batch).code == "RESOURCE_EXHAUSTED"


def test_a_thousand_bad_messages_are_all_told_why(client: Client) -> None:
    """The worst batch is answered message by message, within what a client takes by default."""
    batch = contract.EvaluateBatchRequest()
    bad = good_request().message
    for field in ("tenant", "line", "user_id", "request_id", "scene", "campaign", "owner", "department"):
        setattr(bad, field, "\u202e" * 129)
    bad.addresses.extend([bad.addresses[0]] * 31)
    for address in bad.addresses:
        address.channel = address.value = ""
    batch.evaluations.extend([contract.Evaluation(message=bad)] * 1000)
    answer = client.batch(batch)

    assert answer.code == "OK"
    assert decided(answer.response) == [None] * 1000
    assert answer.response.ByteSize() < 4 << 20


@pytest.mark.parametrize("path", [EVALUATE, BATCH])
def test_an_oversize_request_is_refused(client: Client, path: str) -> None:
    """A request over the bound on bytes is RESOURCE_EXHAUSTED, however it is packed."""
    request = good_request()
    request.message.content.text = "x" * (17 << 20)
    data = request.SerializeToString()

    assert client.ask(path, data).code == "RESOURCE_EXHAUSTED"
    assert client.ask(path, data, compression=grpc.Compression.Gzip).code == "RESOURCE_EXHAUSTED"
