"""What would have to be otherwise: found by the search whenever trying everything finds it, and always true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis.counterfactual import Counterfactual, Flip, counterfactual, plan_of, searching
from engine.analysis.inputs import exactly, with_facts
from engine.analysis.situation import Situation
from engine.analysis.trials import Posed, Trials
from engine.decision.judge import Judge
from engine.decision.ledger_model import Balance, Use
from engine.decision.model import Decision, User, Verdict
from engine.decision.session import Session, judge_now
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import FactType
from engine.ruleset.syntax import Type
from tests.decision.rulesets import DAY, HOUR, NOON, by_interpreter, message, ruleset, user
from tests.equality.versions import NOW_MS, Draft, random_message, random_state, ruleset_of
from tests.equality.versions import random_drafts as all_kinds

LARGE = """
- id: large
  when: has(message.params.amount) && message.params.amount >= 200.0
  then: {distribute: {to: sms, otherwise: [push]}}
- {id: rest, then: {distribute: {to: push, otherwise: [sms]}}}
"""


def found(made: RuleSet, situation: Situation, budget: int = 20_000) -> Counterfactual:
    answer = counterfactual(situation, Trials(made), budget)
    assert answer is not None
    return answer


def changes(flip: Flip | None) -> list[tuple[str, str, str]]:
    assert flip is not None
    return [(one.path, one.before, one.after) for one in flip.changes]


def plain(amount: float | None = None, someone: User | None = None, **fields: Any) -> Situation:
    params = {} if amount is None else {"amount": amount}
    return Situation(message(params=params), someone or user("push", "sms"), NOON, **fields)


@pytest.mark.parametrize(("amount", "after"), [(150.0, "200.0"), (200.0, "199.99"), (None, "200.0")])
def test_the_nearest_value_of_the_next_class_is_named(amount: float | None, after: str) -> None:
    """From both sides of the bound, and where the fact is absent."""
    answer = found(ruleset(routing=LARGE), plain(amount))

    assert changes(answer.plan) == [("message.params.amount", "absent" if amount is None else str(amount), after)]
    assert answer.plan is not None
    assert answer.plan.decision.decided_by == ("rest" if amount == 200.0 else "large")


def test_what_is_sent_comes_before_what_is_not() -> None:
    """Of equally small changes of a message that is held, the one after which it goes answers both questions."""
    quiet = "- {id: quiet, when: now.local_hour >= 22, then: {hold: {until: '08:00', reason: QUIET_HOURS}}}"
    drop = "- {id: out, when: content.length > 160, then: {drop: {reason: BLOCKED}}}"
    answer = found(ruleset(interception=f"{quiet}\n{drop}"), Situation(message(), user("push"), NOON + 10 * HOUR))

    assert answer.base.verdict is Verdict.HOLD
    assert answer.verdict is answer.plan
    assert changes(answer.plan) == [("now.local_hour", "22", "21")]


def test_a_limit_that_is_used_up_has_room_again_later() -> None:
    """The same ledger counts for every situation, so waiting for the end of its window is an answer."""
    limit = "- {id: hourly, then: {limit: {name: hourly, per: [user], max: 1, window: 1h}}}"
    used = Use(NOON - HOUR // 2, NOON + HOUR // 2, 1, NOON - HOUR // 2)
    answer = found(ruleset(fatigue=limit), plain(uses={("hourly", ""): used}))

    assert answer.base.reason.name == "LIMIT_REACHED"
    assert changes(answer.verdict)[0][::2] == ("now.timestamp", 'timestamp("2026-01-05T04:30:00Z")')
    assert used.count == 1


def test_an_empty_account_leaves_the_other_channels() -> None:
    """Charges are really checked: a user with an address elsewhere could be reached."""
    charge = "- {id: cost, then: {charge: {account: '{line}/sms', amount: 1, unit: CNY, channel: sms}}}"
    accounts = {("t", "cards/sms"): Balance("CNY", 5)}
    situation = plain(500.0, user("sms"), accounts=accounts)
    answer = found(ruleset(routing=LARGE, budget=charge), situation)

    assert answer.base.reason.name == "BUDGET_EXHAUSTED"
    assert changes(answer.verdict) == [("channels.push.has_address", "false", "true")]
    assert accounts[("t", "cards/sms")].left_micros == 5


def test_two_facts_are_changed_when_one_is_not_enough() -> None:
    """The tags and the hour, each of which alone changes nothing."""
    held = """
    - {id: early, when: now.local_hour < 13, then: {hold: {until: '14:00', reason: QUIET_HOURS}}}
    - {id: poor, when: '!has(user.tags) || !("high" in user.tags)', then: {drop: {reason: NOT_ELIGIBLE}}}
    """
    answer = found(ruleset(interception=held), plain())

    assert changes(answer.plan) == [("user.tags", "absent", '["high"]'), ("now.local_hour", "12", "13")]
    assert changes(answer.verdict) == [("user.tags", "absent", '["high"]')]
    assert answer.searched.tried[1] > 0


def test_what_was_not_found_is_said_with_how_far_was_looked() -> None:
    """Nothing leads to another plan: everything of one, two and three facts was looked at."""
    answer = found(ruleset(routing="- {id: only, then: {distribute: {to: push}}}"), plain())

    assert answer.plan is None
    assert answer.searched.tried == answer.searched.possible
    assert not answer.searched.spent


def test_the_budget_ends_the_search() -> None:
    """No more situations are judged than that."""
    answer = found(ruleset(routing=LARGE), plain(150.0), budget=2)

    assert answer.searched.spent
    assert answer.searched.judged == 2


def test_a_message_that_the_rules_cannot_read_has_no_counterfactual() -> None:
    """An amount that is no number is refused."""
    situation = Situation(message(params={"amount": "much"}), user("push"), NOON)

    assert counterfactual(situation, Trials(ruleset(routing=LARGE))) is None


# ---- on random rules ----


CONDITIONS = (
    "message.params.amount >= 200.0", "message.params.amount < 2.5", "message.params.amount == 3.0",
    "message.params.count > 3", "message.params.count in [1, 5]", "message.params.count <= -7",
    "message.params.flag", "message.params.text == 'a'", "message.params.text in ['gold', 'ab']",
    "message.params.sure == 1", "message.params.sure >= 3", "has(message.params.order)", "has(message.campaign)",
    "message.campaign == 'spring'", "message.scene == 'security'", "message.category == 'MARKETING'",
    "message.priority == 'P0'", "user.known", "has(user.tags)", "user.attributes.age >= 23",
    "now.local_hour >= 20", "now.local_weekday == 1", "channels.sms.state == 'PAUSED'", "platform.state != 'NORMAL'",
    "channels.push.has_address", "channels.wechat.opted_out", "has(message.params.order.total)",
    "message.params.order.total > 200.0",
)  # fmt: skip
VALUES: dict[Type, tuple[Any, ...]] = {
    Type.BOOL: (True, False),
    Type.INT: (*range(-9, 32), 2**40, -(2**40)),
    Type.DOUBLE: (-1.0, 0.0, 2.49, 2.5, 2.51, 2.99, 3.0, 3.01, 100.0, 199.99, 200.0, 200.01, 1e9),
    Type.STRING: ("a", "ab", "gold", "spring", "security", "trade", "account", "something else"),
    Type.OBJECT: (True,),
    Type.LIST_STRING: (("a",), ("high", "gold")),
}


def random_drafts(random: Random) -> list[Draft]:
    """Rules whose conditions compare plain facts with constants."""

    def condition(depth: int) -> str:
        if depth == 0 or random.random() < 0.4:
            text = random.choice(CONDITIONS).replace("'", '"')
            return text if random.random() < 0.7 else f"!({text})"
        return "(" + random.choice((" && ", " || ")).join(condition(depth - 1) for _ in range(2)) + ")"

    return [Draft("routing", condition(2)) for _ in range(3)] + [
        Draft("interception", f"has({path}) && ({condition(1)})")
        for path in ("message.params.amount", "message.campaign")
    ]


@given(st.integers(0, 2**32))
@settings(max_examples=30)
def test_one_fact_is_found_exactly_when_trying_every_value_finds_it(seed: int) -> None:
    """On random rules over plain facts, with far more values than there are classes."""
    random = Random(seed)
    made = ruleset_of(random_drafts(random))
    situation = random_situation(random)
    if made is None:
        return
    answer, judge = found(made, situation), Judge(made, 16)
    base = decided(judge, situation)
    tried = {one for other in every_single(made, situation) for one in flips(base, decided(judge, other))}
    small = {name for name in ("verdict", "plan") if (flip := getattr(answer, name)) and len(flip.changes) == 1}

    assert tried <= small
    for flip in (answer.verdict, answer.plan, *answer.singles):
        if flip is not None:
            again = decided(judge, flip.situation)
            assert flips(base, again)
            assert again is not None
            assert (again.verdict, plan_of(again)) == (flip.decision.verdict, plan_of(flip.decision))


def random_situation(random: Random) -> Situation:
    what, state = random_message(random), random_state(random)
    someone = (state.users or {}).get(("t", what.user_id), User(False, "Asia/Shanghai"))
    return Situation(what, someone, NOW_MS + random.randrange(7) * DAY + random.randrange(24) * HOUR, state.breakers)


def decided(judge: Judge, situation: Situation) -> Decision | None:
    """Judge by the pipeline itself, apart from everything that the search uses."""
    session = Session(judge, situation.state())
    (judged,) = judge_now(session, [(situation.message, situation.now_ms)], by_interpreter)
    return None if judged.error is not None else judged.decision


def flips(base: Decision | None, other: Decision | None) -> set[str]:
    if base is None or other is None:
        return set()
    kinds = {"verdict"} if other.verdict is not base.verdict else set()
    return kinds | ({"plan"} if other.plan is not None and plan_of(other) != plan_of(base) else set())


def every_single(made: RuleSet, situation: Situation) -> Iterator[Situation]:
    """Every situation with one other fact: closed sets whole, of open ones every value that tests know."""
    for fact in made.schema.facts:
        if fact.path in made.used_facts:
            for value in possible(fact):
                other = with_facts(situation, {fact.path: exactly(value)}, made)
                if other is not None:
                    yield other


def possible(fact: FactType) -> list[Any]:
    values: list[Any] = list(fact.values or VALUES[fact.type])
    return [*values, None] if fact.optional else values


@given(st.integers(0, 2**32))
@settings(max_examples=30)
def test_what_is_known_of_one_situation_gives_the_decisions_of_the_next(seed: int) -> None:
    """Matching only what differs gives what the plain interpreter gives, on rules of all kinds."""
    random = Random(seed)
    made = ruleset_of(all_kinds(random))
    if made is None:
        return
    trials = Trials(made)
    for _ in range(6):
        posed = Posed(random_situation(random))
        quick, sure = trials.begin(posed).end(), trials.begin(replace(posed, surely=True)).end()
        assert quick.matched is not None
        assert sure.matched is not None
        assert (quick.matched.rules, quick.matched.erred) == (sure.matched.rules, sure.matched.erred)
        assert quick.decision.verdict is sure.decision.verdict
        assert quick.decision.refusals == sure.decision.refusals


@given(st.integers(0, 2**32), st.integers(1, 40))
@settings(max_examples=20)
def test_whoever_drives_a_search_may_stop_at_any_time(seed: int, after: int) -> None:
    """It asks for situations one by one, the message itself first."""
    random = Random(seed)
    made = ruleset_of(random_drafts(random))
    situation = random_situation(random)
    if made is None:
        return
    trials, search = Trials(made), searching(situation, made)
    asked = next(search)
    assert asked.situation is situation
    for _ in range(after):
        try:
            asked = search.send(trials.begin(asked).end())
        except StopIteration:
            break
    search.close()
