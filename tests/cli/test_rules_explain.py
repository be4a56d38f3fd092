"""`signalbox rules explain` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.rules.group import rules
from tests.decision.rulesets import FACTS

ROUTING = """\
family: routing
rules:
  - id: large
    when: has(message.params.amount) && message.params.amount >= 200.0
    then: {distribute: {to: sms, otherwise: [push]}}
  - {id: rest, then: {distribute: {to: push, otherwise: [sms]}}}
"""
INTERCEPTION = """\
family: interception
rules:
  - {id: opted-out, when: channel.opted_out, then: {exclude: {reason: OPTED_OUT}}}
  - {id: quiet, when: now.local_hour >= 22, then: {hold: {until: "08:00", reason: QUIET_HOURS}}}
"""
FATIGUE = """\
family: fatigue
rules:
  - {id: hourly, then: {limit: {name: hourly, per: [user], max: 1, window: 1h}}}
"""
CASES = """\
- name: a small change goes by push
  given: {message: {category: TRANSACTION, params: {amount: 150}}}
  expect: {verdict: SEND, channels: [push]}
- name: a small change late in the evening waits
  given: {message: {category: TRANSACTION, params: {amount: 150}}, now: "2026-01-05T22:30"}
  expect: {verdict: HOLD}
- name: the second in an hour is too much
  given: {message: {category: TRANSACTION}}
  steps:
    - {at: "2026-01-05T12:00", expect: {verdict: SEND}}
    - {at: "2026-01-05T12:10", expect: {verdict: DROP}}
"""
CONTRACT = {
    "tenant": "bank",
    "line": "cards",
    "userId": "u1",
    "category": "CATEGORY_TRANSACTION",
    "content": {"text": "\U0001f600"},
    "params": {"amount": 150},
}


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A version with its rule tests beside it."""
    folder, tests = tmp_path / "rules" / "v", tmp_path / "rule_tests" / "v"
    for place in (folder, tests):
        place.mkdir(parents=True)
    files = {"facts": FACTS, "routing": ROUTING, "interception": INTERCEPTION, "fatigue": FATIGUE}
    for name in ("facts", "routing", "interception", "fatigue", "budget", "breaker"):
        text = files.get(name, f"family: {name}\nrules: []\n")
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    (tests / "cases.yaml").write_text(CASES, encoding="utf-8")
    return folder


def run(*arguments: str | Path, given: str | None = None) -> Result:
    return CliRunner().invoke(rules, ["explain", *map(str, arguments)], input=given)


def told(*arguments: str | Path, given: str | None = None) -> dict[str, Any]:
    result = run(*arguments, "--json", given=given)
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_people_see_the_decision_the_rules_and_what_would_have_to_be_otherwise(version: Path) -> None:
    """In this order, and with the place of every rule."""
    result = run("--case", "by push", version)

    assert result.exit_code == 0, result.output
    shown = result.stdout
    assert shown.startswith("SEND, DISTRIBUTION: push with P1, decided by rest")
    assert "large (routing.yaml:3): 1 of 2 atoms would have to be otherwise" in shown
    assert "message.params.amount >= 200.0: message.params.amount is 150.0" in shown
    assert "opted-out for push, sms (interception.yaml:3): 1 of 1 atom" in shown
    assert "for another plan: message.params.amount: 150.0 -> 200.0" in shown
    assert "then SEND, DISTRIBUTION: sms with P1, decided by large" in shown
    assert "changes of one fact" in shown


@pytest.mark.parametrize(
    ("form", "assumed"),
    [
        ("given: {message: {category: TRANSACTION, params: {amount: 150}}}", 0),
        ("message: {category: TRANSACTION, params: {amount: 150}}", 0),
        ("facts: {message.category: TRANSACTION, message.params.amount: 150.0}", 0),
        (json.dumps(CONTRACT), 5),
        (json.dumps({"message": CONTRACT, "now": "2026-01-05T04:00:00Z", "state": {"breakers": {}}}), 3),
        (json.dumps({"message": {**CONTRACT, "category": "TRANSACTION"}, "trace_level": 3}), 5),
        (json.dumps({"message": CONTRACT, "record": {"accepted_at": "2026-01-05T04:00:00.000Z"}, "events": []}), 4),
    ],
)
def test_a_message_is_understood_in_every_form(version: Path, form: str, assumed: int) -> None:
    """A case, its `given:`, the contract's message and request, and what `signalbox trace --json` prints."""
    answer = told("-", version, given=form)

    assert answer["trace"]["facts"]["message.params.amount"] == 150
    assert answer["given"]["message"]["category"] == "TRANSACTION"
    assert len(answer["assumed"]) == assumed


