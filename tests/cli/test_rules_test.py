"""`signalbox rules test` as a person, a build server and pytest run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from cli.rules.group import rules
from engine.decision.cases import interpreted, run_cases
from engine.flow.folder import read_folder, read_rollout
from engine.flow.loading import load_folder
from engine.ruleset.compile import compile_version
from tests.faults.waiting import until
from tests.ruleset.test_errors import version_of

ROOT = Path(__file__).resolve().parents[2]

CASES = """\
- name: it goes by push
  given: {message: {category: TRANSACTION}}
  expect: {verdict: SEND, channels: [push]}

- name: on ${day} too
  table: {columns: [day, verdict], rows: [["2026-01-05", SEND], ["2026-01-06", DROP]]}
  given: {now: "${day}T12:00"}
  expect: {verdict: $verdict}

- name: one after the other
  steps:
    - {at: "2026-01-05T12:00", expect: {verdict: SEND}}
    - {at: "2026-01-05T12:05", facts: {message.line: loans}, expect: {verdict: HOLD, channels: []}}
"""

FAILURE = """\
failed one after the other (rule_tests/1/cases.yaml:10)
  step 2 (at 2026-01-05T12:05)
    verdict   expected  HOLD
              found     SEND
    channels  expected  []
              found     [push]
Candidates
  push  TAKEN
