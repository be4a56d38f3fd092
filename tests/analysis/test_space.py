"""All messages at once: what is said to be impossible is, and what is shown is real."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.analysis.formulas import Condition, Fails, Formula, Holds, Not, all_of, any_of, differs, none_of
from engine.analysis.situation import Situation, given_of
from engine.analysis.space import Found, Never, Space, Undecided
from engine.decision.case_reading import read_cases
from engine.decision.case_turns import turns_of
from engine.ruleset.compile import RuleSet, compile_version
from engine.ruleset.expressions import Names, parse_condition
from engine.ruleset.issues import Issues
from engine.ruleset.source import Source
from engine.ruleset.syntax import Expr
from tests.equality.versions import NOW_MS, random_drafts, random_message, random_state, ruleset_of

FACTS = """
channels: {push: {receipts: true}, sms: {receipts: true}}
facts:
  message.params.amount: {type: double}
  message.params.order.total: {type: int}
  message.params.low: {type: int}
  message.params.high: {type: int}
  message.params.due: {type: timestamp}
  user.attributes.age: {type: int}
"""


@dataclass(frozen=True)
class Asked:
    """A space, and conditions that can be asked in it."""

    space: Space
    conditions: tuple[Condition, ...]

    def match(self, number: int) -> Formula:
        """The condition of that number is true."""
        return Holds(self.conditions[number])


def space_of(*conditions: str, facts: str = FACTS, lists: str = "casino\t9\nluck\t3\n") -> Asked:
    """A space with these conditions, whatever `rules check` would say of them."""
    read = "content.segments > 1 && content.length > 1 && content.has_url && content.hits.bad > 1"
    rules = f"  - {{id: reads, when: '{read}', then: {{concurrent: [push, sms]}}}}\n"
    files = {f"{family}.yaml": f"family: {family}\nrules: []\n" for family in ("interception", "fatigue", "budget")}
    files |= {
        "facts.yaml": facts,
        "breaker.yaml": "family: breaker\nrules: []\n",
        "routing.yaml": f"family: routing\nrules:\n{rules}  - {{id: last, then: {{concurrent: [push]}}}}\n",
        "lists/bad.txt": lists,
    }
    compiled = compile_version("space", {name: text.encode() for name, text in files.items()})
    assert compiled.ruleset is not None, compiled.issues
    schema = compiled.ruleset.schema
    parsed = tuple(Condition(_parsed(when, Names(schema, "routing", {}))) for when in conditions)
    return Asked(Space(compiled.ruleset, parsed), parsed)


def _parsed(when: str, names: Names) -> Expr:
    issues = Issues()
    expr = parse_condition(when, Source("when", when).span, names, issues)
    assert expr is not None, issues.sorted()
    return expr


@pytest.mark.parametrize(
    "when",
    [
        'message.category == "MARKETING" && message.params.amount >= 200',
        'has(message.scene) && message.scene.startsWith("sec") && size(message.scene) > 10',
        'message.scene.matches("^v[0-9]+-(cn|de)$")',
        '"vip" in user.tags && "old" in user.tags && size(user.tags) == 3',
        "now.local_weekday == 6 && now.local_day == 29 && now.local_hour < 6",
        'now.timestamp > timestamp("2031-05-05T00:00:00Z") && now.local_minute == 7',
        "content.segments > 4 && content.has_url && content.hits.bad >= 9",
        "content.length == 3 && content.hits.bad == 0",
        "!user.known && channels.sms.has_address",
        'channels.push.opted_out && !channels.sms.opted_out && platform.state == "SLOW"',
        'user.zone == "Europe/Berlin" && now.local_hour == 3',
        "has(message.params.order) && !has(message.params.order.total)",
        "message.params.amount * 2.0 > 100.0 && message.params.amount < 51.0",
        'message.send_after > now.timestamp + duration("1h")',
        'message.wishes.strategy == "SUPPLEMENT" && "sms" in message.wishes.channels',
        "user.attributes.age > 17 && user.attributes.age < 19",
        'message.template == "T1" && !has(message.params.amount)',
        'message.line < "b" && message.line > "a"',
        'user.tags.exists(t, t.startsWith("vip-")) && !("vip-1" in user.tags) && size(user.tags) == 2',
        'user.tags.all(t, t.startsWith("vip-") || t == "old") && "old" in user.tags',
        'message.scene.lowerAscii() == "sale" && message.scene != "sale"',
        'message.scene.matches("^1[3-9][0-9]{9}$") && !message.scene.matches("^13")',
        'message.scene.matches("^[^0-9]{40}(7|8)") && message.scene.matches("^(.{7})*$") && size(message.scene) > 50',
        r'message.scene.matches("^\\pL+$") && !message.scene.matches("(?i)[a-z]")',
        'message.scene.trim() == "x" && size(message.scene) > 3 && !message.scene.startsWith(" ")',
        'user.tags.all(t, t.matches("^vip-[0-9]+$")) && user.tags.exists(t, t.endsWith("7")) && size(user.tags) > 4',
        "message.params.low < message.params.high && message.params.high < 10 && message.params.low > 7",
        "message.params.high - message.params.low < 5 && message.params.high > message.params.low + 3",
        "message.params.low < message.params.amount && message.params.amount < message.params.high && "
        "message.params.high - message.params.low < 2",
        'message.params.due > now.timestamp && message.params.due < timestamp("2020-01-01T00:00:00Z")',
        'message.params.due - now.timestamp > duration("2h") && now.local_hour == 23 && now.local_weekday == 7',
        "size(message.scene) > message.params.low && message.params.low > 5 && size(message.scene) < 8",
    ],
)
def test_a_message_is_found_for_what_is_possible(when: str) -> None:
    """Whatever the facts are about, the witness is a message on which the rule really matches."""
    asked = space_of(when)

    answer = asked.space.ask(asked.match(0))

    assert isinstance(answer, Found), answer
    assert asked.space.holds(asked.match(0), answer.situation)


@pytest.mark.parametrize(
    "when",
    [
        'message.category == "MARKETING" && message.category == "SERVICE"',
        "message.params.amount > 200 && message.params.amount < 100",
        'message.scene == "abc" && message.scene.startsWith("x")',
        'message.scene == "abc" && size(message.scene) > 3',
        "now.local_hour > 22 && now.local_hour + 1 < 12",
        'now.local_date == "2026-01-05" && now.local_weekday != 1',
        '!user.known && "vip" in user.tags',
        "!has(message.params.order) && message.params.order.total > 3",
        "content.segments > 3 && content.length < 60",
        "channels.sms.opted_out && !user.known",
        '"vip-1" in user.tags && !user.tags.exists(t, t.startsWith("vip-"))',
        'user.tags.all(t, t == "a") && "b" in user.tags',
        'message.scene.matches("^[0-9]+$") && message.scene.matches("^[a-z]+$")',
        'message.scene.matches("^1[3-9][0-9]{9}$") && size(message.scene) != 11',
        'message.scene.matches("^1[3-9]") && message.scene.startsWith("2")',
        'message.scene.matches("a") && message.scene.lowerAscii() == "bcd"',
        'message.scene.lowerAscii() == "Sale"',
        'message.scene < "b" && message.scene.startsWith("c")',
        'user.tags.all(t, t.matches("^vip-[0-9]+$")) && user.tags.exists(t, t.endsWith("x"))',
        "message.params.low < message.params.high && message.params.high < message.params.low",
        "message.params.low < message.params.high && message.params.high < 5 && message.params.low > 7",
        "message.params.low == message.params.high && message.params.low != message.params.high",
        "message.params.high - message.params.low < 5 && message.params.high > message.params.low + 4",
        "message.params.low < message.params.amount && message.params.amount < message.params.high && "
        "message.params.high - message.params.low < 1",
        "message.params.amount * 2.0 > 100.0 && message.params.amount < 40.0",
        "message.params.low / 2 > 5 && message.params.low < 12",
        "message.params.due > now.timestamp && now.timestamp > message.send_after && "
        "message.send_after > message.params.due",
        "size(message.scene) > message.params.low && message.params.low > 5 && size(message.scene) < 4",
        'message.scene < message.campaign && message.campaign < "b" && message.scene > "c"',
    ],
)
def test_what_no_message_can_do_is_proved(when: str) -> None:
    """Facts that exclude each other, each by itself possible."""
    asked = space_of(when)

    assert asked.space.ask(asked.match(0)) == Never()


def test_rules_are_compared() -> None:
    """A formula joins several conditions; error and false are told apart."""
    asked = space_of("message.params.amount >= 200", "message.params.amount > 100", "message.params.amount <= 100")
    large, more, less = (asked.match(number) for number in range(3))

    assert asked.space.ask(all_of(large, Not(more))) == Never()
    assert asked.space.ask(differs(more, Not(less))) != Never()  # without an amount neither matches
    assert asked.space.ask(all_of(Fails(asked.conditions[0]), more)) != Never()
    between = asked.space.ask(all_of(more, Not(large)))
    assert isinstance(between, Found)
    assert 100 < between.situation.message.params["amount"] < 200


def test_the_rules_to_blame_are_named() -> None:
    """Of many, those that together leave no message over."""
    asked = space_of(
        'message.line == "a"',
        "message.params.amount >= 200",
        "message.params.amount < 300",
        "has(message.params.amount)",
    )
    earlier = [Not(asked.match(number)) for number in range(3)]

    assert asked.space.core(asked.match(3), earlier) == [1, 2]


def test_a_witness_changes_as_little_as_it_can() -> None:
    """Only what the question is about differs from the usual message."""
    asked = space_of('message.params.amount >= 200 && "vip" in user.tags', 'message.scene == "x"', "content.has_url")

    answer = asked.space.ask(asked.match(0))

    assert isinstance(answer, Found)
    assert given_of(answer.situation, asked.space.ruleset) == {
        "message": {"category": "NOTIFICATION", "params": {"amount": 200.0}},
        "user": {"tags": ["vip"]},
    }


def test_what_is_not_known_is_said() -> None:
    """A condition of which the numbers are rounded in between is neither proved nor shown."""
    amount, total = "message.params.amount", "message.params.order.total"
    asked = space_of(f"{amount} * 1.1 > {total} && {total} > {amount} * 2.0 && {amount} > 0.0")

    answer = asked.space.ask(asked.match(0))

    assert isinstance(answer, Undecided)
    assert "message.params.amount" in answer.why


COMPARED = ("message.params.low", "message.params.high", "message.params.order.total", "3", "-1")


@given(st.lists(st.tuples(*[st.integers(0, 2**10)] * 4), min_size=1, max_size=6))
@settings(max_examples=60)
def test_numbers_are_compared_with_one_another_as_small_ones_show(drawn: list[tuple[int, int, int, int]]) -> None:
    """Random comparisons of three facts, joined at random: what small numbers do is not said to be impossible."""
    parts = [_comparison(*numbers) for numbers in drawn]
    condition = " && ".join(f"({one} || {other})" for one, other in zip(parts[::2], parts[1::2] or parts, strict=False))
    asked = space_of(condition)

    answer = asked.space.ask(asked.match(0))

    assert not isinstance(answer, Undecided)
    small = [(low, high, total) for low in range(-3, 6) for high in range(-3, 6) for total in range(-3, 6)]
    if isinstance(answer, Never):
        ordinary = asked.space.ordinary
        for low, high, total in small:
            params = {"low": low, "high": high, "order": {"total": total}}
            assert not asked.space.holds(asked.match(0), ordinary.with_message(params=params))


def _comparison(left: int, right: int, op: int, by: int) -> str:
    one, other = COMPARED[left % 3], COMPARED[right % len(COMPARED)]
    minus = f" - {COMPARED[left // 3 % 3]}" if by % 3 == 0 else ""
    return f"{one}{minus} {('<', '<=', '==', '!=', '>')[op % 5]} {other}{(' + 2', ' - 1', '')[by // 3 % 3]}"


def random_space(random: Random) -> Space | None:
    """The space of a random version."""
    ruleset = ruleset_of(random_drafts(random))
    return None if ruleset is None else Space(ruleset)


def random_formula(space: Space, random: Random) -> Formula:
    """Some rules match and some do not."""
    rules = [rule for rule in space.ruleset.rules if rule.family != "breaker"]
    chosen = random.sample(rules, min(len(rules), random.choice((1, 2, 3))))
    parts = [space.matches(rule, random.choice(space.ruleset.channels)) for rule in chosen]
    return random.choice((all_of, any_of, none_of))(*[random.choice((part, Not(part))) for part in parts])


@given(st.integers(0, 2**48))
@settings(max_examples=20)
def test_no_message_does_what_is_said_to_be_impossible(seed: int) -> None:
    """Random versions, random questions, random messages; and what is shown holds by the interpreter."""
    random = Random(seed)
    space = random_space(random)
    assume(space is not None)
    assert space is not None
    for _ in range(5):
        formula = random_formula(space, random)
        answer = space.ask(formula)
        if isinstance(answer, Found):
            assert space.holds(formula, answer.situation)
        elif isinstance(answer, Never):
            for _ in range(40):
                assert not space.holds(formula, random_situation(random))


def random_situation(random: Random) -> Situation:
    """A random message of the random versions."""
    message, state = random_message(random), random_state(random)
    users = state.users or {}
    user = users.get(("t", message.user_id)) or next(iter(users.values()))
    return Situation(message, user, NOW_MS + random.randrange(10**9), state.breakers)


def test_most_questions_are_answered() -> None:
    """Of many random questions hardly any stays open."""
    random = Random(7)
    asked = undecided = 0
    while asked < 60:
        space = random_space(random)
        if space is not None:
            for _ in range(4):
                asked += 1
                undecided += isinstance(space.ask(random_formula(space, random)), Undecided)
    assert undecided <= asked * 0.1


@given(st.integers(0, 2**48))
@settings(max_examples=25)
def test_a_situation_survives_being_written_as_a_case(seed: int) -> None:
    """What `given_of` writes is read back by the rule tests as the same situation."""
    random = Random(seed)
    ruleset = ruleset_of(random_drafts(random))
    assume(ruleset is not None)
    assert ruleset is not None
    situation = random_situation(random)

    assert read_back(given_of(situation, ruleset), ruleset) == shown(situation)


def read_back(written: dict[str, Any], ruleset: RuleSet) -> tuple[object, ...]:
    """A case's message, user, time and breakers."""
    case = {"name": "written", "given": written, "expect": {"verdict": "SEND"}}
    (read,) = read_cases({"written.yaml": json.dumps([case], ensure_ascii=False).encode()}, Issues())
    (turn,) = turns_of(read, ruleset)
    breakers = turn.state.breakers
    return (turn.message, turn.user, turn.now_ms, breakers.platform, dict(breakers.channels))


def shown(situation: Situation) -> tuple[object, ...]:
    """The same of a situation; NORMAL need not be said."""
    channels = {name: state for name, state in situation.breakers.channels.items() if state != "NORMAL"}
    return (situation.message, situation.user, situation.now_ms, situation.breakers.platform, channels)
