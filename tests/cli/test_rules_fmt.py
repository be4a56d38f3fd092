"""`signalbox rules fmt`: files put into their layout, looked at, or left alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import cli.rules.rule_paths
from cli.rules.group import rules

ROOT = Path(__file__).resolve().parents[2]
VERSION = ROOT / "rules" / "2026.11.1"
LOOSE = "family:   breaker\nrules:\n- then: {set: {state: PAUSED}}\n  when:  platform.window.count>9   # why\n  id: x\n"
NEAT = (
    "family: breaker\nrules:\n  - id: x\n    when: platform.window.count > 9  # why\n    then: {set: {state: PAUSED}}\n"
)


def run(*arguments: str | Path, colour: bool = False) -> Result:
    cli.rules.rule_paths._stable.cache_clear()
    return CliRunner().invoke(rules, ["fmt", *(str(argument) for argument in arguments)], color=colour)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped rules, which serve, their tests, and a new version with a loose breaker.yaml."""
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    shutil.copytree(VERSION, tmp_path / "rules" / "2026.12.0")
    shutil.copytree(ROOT / "rule_tests" / VERSION.name, tmp_path / "rule_tests" / "2026.12.0")
    (tmp_path / "rules" / "2026.12.0" / "breaker.yaml").write_text(LOOSE)
    for path in (tmp_path / "rule_tests" / "2026.12.0").iterdir():
        if path.name != "breaker.yaml":
            path.unlink()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_version_is_put_into_its_layout(site: Path) -> None:
    """Files that are otherwise are written anew and named; the others and the CSV files are left alone."""
    loose = site / "rules" / "2026.12.0" / "breaker.yaml"
    loose.chmod(0o640)
    told = run("rules/2026.12.0", "rule_tests/2026.12.0")
    assert told.exit_code == 0, told.output
    assert told.output == "formatted rules/2026.12.0/breaker.yaml\n1 file formatted, 6 in layout already\n"
    assert loose.read_text() == NEAT
    assert loose.stat().st_mode & 0o777 == 0o640
    assert run("rules/2026.12.0").output == "0 files formatted, 6 in layout already\n"
    assert [path.name for path in loose.parent.iterdir() if path.name.startswith(".")] == []


def test_check_changes_nothing_and_tells(site: Path) -> None:
    """--check ends with 1 when a file would change, and with 0 when none would."""
    told = run("rules/2026.12.0", "--check")
    assert (told.exit_code, "would change rules/2026.12.0/breaker.yaml\n" in told.output) == (1, True)
    assert (site / "rules" / "2026.12.0" / "breaker.yaml").read_text() == LOOSE
    assert run("rules/2026.12.0/routing.yaml", "--check").exit_code == 0


def test_diff_shows_what_would_change(site: Path) -> None:
    """--diff prints a unified diff, in colour on a terminal alone, and ends with 0; with --check with 1."""
    told = run("rules/2026.12.0", "--diff")
    assert told.exit_code == 0
    assert told.output.startswith("--- rules/2026.12.0/breaker.yaml\n+++ ")
    assert "\n-family:   breaker\n+family: breaker\n" in told.output
    assert (site / "rules" / "2026.12.0" / "breaker.yaml").read_text() == LOOSE
    assert "\x1b[32m+family: breaker" in run("rules/2026.12.0", "--diff", colour=True).output
    assert run("rules/2026.12.0", "--diff", "--check").exit_code == 1


def test_the_version_that_serves_is_only_looked_at(site: Path) -> None:
    """What rollout.yaml names is not written to, by whatever path; nor is anything else named in one breath with it."""
    for paths in (
        (),
        ("rules/2026.11.1",),
        ("rules/2026.11.1/routing.yaml",),
        ("rules",),
        (site / "rules" / "2026.11.1",),
    ):
        told = run(*paths)
        assert told.exit_code == 2, paths
        assert "belongs to the version that serves" in told.output
        assert "hint: format a copy" in told.output
    assert (site / "rules" / "2026.12.0" / "breaker.yaml").read_text() == LOOSE
    looked = run("rules/2026.11.1", "--check")
    assert (looked.exit_code, looked.output) == (0, "0 files would change, 6 in layout already\n")
    assert run("rules/2026.11.1", "--diff").output == ""


