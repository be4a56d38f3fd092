"""Requests drawn at random from the whole contract, and good ones whose numbers stand at their ends."""

from __future__ import annotations

from random import Random

import pytest

from signalbox.v1 import decision_service_pb2 as contract
from signalbox.v1 import state_pb2
from tests.hostile.client import Client, check, check_response, decided
from tests.hostile.flaws import good_request
from tests.hostile.requests import NOW_S, anything, encode, good_batch, good_message, good_now, good_state


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_any_single_request_is_answered(client: Client, share: float) -> None:
    """400 requests with any field set to anything: refused for a field, or decided."""
    random = Random(share)
    for _ in range(400):
        check(client.evaluate(anything(random, contract.EvaluateRequest(), share)))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_any_batch_is_answered(client: Client, share: float) -> None:
    """200 batches with any field set to anything, each message answered in its place."""
    random = Random(share)
    for _ in range(200):
        request = anything(random, contract.EvaluateBatchRequest(), share)
        answer = client.batch(request)
        check(answer)
        assert answer.code != "OK" or len(answer.response.results) == len(request.evaluations)


@pytest.mark.parametrize("part", ["message", "state", "now"])
def test_a_good_request_with_one_part_of_anything_is_answered(client: Client, part: str) -> None:
    """400 requests that are good but for one part: deeper than a request that is bad everywhere can get."""
    random = Random(part)
    for _ in range(400):
        request = contract.EvaluateRequest(
            message=good_message(random), state=good_state(random), now=good_now(random), trace=True
        )
        strange = anything(random, contract.EvaluateRequest(), random.choice((0.1, 0.3)))
        getattr(request, part).MergeFrom(getattr(strange, part))
        check(client.evaluate(request))


def test_a_stream_of_anything_is_answered_to_its_end(client: Client) -> None:
    """A stream of 500 such requests answers each, and the good one at its end as if it were alone with its state."""
    random = Random("stream")
    requests = [anything(random, contract.EvaluateStreamRequest(), 0.4) for _ in range(500)]
    whole = [data for request in requests if _is_request(data := encode(request))]
    last = contract.EvaluateStreamRequest(message=good_request().message, now=good_request().now)
    last.state.CopyFrom(good_request().state)
    last.state.ledger.SetInParent()
    answers, end = client.along([*whole, encode(last)])
    alone, _ = client.along([encode(last)])

    assert end.code == "OK"
    assert len(answers) == len(whole) + 1
    for answer in answers:
        check_response(answer)
    assert answers[-1] == alone[0]


def _is_request(data: bytes) -> bool:
    try:
        contract.EvaluateStreamRequest.FromString(data)
    except Exception:
        return False
    return True


def test_what_is_within_the_contract_is_decided(client: Client) -> None:
    """150 batches whose numbers, times and texts stand at their ends: nobody is refused, traced or not.

    The same decisions come message by message along a stream.
    """
    random = Random("good")
    for _ in range(150):
        request = good_batch(random, random.choice((1, 4)), trace=False)
        plain = client.batch(request)
        assert plain.code == "OK"
        assert None not in decided(plain.response)
        request.trace = True
        traced = client.batch(request)
        assert decided(traced.response) == decided(plain.response)
        assert traced.response.changed == plain.response.changed
        assert along_a_stream(client, request) == decided(plain.response)


def along_a_stream(client: Client, batch: contract.EvaluateBatchRequest) -> list[bytes]:
    """The decisions on a batch's messages, sent one after the other."""
    requests = [
        contract.EvaluateStreamRequest(message=one.message, now=one.now if one.HasField("now") else batch.now)
        for one in batch.evaluations
    ]
    requests[0].state.CopyFrom(batch.state)
    answers, _ = client.along(map(encode, requests))
    return [answer.decision.SerializeToString(deterministic=True) for answer in answers]


@pytest.mark.parametrize("count", [2**31 - 2, 2**31 - 1])
def test_a_full_count_stays_full(client: Client, count: int) -> None:
    """A limit without a number counts on at the largest number, and the answer can be given back as a state."""
    request = contract.EvaluateBatchRequest(now=good_request().now)
    request.evaluations.add(message=good_request().message)
    now_ms = NOW_S * 1000
    uses = request.state.ledger.users.add(tenant="bank", user_id="u1").uses
    uses.add(limit="all", start_ms=now_ms - 500, end_ms=now_ms + 500, last_ms=now_ms - 500, count=count)
    request.state.accounts.CopyFrom(good_request().state.accounts)
    answer = client.batch(request)

    assert answer.code == "OK"
    assert [use.count for use in answer.response.changed.ledger.users[0].uses if use.limit == "all"] == [2**31 - 1]
    request.state.CopyFrom(answer.response.changed)
    assert client.batch(request).code == "OK"


@pytest.mark.parametrize(("left", "verdict"), [(2**63 - 1, 1), (10**15, 1), (10**15 - 1, 3), (0, 3)])
def test_money_at_its_ends(client: Client, left: int, verdict: int) -> None:
    """A charge of a billion is taken while there is a billion; no sum wraps around."""
    request = good_request()
    del request.message.addresses[:]
    request.message.addresses.add(channel="sms", value="1")
    request.state.users.Clear()
    request.state.users.SetInParent()
    request.state.accounts.accounts[0].left_micros = left
    batch = contract.EvaluateBatchRequest(
        state=request.state, now=request.now, evaluations=[contract.Evaluation(message=request.message)]
    )
    answer = client.batch(batch).response

    assert [decision.verdict for decision in answer.decisions] == [verdict]
    changed = {account.name: account.left_micros for account in answer.changed.accounts.accounts}
    assert changed.get("cards/sms/cash", left) == (left - 10**15 if verdict == 1 else left)


def test_the_longest_text_costs_what_it_costs(client: Client) -> None:
    """A text of a thousand parts at a billion each is charged exactly."""
    request = good_request()
    request.message.addresses[0].channel = "sms"
    request.state.users.users[0].ClearField("bindings")
    request.message.content.text = "`" * 65_000
    for account in request.state.accounts.accounts:
        account.left_micros = 2**63 - 1
    step = client.evaluate(request).response.decision.plan.steps[0]

    parts = -(-65_000 // 67)
    assert parts * 10**15 == max(charge.micros for charge in step.charges)


def test_the_changes_are_a_state(client: Client) -> None:
    """Whatever a batch gives back may be given again: 50 batches, each on the state of the one before."""
    random = Random("again")
    state = state_pb2.State()
    for _ in range(50):
        request = good_batch(random, 4, trace=False)
        request.state.ledger.CopyFrom(state.ledger)
        answer = client.batch(request)
        assert answer.code == "OK"
        state.CopyFrom(answer.response.changed)
