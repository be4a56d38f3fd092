"""Rule versions made from a seed: a big one with its tests, as a bank of many lines might have it, and small ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

CATEGORIES: Final = ("TRANSACTION", "SERVICE", "NOTIFICATION", "REPAYMENT", "MARKETING")
FACTS: Final = """\
channels:
  push: {doc: App push, receipts: true}
  wechat: {doc: WeChat, receipts: true}
  sms: {doc: Text message, receipts: true}
facts:
  message.params.amount: {type: double, doc: Amount}
  user.attributes.age: {type: int, doc: Years}
"""
FAMILIES: Final = {"interception": 0.2, "fatigue": 0.24, "budget": 0.12, "routing": 0.4, "breaker": 0.04}


def write_version(rules: Path, tests: Path, version: str, count: int, seed: int) -> None:
    """Write a version with `count` rules and, for every routing rule, a test that it decides."""
    maker = _Maker(random.Random(seed))
    made = {family: max(1, round(count * share)) for family, share in FAMILIES.items()}
    made["routing"] += count - sum(made.values())
    folder = rules / version
    folder.mkdir(parents=True)
    (folder / "facts.yaml").write_text(FACTS, encoding="utf-8")
    for family, number in made.items():
        one: Callable[[int], str] = getattr(maker, family)
        rows = [one(i) for i in range(number)]
        (folder / f"{family}.yaml").write_text(f"family: {family}\nrules:\n" + "".join(rows), encoding="utf-8")
    (tests / version).mkdir(parents=True)
    (tests / version / "routing.yaml").write_text("".join(maker.cases), encoding="utf-8")


def small_version(rules: Path, version: str, number: int) -> None:
    """Write a version of ten rules that is like no other: each reload is to bring something new."""
    folder = rules / version
    folder.mkdir()
    (folder / "facts.yaml").write_text(FACTS, encoding="utf-8")
    for family in FAMILIES:
        (folder / f"{family}.yaml").write_text(f"family: {family}\nrules: []\n", encoding="utf-8")
    (folder / "routing.yaml").write_text("family: routing\nrules:\n" + "".join(_ten(number)), encoding="utf-8")


def _ten(number: int) -> Iterator[str]:
    for i in range(9):
        when = f'message.category == "{CATEGORIES[i % 5]}" && now.local_hour >= {i} && message.line == "l{number}-{i}"'
        yield _rule(f"r{i}", when, "{distribute: {to: push, otherwise: [sms]}}")
    yield _rule("default", "", "{distribute: {to: sms, otherwise: [push]}}")


def _rule(name: str, when: str, then: str) -> str:
    condition = f"    when: >-\n      {when}\n" if when else ""
    return f"  - id: {name}\n    doc: Rule {name}.\n    owner: bench\n{condition}    then: {then}\n"


class _Maker:
    """Draws rules of each family; no two of them ask the same."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.cases: list[str] = []

    def routing(self, i: int) -> str:
        chance = self._chance
        category, least = chance.choice(CATEGORIES), float(chance.randrange(1, 5_000))
        when = (
            f'message.category == "{category}" && has(message.scene) && message.scene == "s{i}" && '
            f"has(message.params.amount) && message.params.amount >= {least}"
        )
        self.cases.append(
            f"- name: route {i} decides\n"
            f"  given: {{message: {{category: {category}, scene: s{i}, params: {{amount: {least}}}}}}}\n"
            f"  expect: {{decided_by: route-{i}}}\n"
        )
        to, other = chance.sample(("push", "wechat", "sms"), 2)
        return _rule(f"route-{i}", when, f"{{distribute: {{to: {to}, otherwise: [{other}]}}}}")

    def interception(self, i: int) -> str:
        hour, age = self._chance.randrange(1, 24), self._chance.randrange(18, 80)
        when = (
            f'message.category == "MARKETING" && has(message.campaign) && message.campaign == "c{i}" && '
            f"now.local_hour < {hour} && (!has(user.attributes.age) || user.attributes.age < {age})"
        )
        return _rule(f"hold-{i}", when, '{hold: {until: "09:00", reason: QUIET_HOURS}}')

    def fatigue(self, i: int) -> str:
        category, line = self._chance.choice(CATEGORIES), self._chance.randrange(40)
        when = f'message.category == "{category}" && message.line == "l{line}" && now.local_weekday != {1 + i % 7}'
        most = self._chance.randrange(1, 20)
        return _rule(f"limit-{i}", when, f"{{limit: {{name: limit-{i}, per: [user], max: {most}, window: 1d}}}}")

    def budget(self, i: int) -> str:
        when = f'channel.name == "sms" && message.line == "l{i}" && message.category == "MARKETING"'
        return _rule(f"charge-{i}", when, f'{{charge: {{account: "l{i}/sms", amount: 0.045, unit: CNY}}}}')

    def breaker(self, i: int) -> str:
        when = f'provider.window.count >= {50 + i} && provider.name == "p{i}" && provider.window.error_rate > 0.08'
        return _rule(f"slow-{i}", when, "{set: {state: SLOW, speed: 0.5}}")
