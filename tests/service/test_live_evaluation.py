"""DecisionService on a server that keeps state: what a request leaves out is the server's own, and stays as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from engine.decision.facts import FactsReader
from engine.decision.ledger_model import Balance, LedgerModel, Use
from engine.decision.model import Breakers, Message
from engine.decision.session import Judgement, State
from engine.errors import StateUnavailable
from engine.flow.evaluation import Evaluator
from engine.flow.live_parts import LiveParts
from engine.service.counts import Counts
from engine.service.decisions import DecisionServicer
from signalbox.v1 import decision_pb2, message_pb2, state_pb2
from signalbox.v1 import decision_service_pb2 as contract
from tests.decision.rulesets import HOUR, NOON, ZONE, ruleset, user
from tests.service.test_decision_service import Away, message, state

ROUTING = "- {id: to-sms, then: {distribute: {to: sms, otherwise: [push]}}}"
HOURLY = "- {id: hourly, then: {limit: {name: hourly, per: [user], max: 2, window: 1h}}}"
COST = "- {id: cost, then: {charge: {account: '{line}/sms', amount: 1, unit: CNY, channel: sms}}}"
CLOSED = '- {id: closed, when: platform.state == "PAUSED", then: {drop: {reason: BLOCKED}}}'
RICH = "- {id: rich, when: budget.sms_cash.left > 1.5, then: {distribute: {to: sms}}}\n" + ROUTING


class Server:
    """A server's own state: user u can be reached and has one touch; there is money for two messages."""

    def __init__(self) -> None:
        self.users = {("t", "u"): user("sms", "push")}
        self.uses = {("t", "u"): {("hourly", ""): Use(NOON, NOON + HOUR, 1, NOON, NOON + HOUR)}}
        self.accounts = {("t", "cards/sms"): Balance("CNY", 2_000_000)}
        self.platform = "NORMAL"
        self.away = False
        self.peeked: list[str] = []

    async def state(self, messages: Sequence[Message], reader: FactsReader) -> State:
        if self.away:
            raise StateUnavailable("no Redis")
        ledger = LedgerModel()
        if reader.reads_accounts:
            ledger.accounts = {key: replace(one) for key, one in self.accounts.items()}
        return State(dict(self.users), ledger, Breakers(self.platform), ZONE)

    async def peek_limits(self, ledger: LedgerModel, judged: Sequence[Judgement]) -> None:
        self.peeked.append("limits")
        for one in judged:
            key = (one.message.tenant, one.message.user_id)
            known = ledger.uses.setdefault(key, {})
            for name, use in self.uses.get(key, {}).items():
                known.setdefault(name, replace(use))

    async def peek_accounts(self, ledger: LedgerModel, judged: Sequence[Judgement]) -> None:
        self.peeked.append("accounts")
        ledger.accounts = ledger.accounts or {}
        for key, balance in self.accounts.items():
            ledger.accounts.setdefault(key, replace(balance))


def servicer(server: Server, routing: str = ROUTING, **families: str) -> DecisionServicer:
    """A servicer with this state behind it."""
    evaluator = Evaluator(Away(), ZONE)
    evaluator.use(ruleset(routing=routing, fatigue=HOURLY, budget=COST, **families))
    return DecisionServicer(evaluator, Counts(), lambda: NOON, 100, LiveParts(server))


def channels(decision: decision_pb2.Decision) -> list[str]:
    """Where a message goes."""
    return [step.channel for step in decision.plan.steps]


async def test_what_is_left_out_is_the_servers_own_and_nothing_is_assumed() -> None:
    """Users, limits, accounts and breakers are read, and nothing is counted."""
    server = Server()
    where = servicer(server)

    answers = [await where.Evaluate(contract.EvaluateRequest(message=message()), None) for _ in range(3)]
    stranger = await where.Evaluate(contract.EvaluateRequest(message=message("v")), None)

    assert [channels(answer.decision) for answer in answers] == [["sms"]] * 3
    assert stranger.decision.reason == decision_pb2.REASON_NO_ADDRESS
    assert [list(answer.assumed) for answer in (*answers, stranger)] == [[]] * 4
    assert server.uses["t", "u"]["hourly", ""].count == 1
    assert server.accounts["t", "cards/sms"].left_micros == 2_000_000


