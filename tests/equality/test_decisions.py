"""On the rules that a bank would start from: however the rules are matched, the decisions are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import pytest

from engine.decision.judge import Judge
from engine.decision.ledger_model import Balance, LedgerModel
from engine.decision.model import Breakers, Content, Message, User
from engine.decision.session import Ask, Item, Session, State, judge_now
from engine.flow.durable_matcher import DurableMatcher
from engine.flow.folder import read_folder, read_rollout
from engine.flow.loading import ask, matcher_of
from engine.ruleset.compile import RuleSet, compile_version
from engine.service.translate_decision import write_decision

RULES = Path(__file__).resolve().parents[2] / "rules"
NOW_MS = 1_767_585_600_000
HOUR_MS = 3_600_000
CHANNELS = ("push", "wechat", "sms", "inapp", "mail")


@pytest.fixture(scope="module")
def ruleset() -> RuleSet:
    """The version that rollout.yaml names."""
    version = read_rollout(RULES / "rollout.yaml").stable
    assert version is not None
    compiled = compile_version(version, read_folder(RULES / version).files)
    assert compiled.ruleset is not None
    return compiled.ruleset


@pytest.fixture(scope="module")
def durable(ruleset: RuleSet) -> Iterator[DurableMatcher]:
    """Its conjunctions in durable-rules."""
    with closing(matcher_of(ruleset)) as matcher:
        yield matcher


def message(random: Random) -> Message:
    """A message of a bank's day; a few are for people nobody knows, or say what may not be said."""
    category = random.choice(("ONE_TIME_PASSWORD", "TRANSACTION", "SERVICE", "NOTIFICATION", "REPAYMENT", "MARKETING"))
    marketing = category == "MARKETING"
    return Message(
        tenant="bank",
        line=random.choice(("cards", "loans", "wealth")),
        user_id=f"u{random.randrange(30)}",
        category=category,
        priority=random.choice(("P0", "P1", "P2", "P3")),
        scene=random.choice(("", "security", "trade", "statement", "news")),
        campaign=random.choice(("", "spring")) if marketing else "",
        content=None if random.random() < 0.1 else Content("", _text(random), "", ""),
        template="t1",
        params={"amount": random.choice((0.01, 199.99, 200.0, 10_000.0))} if random.random() < 0.6 else {},
        addresses=random.choice(((), (), (("sms", "1"),))),
        wished_channels=random.choice(((), (), (), ("sms",), ("push", "wechat"))),
        send_after_ms=NOW_MS + 5 * HOUR_MS if random.random() < 0.05 else None,
        expire_at_ms=NOW_MS + 30 * HOUR_MS if random.random() < 0.1 else None,
    )


def _text(random: Random) -> str:
    words = (
        "您的账户变动",
        "statement",
        "赌场",
        "最佳",
        "保本",
        "免费领取",
        "casino",
        "100% guaranteed",
        "best",
        "loan",
        "x" * 200,
    )
    return " ".join(random.sample(words, random.choice((1, 1, 2))))


def state(random: Random) -> State:
    """Half the users are known; accounts run out, channels fail, somebody has had enough."""
    users = {}
    for number in range(0, 30, 2):
        channels = frozenset(random.sample(CHANNELS, random.randint(0, 5)))
        outs = frozenset(
            (random.choice(("", "sms", "push")), random.choice(("MARKETING", "NOTIFICATION", "TRANSACTION")))
            for _ in range(random.choice((0, 0, 2)))
        )
        tags = random.choice(((), ("high",), ("gold", "high")))
        zone = random.choice(("Asia/Shanghai", "Europe/Prague", "America/New_York"))
        users["bank", f"u{number}"] = User(True, zone, tags, channels=channels, opt_outs=outs)
    accounts = None
    if random.random() < 0.7:
        accounts = {
            ("bank", f"{line}/{name}"): Balance(unit, random.choice((0, 90_000, 3_000_000, 10**12)))
            for line in ("cards", "loans")
            for name, unit in (("sms/cash", "CNY"), ("wechat/count", "COUNT"), ("push/count", "COUNT"))
        }
    names = ("NORMAL", "NORMAL", "SLOW", "PAUSED")
    breakers = Breakers(random.choice(names), {channel: random.choice(names) for channel in CHANNELS})
    return State(users, LedgerModel(accounts=accounts), breakers)


def decide(judge: Judge, given: State, items: Sequence[Item], by: Ask, together: bool = True) -> tuple[object, ...]:
    """The decisions as they travel, and what they left used up."""
    session = Session(judge, replace(given, ledger=LedgerModel(accounts=deepcopy(given.ledger.accounts))))
    parts = [items] if together else [[item] for item in items]
    decisions = [write_decision(one.decision) for part in parts for one in judge_now(session, part, by)]
    ledger = session.state.ledger
    return [one.SerializeToString(deterministic=True) for one in decisions], ledger.uses, ledger.accounts


def interpreter(unknown: object) -> None:
    """Nobody to ask but the interpreter."""


def now_and_then(by: Ask, random: Random) -> Ask:
    """A matcher that is away every second time."""
    return lambda unknown: by(unknown) if random.random() < 0.5 else None


Way = Callable[[RuleSet, DurableMatcher, State, Sequence[Item]], tuple[object, ...]]
WAYS: dict[str, Way] = {
    "interpreter": lambda rules, durable, given, items: decide(Judge(rules), given, items, interpreter),
    "durable-rules": lambda rules, durable, given, items: decide(Judge(rules), given, items, partial(ask, durable)),
    "no memory": lambda rules, durable, given, items: decide(Judge(rules, 1), given, items, partial(ask, durable)),
    "one by one": lambda rules, durable, given, items: decide(
        Judge(rules), given, items, partial(ask, durable), together=False
    ),
    "away now and then": lambda rules, durable, given, items: decide(
        Judge(rules, 4), given, items, now_and_then(partial(ask, durable), Random(1)), together=False
    ),
}


def test_all_ways_decide_alike(ruleset: RuleSet, durable: DurableMatcher) -> None:
    """25 days of 80 messages: the same decisions, uses and accounts by every way, on a long-lived judge too."""
    lasting = Judge(ruleset)
    reached = set()
    for seed in range(25):
        random = Random(seed)
        given = state(random)
        items = [(message(random), NOW_MS + random.randrange(24) * HOUR_MS // 2) for _ in range(80)]
        expected = decide(lasting, given, items, partial(ask, durable))
        for name, way in WAYS.items():
            assert way(ruleset, durable, given, items) == expected, name
        reached |= set(expected[0])

    assert len(reached) > 300


def test_the_days_reach_the_rules(ruleset: RuleSet, durable: DurableMatcher) -> None:
    """The messages of those days match nearly every rule there is but the breaker's, so agreeing means something."""
    matched: set[int] = set()
    for seed in range(25):
        random = Random(seed)
        items = [(message(random), NOW_MS + random.randrange(48) * HOUR_MS // 2) for _ in range(80)]
        for one in judge_now(Session(Judge(ruleset), state(random)), items, partial(ask, durable)):
            assert one.matched is not None
            matched.update(one.matched.rules)
            matched.update(rule for answer in (one.blueprint.answers if one.blueprint else ()) for rule in answer.rules)
    missed = [rule.id for rule in ruleset.rules if rule.family != "breaker" and rule.index not in matched]

    assert len(missed) <= 3, missed
