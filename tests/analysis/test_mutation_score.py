"""Mutants on trial: what cases notice, what nothing can notice, and what would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest

from engine.analysis.mutation.mutants import mutants_of
from engine.analysis.mutation.outcomes import Expected, Outcomes, expected
from engine.analysis.mutation.score import score
from engine.analysis.mutation.survivors import Survivors
from engine.analysis.mutation.trial import Trial
from engine.decision.cases import CaseRunner, interpreted
from engine.decision.judge import Judge
from engine.decision.session import Item, Session, judge_now
from engine.ruleset.check import check
from engine.ruleset.compile import Compiled, RuleSet, compile_version
from engine.ruleset.parse import parse_version
from tests.analysis.mutation_versions import (
    case_from,
    cases_of,
    change,
    compiled,
    scored,
    surviving,
    version,
)
from tests.equality import versions

ROUTING = """
- id: large
  when: has(message.params.amount) && message.params.amount >= large
  then: {distribute: {to: sms, otherwise: [push]}}
- {id: rest, then: {distribute: {to: push}}}
"""
WEAK = """
- name: a large amount goes by SMS
  given: {message: {params: {amount: 500}}}
  expect: {verdict: SEND, channels: [sms]}
- name: a small amount goes by push
  given: {message: {params: {amount: 5}}}
  expect: {verdict: SEND, channels: [push]}