async def test_a_part_that_is_given_is_not_read() -> None:
    """It replaces that part whole; the others stay the server's."""
    server = Server()
    given = contract.EvaluateRequest(message=message("v"), state=state("v", channels=("sms",)))
    given.state.ClearField("accounts")
    given.state.ledger.users.add(tenant="t", user_id="v").uses.add(
        limit="hourly", start_ms=NOON, end_ms=NOON + HOUR, count=2, last_ms=NOON
    )

    answer = await servicer(server).Evaluate(given, None)

    assert answer.decision.reason == decision_pb2.REASON_LIMIT_REACHED
    assert server.peeked == ["accounts"]


async def test_a_whole_state_asks_the_server_nothing() -> None:
    """So it is answered while the server's own state is away."""
    server = Server()
    server.away = True
    where = servicer(server)

    whole = await where.Evaluate(contract.EvaluateRequest(message=message(), state=state("u")), None)
    with pytest.raises(StateUnavailable):
        await where.Evaluate(contract.EvaluateRequest(message=message()), None)

    assert channels(whole.decision) == ["push"]  # a charge on an account that is not listed is refused
    assert server.peeked == []


async def test_breakers_are_the_servers_own() -> None:
    """A rule on the platform's state sees what it is."""
    server = Server()
    server.platform = "PAUSED"

    answer = await servicer(server, interception=CLOSED).Evaluate(contract.EvaluateRequest(message=message()), None)

    assert answer.decision.reason == decision_pb2.REASON_BLOCKED


@pytest.mark.parametrize("trace", [False, True])
async def test_in_a_batch_each_message_sees_what_those_before_it_would_have_used(trace: bool) -> None:
    """On top of what the server knows; what would have changed comes back, the server's own does not change."""
    server = Server()
    request = contract.EvaluateBatchRequest(trace=trace)
    for _ in range(3):
        request.evaluations.add(message=message())

    response = await servicer(server).EvaluateBatch(request, None)

    decisions = [response.decisions[result.decision] for result in response.results]
    assert [decision.verdict for decision in decisions] == [1, 3, 3]
    (use,) = response.changed.ledger.users[0].uses
    assert (use.limit, use.count) == ("hourly", 2)
    assert response.changed.accounts.accounts[0].left_micros == 1_000_000
    assert not response.assumed
    assert server.uses["t", "u"]["hourly", ""].count == 1


async def test_along_a_stream_what_was_used_is_kept_and_what_is_given_replaces() -> None:
    """A part given once is not read any more."""
    server = Server()

    async def requests() -> AsyncIterator[contract.EvaluateStreamRequest]:
        yield contract.EvaluateStreamRequest(message=message())
        yield contract.EvaluateStreamRequest(message=message())
        given = state_pb2.State()
        given.ledger.SetInParent()
        yield contract.EvaluateStreamRequest(message=message(), state=given)
        yield contract.EvaluateStreamRequest(message=message())

    answers = [answer async for answer in servicer(server).EvaluateStream(requests(), None)]

    assert [answer.decision.verdict for answer in answers] == [1, 3, 1, 1]
    assert [channels(answer.decision) for answer in answers] == [["sms"], [], ["sms"], ["push"]]
    assert [list(answer.assumed) for answer in answers] == [[]] * 4
    assert server.peeked == ["limits", "accounts"] * 2 + ["accounts"] * 2


async def test_accounts_that_conditions_look_at_are_read_before_and_charged_within_the_request() -> None:
    """The second message of a batch sees what the first one would have left."""
    where = servicer(Server(), routing=RICH)
    request = contract.EvaluateBatchRequest()
    for number in range(2):
        wire = message_pb2.Message()
        wire.CopyFrom(message(addresses=[message_pb2.Address(channel="sms", value="1")]))
        wire.content.text = str(number)
        request.evaluations.add(message=wire)
    request.state.ledger.SetInParent()

    response = await where.EvaluateBatch(request, None)

    decided_by = [response.decisions[result.decision].decided_by for result in response.results]
    assert decided_by == ["rich", "to-sms"]
