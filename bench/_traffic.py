"""A bank's messages as facts by path, drawn from a seed: the same traffic in every run and on every machine.

The shares are those one would expect of a retail bank: mostly account changes, amounts log-normal, mornings and
evenings busy, marketing in campaigns, few users with many tags, few forbidden words, channels nearly always well.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

Facts = dict[str, Any]

KINDS: Final[Mapping[str, tuple[float, str, Mapping[str, float], Mapping[str | None, float]]]] = {
    # category: share, usual priority, lines, scenes
    "TRANSACTION": (0.46, "P1", {"payments": 6, "cards": 3, "loans": 0.5, "wealth": 0.5}, {None: 7, "trade": 3}),
    "ONE_TIME_PASSWORD": (0.16, "P0", {"payments": 6, "cards": 2, "wealth": 1, "loans": 1}, {"login": 6, "trade": 4}),
    "MARKETING": (0.20, "P3", {"cards": 4, "loans": 3, "wealth": 3}, {None: 9, "survey": 1}),
    "NOTIFICATION": (0.09, "P2", {"cards": 4, "payments": 3, "wealth": 1}, {"statement": 5, "security": 2, None: 3}),
    "SERVICE": (0.05, "P1", {"cards": 4, "payments": 2, "loans": 2}, {None: 6, "survey": 2, "security": 1}),
    "REPAYMENT": (0.04, "P1", {"loans": 7, "cards": 3}, {None: 1}),
}
HOURS: Final = (1, 1, 0.5, 0.5, 0.5, 1, 3, 6, 9, 11, 11, 10, 11, 9, 8, 8, 9, 10, 11, 12, 11, 8, 5, 2)
"""How busy each hour of the day is."""
TAGS: Final = {"salary": 0.45, "app": 0.6, "high": 0.07, "gold": 0.04, "student": 0.05, "review": 0.01}


def traffic(count: int, seed: int) -> list[Facts]:
    """So many messages; a fact that is absent has no entry."""
    chance = random.Random(seed)
    users = [_user(chance) for _ in range(max(100, count // 20))]
    kinds, shares = list(KINDS), [kind[0] for kind in KINDS.values()]
    drawn = chance.choices(kinds, shares, k=count)
    # Some users get many messages, most get few.
    who = [users[min(len(users) - 1, int(chance.expovariate(4.0) * len(users)))] for _ in range(count)]
    return [_message(chance, kind) | user | _now(chance) for kind, user in zip(drawn, who, strict=True)]


def _weighted(chance: random.Random, choices: Mapping[Any, float]) -> Any:
    return chance.choices(list(choices), list(choices.values()))[0]


def _message(chance: random.Random, category: str) -> Facts:
    _, priority, lines, scenes = KINDS[category]
    if chance.random() < 0.06:
        priority = chance.choice(("P0", "P1", "P2", "P3"))
    facts: Facts = {
        "message.category": category,
        "message.priority": priority,
        "message.line": _weighted(chance, lines),
        **_content(chance, category),
    }
    scene = _weighted(chance, scenes)
    if scene is not None:
        facts["message.scene"] = scene
    if category == "MARKETING" and chance.random() < 0.85:
        facts["message.campaign"] = f"c{chance.randrange(40)}"
    if category in ("TRANSACTION", "REPAYMENT") and chance.random() < 0.97:
        facts["message.params.amount"] = round(chance.lognormvariate(4.6, 1.9), 2)
    if category == "REPAYMENT":
        facts["message.params.days_overdue"] = chance.choice((-7, -3, -1, 0, 1, 3, 10, 31, 60))
    return facts


def _content(chance: random.Random, category: str) -> Facts:
    length = max(8, round(chance.lognormvariate(4.2 if category != "NOTIFICATION" else 5.0, 0.6)))
    hit = category == "MARKETING" and chance.random() < 0.02
    return {
        "content.length": length,
        "content.segments": 1 if length <= 70 else -(-length // 67),
        "content.has_url": chance.random() < (0.6 if category == "MARKETING" else 0.1),
        "content.hits.forbidden": chance.choice((3, 6, 9)) if hit else 0,
    }


def _user(chance: random.Random) -> Facts:
    facts: Facts = {
        "user.known": chance.random() < 0.98,
        "channels.push.has_address": chance.random() < 0.7,
        "channels.wechat.has_address": chance.random() < 0.6,
        "channels.mail.has_address": chance.random() < 0.5,
    }
    tags = tuple(tag for tag, share in TAGS.items() if chance.random() < share)
    if tags:
        facts["user.tags"] = tags
    if chance.random() < 0.9:
        facts["user.attributes.age"] = min(95, max(14, round(chance.gauss(42, 15))))
    return facts


def _now(chance: random.Random) -> Facts:
    return {
        "now.local_hour": chance.choices(range(24), HOURS)[0],
        "now.local_weekday": chance.randint(1, 7),
        "channels.sms.state": chance.choices(("NORMAL", "SLOW", "PAUSED"), (985, 10, 5))[0],
        "platform.state": "NORMAL" if chance.random() < 0.999 else "SLOW",
    }


def missing(facts: Sequence[Facts], paths: Sequence[str]) -> set[str]:
    """The paths that no message of the traffic has; a fact never given would measure nothing."""
    return set(paths) - {path for one in facts for path in one}
