"""DecisionService as its callers see it: states given whole or in part, batches, streams, violations, explanations."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2

from engine.decision.model import Reason, Strategy, Verdict
from engine.decision.trace import Result
from engine.errors import InvalidInput, MatcherUnavailable, RulesUnavailable, TooLarge
from engine.flow.evaluation import Evaluator
from engine.ruleset.compile import RuleSet
from engine.service.counts import Counts
from engine.service.decisions import DecisionServicer
from engine.service.translate_state import MAX_USES
from signalbox.v1 import decision_pb2, message_pb2, state_pb2
from signalbox.v1 import decision_service_pb2 as contract
from tests.decision.rulesets import HOUR, NOON, ZONE, ruleset

RULES = """
- {id: by-sms, when: has(message.params.amount), then: {distribute: {to: sms, otherwise: [push]}}}
- {id: to-push, then: {supplement: [{channel: push, wait: 90s}, {channel: sms}]}}
"""
ONE_AN_HOUR = "- {id: hourly, then: {limit: {name: hourly, per: [user, line], max: 1, window: 1h}}}"
CHARGE = "- {id: cost, then: {charge: {account: '{line}/sms', amount: 1, unit: CNY, channel: sms}}}"


class Away:
    """A rules process that never answers."""

    async def match(self, digest: str, program: int, fingerprints: object) -> list[tuple[int, ...]]:
        raise MatcherUnavailable("away")


def servicer(rules: RuleSet | None = None, batch_max: int = 1000) -> DecisionServicer:
    evaluator = Evaluator(Away(), ZONE)
    evaluator.use(rules or ruleset(routing=RULES, fatigue=ONE_AN_HOUR, budget=CHARGE))
    return DecisionServicer(evaluator, Counts(), lambda: NOON, batch_max)


def message(user_id: str = "u", amount: float | None = None, **fields: object) -> message_pb2.Message:
    wire = message_pb2.Message(tenant="t", line="cards", user_id=user_id, category=2, **fields)  # type: ignore[arg-type]
    if not wire.HasField("content") and not wire.HasField("template"):
        wire.content.text = "hello"
    if amount is not None:
        wire.params["amount"] = amount
    return wire


def state(*users: str, channels: tuple[str, ...] = ("push", "sms")) -> state_pb2.State:
    """A whole state: these users on these channels, no touches, no accounts, all NORMAL."""
    given = state_pb2.State()
    for user_id in users:
        user = given.users.users.add(tenant="t", user_id=user_id, zone=ZONE)
        for channel in channels:
            user.bindings.add(channel=channel, value="x")
    for part in (given.users, given.ledger, given.accounts, given.breakers):
        part.SetInParent()
    return given


def paths(error: status_pb2.Status) -> list[str]:
    """The fields that a status complains of."""
    detail = error_details_pb2.BadRequest()
    assert error.details[0].Unpack(detail)
    return [violation.field for violation in detail.field_violations]


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (Verdict, decision_pb2.Verdict, "VERDICT_"),
        (Strategy, message_pb2.Strategy, "STRATEGY_"),
        (Reason, decision_pb2.Reason, "REASON_"),
        (Result, decision_pb2.CandidateTrace.Result, "RESULT_"),
    ],
)
def test_the_enums_of_model_and_contract_are_one(ours: type, theirs: object, prefix: str) -> None:
    """Same names, same numbers; only the wire's zero has a name of its own."""
    wire = {name.removeprefix(prefix): number for name, number in theirs.items() if number}  # type: ignore[attr-defined]
    assert wire == {one.name: one.value for one in ours if one.value}  # type: ignore[attr-defined]


async def test_without_a_state_the_answer_names_what_was_assumed() -> None:
    """No touches, enough budget, NORMAL, only the message's own addresses."""
    wire = message(addresses=[message_pb2.Address(channel="sms", value="+86")], amount=500.0)
    request = contract.EvaluateRequest(message=wire)

    response = await servicer().Evaluate(request, None)

    assert [step.channel for step in response.decision.plan.steps] == ["sms"]
    assert len(response.assumed) == 4