"""


PLACES = """\
- name: marks such as :100: and :key: are no pictures
  expect: {verdict: DROP}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good version with tests, two of which fail; the current folder is the one that holds both."""
    monkeypatch.chdir(tmp_path)
    for name, content in version_of("_base").items():
        (tmp_path / "rules/1" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules/1" / name).write_bytes(content)
    write(tmp_path, CASES)
    return tmp_path


def write(folder: Path, text: str) -> None:
    """Write the cases."""
    (folder / "rule_tests/1").mkdir(parents=True, exist_ok=True)
    (folder / "rule_tests/1/cases.yaml").write_text(text, encoding="utf-8")


def run(*arguments: str) -> Result:
    """Run the tests of the version of this file."""
    return CliRunner().invoke(rules, ["test", "rules/1", *arguments])


# ---- what is printed ----


def test_a_failure_is_told_side_by_side_and_explained(folder: Path) -> None:
    """Expected above found, the keys in a column, for the step that failed; then how the decision came about."""
    result = run()

    assert result.exit_code == 1
    assert FAILURE in result.stdout
    assert "failed on 2026-01-06 too (rule_tests/1/cases.yaml:6)\n" in result.stdout
    assert result.stdout.endswith("\n2 passed, 2 failed\n")
    assert "\x1b" not in result.stdout


def test_colours_are_for_terminals(folder: Path) -> None:
    """What was expected is green, what was found red."""
    result = CliRunner(env={"FORCE_COLOR": "1"}).invoke(rules, ["test", "rules/1"], color=True)

    assert "expected  \x1b[32mHOLD\x1b[0m" in result.stdout
    assert "found     \x1b[31mSEND\x1b[0m" in result.stdout


def test_for_programs_rows_and_steps_are_told(folder: Path) -> None:
    """Each row is a case with its values; a sequence has its steps; other cases are as ever."""
    found = json.loads(run("--json").stdout)
    plain, first, second, sequence = found["cases"]

    assert (found["passed"], found["failed"]) == (2, 2)
    assert set(plain) == {"name", "file", "line", "passed", "differences"}
    assert (first["name"], first["row"]) == ("on 2026-01-05 too", {"day": "2026-01-05", "verdict": "SEND"})
    assert (second["line"], second["passed"], second["differences"]) == (
        6,
        False,
        ["verdict: expected DROP, found SEND"],
    )
    assert [(step["step"], step["at"], step["passed"]) for step in sequence["steps"]] == [
        (1, "2026-01-05T12:00:00+08:00", True),
        (2, "2026-01-05T12:05:00+08:00", False),
    ]
    assert sequence["steps"][1]["differences"][0] == "verdict: expected HOLD, found SEND"
    assert sequence["differences"][0] == "step 2 (at 2026-01-05T12:05): verdict: expected HOLD, found SEND"


def test_cases_are_picked_by_their_names(folder: Path) -> None:
    """Any of the texts will do, in capitals or not; the rest is counted as not run, and no rule is missed."""
    result = run("--only", "BY PUSH", "-k", "2026-01-05")

    assert (result.exit_code, result.stdout) == (0, "2 passed, 0 failed, 2 not run\n")
    assert result.stderr == ""


def test_a_pick_that_takes_nothing_is_no_success(folder: Path) -> None:
    """A misspelt name must not look like a passed test."""
    result = run("-k", "by pigeon")

    assert result.exit_code == 2
    assert 'no case\'s name holds "by pigeon"; 4 were looked at' in result.stderr


def test_the_first_failure_may_be_the_last_case(folder: Path) -> None:
    """With --fail-fast nothing is run behind it."""
    result = run("--fail-fast", "--json")

    assert [case["passed"] for case in json.loads(result.stdout)["cases"]] == [True, True, False]
    assert result.exit_code == 1


# ---- JUnit ----


def test_a_build_server_gets_its_form(folder: Path) -> None:
    """A suite for each file with cases, times and failures; what could not be read is an error."""
    (folder / "rule_tests/1/broken.yaml").write_text(
        "- name: 'bell \\a'\n  expect: {verdict: SENT}\n", encoding="utf-8"
    )
    result = run("--junit", "out.xml")
    root = ElementTree.parse(folder / "out.xml").getroot()
    broken, good = root

    assert result.exit_code == 1
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == ("testsuites", "5", "2", "1")
    assert (good.get("name"), good.get("tests"), good.get("failures")) == ("rule_tests/1/cases.yaml", "4", "2")
    assert [case.get("line") for case in good] == ["1", "6", "6", "10"]
    assert all(float(case.get("time", "-1")) >= 0 for case in good)
    failure = good[3].find("failure")
    assert failure is not None
    assert (failure.text or "").startswith(FAILURE)
    error = broken[0].find("error")
    assert error is not None
    assert error.get("message") == 'verdict cannot be the text "SENT"'


def test_what_xml_cannot_hold_is_replaced(folder: Path) -> None:
    """A file that no reader takes would be worse than a sign in the place of one."""
    write(
        folder,
        '- {name: "a \\b ]]> <&> \\uD83D", expect: {verdict: DROP}}\n- {name: "b \\x07 <", expect: {verdict: DROP}}\n',
    )
    run("--junit", "out.xml")
    names = [case.get("name") for case in ElementTree.parse(folder / "out.xml").iter("testcase")]

    assert names
    assert all("\x07" not in (name or "") and "\b" not in (name or "") for name in names)


def test_a_place_that_cannot_be_written_is_told_before_anything_is_run(folder: Path) -> None:
    """With what to do about it."""
    result = run("--junit", "nowhere/out.xml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "--junit nowhere/out.xml cannot be written" in result.stderr


# ---- watching ----


class Watching:
    """`signalbox rules test --watch` as a process, and what it has printed so far."""

    def __init__(self, folder: Path) -> None:
        self.printed = folder / "printed.txt"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "proto")))}
        with open(self.printed, "wb") as out:
            command = [sys.executable, "-m", "cli", "rules", "test", "rules/1", "--watch"]
            command[2:3] = ["cli.main"] if not (ROOT / "cli/__main__.py").exists() else ["cli"]
            self.process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=environment)

    def text(self) -> str:
        """All of it."""
        return self.printed.read_text(encoding="utf-8")

    def runs(self) -> int:
        """How often the cases have been run to the end."""
        return self.text().count("watching; Ctrl-C ends")

    def await_run(self, number: int) -> str:
        """Wait until they have been run so often; return what the last run printed."""
        until(lambda: self.runs() >= number or self.process.poll() is not None, f"run {number}")
        assert self.process.poll() is None, self.text()
        return self.text().split("watching; Ctrl-C ends")[number - 1]


@pytest.fixture
def watching(folder: Path) -> Iterator[Watching]:
    """The process, ended with the test."""
    watching = Watching(folder)
    yield watching
    watching.process.kill()
    watching.process.wait()


def test_a_change_of_a_file_runs_the_tests_again(folder: Path, watching: Watching) -> None:
    """Of a case, of a rule, and of nothing but a date, which is no change; broken files are told and survived."""
    routing, cases = folder / "rules/1/routing.yaml", folder / "rule_tests/1/cases.yaml"
    good = routing.read_text(encoding="utf-8")
    assert "2 passed, 2 failed" in watching.await_run(1)

    os.utime(cases)
    write(folder, CASES.replace("DROP", "SEND"))
    told = watching.await_run(2)
    assert "changed: cases.yaml" in told
    assert "3 passed, 1 failed" in told

    routing.write_text("family: routing\nrules: 7\n", encoding="utf-8")
    assert "error[wrong-type] routing.yaml" in watching.await_run(3)

    shutil.rmtree(folder / "rules/1")
    assert "0 passed" in watching.await_run(4)

    for name, content in version_of("_base").items():
        (folder / "rules/1" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "rules/1" / name).write_bytes(content)
    until(lambda: watching.text().rstrip().endswith("3 passed, 1 failed\nwatching; Ctrl-C ends"), "the good run")
    assert routing.read_text(encoding="utf-8") == good

    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(60) == -signal.SIGINT or watching.process.returncode == 130
    assert "Traceback" not in watching.text()


def test_one_object_is_not_printed_again_and_again(folder: Path) -> None:
    """--watch is for people."""
    result = run("--watch", "--json")

    assert result.exit_code == 2
    assert "--watch prints for people" in result.stderr


# ---- pytest ----


@pytest.fixture
def pytest_run(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs pytest in the folder, as strictly as the project does."""
    shutil.copy(ROOT / "rule_tests/conftest.py", folder / "rule_tests/conftest.py")
    options = [f"--override-ini=pythonpath={ROOT} {ROOT / 'proto'}", f"--config-file={ROOT / 'pyproject.toml'}"]

    def run_pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", *options, f"--rootdir={folder}", "-p", "no:cacheprovider", "-v"]
        return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)

    return run_pytest


