"""Coverage: what is counted is what the interpreter looked at, and what decides is what flips it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.analysis.coverage import Coverage, Outcome, RuleCoverage, Share, shares
from engine.analysis.coverage_examples import find_examples
from engine.analysis.coverage_lacking import lacking
from engine.analysis.coverage_possible import Possibilities
from engine.decision.case_observer import Asked, answered
from engine.decision.case_reading import read_cases
from engine.decision.cases import interpreted, run_cases
from engine.decision.judge import Judge
from engine.decision.session import Session, judge_now
from engine.ruleset.check import check
from engine.ruleset.compile import RuleSet, compile_parsed
from engine.ruleset.expressions import Names, parse_condition
from engine.ruleset.fact_types import Scope
from engine.ruleset.interpreter import holds
from engine.ruleset.issues import Issues
from engine.ruleset.match import sort_out
from engine.ruleset.parse import parse_version
from engine.ruleset.rules import Parsed, Rule
from engine.ruleset.source import Source
from tests.equality.versions import NOW_MS, random_drafts, random_message, random_state, ruleset_of

FLAGS = 7
FACTS = "channels: {push: {receipts: true}, sms: {receipts: true}}\nfacts:\n" + "".join(
    f"  message.params.{name}: {{type: {kind}}}\n"
    for name, kind in [("amount", "double"), *((f"b{number}", "bool") for number in range(FLAGS))]
)
ROUTING = "- {id: default, then: {distribute: {to: push}}}"


def version(routing: str = ROUTING, **families: str) -> Parsed:
    """A version of these rules, parsed and checked."""
    files = {"facts.yaml": FACTS}
    for family in ("interception", "fatigue", "budget", "routing", "breaker"):
        rules = textwrap.dedent(routing if family == "routing" else families.get(family, "")).strip()
        files[f"{family}.yaml"] = f"family: {family}\nrules:" + (
            "\n" + textwrap.indent(rules, "  ") if rules else " []"
        )
    return check(parse_version("v", {name: text.encode() for name, text in files.items()}))


def compiled(parsed: Parsed) -> RuleSet:
    ruleset = compile_parsed(parsed).ruleset
    assert ruleset is not None, parsed.issues
    return ruleset


def covered(parsed: Parsed, cases: str) -> Coverage:
    """What these cases cover; all of them could be judged."""
    coverage = Coverage(compiled(parsed))
    report = run_cases(compiled(parsed), {"cases.yaml": textwrap.dedent(cases).encode()}, interpreted, coverage)
    assert not report.issues, report.issues
    assert not [one for result in report.results for one in result.differences if "cannot be judged" in one]
    return coverage


def of(coverage: Coverage, rule: str) -> RuleCoverage:
    return next(one for one in coverage.rules if one.rule.id == rule)


def told(parsed: Parsed, coverage: Coverage) -> list[str]:
    return [one.sentence for one in lacking(coverage.rules, parsed.places)]


CASES = "\n".join(
    f"- {{name: n{number}, given: {{message: {given}}}, expect: {{verdict: SEND}}}}"
    for number, given in enumerate(
        ["{category: SERVICE}", "{category: MARKETING}", "{category: MARKETING, params: {amount: 5}}"]
    )
)


def test_an_atom_behind_what_is_clear_already_is_not_asked() -> None:
    """A message of another category says nothing about the amount; one without an amount neither."""
    routing = """
        - id: big
          when: message.category == "MARKETING" && has(message.params.amount) && message.params.amount >= 200
          then: {distribute: {to: sms}}
        - {id: default, then: {distribute: {to: push}}}
        """
    parsed = version(routing)
    coverage = covered(parsed, CASES)
    big = of(coverage, "big")

    assert set(big.outcomes) == {(0, False), (0, True), (1, False), (1, True), (2, False)}
    assert big.outcomes[Outcome(0, False)].name == "n0"
    assert (big.conditions, big.rules, big.mcdc) == (Share(5, 6), Share(0, 1), Share(0, 3))
    assert shares(coverage.rules).rules == Share(1, 2)
    assert told(parsed, coverage) == [
        "routing.yaml:3 big: it never decided",
        "routing.yaml:4 big: message.params.amount >= 200 was never true",
        'routing.yaml:4 big: message.category == "MARKETING" never decided by being true',
        'routing.yaml:4 big: message.category == "MARKETING" never decided by being false',
        "routing.yaml:4 big: has(message.params.amount) never decided by being true",
        "routing.yaml:4 big: message.params.amount >= 200 never decided by being true",
    ]


def test_a_place_is_that_of_the_atom() -> None:
    """Line and column of the atomic condition, also in a condition of several lines."""
    routing = """
        - id: two-lines
          when: >-
            message.category == "MARKETING" &&
            has(message.scene)
          then: {distribute: {to: sms}}
        - {id: default, then: {distribute: {to: push}}}
        """
    parsed = version(routing)
    found = [one for one in lacking(Coverage(compiled(parsed)).rules, parsed.places) if one.text.startswith("has")]

    assert {(one.place.line, one.place.column, one.text) for one in found} == {(6, 7, "has(message.scene)")}


@pytest.mark.parametrize(
    ("condition", "facts", "deciding"),
    [
        ("message.params.b0 && message.params.b1", "TT", {(0, True), (1, True)}),
        ("message.params.b0 && message.params.b1", "FT", {(0, False)}),
        ("message.params.b0 && message.params.b1", "TF", {(1, False)}),
        ("message.params.b0 && message.params.b1", "FF", set()),
        ("message.params.b0 || message.params.b1", "FF", {(0, False), (1, False)}),
        ("message.params.b0 || message.params.b1", "TF", {(0, True)}),
        ("message.params.b0 || message.params.b1", "TT", set()),
        ("!(message.params.b0 && message.params.b1)", "FT", {(0, False)}),
        ("(message.params.b0 && message.params.b1) || message.params.b2", "TFF", {(1, False), (2, False)}),
        ("(message.params.b0 && message.params.b1) || message.params.b2", "TFT", {(2, True)}),
        ("message.params.b0 ? message.params.b1 : message.params.b2", "TTF", {(0, True), (1, True)}),
        ("message.params.b0 ? message.params.b1 : message.params.b2", "TTT", {(1, True)}),
        # What has no value and is not asked is free; what has none although it is asked leaves nothing to decide.
        ("has(message.params.b0) && message.params.b0", "-", {(0, False)}),
        ("message.params.b0 || message.params.b1", "-F", set()),
        ("message.params.b0 || message.params.b1", "-T", set()),
        ("message.params.b0 && message.params.b1", "-F", set()),
    ],
)
def test_an_atom_decides_if_its_other_value_alone_flips_the_condition(
    condition: str, facts: str, deciding: set[tuple[int, bool]]
) -> None:
    """The other atoms keep the values they have on these facts, asked or not (masking MC/DC)."""
    one = asked(condition, [tuple({"T": True, "F": False, "-": None}[fact] for fact in facts)])

    assert set(one.deciding) == deciding


def asked(condition: str, messages: Sequence[Sequence[bool | None]]) -> RuleCoverage:
    """One routing rule asked about messages, each by its flags b0, b1 …"""
    ruleset = of_condition(condition)
    coverage = Coverage(ruleset)
    (case,) = read_cases({"c.yaml": b"- {name: one, expect: {verdict: SEND}}"}, Issues())
    for flags in messages:
        coverage.asked(Asked(case, Scope.MESSAGE, flagged(ruleset, flags), (), sort_out(ruleset.rules, (), ())))
    return coverage.rules[0]


def of_condition(condition: str) -> RuleSet:
    """A rule set of one rule with this condition, whatever the check would say of it."""
    ruleset = compiled(version())
    names = Names(ruleset.schema, "routing", {})
    expr = parse_condition(condition, Source("when", condition).span, names, issues := Issues())
    assert expr is not None, issues.sorted()
    rules: tuple[Rule, ...] = (replace(ruleset.rules[0], when=expr),)
    return replace(ruleset, rules=rules)


def flagged(ruleset: RuleSet, flags: Sequence[bool | None]) -> list[Any]:
    facts: list[Any] = [None] * ruleset.schema.size
    for number, flag in enumerate(flags):
        fact = ruleset.schema.fact(f"message.params.b{number}", Scope.MESSAGE)
        assert fact is not None
        facts[fact.slot] = flag
    return facts


class Watched(list[Any]):
    """Facts that note which of them are read."""

    def __init__(self, values: Sequence[Any]) -> None:
        super().__init__(values)
        self.read: list[int] = []

    def __getitem__(self, slot: Any) -> Any:
        self.read.append(slot)
        return super().__getitem__(slot)


def random_condition(random: Random, flags: Iterator[int], depth: int = 3) -> str:
    """A condition in which each flag stands once at most, so that a flag is an atom."""
    kind = random.choice(("and", "or", "not", "choice", "flag", "flag", "fixed")) if depth else "flag"
    number = next(flags, None)
    if kind == "fixed" or number is None:
        return random.choice(("true", "false"))
    if kind == "flag":
        return f"message.params.b{number}"
    parts = [random_condition(random, flags, depth - 1) for _ in range(3)]
    if kind == "not":
        return f"!({parts[0]})"
    if kind == "choice":
        return "(({}) ? ({}) : ({}))".format(*parts)
    return "(" + (" && " if kind == "and" else " || ").join(f"({part})" for part in parts) + ")"


@settings(max_examples=150)
@given(st.integers(0, 2**32))
def test_what_is_counted_is_what_the_interpreter_reads_and_what_flips_it(seed: int) -> None:
    """Against brute force: the flags really read, and all ways to fill in those that have no value."""
    random = Random(seed)
    condition = random_condition(random, iter(range(FLAGS)))
    messages = [[random.choice((True, False, None)) for _ in range(FLAGS)] for _ in range(4)]
    ruleset = of_condition(condition)
    judge = holds(ruleset.rules[0].when, ruleset.schema, Scope.MESSAGE)
    slots = [flagged(ruleset, [None] * at + [True]).index(True) for at in range(FLAGS)]
    order = [number for number in range(FLAGS) if f"b{number}" in condition]
    order.sort(key=lambda number: condition.index(f"b{number}"))
    outcomes, deciding = set(), set()
    for flags in messages:
        facts = Watched(flagged(ruleset, flags))
        outcome = judge(facts, ())
        read = [number for number in order if slots[number] in facts.read]
        free = [number for number in order if number not in read and flags[number] is None]
        for number in (number for number in read if flags[number] is not None):
            seen = (order.index(number), flags[number])
            outcomes.add(seen)
            others = (dict(zip(free, values, strict=True)) for values in product((True, False), repeat=len(free)))
            flips = [
                judge(
                    flagged(ruleset, [{**other, number: not flags[number]}.get(at, flags[at]) for at in range(FLAGS)]),
                    (),
                )
                for other in others
            ]
            if outcome is not None and (not outcome) in flips:
                deciding.add(seen)

    one = asked(condition, messages)

    assert (set(one.outcomes), set(one.deciding)) == (outcomes, deciding), condition


def test_of_two_rules_that_match_the_first_decides() -> None:
    """A routing rule that matched behind another is not covered; its conditions are."""
    routing = """
        - {id: marketing, when: message.category == "MARKETING", then: {distribute: {to: sms}}}
        - {id: any, when: message.category != "SERVICE", then: {distribute: {to: push}}}
        - {id: default, then: {distribute: {to: push}}}
        """
    coverage = covered(version(routing), CASES)

    assert [list(one.cases) != [] for one in coverage.rules] == [True, False, True]
    assert of(coverage, "any").conditions == Share(2, 2)


def test_rules_of_channels_are_asked_of_the_candidates_alone() -> None:
    """The route names push, so nobody asks the rule about SMS."""
    interception = """
        - {id: off-sms, when: channel.name == "sms" && channel.has_address, then: {exclude: {reason: COMPLIANCE}}}
        """
    coverage = covered(version(interception=interception), CASES)

    assert set(of(coverage, "off-sms").outcomes) == {(0, False)}


def test_messages_that_came_before_count_too() -> None:
    """They are judged by the same rules."""
    routing = """
        - {id: marketing, when: message.category == "MARKETING", then: {distribute: {to: sms}}}
        - {id: default, then: {distribute: {to: push}}}
        """
    cases = """
        - name: after an offer
          given: {before: [{category: MARKETING, at: "2026-01-05T11:00"}], message: {category: SERVICE}}
          expect: {verdict: SEND}
        """
    coverage = covered(version(routing), cases)

    assert shares(coverage.rules).conditions == Share(2, 2)
    assert [case.name for case in of(coverage, "marketing").cases] == ["after an offer"]


def test_windows_of_breakers_count() -> None:
    """Breaker rules are asked about the windows of their subject."""
    breaker = """
        - id: slow
          when: provider.window.count >= 50 && provider.window.error_rate > 0.5
          then: {set: {state: PAUSED}}
        """
    cases = """
        - name: few
          given: {provider: {name: a, channel: sms, window: {count: 49}}}
          expect: {state: NORMAL}
        - name: many
          given: {provider: {name: a, channel: sms, window: {count: 50, errors: 50}}}
          expect: {state: PAUSED}
        """
    slow = of(covered(version(breaker=breaker), cases), "slow")

    assert (slow.conditions, slow.rules, slow.mcdc) == (Share(3, 4), Share(1, 1), Share(0, 2))


@pytest.mark.parametrize(
    ("covered", "total", "percent"),
    [
        (0, 0, "100.00"),
        (0, 7, "0.00"),
        (2, 3, "66.66"),
        (9999, 10000, "99.99"),
        (99999, 100000, "99.99"),
        (7, 7, "100.00"),
    ],
)
def test_a_share_is_never_rounded_up(covered: int, total: int, percent: str) -> None:
    """What lacks one of a hundred thousand is not a hundred per cent."""
    assert Share(covered, total).percent == percent
    assert Share(1, 3).fraction == Fraction(1, 3)


@pytest.mark.parametrize(
    ("condition", "impossible", "idle"),
    [
        # Who is past 5 is past 3: behind `> 5` the second cannot be false.
        (
            "has(message.params.amount) && message.params.amount > 5.0 && message.params.amount > 3.0",
            {(2, False)},
            set(),
        ),
        ('message.category == "SERVICE" && message.category != "MARKETING"', {(1, False)}, set()),
        # Where the first holds so does the second, so the first never decides by being true.
        ('message.category == "SERVICE" || message.category != "MARKETING"', set(), {(0, True)}),
        ("now.local_hour < 9 || now.local_hour >= 20", set(), set()),
        ("has(message.params.amount) && message.params.amount > 5.0", set(), set()),
        ('channels.sms.state == "PAUSED" ? message.params.b0 : message.params.b1', set(), set()),
        (
            'message.category == "SERVICE" ? message.category != "MARKETING" : message.category == "MARKETING"',
            {(1, False)},
            set(),
        ),
        # Whatever the hour, the same comes out.
        (
            'now.local_hour < 9 ? message.category == "SERVICE" : message.category == "SERVICE"',
            set(),
            {(0, True), (0, False)},
        ),
    ],
)
def test_an_outcome_that_no_facts_give_is_proved_impossible_and_not_counted(
    condition: str, impossible: set[tuple[int, bool]], idle: set[tuple[int, bool]]
) -> None:
    """What is only not reached stays in the total."""
    ruleset = of_condition(condition)
    coverage = Coverage(ruleset)
    Possibilities(coverage).find_impossible()
    (one,) = coverage.rules

    assert (one.impossible, one.idle) == (impossible, idle)
    assert one.conditions == Share(0, 2 * one.atoms - len(impossible))
    assert one.mcdc == Share(0, one.atoms - len({atom for atom, _ in impossible | idle}))


@pytest.mark.parametrize(
    ("condition", "impossible", "idle"),
    [
        # More than 8 % of 50 are more than 4, and so the third is never asked where it is false.
        ("provider.window.count >= 50 && provider.window.error_rate > 0.08 && provider.window.errors > 4",
         {(2, False)}, set()),
        # Where calls timed out there were errors: the first never decides by being true.
        ("provider.window.timeouts > 3 || provider.window.errors > 2", set(), {(0, True)}),
        ("provider.window.consecutive_timeouts >= 3 && provider.window.timeouts > 3", set(), set()),
        ('provider.window.errors > 3 && provider.state != "PAUSED" && now.local_hour < 6', set(), set()),
        ('platform.window.errors > platform.window.count || platform.state == "SLOW"', {(0, True)}, set()),
    ],
)  # fmt: skip
def test_an_outcome_that_no_window_gives_is_proved_impossible_too(
    condition: str, impossible: set[tuple[int, bool]], idle: set[tuple[int, bool]]
) -> None:
    """What binds counts and rates of a window counts, for outcomes and for what decides."""
    breaker = f"- {{id: one, when: '{condition.replace(chr(39), chr(39) * 2)}', then: {{set: {{state: PAUSED}}}}}}"
    coverage = Coverage(compiled(version(breaker=breaker)))
    Possibilities(coverage).find_impossible()
    one = of(coverage, "one")

    assert (one.impossible, one.idle - one.impossible) == (impossible, idle)


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_nothing_that_was_seen_is_ever_called_impossible(seed: int) -> None:
    """Whatever a real message shows or lets decide, the class space does not refute."""
    random = Random(seed)
    ruleset = ruleset_of(random_drafts(random)[:4])
    assume(ruleset is not None)
    assert ruleset is not None
    seen, proved = Coverage(ruleset), Coverage(ruleset)
    Possibilities(proved).find_impossible()
    (case,) = read_cases({"c.yaml": b"- {name: one, expect: {verdict: SEND}}"}, Issues())
    session = Session(Judge(ruleset), random_state(random))
    for judged in judge_now(session, [(random_message(random), NOW_MS) for _ in range(20)], interpreted):
        if judged.error is None:
            for scope, f, c, matched in answered(judged, session.state.breakers):
                seen.asked(Asked(case, scope, f, c, matched))

    for one, other in zip(seen.rules, proved.rules, strict=True):
        assert not one.outcomes.keys() & other.impossible, one.rule
        assert not one.deciding.keys() & (other.idle | other.impossible), one.rule


def test_a_gap_comes_with_a_case_that_fills_it() -> None:
    """Of rules of messages, of channels and of windows; what no route leads to has none."""
    interception = """
        - {id: off-sms, when: channel.name == "sms" && channel.opted_out, then: {exclude: {reason: OPTED_OUT}}}
        """
    breaker = """
        - id: slow
          when: >-
            provider.window.count >= 50 && (provider.window.error_rate > 0.08 || provider.window.timeouts > 3) &&
            provider.channel == "sms" && provider.state != "PAUSED"
          then: {set: {state: SLOW, speed: 0.5}}
        """
    both = "- {id: both, then: {concurrent: [push, sms]}}"
    for routing, unfilled in ((both, set()), (ROUTING, {("off-sms", "match")})):
        parsed = version(routing, interception=interception, breaker=breaker)
        coverage = Coverage(compiled(parsed))
        possibilities = Possibilities(coverage)
        possibilities.find_impossible()
        gaps = list(lacking(coverage.rules, parsed.places))
        examples = find_examples(gaps, possibilities)
        pasted = "".join(
            f"- {json.dumps({'name': f'n{at}', 'given': given, 'expect': {'matched': []}})}\n"
            for at, given in enumerate(examples.values())
        )
        after = covered(parsed, pasted)
        Possibilities(after).find_impossible()
        left = list(lacking(after.rules, parsed.places))

        assert {gap.gap for gap in left} == {gap.gap for gap in gaps} - examples.keys()
        assert {(gap.rule.id, gap.lacks) for gap in left} == unfilled