async def test_a_part_that_is_given_replaces_that_part_whole() -> None:
    """What it does not list is no touch, no user, no account."""
    request = contract.EvaluateRequest(message=message(amount=500.0), state=state("u"))
    response = await servicer().Evaluate(request, None)

    assert not response.assumed
    assert [step.channel for step in response.decision.plan.steps] == ["push"]
    assert [refusal.reason for refusal in response.decision.refusals] == [decision_pb2.REASON_ACCOUNT_UNKNOWN]

    request.state.ClearField("accounts")
    response = await servicer().Evaluate(request, None)
    assert [step.channel for step in response.decision.plan.steps] == ["sms"]
    assert list(response.assumed) == [state_pb2.STATE_PART_ACCOUNTS]


async def test_an_address_that_is_known_to_be_dead_is_not_used() -> None:
    """A binding that says nothing of it is valid."""
    request = contract.EvaluateRequest(message=message(amount=5.0), state=state("u"))
    request.state.ClearField("accounts")
    push, sms = request.state.users.users[0].bindings
    push.valid, sms.valid = True, False

    response = await servicer().Evaluate(request, None)

    assert [step.channel for step in response.decision.plan.steps] == ["push"]
    assert [refusal.reason for refusal in response.decision.refusals] == [decision_pb2.REASON_NO_ADDRESS]


async def test_evaluate_changes_nothing() -> None:
    """The same request has the same answer as often as it is asked."""
    request = contract.EvaluateRequest(message=message(), state=state("u"))
    where = servicer()

    first, second = await where.Evaluate(request, None), await where.Evaluate(request, None)

    assert first == second
    assert first.decision.verdict == decision_pb2.VERDICT_SEND


async def test_a_batch_is_judged_in_order_and_gives_back_what_it_changed() -> None:
    """Fed into the next batch, the ledger goes on where the first one stopped."""
    where = servicer()
    request = contract.EvaluateBatchRequest(state=state("u", "v"))
    for user_id in ("u", "v", "u"):
        request.evaluations.add(message=message(user_id))

    response = await where.EvaluateBatch(request, None)

    decisions = [response.decisions[result.decision] for result in response.results]
    assert [decision.verdict for decision in decisions] == [1, 1, 3]
    assert decisions[2].reason == decision_pb2.REASON_LIMIT_REACHED
    assert len(response.decisions) == 2
    (use,) = response.changed.ledger.users[0].uses
    assert (use.limit, use.key, use.count) == ("hourly", "cards", 1)
    assert (use.start_ms, use.end_ms, use.last_ms, use.expire_ms) == (NOON, NOON + HOUR, NOON, NOON + HOUR)

    later = contract.EvaluateBatchRequest(state=request.state)
    later.state.ledger.CopyFrom(response.changed.ledger)
    later.evaluations.add(message=message("u")).now.FromMilliseconds(NOON + HOUR - 1)
    later.evaluations.add(message=message("v")).now.FromMilliseconds(NOON + HOUR)
    second = await where.EvaluateBatch(later, None)
    assert [second.decisions[result.decision].verdict for result in second.results] == [3, 1]


async def test_a_batch_keeps_account_of_the_money() -> None:
    """Charged accounts come back with what is left."""
    request = contract.EvaluateBatchRequest(state=state("u", "v", "w"))
    request.state.accounts.accounts.add(tenant="t", name="cards/sms", unit="CNY", left_micros=2_500_000)
    for user_id in ("u", "v", "w"):
        request.evaluations.add(message=message(user_id, 500.0))

    response = await servicer().EvaluateBatch(request, None)

    decisions = [response.decisions[result.decision] for result in response.results]
    assert [decision.plan.steps[0].channel for decision in decisions] == ["sms", "sms", "push"]
    assert [account.left_micros for account in response.changed.accounts.accounts] == [500_000]


async def test_one_bad_message_fails_alone_and_counts_nothing() -> None:
    """With its violations; the others are decided as if it were not there."""
    request = contract.EvaluateBatchRequest(state=state("u"))
    bad = message()
    bad.params["amount"] = "much"
    for wire in (bad, message(""), message()):
        request.evaluations.add(message=wire)

    response = await servicer().EvaluateBatch(request, None)

    errors = [result.error for result in response.results[:2]]
    assert [error.code for error in errors] == [code_pb2.INVALID_ARGUMENT] * 2
    assert [paths(error) for error in errors] == [["message.params.amount"], ["message.user_id"]]
    assert response.decisions[response.results[2].decision].verdict == decision_pb2.VERDICT_SEND