"""


def test_a_weak_suite_lets_exactly_the_expected_mistakes_pass() -> None:
    """The boundary, its numbers, what is absent, and who has no telephone: nobody asked, so nobody notices."""
    found = scored(version(routing=ROUTING), WEAK, only="large")

    assert surviving(found) == [
        "message.params.amount >= large -> message.params.amount > large",
        "message.params.amount >= large -> message.params.amount >= 201.0",
        "message.params.amount >= large -> message.params.amount >= 199.0",
        "channel push -> (left out)",
    ]


def test_what_is_told_of_a_survivor_notices_it() -> None:
    """Every message that is told, added as a case, passes on the rules and fails on the mutant: then none survives."""
    parsed = version(routing=ROUTING)
    weak = scored(parsed, WEAK)
    told = [case_from(one, number) for number, one in enumerate(weak.survivors)]

    better = score(compiled(parsed), parsed, [*cases_of(parsed, WEAK), *told])

    assert weak.survivors
    runner = CaseRunner(compiled(parsed), interpreted)
    assert [case.name for case in told if not runner.run(case).passed] == []
    assert surviving(better) == []
    assert better.share == 1
    assert better.equivalent == weak.equivalent


FAMILIES = {
    "interception": """
        - id: night
          when: message.category == "MARKETING" && now.local_hour >= 20
          then: {hold: {until: "09:00", reason: QUIET_HOURS}}
        - {id: declined, when: channel.opted_out, then: {exclude: {reason: OPTED_OUT}}}
        - id: ill
          when: channel.state != "NORMAL" && message.line in ["cards", "loans"]
          then: {exclude: {reason: CHANNEL_UNHEALTHY}}
    """,
    "fatigue": """
        - {id: often, then: {limit: {name: often, per: [user, line], max: 3, window: day}}}
        - id: sms
          when: message.category != "SERVICE"
          then: {limit: {name: sms, per: [user], channel: sms, max: 2, window: 7d, min_interval: 24h, otherwise: hold}}
    """,
    "budget": """
        - id: cash
          when: message.category != "REPAYMENT"
          then: {charge: {account: "{line}/sms", channel: sms, amount: 0.045, unit: CNY, times: segments}}
    """,
    "routing": """
        - id: both
          when: message.category == "MARKETING"
          then: {concurrent: [push, sms], priority: P3}
        - id: urgent
          when: message.params.kind == "red" || message.line.startsWith("a")
          then: {supplement: [{channel: push, wait: 60s}, {channel: sms, providers: [a, b]}], priority: P0}
        - {id: rest, then: {distribute: {to: sms, otherwise: [push, mail]}}}
    """,
    "breaker": """
        - id: slow
          when: provider.window.count >= 50 && provider.window.error_rate > 0.08
          then: {set: {state: SLOW, speed: 0.5, back: {windows: 3, error_rate_below: 0.05}}}
    """,
}


def test_without_any_case_a_message_is_told_for_every_mistake_of_every_family() -> None:
    """Limits are used up, accounts charged, addresses taken away: what is told notices, whatever was changed."""
    parsed = version(**FAMILIES)
    found = score(compiled(parsed), parsed, [])
    told = [case_from(one, number) for number, one in enumerate(found.survivors) if one.given is not None]

    better = score(compiled(parsed), parsed, told)

    assert [change(one.mutant) for one in found.survivors if one.given is None] == []
    assert surviving(better) == []
    assert better.equivalent == found.equivalent
    assert len(better.killed) > 100


def test_a_case_that_gets_there_and_expects_nothing_of_it_is_named() -> None:
    """The decision is another one in a case that looks at something else: it is told which."""
    parsed = version(routing="- {id: rest, then: {distribute: {to: push}, priority: P1}}")
    cases = "- {name: by push, given: {}, expect: {channels: [push]}}"

    (survivor,) = [one for one in scored(parsed, cases).survivors if one.mutant.after == "priority P2"]

    assert survivor.unseen is not None
    assert survivor.unseen.name == "by push"
    assert survivor.expect == {"verdict": "SEND", "priority": "P1"}


def test_a_case_that_fails_on_the_rules_themselves_notices_nothing() -> None:
    """Only what passes can tell a mistake by failing."""
    parsed = version(routing=ROUTING)

    found = scored(parsed, "- {name: wrong, given: {}, expect: {channels: [mail]}}")

    assert found.killed == ()
    assert found.share == 0


@pytest.mark.parametrize(
    ("routing", "equivalent"),
    [
        (  # has() guards what cannot match without it: no value and no match are the same in routing
            ROUTING,
            {"has(message.params.amount) -> (left out)"},
        ),
        (  # two conditions that exclude each other may stand in any order
            """
            - {id: one, when: message.category == "SERVICE", then: {distribute: {to: sms}}}
            - {id: two, when: message.category == "MARKETING", then: {distribute: {to: mail}}}
            - {id: rest, then: {distribute: {to: push}}}
            """,
            {"stands before two -> stands behind two"},
        ),
        (  # what an earlier rule takes needs no exclusion later
            """
            - {id: one, when: content.length >= 10, then: {distribute: {to: sms}}}
            - {id: two, when: content.length < 10 && user.known, then: {distribute: {to: mail}}}
            - {id: rest, then: {distribute: {to: push}}}
            """,
            {
                "content.length < 10 -> (left out)",
                "content.length < 10 -> content.length <= 10",
                "content.length < 10 -> content.length < 11",
                "stands before two -> stands behind two",
            },
        ),
    ],
)
def test_what_no_message_can_tell_is_equivalent(routing: str, equivalent: set[str]) -> None:
    """It is proved, listed, and in no number."""
    parsed = version(routing=routing)

    found = scored(parsed, "- {name: any, given: {}, expect: {verdict: SEND}}")

    assert {change(mutant) for mutant in found.equivalent} == equivalent
    assert found.mutants + len(equivalent) == len(mutants_of(parsed))


def test_a_rule_that_no_route_leads_to_makes_no_difference() -> None:
    """A charge for a channel that these messages never take: what its condition says of them is equivalent."""
    parsed = version(
        routing="""
            - {id: codes, when: message.category == "ONE_TIME_PASSWORD", then: {distribute: {to: sms}}}
            - {id: rest, then: {distribute: {to: push, otherwise: [sms]}}}
        """,
        budget="""
            - id: push-count
              when: message.category != "ONE_TIME_PASSWORD" && user.known
              then: {charge: {account: push, channel: push, amount: 1, unit: COUNT}}
        """,
    )

    found = scored(parsed, "- {name: any, given: {}, expect: {charges: {push: 1}}}", only="push-count")

    assert [change(mutant) for mutant in found.equivalent] == ['message.category != "ONE_TIME_PASSWORD" -> (left out)']


@pytest.mark.parametrize("seed", range(8))
def test_an_equivalent_mutant_decides_as_the_rules_do(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On random rules and random messages no proof of equivalence is ever contradicted."""
    files: list[Mapping[str, bytes]] = []

    def noting(name: str, given: Mapping[str, bytes]) -> Compiled:
        files.append(given)
        return compile_version(name, given)

    monkeypatch.setattr(versions, "compile_version", noting)
    random = Random(seed)
    ruleset = versions.ruleset_of(versions.random_drafts(random))
    assert ruleset is not None
    mutants = mutants_of(check(parse_version("random", files[-1])))
    trial = Trial(ruleset, [])
    looked_at = Survivors(ruleset, trial, most_judged=0).look_at(mutants)
    messages = [(versions.random_message(random), versions.NOW_MS) for _ in range(30)]
    for mutant in [mutant for mutant, survivor in looked_at if survivor is None]:
        state_seed = random.random()
        original, mutated = (
            decided(trial.mutation.ruleset(changed), messages, Random(state_seed)) for changed in ((), mutant.changed)
        )
        assert original == mutated, mutant.text