Pytest = Callable[..., subprocess.CompletedProcess[str]]


def test_pytest_collects_every_case(folder: Path, pytest_run: Pytest) -> None:
    """By its name, with the same text when it fails; what cannot be read fails too, and other files are left alone."""
    write(folder, CASES + "- {name: broken, expect: {verdict: SENT}}\n")
    (folder / "rule_tests/notes.yaml").write_text("no: case\n", encoding="utf-8")
    done = pytest_run("rule_tests")

    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^rule_tests/1/cases\.yaml::it goes by push PASSED", done.stdout, re.MULTILINE)
    assert re.search(r"^rule_tests/1/cases\.yaml::on 2026-01-06 too FAILED", done.stdout, re.MULTILINE)
    assert FAILURE in done.stdout
    assert 'verdict cannot be the text "SENT"' in done.stdout
    assert "3 failed, 2 passed" in done.stdout


def test_pytest_picks_by_file_and_name(folder: Path, pytest_run: Pytest) -> None:
    """A file alone, and -k; a case whose name is taken is told by its line."""
    cases = "".join(f"- {{name: {name}, expect: {{verdict: SEND}}}}\n" for name in ("this one", "this one", "that"))
    (folder / "rule_tests/1/more.yaml").write_text(cases, encoding="utf-8")
    done = pytest_run("rule_tests/1/more.yaml", "-k", "this")

    assert "this one PASSED" in done.stdout
    assert "this one (line 2) PASSED" in done.stdout
    assert "2 passed, 1 deselected" in done.stdout


def test_broken_rules_are_an_error_under_pytest(folder: Path, pytest_run: Pytest) -> None:
    """With the reasons, and without our own code."""
    (folder / "rules/1/routing.yaml").write_text("family: routing\nrules: 7\n", encoding="utf-8")
    done = pytest_run("rule_tests/1")

    assert done.returncode == 2
    assert "error[wrong-type] routing.yaml" in done.stdout
    assert "Traceback" not in done.stdout


# ---- loading ----


def test_a_load_runs_rows_and_steps_too(folder: Path) -> None:
    """What `rules test` tells keeps a version from being served, in the same words."""
    loaded = load_folder(folder / "rules/1", folder / "rule_tests/1")

    assert loaded.ruleset is None
    assert [(issue.line, issue.message) for issue in loaded.issues if issue.code == "rule-test-failed"] == [
        (6, 'the rule test "on 2026-01-06 too" fails: verdict: expected DROP, found SEND'),
        (
            10,
            'the rule test "one after the other" fails: '
            "step 2 (at 2026-01-05T12:05): verdict: expected HOLD, found SEND; "
            "step 2 (at 2026-01-05T12:05): channels: expected [], found [push]",
        ),
    ]


# ---- the guide ----


def test_the_cases_of_the_guide_pass() -> None:
    """Every case that docs/rules.md shows under Testing is one, and holds for the rules that are shipped."""
    guide = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
    section = re.search(r"^## Testing\n(.*?)^## ", guide, re.MULTILINE | re.DOTALL)
    assert section is not None
    shown = re.findall(r"(?:^    .*\n)+", section[1], re.MULTILINE)
    cases = "".join(textwrap.dedent(block) for block in shown if block.startswith("    - name:"))
    version = read_rollout(ROOT / "rules/rollout.yaml").stable
    compiled = compile_version("guide", read_folder(ROOT / "rules" / str(version)).files)
    assert compiled.ruleset is not None
    report = run_cases(compiled.ruleset, {"guide.yaml": cases.encode()}, interpreted)

    assert (report.issues, [one.differences for one in report.results if not one.passed]) == ((), [])
    assert len(report.results) >= 6


def test_colons_around_a_word_stay_as_they_are(folder: Path) -> None:
    """What stands between two colons, such as a line's number, is printed and never taken for an emoji."""
    write(folder, PLACES)

    assert "marks such as :100: and :key: are no pictures" in run().output