def test_without_a_path_the_version_that_serves_and_its_tests_are_meant(site: Path) -> None:
    """--check and --diff need no path."""
    shutil.rmtree(site / "rule_tests" / "2026.12.0")
    (site / "rule_tests" / "2026.11.1").mkdir()
    (site / "rule_tests" / "2026.11.1" / "a.yaml").write_text("-  name: a\n")
    told = run("--check")
    assert told.output == "would change rule_tests/2026.11.1/a.yaml\n1 file would change, 6 in layout already\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("family: breaker\nrules: [\n", "yaml-truncated"),
        ("family: breaker\nfamily: breaker\nrules: []\n", "duplicate-key"),
        ("family: &a breaker\nrules: []\n", "yaml-anchor"),
        ("family: breaker\nrules:\n- {id: x, when: a = b}\n", "cel-syntax"),
        ("%YAML 1.2\n---\nfamily: breaker\n", "cannot be formatted safely"),
    ],
)
def test_what_cannot_be_formatted_is_left_as_it_is(site: Path, text: str, told: str) -> None:
    """Broken files are told as the check tells them, and end the command with 1; the others are formatted."""
    broken = site / "rules" / "2026.12.0" / "fatigue.yaml"
    broken.write_text(text)
    answer = run("rules/2026.12.0")
    assert answer.exit_code == 1
    assert told in answer.stderr
    assert "rules/2026.12.0/fatigue.yaml" in answer.stderr
    assert broken.read_text() == text
    assert (site / "rules" / "2026.12.0" / "breaker.yaml").read_text() == NEAT
    assert "1 cannot be formatted" in answer.stdout


def test_json_tells_all(site: Path) -> None:
    """--json names what changed, how many files did not, and what is wrong."""
    (site / "rules" / "2026.12.0" / "fatigue.yaml").write_text("a: [\n")
    told = json.loads(run("rules/2026.12.0", "--check", "--json").stdout)
    assert told["changed"] == ["rules/2026.12.0/breaker.yaml"]
    assert told["unchanged"] == 4
    assert [problem["file"] for problem in told["problems"]] == ["rules/2026.12.0/fatigue.yaml"]


def test_a_file_changed_meanwhile_is_left_alone(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's edit is lost that was saved while the command was at work."""
    loose = site / "rules" / "2026.12.0" / "breaker.yaml"
    monkeypatch.setattr("cli.rules.fmt._refuse_served", lambda files: loose.write_text("family: breaker\nrules: []\n"))
    told = run("rules/2026.12.0")
    assert told.exit_code == 1
    assert "was changed by somebody else meanwhile" in told.output
    assert loose.read_text() == "family: breaker\nrules: []\n"


def test_a_link_stays_a_link(site: Path) -> None:
    """What a link leads to is written, not the link."""
    real = site / "breaker.yaml"
    link = site / "rules" / "2026.12.0" / "breaker.yaml"
    link.rename(real)
    link.symlink_to(real)
    assert run("rules/2026.12.0").exit_code == 0
    assert link.is_symlink()
    assert real.read_text() == NEAT


@pytest.mark.parametrize(
    "path", ["nowhere", "rules/2026.12.0/lists/forbidden.txt", "rules/2026.12.0/lists", "Chart.yaml", "/dev/null"]
)
def test_what_is_no_rule_file_is_refused(site: Path, path: str) -> None:
    """A path that is not there, a word list, a folder without rule files, and other people's YAML."""
    (site / "Chart.yaml").write_text("name: x\n")
    assert run(path).exit_code == 2


def test_rollout_and_definitions_and_overrides(site: Path) -> None:
    """The other YAML files of the rules have the same layout."""
    (site / "rules" / "rollout.yaml").write_text("# why\nstable:   2026.11.1\n")
    version = site / "rules" / "2026.12.0"
    for place, text in {
        "define/a.yaml": "x:   {when: a&&b}\n",
        "overrides/a.yaml": "for: {line: a}\nrouting:\n- remove: x\n",
    }.items():
        (version / place).parent.mkdir()
        (version / place).write_text(text)
    assert run("rules/rollout.yaml", version).exit_code == 0
    assert (site / "rules" / "rollout.yaml").read_text() == "# why\nstable: 2026.11.1\n"
    assert (version / "define" / "a.yaml").read_text() == "x: {when: a && b}\n"
    assert (version / "overrides" / "a.yaml").read_text() == "for: {line: a}\nrouting:\n  - remove: x\n"
