"""A version is loaded with its own rule tests, and what they say reaches a person with a path to go to."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.flow.folder import read_rollout
from engine.flow.loading import Loaded, load_folder, load_version, path_of_tests, run_rule_tests
from engine.ruleset.issues import Severity
from tests.ruleset.test_errors import version_of

ROOT = Path(__file__).resolve().parents[2]
PASSING = "- {name: it goes by push, given: {message: {category: TRANSACTION}}, expect: {verdict: SEND}}\n"
FAILING = "- {name: it goes nowhere, given: {message: {category: TRANSACTION}}, expect: {verdict: DROP}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good version without tests."""
    folder = tmp_path / "rules" / "1"
    for name, content in version_of("_base").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """The folder of its tests, not yet there."""
    return tmp_path / "cases" / "1"


def write(tests: Path, text: str, name: str = "routing.yaml") -> Path:
    """Write a file of rule tests."""
    tests.mkdir(parents=True, exist_ok=True)
    (tests / name).write_text(text, encoding="utf-8")
    return tests


def told(loaded: Loaded) -> list[tuple[str, str, Severity]]:
    """Code, file and severity of each issue."""
    return [(issue.code, issue.file, issue.severity) for issue in loaded.issues]


def test_our_own_rules_pass_their_tests_and_every_rule_is_reached() -> None:
    """Each rule of the version that rollout.yaml names is made to match by some case, and every case passes."""
    version = read_rollout(ROOT / "rules" / "rollout.yaml").stable
    assert version is not None
    loaded = load_folder(ROOT / "rules" / version, ROOT / "rule_tests" / version)
    assert loaded.issues == ()
    assert loaded.ruleset is not None
    report = run_rule_tests(loaded.ruleset, ROOT / "rule_tests" / version)

    assert set() == {rule.id for rule in loaded.ruleset.rules} - report.matched
    assert (report.failed, report.issues) == (0, ())
    assert report.passed > 0


@pytest.mark.parametrize("text", [None, "", "[]\n", "# nothing yet\n"])
def test_a_version_without_a_case_serves_with_a_warning(folder: Path, tests: Path, text: str | None) -> None:
    """No folder, an empty one, or a file without a case: the warning names the path looked in."""
    if text == "":
        tests.mkdir(parents=True)
    elif text is not None:
        write(tests, text)
    loaded = load_version(str(folder.parent), "1", str(tests.parent))

    if text == "# nothing yet\n":
        assert loaded.ruleset is None
        assert told(loaded) == [("empty-file", f"{tests}/routing.yaml", Severity.ERROR)]
    else:
        assert loaded.ruleset is not None
        assert told(loaded) == [("no-rule-tests", str(tests), Severity.WARNING)]
        assert str(tests) in loaded.issues[0].message


def test_one_case_is_enough_for_silence(folder: Path, tests: Path) -> None:
    """With a case that passes there is nothing to tell."""
    loaded = load_folder(folder, write(tests, PASSING))

    assert loaded.ruleset is not None
    assert loaded.issues == ()


def test_tests_that_are_not_to_be_run_are_not_missed(folder: Path) -> None:
    """A kept copy is loaded without its tests and without a word about them."""
    loaded = load_version(str(folder.parent), "1", "")

    assert loaded.ruleset is not None
    assert loaded.issues == ()


def test_a_failing_case_is_told_where_it_stands(folder: Path, tests: Path) -> None:
    """By the whole path where the tests lie elsewhere; the version does not serve."""
    loaded = load_folder(folder, write(tests, FAILING))

    assert loaded.ruleset is None
    assert told(loaded) == [("rule-test-failed", f"{tests}/routing.yaml", Severity.ERROR)]
    assert "rules test" in loaded.issues[0].hint


def test_below_the_current_folder_paths_are_as_configured(
    folder: Path, tests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cases/1/routing.yaml`, whether the folder was given whole or in part."""
    write(tests, FAILING)
    monkeypatch.chdir(folder.parent.parent)

    for given in (tests, Path("cases/1")):
        assert path_of_tests(given) == "cases/1"
        assert told(load_folder(folder, given)) == [("rule-test-failed", "cases/1/routing.yaml", Severity.ERROR)]


def test_a_stray_file_beside_the_tests_refuses_nothing(folder: Path, tests: Path) -> None:
    """A note is a warning at its own path; a test file that cannot be read is an error there."""
    write(write(tests, PASSING), "a note", "notes.txt")
    loaded = load_folder(folder, tests)
    assert loaded.ruleset is not None
    assert told(loaded) == [("unknown-file", f"{tests}/notes.txt", Severity.WARNING)]

    (tests / "more.yaml").symlink_to("/dev/zero")
    loaded = load_folder(folder, tests)
    assert loaded.ruleset is None
    assert (f"{tests}/more.yaml", Severity.ERROR) in [(file, severity) for _, file, severity in told(loaded)]
