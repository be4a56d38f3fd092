"""`signalbox rules check` with its options: SARIF, notes, strictness, pages, and the providers of a server."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli.rules.check
from cli.rules.group import rules
from cli.rules.problem_report import Report
from cli.rules.sarif import sarif_log
from engine.ruleset.codes import CODES
from engine.ruleset.issues import Issue, Issues, Related, Severity
from engine.ruleset.source import Source

ROOT = Path(__file__).resolve().parents[2]
VERSION = ROOT / "rules" / "2026.11.1"
TYPO = ("message.category", "message.categry")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(rules, ["check", *(str(argument) for argument in arguments)])


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A copy of the served version with its tests, to break."""
    shutil.copytree(ROOT / "rule_tests" / VERSION.name, tmp_path / "rule_tests" / VERSION.name)
    return Path(shutil.copytree(VERSION, tmp_path / "rules" / VERSION.name))


def edit(version: Path, file: str, old: str, new: str) -> None:
    text = (version / file).read_text(encoding="utf-8")
    assert old in text
    (version / file).write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def unused(version: Path) -> Path:
    """A version with one warning: a fact that nothing reads."""
    edit(version, "facts.yaml", "facts:\n", "facts:\n  message.params.shop: {type: string}\n")
    return version


@pytest.fixture
def noted(version: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A version of which there is something to note, with an example and another place."""
    issues, source = Issues(), Source("routing.yaml", "- id: one\n- id: two\n")
    related = [Related.at(source.span(6, 9), "the other rule")]
    issues.note("overlap", source.span(16, 19), "both match", "", '{"message": {"category": "MARKETING"}}', related)

    def told(*_: object) -> list[Issue]:
        return list(issues.sorted())

    monkeypatch.setattr(cli.rules.check, "problems_of", told)
    return version


def test_warnings_end_with_one_only_if_asked(unused: Path) -> None:
    """--strict is for those who let a machine look."""
    assert (run(unused).exit_code, run(unused, "--strict").exit_code) == (0, 1)
    assert "1 warning" in run(unused).stdout
    found = json.loads(run(unused, "--json").stdout)
    assert [one["code"] for one in found if one["severity"] != "note"] == ["unused-fact"]


def test_notes_are_counted_and_shown_when_asked(noted: Path) -> None:
    """They change no exit code; the example can be pasted into a rule test."""
    quiet, shown = run(noted, "--strict"), run(noted, "--notes")

    assert (quiet.exit_code, shown.exit_code) == (0, 0)
    assert "no problems; 1 note (--notes shows them)" in quiet.stdout
    assert "both match" not in quiet.stdout
    assert "    for example:\n      given: {message: {category: MARKETING}}\n" in shown.stdout
    assert "see: routing.yaml:1:7: the other rule" in shown.stdout


def test_json_carries_notes_examples_and_other_places(noted: Path) -> None:
    """As objects, not as text."""
    (one,) = json.loads(run(noted, "--json").stdout)

    assert one["severity"] == "note"
    assert one["witness"] == {"message": {"category": "MARKETING"}}
    assert one["related"] == [{"file": "routing.yaml", "line": 1, "column": 7, "text": "the other rule"}]


def test_a_code_is_explained_without_a_server() -> None:
    """Its page is printed; of a misspelt code the nearest one is named."""
    page, unknown = run("--explain", "may-err"), run("--explain", "my-err")

    assert page.exit_code == 0
    assert page.stdout == (ROOT / "docs" / "codes" / "may-err.md").read_text(encoding="utf-8")
    assert unknown.exit_code == 2
    assert 'did you mean "may-err"?' in unknown.stderr


def test_a_code_is_explained_where_the_pages_are_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In its one sentence."""
    monkeypatch.setattr("cli.rules.codes_pages.ROOT", tmp_path)

    assert CODES["may-err"].title in run("--explain", "may-err").stdout


def test_the_output_says_how_to_learn_more(version: Path) -> None:
    """When there is something to learn more of."""
    assert "--explain" not in run(version).stdout
    edit(version, "routing.yaml", *TYPO)
    assert "more on a code: signalbox rules check --explain CODE" in run(version).stdout


def sarif_of(version: Path, *arguments: str) -> dict[str, Any]:
    return dict(json.loads(run(version, "--sarif", "-", *arguments).stdout))


def test_sarif_has_what_the_standard_asks_for(version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version, tool, rules with their pages, and results that point at a rule and a place."""
    edit(version, "routing.yaml", *TYPO)
    monkeypatch.chdir(version.parent.parent)

    log = sarif_of(version)

    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    driver, results = log["runs"][0]["tool"]["driver"], log["runs"][0]["results"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert driver["name"] == "signalbox"
    assert len(ids) == len(set(ids))
    assert set(CODES) <= set(ids)
    assert all(rule["helpUri"].startswith("file:///") and rule["shortDescription"]["text"] for rule in driver["rules"])
    assert results
    for result in results:
        (place,) = result["locations"]
        region = place["physicalLocation"]["region"]
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == f"rules/{VERSION.name}/routing.yaml"
        assert region["startLine"] >= 1
        assert 1 <= region["startColumn"] < region["endColumn"]
        assert result["partialFingerprints"]["signalbox/v1"]


def test_sarif_carries_notes_examples_and_other_places(noted: Path) -> None:
    """A related location lies in the same version."""
    (result,) = sarif_of(noted)["runs"][0]["results"]

    assert (result["level"], result["properties"]) == ("note", {"witness": {"message": {"category": "MARKETING"}}})
    (other,) = result["relatedLocations"]
    assert other["message"]["text"] == "the other rule"
    here = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert other["physicalLocation"]["artifactLocation"] == here


def test_fingerprints_outlive_lines_that_come_before(version: Path) -> None:
    """So that a code host knows a problem again; two alike are two."""
    edit(version, "routing.yaml", *TYPO)
    edit(version, "routing.yaml", *TYPO)
    before = [one["partialFingerprints"] for one in sarif_of(version)["runs"][0]["results"]]
    edit(version, "routing.yaml", "family: routing", "# a remark\nfamily: routing")
    after = [one["partialFingerprints"] for one in sarif_of(version)["runs"][0]["results"]]

    assert before == after
    assert len({one["signalbox/v1"] for one in before}) == len(before) == 2


def test_sarif_goes_into_a_file_beside_the_text(version: Path, tmp_path: Path) -> None:
    """And a place where no file can be is told."""
    edit(version, "routing.yaml", *TYPO)
    target = tmp_path / "problems.sarif"

    result = run(version, "--sarif", target)

    assert result.exit_code == 1
    assert "error[unknown-fact]" in result.stdout
    assert json.loads(target.read_text(encoding="utf-8"))["runs"][0]["results"]
    assert run(version, "--sarif", tmp_path).exit_code == 2
    assert run(version, "--sarif", "-", "--json").exit_code == 2


def test_a_code_that_is_not_listed_is_a_rule_of_the_log_all_the_same() -> None:
    """Nothing that is found is left out."""
    issue = Issue("quite-new", Severity.ERROR, "routing.yaml", 1, 1, "wrong")

    log = sarif_log([(issue, Path("routing.yaml"))], "")

    assert log["runs"][0]["tool"]["driver"]["rules"][log["runs"][0]["results"][0]["ruleIndex"]]["id"] == "quite-new"


def test_each_problem_is_told_once() -> None:
    """Though two sources found it."""
    issue = Issue("quite-new", Severity.WARNING, "routing.yaml", 1, 1, "odd")
    report = Report((), "")

    report.add(Path("rules/1"), [issue, issue])

    assert (report.errors, report.warnings, len(report.as_json())) == (0, 1, 1)


SETTINGS = """\
[providers.carrier-a]
type = "sandbox"
channel = "sms"
[providers.carrier-b]
type = "sandbox"
channel = "push"
[providers.house]
type = "sandbox"
channel = "wechat"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """The settings of a server that serves three channels."""
    file = tmp_path / "signalbox.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    return file


def test_channels_that_nobody_serves_are_told(version: Path, settings: Path) -> None:
    """Each once, where a route first names it; the output says whose providers were asked."""
    found = json.loads(run(version, "--config", settings, "--json").stdout)
    text = run(version, "--config", settings).stdout

    found = [one for one in found if one["severity"] == "warning" and one["code"] != "unknown-provider"]
    assert {one["code"] for one in found} == {"unserved-channel"}
    assert sorted(one["message"].split('"')[1] for one in found) == ["inapp", "mail"]
    assert all(one["severity"] == "warning" and one["line"] > 1 for one in found)
    assert f"providers: those of {settings}" in text


def test_providers_that_nobody_has_are_told(version: Path, settings: Path) -> None:
    """Also those of another channel; of a misspelt one the nearest is named."""
    routes = """\
family: routing
rules:
  - id: by-sms
    when: user.known
    then: {distribute: {to: {channel: sms, providers: [carier-a, carrier-a, carrier-b]}}}
  - id: rest
    then: {concurrent: [{channel: push, providers: [carrier-b]}, wechat]}
"""
    (version / "routing.yaml").write_text(routes, encoding="utf-8")

    found = [
        one for one in json.loads(run(version, "--config", settings, "--json").stdout) if "provider" in one["code"]
    ]

    assert [(one["code"], one["line"]) for one in found] == [("unknown-provider", 5)] * 2
    assert 'no provider "carier-a"' in found[0]["message"]
    assert found[0]["hint"] == 'did you mean "carrier-a"?'
    assert '"carrier-b" serves "push"' in found[1]["message"]


def test_without_settings_every_channel_is_served(
    version: Path, monkeypatch: pytest.MonkeyPatch, settings: Path
) -> None:
    """By simulated providers, as in a server without settings; SIGNALBOX_CONFIG is asked as the server asks it."""
    monkeypatch.delenv("SIGNALBOX_CONFIG", raising=False)
    alone = run(version)
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(settings))
    named = run(version)

    assert "providers: a simulated one for every channel" in alone.stdout
    assert "unserved-channel" not in alone.stdout
    assert "unserved-channel" in named.stdout


def test_settings_that_cannot_be_read_end_with_two(version: Path, tmp_path: Path) -> None:
    """With a sentence that names them."""
    missing = run(version, "--config", tmp_path / "none.toml")

    assert missing.exit_code == 2
    assert "none.toml" in missing.stderr


def test_the_guide_tells_of_every_option_field_and_code() -> None:
    """The section of docs/rules.md and the command say the same."""
    guide = (
        (ROOT / "docs" / "rules.md").read_text(encoding="utf-8").partition("\n## Checking\n")[2].partition("\n## ")[0]
    )
    options = [name for one in cli.rules.check.check.params for name in one.opts if name.startswith("--")]
    report = Report((), "")
    report.add(Path("rules/1"), [Issue("may-err", Severity.ERROR, "routing.yaml", 1, 1, "wrong")])
    (row,) = report.as_json()

    assert [name for name in options if name not in guide] == []
    assert [field for field in row if f"`{field}`" not in guide] == []
    assert set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", guide)) <= set(CODES)
