"""What docs/rules.md shows of definitions and overrides is a good version that does what is said."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from engine.decision.judge import Judge
from engine.decision.ledger_model import LedgerModel
from engine.decision.session import Session, State
from engine.ruleset.compile import RuleSet, compile_version
from engine.ruleset.facts_document import MAX_VALUES
from engine.ruleset.grammar import MAX_LENGTH, MAX_WRITTEN_OUT
from engine.ruleset.issues import render
from engine.ruleset.names import Room
from engine.ruleset.value_files import MOST_TEXTS
from tests.decision.rulesets import ZONE, channels, decide, message, user

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
DEFINITIONS, OVERRIDES = (DOCS.split(f"\n## {name}\n")[1].split("\n## ")[0] for name in ("Definitions", "Overrides"))
BLOCK = re.compile(r"(?<=\n\n)((?: {4,}.*\n|\n(?= {4}))+)")
FACTS = """
channels: {push: {receipts: true}, sms: {receipts: true}, wechat: {receipts: true}}
facts: {message.params.amount: {type: double}}
"""
WHEN = "has(message.params.amount) && message.params.amount >= 200.0"


def blocks(section: str) -> list[str]:
    """The examples of a section."""
    return [textwrap.dedent(block) for block in BLOCK.findall(section)]


def compiled(files: dict[str, str]) -> RuleSet:
    """A good version of these files; families that are not given have no rules."""
    none = {
        f"{family}.yaml": f"family: {family}\nrules: []\n"
        for family in ("interception", "fatigue", "budget", "breaker")
    }
    found = compile_version(
        "1.0", {name: text.encode() for name, text in ({"facts.yaml": FACTS} | none | files).items()}
    )
    assert found.ruleset is not None, render(found.issues, color=False)
    assert {issue.code for issue in found.issues} <= {"unused-define", "unused-channel"}, render(
        found.issues, color=False
    )
    return found.ruleset


def sent(rules: RuleSet, tenant: str, **fields: Any) -> list[str]:
    """The channels that one message goes by."""
    state = State({(tenant, "u"): user()}, LedgerModel(), default_zone=ZONE)
    return channels(decide(Session(Judge(rules), state), message(**fields)._replace(tenant=tenant)))


def test_the_definitions_are_good() -> None:
    """All forms of a definition are read as shown, and the condition that uses them is one."""
    first, more = blocks(DEFINITIONS)
    define, _, when = first.partition("\n# in routing.yaml\n")
    routing = f"family: routing\nrules:\n  - id: urgent\n    {when.strip()}\n    then: {{concurrent: [sms]}}\n"
    routing += (
        "  - {id: small, when: is_small, then: {concurrent: [wechat]}}\n  - {id: default, then: {concurrent: [push]}}\n"
    )
    values = {"values/vip_lines.txt": "# ours\ncards\nfunds\n", "values/tariff.csv": "line;rate\nfunds;1\n"}
    rules = compiled({"facts.yaml": FACTS + define, "define/amounts.yaml": more, "routing.yaml": routing, **values})

    def by(**fields: Any) -> list[str]:
        return sent(rules, "t", category="TRANSACTION", **fields)

    assert by(line="cards", params={"amount": 200.0}) == ["sms"]
    assert by(line="funds", params={"amount": 200.0}) == ["push"]
    assert by(line="loans", params={"amount": 200.0}) == ["push"]
    assert by(line="loans", scene="fraud") == ["sms"]
    assert by(line="loans", params={"amount": 4.0}) == ["wechat"]


@pytest.mark.parametrize(
    ("tenant", "line", "amount", "scene", "wanted"),
    [
        ("t", "cards", 0.0, "security", ["push", "(sms)"]),
        ("t", "cards", 300.0, "", ["push"]),
        ("t", "cards", 1000.0, "", ["wechat"]),
        ("acme", "cards", 1000.0, "", ["wechat"]),
        ("acme", "cards", 300.0, "", ["push"]),
        ("acme", "loans", 300.0, "", ["push"]),
        ("t", "loans", 300.0, "", ["sms"]),
        ("t", "loans", 1.0, "security", ["wechat"]),
    ],
)
def test_the_overrides_are_good(tenant: str, line: str, amount: float, scene: str, wanted: list[str]) -> None:
    """The two files of the example go together, and the more particular one has its way."""
    both = "".join(blocks(OVERRIDES))
    files = dict(re.findall(r"# (overrides/\w+\.yaml)\n((?:(?!# overrides/).*\n)+)", both))
    assert len(files) == 2
    files["routing.yaml"] = "family: routing\nrules:\n"
    files["routing.yaml"] += f"  - {{id: large-change-by-sms, when: {WHEN}, then: {{concurrent: [sms]}}}}\n"
    files["routing.yaml"] += '  - {id: small, when: message.line != "cards", then: {concurrent: [wechat]}}\n'
    files["routing.yaml"] += "  - {id: default, then: {concurrent: [push]}}\n"
    limit = "{limit: {name: sms-daily, per: [user], channel: sms, max: 5, window: day}}"
    files["fatigue.yaml"] = f"family: fatigue\nrules: [{{id: sms-daily, then: {limit}}}]\n"

    assert sent(compiled(files), tenant, line=line, scene=scene, params={"amount": amount}) == wanted


def test_the_bounds_are_those_said() -> None:
    """The numbers of the section are those of the code."""
    for number in (MAX_LENGTH, MAX_WRITTEN_OUT, Room().left, MOST_TEXTS, MAX_VALUES):
        assert f"{number:,}" in DEFINITIONS
