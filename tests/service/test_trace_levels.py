"""The levels of a trace as callers see them: every rule, what would have to be otherwise, and what they may cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from google.rpc import code_pb2

from engine.decision.facts import FactsReader
from engine.decision.ledger_model import LedgerModel, Use
from engine.decision.model import Message, User
from engine.decision.session import Judgement, State
from engine.errors import InvalidInput, MatcherUnavailable, TooLarge, TooManyCalls
from engine.flow.evaluation import Evaluator
from engine.flow.live_parts import LiveParts
from engine.ruleset.compile import RuleSet
from engine.service.counts import Counts
from engine.service.decisions import DecisionServicer
from engine.service.explaining import RULES_BATCH_MAX, SEARCH_BUDGET, SEARCHES_WAITING
from signalbox.v1 import decision_pb2, message_pb2
from signalbox.v1 import decision_service_pb2 as contract
from tests.decision.rulesets import HOUR, NOON, ZONE, ruleset

ROUTES = """
- id: by-sms
  when: has(message.params.amount) && message.params.amount >= 200.0
  then: {distribute: {to: sms, otherwise: [push]}}
- {id: by-push, then: {distribute: {to: push}}}
"""
HOURLY = "- {id: hourly, then: {limit: {name: hourly, per: [user], max: 1, window: 1h}}}"


class Away:
    """A rules process that never answers."""

    async def match(self, digest: str, program: int, fingerprints: object) -> list[tuple[int, ...]]:
        raise MatcherUnavailable("away")


class Known:
    """A server's own state: one user on push who has had a message half an hour ago; it counts what is read."""

    def __init__(self) -> None:
        self.reads = 0

    async def state(self, messages: Sequence[Message], reader: FactsReader) -> State:
        return State({("t", "u"): User(True, ZONE, channels=frozenset(["push"]))}, default_zone=ZONE)

    async def peek_limits(self, ledger: LedgerModel, judged: Sequence[Judgement]) -> None:
        self.reads += 1
        for one in judged:
            uses = ledger.uses.setdefault((one.message.tenant, one.message.user_id), {})
            for key in one.proposal.uses:
                uses.setdefault(key, Use(NOON - HOUR // 2, NOON + HOUR // 2, 1, NOON - HOUR // 2))

    async def peek_accounts(self, ledger: LedgerModel, judged: Sequence[Judgement]) -> None:
        ledger.accounts = ledger.accounts or {}


def servicer(rules: RuleSet | None = None, live: LiveParts | None = None) -> DecisionServicer:
    evaluator = Evaluator(Away(), ZONE)
    evaluator.use(rules or ruleset(routing=ROUTES))
    return DecisionServicer(evaluator, Counts(), lambda: NOON, 1000, live)


def message(amount: float = 150.0) -> message_pb2.Message:
    wire = message_pb2.Message(tenant="t", line="cards", user_id="u", category=message_pb2.CATEGORY_TRANSACTION)
    wire.content.text = "hello"
    wire.params["amount"] = amount
    for channel in ("push", "sms"):
        wire.addresses.add(channel=channel, value="x")
    return wire


def asking(level: int, **fields: object) -> contract.EvaluateRequest:
    return contract.EvaluateRequest(message=message(), trace_level=level, **fields)  # type: ignore[arg-type]


async def test_each_level_holds_the_one_before() -> None:
    """Nothing unless asked for; `trace` alone is the first level."""
    where = servicer()
    traces = [(await where.Evaluate(asking(level), None)).trace for level in range(4)]
    plain = (await where.Evaluate(asking(0, trace=True), None)).trace

    assert not traces[0].ByteSize()
    assert plain == traces[1]
    assert [trace.HasField("explanation") for trace in traces] == [False, False, True, True]
    assert [trace.HasField("counterfactual") for trace in traces] == [False, False, False, True]
    assert traces[3].rules == traces[1].rules


async def test_every_rule_says_what_it_lacked() -> None:
    """With the atom that failed and the values it saw, and where the rule stands."""
    response = await servicer().Evaluate(asking(contract.TRACE_LEVEL_RULES), None)
    matched, missed = response.trace.explanation.rules

    assert (matched.rule_id, matched.outcome) == ("by-push", decision_pb2.RuleExplanation.OUTCOME_MATCHED)
    assert (missed.rule_id, missed.file, missed.line) == ("by-sms", "routing.yaml", 3)
    assert missed.failed.text == "message.params.amount >= 200.0"
    assert missed.failed.seen == "message.params.amount is 150.0"
    assert list(missed.lacking) == [missed.failed]


async def test_what_would_have_to_be_otherwise_is_answered_with_the_decision_that_follows() -> None:
    """And the message's own decision is the same as without the question."""
    where = servicer()
    response = await where.Evaluate(asking(contract.TRACE_LEVEL_COUNTERFACTUAL), None)
    plan = response.trace.counterfactual.plan
    (change,) = plan.changes
    other = await where.Evaluate(contract.EvaluateRequest(message=message(float(change.after))), None)

    assert (change.path, change.before, change.after) == ("message.params.amount", "150.0", "200.0")
    assert plan.decision == other.decision
    assert response.decision == (await where.Evaluate(asking(0), None)).decision


async def test_the_servers_own_state_counts_for_every_situation_and_is_read_once() -> None:
    """A limit that is used up in Redis is used up in what is tried, too, until its window is over."""
    known = Known()
    where = servicer(ruleset(routing=ROUTES, fatigue=HOURLY), LiveParts(known))
    response = await where.Evaluate(asking(contract.TRACE_LEVEL_COUNTERFACTUAL), None)
    found = response.trace.counterfactual

    assert response.decision.reason == decision_pb2.REASON_LIMIT_REACHED
    assert found.verdict.changes[0].path == "now.timestamp"
    assert found.judged > 3
    assert known.reads == 2  # for the message itself, and for all that was tried


async def test_a_level_that_is_none_is_refused() -> None:
    """With the field that is wrong."""
    with pytest.raises(InvalidInput) as caught:
        await servicer().Evaluate(asking(7), None)

    assert [one.field for one in caught.value.violations] == ["trace_level"]


async def test_a_batch_is_not_searched_and_its_rules_only_when_it_is_small() -> None:
    """Twenty messages with every rule; one more is too large, and a search is for single messages."""
    where, batch = servicer(), contract.EvaluateBatchRequest(trace_level=contract.TRACE_LEVEL_RULES)
    batch.evaluations.extend(contract.Evaluation(message=message()) for _ in range(RULES_BATCH_MAX))
    response = await where.EvaluateBatch(batch, None)
    assert all(result.trace.HasField("explanation") for result in response.results)

    batch.evaluations.add(message=message())
    with pytest.raises(TooLarge):
        await where.EvaluateBatch(batch, None)
    batch.trace_level = contract.TRACE_LEVEL_COUNTERFACTUAL
    with pytest.raises(InvalidInput):
        await where.EvaluateBatch(batch, None)


async def test_a_stream_answers_each_message_with_its_own_level() -> None:
    """One that asks for a search has an error in its place, and the stream goes on."""

    async def requests() -> AsyncIterator[contract.EvaluateStreamRequest]:
        for level in ("TRACE_LEVEL_RULES", "TRACE_LEVEL_COUNTERFACTUAL", "TRACE_LEVEL_UNSPECIFIED"):
            yield contract.EvaluateStreamRequest(message=message(), trace_level=level)

    first, second, third = [answer async for answer in servicer().EvaluateStream(requests(), None)]

    assert first.trace.HasField("explanation")
    assert second.error.code == code_pb2.INVALID_ARGUMENT
    assert third.decision.verdict == decision_pb2.VERDICT_SEND


def without_an_end() -> RuleSet:
    """Rules under which no other plan is found, so that a search looks at everything it may."""
    facts = " || ".join(f"has(message.params.p{n})" for n in range(30))
    declared = "".join(f"  message.params.p{n}: {{type: string}}\n" for n in range(30))
    when = f"user.known || {facts}"
    channels = "channels:\n  push: {doc: App push, receipts: true}\nfacts:\n  message.params.amount: {type: double}\n"
    return ruleset(
        facts=channels + declared,
        routing=f"- {{id: asked, when: '{when}', then: {{distribute: {{to: push}}}}}}\n"
        "- {id: rest, then: {distribute: {to: push}}}",
    )


def alone() -> contract.EvaluateRequest:
    request = asking(contract.TRACE_LEVEL_COUNTERFACTUAL)
    del request.message.addresses[1:]
    return request


async def test_other_calls_get_their_turn_while_one_is_searched_for() -> None:
    """A call that comes later is answered long before; the search ends at its bound and says so."""
    where, ended = servicer(without_an_end()), []

    async def call(name: str, request: contract.EvaluateRequest) -> contract.EvaluateResponse:
        response = await where.Evaluate(request, None)
        ended.append(name)
        return response

    plain = alone()
    plain.trace_level = contract.TRACE_LEVEL_UNSPECIFIED
    searched, _ = await asyncio.gather(call("search", alone()), call("plain", plain))

    assert ended == ["plain", "search"]
    assert searched.trace.counterfactual.judged == SEARCH_BUDGET
    assert searched.trace.counterfactual.budget == SEARCH_BUDGET
    assert not searched.trace.counterfactual.HasField("plan")


async def test_only_so_many_searches_wait() -> None:
    """One goes on, eight wait, the next are told to ask again later."""
    where = servicer(without_an_end())
    calls = [asyncio.create_task(where.Evaluate(alone(), None)) for _ in range(SEARCHES_WAITING + 3)]
    refused: list[asyncio.Task[contract.EvaluateResponse]] = []
    for _ in range(1000):  # each of them takes some turns until it stands in the queue
        await asyncio.sleep(0)
        refused = [call for call in calls if call.done()]
        if len(refused) == 2:
            break

    assert len(refused) == 2
    assert all(isinstance(call.exception(), TooManyCalls) for call in refused)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
