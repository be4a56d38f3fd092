"""What every rule came to on a judged message, and what those that did not match lacked."""

from __future__ import annotations

from itertools import combinations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis.atoms import Atoms, Shape, Worth, worth
from engine.analysis.explanation import Channels, Explainer, Explanation, RuleExplained
from engine.analysis.situation import Situation
from engine.analysis.trials import Trials
from engine.decision.model import Breakers, User
from engine.decision.trace import explain
from engine.ruleset.compile import RuleSet
from engine.ruleset.fact_types import Scope
from engine.ruleset.interpreter import holds
from tests.decision.rulesets import NOON, message, ruleset, user
from tests.equality.versions import NOW_MS, random_drafts, random_message, random_state, ruleset_of
from tests.ruleset.strategies import SCHEMA, Facts, conditions, facts, parsed

FACTS = """
channels:
  push: {doc: App push, receipts: true}
  sms: {doc: Text message, receipts: true}
  mail: {doc: Mail, receipts: false}
facts:
  message.params.amount: {type: double}
define: {large_change: 200.0}
"""
ROUTES = """
- id: large
  when: message.category == "TRANSACTION" && has(message.params.amount) && message.params.amount >= large_change
  then: {distribute: {to: sms, otherwise: [push]}}
- {id: campaign, when: message.campaign == "spring", then: {distribute: {to: mail}}}
- {id: rest, then: {distribute: {to: push, otherwise: [sms]}}}
"""
OUT = """
- {id: opted-out, when: channel.opted_out, then: {exclude: {reason: OPTED_OUT}}}
- {id: quiet, when: now.local_hour < 8 || now.local_hour >= 22, then: {hold: {until: "08:00", reason: QUIET_HOURS}}}
- {id: blocked, when: '"blocked" in user.tags && has(user.tags)', then: {drop: {reason: BLOCKED}}}
"""
LIMITS = "- {id: hourly, then: {limit: {name: hourly, per: [user, line], max: 1, window: 1h}}}"
CHARGES = "- {id: cost, then: {charge: {account: '{line}/sms', amount: 1, unit: CNY, channel: sms}}}"


def rules() -> RuleSet:
    """A version with a rule for everything that can come of one."""
    return ruleset(facts=FACTS, routing=ROUTES, interception=OUT, fatigue=LIMITS, budget=CHARGES)


def explained(made: RuleSet, someone: User | None = None, now_ms: int = NOON, **fields: object) -> Explanation:
    situation = Situation(message(**fields), someone or user("push", "sms"), now_ms)  # type: ignore[arg-type]
    judged = Trials(made).judged(situation)
    return Explainer(made).explain(judged, explain(judged, made), Breakers())


def of(told: Explanation, rule: str, channel: str = "") -> RuleExplained:
    (found,) = [one for one in told.rules if (one.rule.id, one.channel) == (rule, channel)]
    return found


def test_a_rule_that_did_not_match_names_the_first_atom_that_failed_with_what_it_saw() -> None:
    """With the values of its facts and of the constants it names."""
    large = of(explained(rules(), category="TRANSACTION", params={"amount": 150.0}), "large")

    assert large.matched is False
    assert large.failed is not None
    assert large.failed.text == "message.params.amount >= large_change"
    assert large.failed.seen == "message.params.amount is 150.0, large_change is 200.0"
    assert (large.atoms, large.lacking) == (3, (large.failed,))


def test_an_absent_fact_is_named_as_the_error_it_is() -> None:
    """A routing rule without a value does not match; the first atom is the one in error."""
    campaign = of(explained(rules()), "campaign")

    assert campaign.matched is None
    assert campaign.failed is not None
    assert campaign.failed.error == "message.campaign is absent"


def test_what_matched_says_what_it_asked_and_what_came_of_it() -> None:
    """Of a route, of a limit, of a charge, and of a rule that stands too late."""
    told = explained(rules(), category="TRANSACTION", params={"amount": 250.0})

    assert of(told, "large").came == "decided the route; taken: sms"
    assert of(told, "large").asks == "DISTRIBUTION by sms, push"
    assert of(told, "rest").came == "not asked: large matches too and stands before it"
    assert of(told, "hourly").came.splitlines() == [
        "sms: hourly (cards): 0 of 1, no window is running; passed",
        "push: not looked at, the channel was not needed",
    ]
    assert of(told, "cost").came == "sms: cards/sms: 1 CNY; passed"


def test_near_misses_come_first_after_what_matched() -> None:
    """Matched rules in file order, then by how many atoms are lacking."""
    told = explained(rules())
    numbers = [0 if one.matched else len(one.lacking or ()) for one in told.rules]

    assert numbers == sorted(numbers)
    assert {one.rule.id for one in told.rules} == {one.id for one in rules().rules}


