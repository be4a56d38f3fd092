"""`signalbox rules test --mutate` as a person and as a program run it."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from cli.rules.group import rules

RULES = """
family: routing
rules:
  - id: large
    when: has(message.params.amount) && message.params.amount >= 200.0
    then: {distribute: {to: sms}}
  - id: rest
    then: {distribute: {to: push}}
"""
CASES = """
- name: a large amount goes by SMS
  given: {message: {params: {amount: 500}}}
  expect: {verdict: SEND, channels: [sms]}
- name: a small amount goes by push
  given: {message: {params: {amount: 5}}}
  expect: {verdict: SEND, channels: [push]}
"""
FIELDS = {"rule", "file", "line", "column", "kind", "before", "after", "text", "message", "expect"}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(rules, ["test", *(str(argument) for argument in arguments)])


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A version of two routing rules with two cases."""
    folder, tests = tmp_path / "rules" / "v", tmp_path / "rule_tests" / "v"
    folder.mkdir(parents=True)
    tests.mkdir(parents=True)
    facts = (
        "channels: {push: {receipts: true}, sms: {receipts: true}}\nfacts: {message.params.amount: {type: double}}\n"
    )
    (folder / "facts.yaml").write_text(facts, encoding="utf-8")
    for family in ("interception", "fatigue", "budget", "breaker"):
        (folder / f"{family}.yaml").write_text(f"family: {family}\nrules: []\n", encoding="utf-8")
    (folder / "routing.yaml").write_text(RULES, encoding="utf-8")
    (tests / "cases.yaml").write_text(textwrap.dedent(CASES), encoding="utf-8")
    return folder


def test_the_json_has_the_numbers_and_every_survivor_with_its_message(version: Path) -> None:
    """`mutants` and `killed` are numbers; a survivor says where, what, and which message would tell it."""
    told = json.loads(run(version, "--mutate", "--json").stdout)

    assert {"mutants", "killed", "equivalent", "survivors", "passed", "failed", "cases", "unmatched"} == set(told)
    assert told["mutants"] == told["killed"] + len(told["survivors"])
    assert told["equivalent"] == 1
    boundary = next(one for one in told["survivors"] if one["kind"] == "boundary")
    assert set(boundary) == FIELDS
    assert (boundary["rule"], boundary["file"], boundary["line"], boundary["column"]) == (
        "large",
        "routing.yaml",
        5,
        41,
    )
    assert boundary["before"] == "message.params.amount >= 200.0"
    assert boundary["after"] == "message.params.amount > 200.0"
    assert boundary["text"] == (
        "routing.yaml:5:41 large: message.params.amount >= 200.0 -> message.params.amount > 200.0"
    )
    assert boundary["message"] == {"message": {"params": {"amount": 200.0}}}
    assert boundary["expect"]["channels"] == ["sms"]


def test_without_mutate_the_json_is_as_ever(version: Path) -> None:
    """Nothing of mutants is in it."""
    assert {"passed", "failed", "cases", "unmatched"} == set(json.loads(run(version, "--json").stdout))


def test_what_is_told_kills_every_survivor_when_it_is_pasted_into_a_test(version: Path) -> None:
    """The `given` and `expect` of the survivors, written as cases, leave none."""
    told = json.loads(run(version, "--mutate", "--json").stdout)
    cases = [{"name": one["text"], "given": one["message"], "expect": one["expect"]} for one in told["survivors"]]
    more = version.parents[1] / "rule_tests" / "v" / "told.yaml"
    more.write_text(yaml.safe_dump(cases, allow_unicode=True), encoding="utf-8")

    after = json.loads(run(version, "--mutate", "--json").stdout)

    assert told["survivors"]
    assert after["failed"] == 0
    assert after["survivors"] == []
    assert after["killed"] == after["mutants"] == told["mutants"]


def test_people_see_a_table_the_mistakes_and_the_case_that_is_missing(version: Path) -> None:
    """Each rule with its score, each survivor with its place and a case to paste, and what was left out."""
    shown = run(version, "--mutate").stdout

    assert "mutants of v" in shown
    assert "routing.yaml:5:41 large: message.params.amount >= 200.0 -> message.params.amount > 200.0" in shown
    assert "message: {params: {amount: 200.0}}" in shown
    assert "expect: {verdict: SEND, channels: [sms]}" in shown
    assert "Equivalent, and not counted" in shown
    assert "has(message.params.amount) -> (left out)" in shown


def test_one_rule_can_be_looked_at(version: Path) -> None:
    """Only the mutants of that rule are made; a rule that is not there ends with 2 and what was meant."""
    only = json.loads(run(version, "--mutate", "--mutate-only", "rest", "--json").stdout)
    wrong = run(version, "--mutate", "--mutate-only", "larg")

    assert {one["rule"] for one in only["survivors"]} <= {"rest"}
    assert 0 < only["mutants"] < 5
    assert wrong.exit_code == 2
    assert 'did you mean "large"?' in wrong.output


@pytest.mark.parametrize(("least", "code"), [("0", 0), ("55", 0), ("100", 1), ("99.99", 1)])
def test_too_little_noticed_ends_with_one(version: Path, least: str, code: int) -> None:
    """Exactly so much is enough, and the share is never rounded up."""
    result = run(version, "--mutate", "--mutate-under", least)

    assert result.exit_code == code, result.output
    assert ("are asked for" in result.output) is (code == 1)


def test_options_of_mutation_want_mutation(version: Path) -> None:
    """To ask for a score that is not made is wrong usage."""
    for option in (("--mutate-under", "90"), ("--mutate-only", "large")):
        result = run(version, *option)
        assert result.exit_code == 2
        assert "add --mutate" in result.output


def test_broken_rules_have_no_mutants(version: Path) -> None:
    """The problems are told and the command ends with 1, as without --mutate."""
    routing = version / "routing.yaml"
    routing.write_text(RULES.replace("amount >=", "amout >="), encoding="utf-8")

    result = run(version, "--mutate", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["mutants"] == 0


def test_the_served_rules_are_tested_well_enough() -> None:
    """Of the mistakes in the rules that serve at least 97 % are noticed by their cases."""
    result = CliRunner().invoke(rules, ["test", "--mutate", "--mutate-under", "97", "--json"])

    assert result.exit_code == 0, result.output[-2_000:]
    told = json.loads(result.stdout)
    assert told["mutants"] > 400
