"""Faults planted in a large version that is right: each is found with a true witness, and nothing else is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

import pytest

from engine.analysis.findings.find import find
from engine.decision.cases import run_cases
from engine.ruleset.check import check
from engine.ruleset.compile import RuleSet, compile_parsed
from engine.ruleset.issues import Issue, Severity, render
from engine.ruleset.parse import parse_version

FACTS = """
channels: {push: {receipts: true}, sms: {receipts: true}, wechat: {receipts: true}, mail: {receipts: false}}
facts:
  message.params.amount: {type: double}
  message.params.days: {type: int}
  user.attributes.age: {type: int}
"""
CATEGORIES = ("TRANSACTION", "SERVICE", "NOTIFICATION", "REPAYMENT", "MARKETING")
ROUTES = ("[push, sms]", "[sms, wechat]", "[wechat, push]", "[push, mail, sms]")


@dataclass(frozen=True)
class Rule:
    """One rule to be written."""

    family: str
    id: str
    when: str
    then: str


def correct_rules(random: Random, groups: int) -> list[Rule]:
    """Rules as a bank of many lines might have them: for each line and category routes by amount, tag or age, an
    exception before what it is an exception of, limits of their own, prices, quiet hours."""
    rules: list[Rule] = []
    for number in range(groups):
        line, category = f"line-{number // 5}", CATEGORIES[number % 5]
        base = f'message.line == "{line}" && message.category == "{category}"'
        rules += _routes(random, number, base)
        rules += _others(number, base, category)
    rules.append(Rule("routing", "default", "", "{concurrent: [push, sms, wechat, mail]}"))
    return rules


def _routes(random: Random, number: int, base: str) -> list[Rule]:
    amount = "has(message.params.amount) && message.params.amount"
    bound = random.choice((50, 200, 1000))
    shapes = (
        [f"{base} && {amount} >= {bound}", f"{base} && {amount} < {bound}", base],
        [f'{base} && has(user.tags) && "vip" in user.tags', base],
        [f"{base} && has(user.attributes.age) && user.attributes.age < {bound % 47 + 18}", base],
        [f"{base} && now.local_hour >= 9 && now.local_hour < 20", base],
        [f'{base} && has(message.scene) && message.scene in ["a{number}", "b{number}"]', base],
    )
    chosen = random.choice(shapes)
    routes = random.sample(ROUTES, len(chosen))
    return [
        Rule("routing", f"route-{number}-{place}", when, f"{{concurrent: {route}}}")
        for place, (when, route) in enumerate(zip(chosen, routes, strict=True))
    ]


def _others(number: int, base: str, category: str) -> list[Rule]:
    limit = f"{{limit: {{name: limit-{number}, per: [user], max: {number % 7 + 2}, window: 7d}}}}"
    charge = f"{{charge: {{account: 'a{number}', amount: 1, unit: COUNT, channel: push}}}}"
    made = [Rule("fatigue", f"limit-{number}", base, limit), Rule("budget", f"charge-{number}", base, charge)]
    if category == "MARKETING":
        then = "{hold: {until: '09:00', reason: QUIET_HOURS}}"
        made.append(Rule("interception", f"night-{number}", f"{base} && now.local_hour < 9", then))
    return made


def issues_of(rules: list[Rule]) -> tuple[list[Issue], RuleSet]:
    """The errors and warnings of a version, and the version."""
    texts = dict.fromkeys(("interception", "fatigue", "budget", "routing", "breaker"), "")
    for rule in rules:
        when = f"  when: >-\n    {rule.when}\n" if rule.when else ""
        texts[rule.family] += f"- id: {rule.id}\n{when}  then: {rule.then}\n"
    files = {f"{family}.yaml": f"family: {family}\nrules:\n{text}" if text else f"family: {family}\nrules: []\n"
             for family, text in texts.items()}  # fmt: skip
    files["facts.yaml"] = FACTS
    parsed = check(parse_version("planted", {name: text.encode() for name, text in files.items()}))
    compiled = compile_parsed(parsed)
    assert compiled.ruleset is not None, render(parsed.issues, False)
    told = [issue for issue in find(parsed, compiled.ruleset) if issue.severity is not Severity.NOTE]
    return told, compiled.ruleset


def first(rules: list[Rule], random: Random, family: str, part: str = "") -> int:
    """The place of some rule of a family whose condition has this part."""
    return random.choice(
        [n for n, rule in enumerate(rules) if rule.family == family and part in rule.when and rule.when]
    )


def unreachable(rules: list[Rule], random: Random) -> tuple[list[Rule], str]:
    """A rule with a narrower condition than one before it."""
    place = first(rules, random, "routing")
    late = Rule("routing", "planted", f"{rules[place].when} && user.known", "{concurrent: [mail]}")
    return [*rules[: place + 1], late, *rules[place + 1 :]], "unreachable"


def overlapping(rules: list[Rule], random: Random) -> tuple[list[Rule], str]:
    """A bound of one of two neighbours moved, so that both take what lies between."""
    place = first(rules, random, "routing", "message.params.amount <")
    when = rules[place].when
    bound = int(when.rpartition(" ")[2])
    moved = replace(rules[place], when=when.replace(f"< {bound}", f"< {bound + 10}"))
    return [*rules[:place], moved, *rules[place + 1 :]], "overlap"


def never_true(rules: list[Rule], random: Random) -> tuple[list[Rule], str]:
    """An alternative that contradicts itself."""
    place = first(rules, random, "routing")
    when = f"({rules[place].when}) || (now.local_hour > 20 && now.local_hour < 3)"
    return [*rules[:place], replace(rules[place], when=when), *rules[place + 1 :]], "never-true"


def gap(rules: list[Rule], random: Random) -> tuple[list[Rule], str]:
    """The last rule, for the rest, taken away."""
    return [rule for rule in rules if rule.id != "default"], "no-default-route"


def dead_limit(rules: list[Rule], random: Random) -> tuple[list[Rule], str]:
    """A second limit that counts the same and allows more."""
    place = first(rules, random, "fatigue")
    then = "{limit: {name: planted, per: [user], max: 50, window: 7d}}"
    return [*rules, Rule("fatigue", "planted", f"{rules[place].when} && user.known", then)], "dead-limit"


def dead_channel(rules: list[Rule], random: Random) -> tuple[list[Rule], str]:
    """A price for a channel that no rule sends these messages by."""
    when = 'message.line == "line-0" && message.category == "SERVICE"'
    then = "{charge: {account: a, amount: 1, unit: COUNT, channel: mail}}"
    kept = [replace(rule, then="{concurrent: [push, sms]}") if "mail" in rule.then else rule for rule in rules]
    return [*kept, Rule("budget", "planted", when, then)], "no-effect"


PLANTS = (unreachable, overlapping, never_true, gap, dead_limit, dead_channel)


@pytest.mark.parametrize("seed", range(3))
def test_a_version_that_is_right_has_nothing_to_tell(seed: int) -> None:
    """No false alarm."""
    told, _ = issues_of(correct_rules(Random(seed), 25))
    assert told == [], render(told, False)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("seed", range(2))
def test_a_planted_fault_is_found(plant: Callable[[list[Rule], Random], tuple[list[Rule], str]], seed: int) -> None:
    """Just that one, and its witness is a message on which it shows."""
    random = Random(seed)
    rules, code = plant(correct_rules(random, 25), random)

    told, ruleset = issues_of(rules)

    told = [issue for issue in told if code == "no-effect" or issue.code != "no-effect"]
    assert [issue.code for issue in told] == [code], render(told, False)
    if told[0].witness:
        case = {"name": "witness", "given": json.loads(told[0].witness), "expect": {"verdict": "DROP"}}
        report = run_cases(ruleset, {"w.yaml": json.dumps([case], ensure_ascii=False).encode()}, lambda unknown: None)
        routed = [rule.id for rule in ruleset.rules if rule.family == "routing" and rule.id in report.matched]
        assert len(routed) >= 2 if code == "overlap" else not routed