def test_rules_about_a_channel_stand_once_for_each_channel_they_are_explained_for() -> None:
    """For the candidates; for the channels of the route when the message is held before; else for all declared."""
    asked = explained(rules())
    held = explained(rules(), now_ms=NOON + 11 * 3_600_000)
    lost = explained(ruleset(facts=FACTS, interception=OUT, routing=ROUTES.partition("- {id: rest")[0]))

    assert (asked.whose, asked.channels) == (Channels.CANDIDATES, ("push", "sms"))
    assert (held.whose, held.channels) == (Channels.ROUTE, ("push", "sms"))
    assert (lost.whose, lost.channels) == (Channels.DECLARED, ("push", "sms", "mail"))
    assert {one.channel for one in lost.rules if one.rule.id == "opted-out"} == {"push", "sms", "mail"}
    assert of(held, "quiet").came.startswith("held the message until 2026-01-06T08:00")
    assert of(held, "rest").came.startswith("its channels were not looked at: the message was held as a whole")


def test_a_refused_channel_is_told_of() -> None:
    """By the rule that takes it away, and by the rules that then have no say about it."""
    told = explained(rules(), user("push", "sms", opt_outs=frozenset([("push", "SERVICE")])))

    assert of(told, "opted-out", "push").came == "took push away"
    assert of(told, "hourly").came.splitlines()[0] == "push: not looked at, refused before: OPTED_OUT by opted-out"


def test_breaker_rules_are_only_counted() -> None:
    """They judge windows, and no message."""
    breaker = "- {id: slow, when: provider.window.error_rate > 0.5, then: {set: {state: PAUSED}}}"
    told = explained(ruleset(breaker=breaker))

    assert told.windows == 1
    assert "slow" not in {one.rule.id for one in told.rules}


@given(conditions(), facts())
def test_the_atoms_of_a_condition_come_to_what_the_condition_is(text: str, some: Facts) -> None:
    """Asked one by one and joined, they give what the interpreter gives, errors too."""
    expr = parsed(text)
    atoms = Atoms(expr, SCHEMA, Scope.CHANNEL)

    assert worth(atoms.shape, atoms.answers(some.f, some.c)) is holds(expr, SCHEMA, Scope.CHANNEL)(some.f, some.c)


@given(conditions(), facts())
def test_the_first_failing_atom_is_false_or_has_no_value(text: str, some: Facts) -> None:
    """What is shown of it, `!` before it included, is not true on these facts."""
    atoms = Atoms(parsed(text), SCHEMA, Scope.CHANNEL)
    answers = atoms.answers(some.f, some.c)
    if worth(atoms.shape, answers):
        return
    wish = atoms.first_failing(answers)
    seen = atoms.seen(wish, some.f, some.c)
    value = holds(parsed(seen.text), SCHEMA, Scope.CHANNEL)(some.f, some.c)

    assert value is not True
    assert (value is None) == bool(seen.error)


@given(conditions(depth=2), facts())
def test_the_fewest_atoms_are_enough_and_fewer_are_not(text: str, some: Facts) -> None:
    """Answered otherwise, they make the condition true; no smaller set of atoms does, whatever they answer."""
    atoms = Atoms(parsed(text), SCHEMA, Scope.CHANNEL)
    answers = atoms.answers(some.f, some.c)
    least = atoms.least(answers)

    if least is not None:
        otherwise = dict(least)
        assert worth(atoms.shape, [otherwise.get(place, one) for place, one in enumerate(answers)]) is True
        assert len(otherwise) == len(least)
    free = [place for place, expr in enumerate(atoms.exprs) if type(expr).__name__ != "Literal"]
    for size in range(min(3, len(free) + 1 if least is None else len(least))):
        assert not any(can_be_true(atoms.shape, answers, places) for places in combinations(free, size))


def can_be_true(shape: Shape, answers: list[Worth], places: tuple[int, ...]) -> bool:
    """Whether some answers of these atoms make the condition true."""
    tried: list[list[Worth]] = [answers]
    for place in places:
        tried = [[*one[:place], answer, *one[place + 1 :]] for one in tried for answer in (True, False)]
    return any(worth(shape, one) for one in tried)


@given(st.integers(0, 2**32))
@settings(max_examples=30)
def test_what_is_explained_is_what_was_judged(seed: int) -> None:
    """On random rules of all families: the same rules match, and the same have no value, for message and channels."""
    random = Random(seed)
    made = ruleset_of(random_drafts(random))
    what, state = random_message(random), random_state(random)
    someone = (state.users or {}).get(("t", what.user_id), User(False, "Asia/Shanghai"))
    if made is None:
        return
    judged = Trials(made).judged(Situation(what, someone, NOW_MS, state.breakers))
    trace = explain(judged, made)
    told = Explainer(made).explain(judged, trace, state.breakers)
    asked = [one for one in told.rules if not one.channel or told.whose is not Channels.DECLARED]

    for erred in (False, True):
        of_trace = {(one.rule.id, one.channel) for one in trace.rules if one.erred is erred}
        assert {(one.rule.id, one.channel) for one in asked if one.matched is (None if erred else True)} == of_trace
    assert all(one.came for one in told.rules if one.matched)
    assert all(one.failed is not None for one in told.rules if not one.matched)
