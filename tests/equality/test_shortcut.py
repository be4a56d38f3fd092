"""Candidates seen before are not judged again: the short cut gives what judging each candidate by itself gives."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decision.facts import channel_facts
from engine.decision.judge import Judge
from engine.decision.session import Judgement, Session, State, judge_now
from engine.ruleset.compile import RuleSet
from engine.ruleset.effects import Route
from engine.ruleset.fact_types import Scope
from tests.equality.versions import (
    NOW_MS,
    Draft,
    about_the_channel,
    random_drafts,
    random_message,
    random_state,
    ruleset_of,
    wide,
)

MINUTE_MS = 60_000


def answers_one_by_one(session: Session, one: Judgement) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """What the rules answer for each candidate, by its own whole fingerprint, with nothing remembered."""
    assert one.matched is not None
    assert one.matched.route is not None
    assert isinstance(one.matched.route.effect, Route)
    answers = []
    for choice in one.matched.route.effect.choices:
        c = channel_facts(choice.channel, one.message, one.user, session.state.breakers)
        matcher = session.judge.ruleset.matcher(Scope.CHANNEL)
        found = matcher.interpret(matcher.fingerprint(one.facts, c), one.facts, c)
        answers.append((found.rules, found.erred))
    return answers


def compare(ruleset: RuleSet, random: Random, batches: int) -> list[Judgement]:
    """Judge messages of many users, channels and hours with one memory, and each candidate by itself."""
    judge = Judge(ruleset)
    judged: list[Judgement] = []
    for _ in range(batches):
        session = Session(judge, random_state(random))
        items = [(random_message(random), NOW_MS + random.randrange(1440) * MINUTE_MS) for _ in range(12)]
        for one in judge_now(session, items, lambda unknown: None):
            assert one.error is None
            if one.blueprint is not None:
                told = [(answer.rules, answer.erred) for answer in one.blueprint.answers]
                assert told == answers_one_by_one(session, one)
                judged.append(one)
    return judged


@given(st.integers(0, 2**48))
@settings(max_examples=25)
def test_the_short_cut_agrees_on_random_versions(seed: int) -> None:
    """Whatever the rules of a version read of message and channel, remembered candidates are the right ones."""
    random = Random(seed)
    drafts = random_drafts(random)
    drafts += [Draft("interception", f"({about_the_channel(random)}) && user.known") for _ in range(2)]
    ruleset = ruleset_of(drafts)
    assert ruleset is not None

    assert compare(ruleset, random, 3)


@pytest.mark.parametrize("seed", range(6))
def test_a_wide_condition_of_both_kinds_of_facts_takes_no_short_cut(seed: int) -> None:
    """A term that mixes the channel's facts with the message's cannot be cut apart: each candidate is judged."""
    random = Random(seed)
    ruleset = ruleset_of([Draft("interception", wide(random, mixed=True)), *random_drafts(random)[:3]])
    assert ruleset is not None

    assert ruleset.programs[Scope.CHANNEL].shared is None
    assert compare(ruleset, random, 6)


@pytest.mark.parametrize("seed", range(6))
def test_a_wide_condition_beside_channel_rules_keeps_the_short_cut(seed: int) -> None:
    """A wide condition of the message alone, in a rule about the channel, is part of what candidates share."""
    random = Random(seed)
    drafts = [Draft("interception", "channel.opted_out"), Draft("budget", 'channel.state == "SLOW" && user.known')]
    ruleset = ruleset_of([*drafts, Draft("fatigue", wide(random, mixed=False))])
    assert ruleset is not None

    assert ruleset.programs[Scope.CHANNEL].shared is not None
    assert compare(ruleset, random, 6)


def test_the_short_cut_is_taken() -> None:
    """In the versions compared here many candidates are remembered ones, and their answers differ."""
    ruleset = ruleset_of(
        [Draft("interception", "channel.opted_out"), Draft("fatigue", "channel.has_address && user.known")]
    )
    assert ruleset is not None
    judged = compare(ruleset, Random(1), 10)
    plans = {id(one.blueprint): one.blueprint for one in judged}

    assert 1 < len(plans) < len(judged) / 4
    assert len({plan.answers for plan in plans.values()}) > 3


def test_a_confused_short_cut_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """If facts of the message were left out of what candidates share, the comparison would fail."""
    ruleset = ruleset_of(
        [Draft("interception", "channel.opted_out"), Draft("fatigue", "channel.has_address && user.known")]
    )
    assert ruleset is not None
    monkeypatch.setitem(ruleset.programs[Scope.CHANNEL].__dict__, "shared", lambda f, c: ())

    with pytest.raises(AssertionError):
        compare(ruleset, Random(1), 10)


def test_states_do_not_leak_through_what_is_remembered() -> None:
    """The same message under other breakers and opt-outs finds its own candidates, in any order."""
    ruleset = ruleset_of([Draft("interception", 'channel.state != "NORMAL" || channel.opted_out')])
    assert ruleset is not None
    judge, random = Judge(ruleset), Random(3)
    message = random_message(random)._replace(user_id="u", params={"sure": 1}, send_after_ms=None, wished_channels=())
    states = [random_state(random) for _ in range(20)]

    def decide(judge: Judge, state: State) -> object:
        fresh = State(state.users, breakers=state.breakers)
        (one,) = judge_now(Session(judge, fresh), [(message, NOW_MS)], lambda unknown: None)
        return one.decision.verdict, one.decision.reason, one.decision.refusals

    alone = [decide(Judge(ruleset), state) for state in states]
    assert [decide(judge, state) for state in states] == alone
    assert [decide(judge, state) for state in reversed(states)] == alone[::-1]
    assert len(set(alone)) > 3