def test_programs_get_every_rule_and_everything_that_was_found(version: Path) -> None:
    """As the contract's trace, with short words, and the situation as a rule test would give it."""
    answer = told("--case", "a small change goes by push", version)

    assert answer["decision"]["verdict"] == "SEND"
    assert answer["given"]["message"]["params"] == {"amount": 150.0}
    explained = answer["trace"]["explanation"]["rules"]
    assert {one["rule_id"] for one in explained} == {"large", "rest", "opted-out", "quiet", "hourly"}
    found = answer["trace"]["counterfactual"]
    assert found["plan"]["changes"] == [{"path": "message.params.amount", "before": "150.0", "after": "200.0"}]
    assert found["verdict"]["decision"]["verdict"] in ("HOLD", "DROP")


def test_a_step_comes_after_the_steps_before_it(version: Path) -> None:
    """The last is explained unless another is named."""
    last = told("--case", "the second in an hour", version)
    first = told("--case", "the second in an hour", version, "--step", "1")

    assert last["decision"]["reason"] == "LIMIT_REACHED"
    assert last["trace"]["counterfactual"]["verdict"]["changes"][0]["path"] == "now.timestamp"
    assert first["decision"]["verdict"] == "SEND"


def test_rules_can_be_picked(version: Path) -> None:
    """By family or by id; then only those are shown."""
    of_family = told("--case", "by push", version, "--family", "routing")
    of_rule = run("--case", "by push", version, "--rule", "large")

    assert [one["rule_id"] for one in of_family["trace"]["explanation"]["rules"]] == ["rest", "large"]
    assert "large (routing.yaml:3)" in of_rule.stdout
    assert "hourly" not in of_rule.stdout


def test_all_changes_of_one_fact_are_shown_when_asked_for(version: Path) -> None:
    """As a list beside the two answers."""
    shown = run("--case", "late in the evening", version, "--all").stdout

    assert "Every one fact that would do" in shown
    assert "now.local_hour: 22 -> 21: SEND" in shown
    assert "rules about channel.* are explained for the channels of the route" in shown


def test_a_bound_that_ends_the_search_is_told(version: Path) -> None:
    """Never silent about what was not looked at."""
    shown = run("--case", "by push", version, "--budget", "1").stdout

    assert "for another verdict: nothing was found" in shown
    assert "the search ended at its bound of 1 situations" in shown


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        ((), None, "say which message"),
        (("nowhere.yaml",), None, "cannot be read"),
        (("-",), "[", "cannot be read"),
        (("-",), "just a text", "holds no message"),
        (("-",), "message: {categry: SERVICE}", "unknown field"),
        (("-",), '{"tenant": "bank", "colour": "red"}', "no message of the contract"),
        (("-",), '{"tenant": "bank"}', "message.user_id: is required"),
        (("-",), "{category: SERVICE}", "stands under message:"),
        (("-",), '{"message": {"category": "CATEGORY_SERVICE"}, "colour": 1}', 'unknown field "colour"'),
        (("-",), "message: {params: {amount: much}}", "message.params.amount"),
        (("-",), "provider: {name: a, channel: sms}", "only messages are explained"),
        (("--case", "no such case"), None, "holds no case"),
        (("--case", "a small change"), None, "stands in the names of 2 cases"),
        (("--case", "by push", "--step", "2"), None, "it has no steps"),
        (("--case", "by push", "--rule", "lagre"), None, 'did you mean "large"?'),
    ],
)
def test_what_cannot_begin_says_why(version: Path, arguments: tuple[str, ...], given: str | None, said: str) -> None:
    """In a sentence, with exit code 2."""
    folder = () if not arguments else (version,)
    result = run(*arguments, *folder, given=given)

    assert result.exit_code == 2, result.output
    assert said in result.output


def test_a_version_with_errors_is_not_asked(version: Path) -> None:
    """Its problems are told, with exit code 1."""
    (version / "routing.yaml").write_text(ROUTING.replace("amount >= 200.0", "amuont >= 200.0"), encoding="utf-8")
    result = run("--case", "by push", version)

    assert result.exit_code == 1
    assert "amuont" in result.output
