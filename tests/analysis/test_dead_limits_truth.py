"""What is said to do nothing is taken out of random versions: random sequences of messages go the same ways."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from engine.analysis.findings.find import find
from engine.decision.case_turns import TurnSession, turns_of
from engine.decision.cases import interpreted, sound_cases
from engine.decision.judge import Judge
from engine.decision.session import judge_now
from engine.ruleset.compile import RuleSet
from engine.ruleset.issues import Issues
from tests.analysis.finding_versions import MARKETING, SERVICE, limit, rule, version_of

VERSIONS, SEQUENCES, MESSAGES = 10, 4, 16
KINDS = (SERVICE, MARKETING, f"({SERVICE} || {MARKETING})")
OTHERS = ("message.line == 'a'", "user.known", "!user.known", "now.local_hour >= 9", "content.has_url")
CHANNELS = ("channel.name == 'sms'", "channel.name != 'mail'")
EVERY_WAY = (
    "\n- {id: default, then: {concurrent: [push, sms, mail]}}",
    "\n- {id: default, then: {distribute: {to: push, otherwise: [sms, mail]}}}",
)
STOPS = (
    "{drop: {reason: BLOCKED}}",
    "{hold: {until: '09:00', reason: QUIET_HOURS}}",
    "{exclude: {channels: [sms], reason: COMPLIANCE}}",
)


def random_rules(random: Random) -> dict[str, list[str]]:
    """Several limits that are near to each other, and something that stops messages before."""
    limits = []
    for number in range(random.randint(3, 5)):
        parts = [random.choice(KINDS), *random.sample(OTHERS, random.choice((0, 0, 1)))]
        by_channel = random.random() < 0.35
        when = " && ".join([*parts, *random.sample(CHANNELS, by_channel)])
        per = ["user", *random.sample(("line", "category", "channel"), random.choice((0, 0, 1, 2)))]
        fields: dict[str, object] = {"window": random.choice(("day", "1d", "6h")), "max": random.randint(0, 6)}
        fields |= {"min_interval": random.choice(("10m", "2h", "7h"))} if random.random() < 0.3 else {}
        fields |= {"channel": "sms"} if not by_channel and random.random() < 0.25 else {}
        fields |= {"otherwise": "hold"} if random.random() < 0.2 else {}
        limits.append(limit(f"limit-{number}", when, per=f"[{', '.join(per)}]", **fields))
    stop = rule("stop", random.choice(OTHERS), random.choice(STOPS))
    return {"routing": [random.choice(EVERY_WAY)], "interception": [stop], "fatigue": limits}


def version(rules: dict[str, list[str]], without: str = "") -> tuple[list[str], RuleSet]:
    """The limits that are told never to refuse, and the version."""
    kept = {family: [one for one in many if f"id: {without}\n" not in one] for family, many in rules.items()}
    parsed, ruleset = version_of(**{family: "".join(many) or "[]" for family, many in kept.items()})
    whole = ("this limit", "no message")  # other findings are about a part of one
    dead = [one for one in find(parsed, ruleset) if one.code == "dead-limit" and one.message.startswith(whole)]
    lines = {issue.line - 3 for issue in dead}  # of the id, which stands before the condition and the limit
    return [one.id for one in ruleset.rules if one.family == "fatigue" and one.line in lines], ruleset


def random_case(random: Random) -> dict[str, Any]:
    """Messages of one user, one after the other."""
    at, steps = datetime(2026, 1, 5, random.choice((0, 8, 16)), tzinfo=UTC), []
    categories, gap = random.choice((["SERVICE"], ["MARKETING", "SERVICE"])), random.choice(([1, 20], [60, 400]))
    known = random.random() < 0.7
    for number in range(MESSAGES):
        at += timedelta(minutes=random.choice(gap))
        text = f"{number}" + random.choice(("", " http://a.example/x"))
        message: dict[str, Any] = {
            "category": random.choice(categories),
            "line": random.choice("ab"),
            "content": {"text": text},
        }
        addresses = [{"channel": name, "value": f"to-{name}"} for name in ("push", "mail")]
        message |= {} if known else {"addresses": addresses}
        steps.append({"at": at.isoformat(), "message": message, "expect": {"verdict": "SEND"}})
    return {"name": f"case {random.random()}", "given": {"user": {"known": known}}, "steps": steps}


def outcomes(ruleset: RuleSet, cases: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """What became of every message: sent by which channels, held till when."""
    judge, issues, found = Judge(ruleset), Issues(), list[tuple[object, ...]]()
    for case in sound_cases(ruleset, {"random.yaml": json.dumps(cases).encode()}, issues):
        for turn in turns_of(case, ruleset):
            decision = judge_now(TurnSession(judge, turn), [(turn.message, turn.now_ms)], interpreted)[0].decision
            channels = decision.plan and [step.channel for step in decision.plan.steps]
            found.append((decision.verdict, decision.until_ms, channels))
    assert issues.sorted() == ()
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_limit_that_is_called_dead_refuses_nothing_that_would_go(seed: int) -> None:
    """Whatever is sent, and however often: without it every message goes the same way."""
    random, told = Random(seed), 0
    for _ in range(VERSIONS):
        rules = random_rules(random)
        dead, ruleset = version(rules)
        cases = [random_case(random) for _ in range(SEQUENCES)]
        before = outcomes(ruleset, cases) if dead else []
        for name in dead:
            told += 1
            assert outcomes(version(rules, without=name)[1], cases) == before, (name, rules)
    assert told > 3