def decided(ruleset: RuleSet, messages: Sequence[Item], random: Random) -> list[Expected]:
    """What becomes of messages, one after the other, against a random state."""
    session = Session(Judge(ruleset), versions.random_state(random))
    return [expected(one.decision, one.user.zone) for one in judge_now(session, messages, interpreted) if not one.error]


def test_the_score_is_exact_and_the_same_every_time() -> None:
    """Two runs give the same lists in the same order, and the share is a fraction that nobody has rounded."""
    parsed = version(routing=ROUTING)

    first, second = scored(parsed, WEAK), scored(parsed, WEAK)

    assert [(one.mutant.text, one.given) for one in first.survivors] == [
        (one.mutant.text, one.given) for one in second.survivors
    ]
    assert [one.mutant.text for one in first.killed] == [one.mutant.text for one in second.killed]
    assert first.share == Fraction(len(first.killed), first.mutants)


def test_a_light_rule_set_decides_as_the_compiled_one() -> None:
    """The rule sets that mutants are judged with, made without programs, judge the original as it is."""
    parsed = version(**FAMILIES)
    trial = Trial(compiled(parsed), [])
    light, full = Outcomes(trial.mutation.ruleset()), Outcomes(compiled(parsed))

    for given in (
        {"message": {"category": "MARKETING"}, "now": "2026-01-05T20:00"},
        {"message": {"category": "SERVICE", "line": "ab"}, "user": {"channels": ["sms"]}},
        {"message": {"category": "REPAYMENT"}, "breakers": {"channels": {"sms": "PAUSED"}}},
        {"provider": {"name": "a", "channel": "sms", "window": {"count": 60, "errors": 6}}},
    ):
        assert light.of(given) == full.of(given) is not None


def test_every_mutant_passes_the_check_of_every_load() -> None:
    """A mistake that a load refuses is none that a test has to find."""
    parsed = version(**FAMILIES)
    raw = replace(parsed, issues=())

    for mutant in mutants_of(parsed):
        if mutant.kind != "rule":  # what is left out is only switched off, so that the others keep their numbers
            rules = {rule.index: rule for rule in (*parsed.rules, *mutant.changed)}
            found = check(replace(raw, rules=tuple(rules.values())))
            assert not found.has_errors, (mutant.text, found.issues)


def test_a_message_is_told_for_questions_about_the_items_of_a_list() -> None:
    """Where the classes give no witness, values next to the constants are tried."""
    parsed = version(
        routing="""
            - id: vip
              when: has(user.tags) && user.tags.exists(t, t.lowerAscii() == "vip" || size(t) > 3)
              then: {distribute: {to: sms}}
            - {id: rest, then: {distribute: {to: push}}}
        """
    )

    found = scored(parsed, "- {name: any, given: {}, expect: {verdict: SEND}}", only="vip")

    assert [change(one.mutant) for one in found.survivors if one.given is None] == []
    assert "t.lowerAscii() -> t" in surviving(found)
