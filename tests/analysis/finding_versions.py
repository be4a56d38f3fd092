"""Small versions to find faults in, and what is found in them."""

from __future__ import annotations

import json

from engine.analysis.findings.find import find
from engine.decision.cases import run_cases
from engine.ruleset.check import check
from engine.ruleset.compile import RuleSet, compile_parsed
from engine.ruleset.issues import Issue, Severity, render
from engine.ruleset.parse import parse_version
from engine.ruleset.rules import Parsed

FACTS = """
channels: {push: {receipts: true}, sms: {receipts: true}, mail: {receipts: false}}
facts:
  message.params.amount: {type: double}
  message.params.level: {type: int}
"""
DEFAULT = "\n- {id: default, then: {distribute: {to: push, otherwise: [sms, mail]}}}"


def version_of(**families: str) -> tuple[Parsed, RuleSet]:
    """A version with these rules (YAML lists by family); routing has a default rule unless it is given."""
    texts = dict.fromkeys(("interception", "fatigue", "budget", "breaker"), "[]") | {"routing": DEFAULT} | families
    files = {f"{family}.yaml": f"family: {family}\nrules: {rules}\n" for family, rules in texts.items()}
    files["facts.yaml"] = FACTS
    parsed = check(parse_version("found", {name: text.encode() for name, text in files.items()}))
    compiled = compile_parsed(parsed)
    assert compiled.ruleset is not None, render(parsed.issues, False)
    return parsed, compiled.ruleset


def found(severities: str = "error warning", **families: str) -> list[Issue]:
    """The issues of these severities."""
    wanted = {Severity(word) for word in severities.split()}
    return [issue for issue in find(*version_of(**families)) if issue.severity in wanted]


def codes(severities: str = "error warning", **families: str) -> list[tuple[str, int]]:
    """The codes that are told, each with its line."""
    return [(issue.code, issue.line) for issue in found(severities, **families)]


def matched_by(ruleset: RuleSet, issue: Issue) -> frozenset[str]:
    """The rules that really match on the message of a witness, which is pasted into a rule test."""
    case = {"name": "witness", "given": json.loads(issue.witness), "expect": {"verdict": "SEND"}}
    report = run_cases(ruleset, {"witness.yaml": json.dumps([case], ensure_ascii=False).encode()}, lambda unknown: None)
    assert report.issues == (), render(report.issues, False)
    return report.matched


def rule(name: str, when: str, then: str) -> str:
    """One rule as YAML."""
    return f"\n- id: {name}\n  when: >-\n    {when}\n  then: {then}"


def route(name: str, when: str, *channels: str) -> str:
    """A routing rule that wants these channels."""
    return rule(name, when, "{concurrent: [" + ", ".join(channels) + "]}")


def limit(rule_id: str, when: str, **fields: object) -> str:
    """A limit; of the name of its rule, per user, in a window of a day of 24 hours, if nothing else is said."""
    given = {"name": rule_id, "per": "[user]", "max": 5, "window": "1d", **fields}
    return rule(rule_id, when, "{limit: {" + ", ".join(f"{key}: {value}" for key, value in given.items()) + "}}")


MARKETING = 'message.category == "MARKETING"'
SERVICE = 'message.category == "SERVICE"'
AMOUNT = "has(message.params.amount) && message.params.amount"
