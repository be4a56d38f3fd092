"""Rule tests under pytest: every case of `rule_tests/<version>/*.yaml` is an item, run as `signalbox rules test` does.

`rule_tests/conftest.py` takes the hook below in; elsewhere `pytest -p cli.rules.pytest_plugin rule_tests` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import pytest

FOLDER: Final = "rule_tests"
"""The folder that holds a folder of cases for each version."""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take in the files of rule tests, and leave all others to others."""
    is_ours = file_path.suffix == ".yaml" and file_path.parent.parent.name == FOLDER
    return CaseFile.from_parent(parent, path=file_path) if is_ours else None


class CaseFile(pytest.File):
    """One file of cases; its version is compiled once for all files beside it."""

    def collect(self) -> Iterator[pytest.Item]:
        """Read the cases; each that cannot be read is an item that fails."""
        from engine.decision.cases import sound_cases
        from engine.flow.loading import path_of_tests
        from engine.ruleset.issues import Issues, Severity

        tested = _tested(self.config, self.path.parent)
        folder = path_of_tests(self.path.parent)
        name = f"{folder}/{self.path.name}"
        issues = Issues()
        issues.extend(issue for issue in tested.unread if issue.file in (name, folder))
        taken: set[str] = set()
        files = {name: tested.files[name]} if name in tested.files else {}
        for case in sound_cases(tested.ruleset, files, issues):
            title = case.name if case.name not in taken else f"{case.name} (line {case.line})"
            taken.add(title)
            yield CaseItem.from_parent(self, name=title, case=case, tested=tested)
        for issue in issues.sorted():
            if issue.severity is Severity.ERROR:
                title = f"{issue.code} (line {issue.line}, column {issue.column})"
                yield ProblemItem.from_parent(self, name=title, issue=issue)


class CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: Any, tested: _Tested, **more: Any) -> None:
        super().__init__(**more)
        self._case = case
        self._tested = tested

    def runtest(self) -> None:
        """Decide the case and compare."""
        from cli.rules.test_report import failure_text
        from cli.rules.test_run import Ran

        began = perf_counter()
        ran = Ran(self._tested.runner.run(self._case), self._tested.ruleset, perf_counter() - began)
        if not ran.result.passed:
            raise Failed(failure_text(ran))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what differs and how the decision came about; never our own code."""
        if isinstance(excinfo.value, Failed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say where the case stands; pytest counts lines from 0."""
        return self.path, self._case.line - 1, self.name


class ProblemItem(pytest.Item):
    """A case, or a file, that cannot be read."""

    def __init__(self, *, issue: Any, **more: Any) -> None:
        super().__init__(**more)
        self._issue = issue

    def runtest(self) -> None:
        """Fail with what is wrong."""
        from engine.ruleset.issues import render

        raise Failed(render([self._issue], color=False))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what is wrong, with the line."""
        return str(excinfo.value) if isinstance(excinfo.value, Failed) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say where it stands."""
        return self.path, self._issue.line - 1, self.name


class Failed(Exception):
    """A case failed; the text is for people."""


class _Tested:
    """A version that is tested: its rule set, the files of its tests, and what runs cases against it until the session
    ends."""

    def __init__(self, config: pytest.Config, tests: Path) -> None:
        from cli.rules.versions import versions_of
        from engine.decision.cases import CaseRunner
        from engine.flow.loading import ask, matcher_of, read_rule_tests
        from engine.ruleset.issues import render

        version = versions_of(_version_of(tests))[0][0]
        if version.errors or version.compiled is None or version.compiled.ruleset is None:
            text = render(list(version.issues), color=False)
            raise pytest.Collector.CollectError(f"{version.folder} cannot be tested:\n{text}")
        self.ruleset = version.compiled.ruleset
        self.files, self.unread = read_rule_tests(tests)
        matcher = matcher_of(self.ruleset)
        config.add_cleanup(matcher.close)
        self.runner = CaseRunner(self.ruleset, lambda unknown: ask(matcher, unknown))


_TESTED: Final = pytest.StashKey[dict[Path, _Tested]]()


def _tested(config: pytest.Config, tests: Path) -> _Tested:
    """Return the version that a folder of cases is about, compiled once."""
    known = config.stash.setdefault(_TESTED, {})
    if tests not in known:
        known[tests] = _Tested(config, tests)
    return known[tests]


def _version_of(tests: Path) -> Path:
    """Return where the version of a folder of cases is: beside `rule_tests`, in this folder, or in the checkout."""
    from cli.private_server import ROOT

    bases = (tests.resolve().parent.parent, Path.cwd(), ROOT)
    places = [base / "rules" / tests.name for base in bases]
    return next((place for place in places if place.is_dir()), places[0])
