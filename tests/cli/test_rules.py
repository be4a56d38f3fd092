"""`signalbox rules` as a person runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.rules.group import rules

ROOT = Path(__file__).resolve().parents[2]
VERSION = next(path for path in sorted((ROOT / "rules").iterdir()) if path.is_dir())
PROBLEM = {"code", "severity", "file", "line", "column", "message", "hint", "witness", "related"}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(rules, [str(argument) for argument in arguments])


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A copy of the served version, to break."""
    return Path(shutil.copytree(VERSION, tmp_path / "rules" / VERSION.name))


def test_the_served_version_has_no_errors() -> None:
    """Without a folder the version that rollout.yaml names is checked."""
    result = run("check", "--json")

    assert result.exit_code == 0, result.output
    assert [problem for problem in json.loads(result.stdout) if problem["severity"] == "error"] == []


def test_a_broken_version_is_told_and_ends_with_one(version: Path) -> None:
    """As a list for programs; for people with the line and a caret."""
    routing = version / "routing.yaml"
    routing.write_text(
        routing.read_text(encoding="utf-8").replace("message.category", "message.categry", 1), encoding="utf-8"
    )

    listed, shown = run("check", version, "--json"), run("check", version)

    assert (listed.exit_code, shown.exit_code) == (1, 1)
    problems = json.loads(listed.stdout)
    assert problems
    assert all(set(problem) == PROBLEM for problem in problems)
    assert (problems[0]["file"], problems[0]["severity"]) == ("routing.yaml", "error")
    assert "^" in shown.stdout


@pytest.mark.parametrize("damage", ["empty", "missing", "pipe", "file"])
def test_whatever_stands_in_the_place_of_a_version_gives_a_list(version: Path, damage: str) -> None:
    """Nothing there, an empty folder, a file: a problem, no crash."""
    shutil.rmtree(version)
    match damage:
        case "empty":
            version.mkdir()
        case "file":
            version.write_bytes(b"\x00")
        case "pipe":
            version.mkdir()
            (version / "routing.yaml").symlink_to("/dev/zero")
    result = run("check", version, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)


def test_the_tests_of_the_served_version_pass() -> None:
    """And are found without being named."""
    result = run("test", "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    assert found["passed"] == len(found["cases"]) > 0
    assert found["failed"] == 0
    assert found["unmatched"] == []


def test_a_case_that_fails_is_shown_with_difference_and_trace(version: Path, tmp_path: Path) -> None:
    """What was expected, what was found, and how the decision came about."""
    tests = tmp_path / "tests"
    tests.mkdir()
    case = "- name: wrong on purpose\n  given: {message: {category: ONE_TIME_PASSWORD}, user: {channels: [sms]}}\n"
    (tests / "routing.yaml").write_text(case + "  expect: {verdict: DROP}\n", encoding="utf-8")

    shown, listed = run("test", version, "--tests", tests), run("test", version, "--tests", tests, "--json")

    assert (shown.exit_code, listed.exit_code) == (1, 1)
    assert "verdict  expected  DROP\n             found     SEND\n" in shown.stdout
    assert "Candidates" in shown.stdout
    found = json.loads(listed.stdout)
    assert (found["passed"], found["failed"]) == (0, 1)
    assert {"name", "file", "line", "passed", "differences"} == set(found["cases"][0])


def test_a_version_without_tests_is_a_warning(version: Path) -> None:
    """There is nothing wrong with it."""
    result = run("test", version, "--tests", version.parent)

    assert result.exit_code == 0, result.output
    assert "has no rule tests" in result.stderr


def test_rules_that_no_case_made_match_are_a_warning(version: Path, tmp_path: Path) -> None:
    """By their ids: for people on standard error, for programs in the list; a case that passes passes."""
    tests = tmp_path / "tests"
    tests.mkdir()
    case = "- name: a code\n  given: {message: {category: ONE_TIME_PASSWORD}}\n  expect: {verdict: SEND}\n"
    (tests / "routing.yaml").write_text(case, encoding="utf-8")

    result = run("test", version, "--tests", tests, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    assert "quiet-hours" in found["unmatched"]
    named = ", ".join(found["unmatched"][:12])
    rest = len(found["unmatched"]) - 12
    assert f"no case made these rules match: {named} and {rest} more, which --coverage lists\n" in result.stderr


def test_a_check_warns_of_missing_rule_tests(version: Path) -> None:
    """As a load does: by the path that was looked in, until there is a case."""
    tests = version.parent.parent / "rule_tests" / version.name
    tests.mkdir(parents=True)
    (tests / "empty.yaml").write_text("[]\n", encoding="utf-8")
    warned = [one for one in json.loads(run("check", version, "--json").stdout) if one["code"] == "no-rule-tests"]
    (tests / "one.yaml").write_text("- {name: one, expect: {verdict: SEND}}\n", encoding="utf-8")
    silent = [one for one in json.loads(run("check", version, "--json").stdout) if one["code"] == "no-rule-tests"]

    assert [(one["severity"], one["file"]) for one in warned] == [("warning", str(tests))]
    assert str(tests) in warned[0]["message"]
    assert silent == []


def test_broken_rules_fail_their_tests(version: Path) -> None:
    """A version that cannot be served passes nothing."""
    (version / "routing.yaml").write_text("family: routing\nrules: 7\n", encoding="utf-8")

    result = run("test", version, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["failed"] > 0


def test_status_without_a_server_is_told_in_words() -> None:
    """With what to do about it."""
    result = run("status", "--server", "127.0.0.1:1")

    assert result.exit_code == 2
    assert "no server answers at 127.0.0.1:1" in result.stderr