async def test_a_batch_has_a_bound() -> None:
    """One more is refused as a whole."""
    request = contract.EvaluateBatchRequest()
    for _ in range(4):
        request.evaluations.add(message=message())

    with pytest.raises(TooLarge, match="evaluations: 4 messages; at most 3"):
        await servicer(batch_max=3).EvaluateBatch(request, None)


async def test_an_explained_batch_decides_as_a_plain_one() -> None:
    """The trace changes no decision, and it shows the ledger as it was before each message."""
    request = contract.EvaluateBatchRequest(state=state("u"))
    for _ in range(2):
        request.evaluations.add(message=message())
    plain = await servicer().EvaluateBatch(request, None)

    request.trace = True
    traced = await servicer().EvaluateBatch(request, None)

    def decided(response: contract.EvaluateBatchResponse) -> list[decision_pb2.Decision]:
        return [response.decisions[result.decision] for result in response.results]

    assert decided(plain) == decided(traced)
    assert plain.changed == traced.changed
    first, second = (result.trace for result in traced.results)
    assert [rule.rule_id for rule in first.rules] == ["hourly", "cost", "to-push"]
    assert [candidate.result for candidate in first.candidates] == [Result.TAKEN, Result.NOT_NEEDED]
    assert (
        second.candidates[0].checks[-1].detail.startswith("hourly (cards): 1 of 1 in the window until 2026-01-05T13:00")
    )


async def test_a_stream_keeps_its_state_until_a_part_is_replaced() -> None:
    """Each message sees what those before it used; a bad one is answered and the stream goes on."""

    async def requests() -> AsyncIterator[contract.EvaluateStreamRequest]:
        yield contract.EvaluateStreamRequest(message=message(), state=state("u"))
        yield contract.EvaluateStreamRequest(message=message())
        yield contract.EvaluateStreamRequest(message=message(""))
        emptied = state_pb2.State()
        emptied.ledger.SetInParent()
        yield contract.EvaluateStreamRequest(message=message(), state=emptied)

    responses = [response async for response in servicer().EvaluateStream(requests(), None)]

    assert [response.decision.verdict for response in responses] == [1, 3, 0, 1]
    assert paths(responses[2].error) == ["message.user_id"]
    assert [len(response.changed.ledger.users) for response in responses] == [1, 0, 0, 1]
    assert not any(response.assumed for response in responses)


async def test_the_plan_says_how_the_steps_relate() -> None:
    """A supplement's wait, what ends it, and which steps go at once."""
    request = contract.EvaluateRequest(message=message(), state=state("u"))

    plan = (await servicer().Evaluate(request, None)).decision.plan

    assert plan.strategy == message_pb2.STRATEGY_SUPPLEMENT
    assert [(step.channel, step.admitted, step.wait.seconds) for step in plan.steps] == [
        ("push", True, 90),
        ("sms", False, 0),
    ]
    assert [step.until for step in plan.steps] == [decision_pb2.CONFIRMATION_DELIVERED, 0]
    assert plan.priority == message_pb2.PRIORITY_P1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda m: m.ClearField("tenant"), "message.tenant"),
        (lambda m: m.ClearField("category"), "message.category"),
        (lambda m: m.ClearField("content"), "message.content"),
        (lambda m: setattr(m.content, "text", ""), "message.content"),
        (lambda m: setattr(m, "scene", "x" * 129), "message.scene"),
        (lambda m: setattr(m, "campaign", "a\nb"), "message.campaign"),
        (lambda m: setattr(m, "owner", " me"), "message.owner"),
        (lambda m: setattr(m, "category", 77), "message.category"),
        (lambda m: setattr(m, "priority", 9), "message.priority"),
        (lambda m: setattr(m.expire_at, "seconds", -5), "message.expire_at"),
        (lambda m: m.addresses.add(channel="sms"), "message.addresses[0].value"),
        (lambda m: m.wishes.channels.append(""), "message.wishes.channels[0]"),
        (lambda m: setattr(m.template, "id", ""), "message.template.id"),
        (lambda m: m.params.update({f"p{n}": 1 for n in range(65)}), "message.params"),
        (lambda m: m.params.update({"text": "x" * 20_000}), "message.params"),
        (lambda m: setattr(m.content, "text", "x" * 70_000), "message.content"),
    ],
)
async def test_each_broken_field_is_named(change: object, path: str) -> None:
    """The violation has the path as the caller would write it."""
    wire = message()
    change(wire)  # type: ignore[operator]

    with pytest.raises(InvalidInput) as caught:
        await servicer().Evaluate(contract.EvaluateRequest(message=wire), None)

    assert [violation.field for violation in caught.value.violations] == [path]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda s: setattr(s.users.users[0], "zone", "Mars"), "state.users.users[0].zone"),
        (lambda s: s.users.users.add(tenant="t", user_id="u"), "state.users.users[1].user_id"),
        (lambda s: s.users.users.add(user_id="v"), "state.users.users[1].tenant"),
        (lambda s: s.ledger.users.add(tenant="t", user_id="u").uses.add(limit="x"), "state.ledger.users[0].uses"),
        (lambda s: s.accounts.accounts.add(tenant="t", unit="CNY"), "state.accounts.accounts[0].name"),
        (lambda s: s.breakers.channels.update({"sms": 9}), 'state.breakers.channels["sms"]'),
    ],
)
async def test_a_broken_state_is_refused_by_its_place(change: object, path: str) -> None:
    """Nothing is decided against half a state."""
    given = state("u")
    change(given)  # type: ignore[operator]

    with pytest.raises(InvalidInput) as caught:
        await servicer().EvaluateBatch(contract.EvaluateBatchRequest(state=given), None)

    assert [violation.field for violation in caught.value.violations] == [path]


async def test_before_any_rules_there_is_no_answer() -> None:
    """UNAVAILABLE, not a guess."""
    where = DecisionServicer(Evaluator(Away(), ZONE), Counts(), lambda: NOON, 10)

    with pytest.raises(RulesUnavailable):
        await where.Evaluate(contract.EvaluateRequest(message=message()), None)


async def test_decisions_and_rejections_are_counted() -> None:
    """By verdict, reason and strategy."""
    counts = Counts()
    evaluator = Evaluator(Away(), ZONE)
    evaluator.use(ruleset(routing=RULES, fatigue=ONE_AN_HOUR))
    request = contract.EvaluateBatchRequest(state=state("u"))
    for wire in (message(), message(), message("")):
        request.evaluations.add(message=wire)

    await DecisionServicer(evaluator, counts, lambda: NOON, 10).EvaluateBatch(request, None)

    assert dict(counts.decided) == {
        (Verdict.SEND, Reason.NONE, Strategy.SUPPLEMENT): 1,
        (Verdict.DROP, Reason.LIMIT_REACHED, 0): 1,
    }
    assert counts.rejected == 1


async def test_a_rejected_message_does_not_move_the_time_of_a_batch() -> None:
    """What still matters at the last decided message comes back, with a trace or without."""
    request = contract.EvaluateBatchRequest(state=state("u"))
    request.evaluations.add(message=message())
    late = message(wishes=message_pb2.Wishes(channels=["pusch"]))
    request.evaluations.add(message=late).now.FromMilliseconds(NOON + 400 * 24 * HOUR)

    plain = await servicer().EvaluateBatch(request, None)
    request.trace = True
    traced = await servicer().EvaluateBatch(request, None)

    assert [user.user_id for user in plain.changed.ledger.users] == ["u"]
    assert plain.changed == traced.changed
    assert paths(plain.results[1].error) == ["message.wishes.channels[0]"]


async def test_a_stream_forgets_what_is_over() -> None:
    """However many texts one user is sent, what no longer matters is not kept."""
    per_content = "- {id: once, then: {limit: {name: once, per: [user, content], max: 1, window: 1s}}}"
    count = MAX_USES + 50

    async def requests() -> AsyncIterator[contract.EvaluateStreamRequest]:
        for number in range(count):
            request = contract.EvaluateStreamRequest(message=message(), state=state("u") if not number else None)
            request.message.content.text = f"text {number}"
            request.now.FromMilliseconds(NOON + number * 1000)
            yield request

    where = servicer(ruleset(routing=RULES, fatigue=per_content))
    verdicts = [response.decision.verdict async for response in where.EvaluateStream(requests(), None)]

    assert verdicts == [decision_pb2.VERDICT_SEND] * count
