"""Results of rule tests as JUnit XML, the form in which build servers read them: one suite for each file of cases."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from cli.problems import BrokenOff, CannotStart
from cli.rules.test_report import failure_text
from cli.rules.test_run import Ran, TestRun
from engine.ruleset.issues import Issue, render

_REFUSED: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, even escaped."""


def check_place(path: Path) -> None:
    """Refuse a place that cannot hold the file, before anything is run."""
    if path.is_dir() or not path.parent.is_dir():
        raise CannotStart(f"--junit {path} cannot be written", "name a file in a folder that is there")


def write_junit(run: TestRun, path: Path) -> None:
    """Write the file. Raises BrokenOff when the disk refuses."""
    tree = ElementTree(junit_of(run))
    indent(tree)
    try:
        tree.write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise BrokenOff(f"--junit {path} could not be written: {error.strerror}") from error


def junit_of(run: TestRun) -> Element:
    """Return the document: a suite for each file, in the order of the files."""
    by_file: dict[str, tuple[list[Ran], list[Issue]]] = defaultdict(lambda: ([], []))
    for ran in run.results:
        by_file[ran.result.file][0].append(ran)
    for issue in run.errors:
        by_file[issue.file][1].append(issue)
    root = Element("testsuites", name="signalbox rules test")
    for file, (cases, issues) in sorted(by_file.items()):
        root.append(_suite(file, cases, issues))
    _count(root, run.results, run.errors)
    return root


def _suite(file: str, cases: list[Ran], issues: list[Issue]) -> Element:
    suite = Element("testsuite", name=_text(file))
    _count(suite, cases, issues)
    for ran in cases:
        made = _case(suite, ran.result.name, file, ran.result.line, ran.seconds)
        if not ran.result.passed:
            failure = SubElement(made, "failure", message=_text("; ".join(ran.result.differences)))
            failure.text = _text(failure_text(ran))
    for issue in issues:
        error = SubElement(_case(suite, issue.code, file, issue.line, 0.0), "error", message=_text(issue.message))
        error.text = _text(render([issue], color=False))
    return suite


def _count(element: Element, cases: list[Ran], issues: list[Issue]) -> None:
    element.set("tests", str(len(cases) + len(issues)))
    element.set("failures", str(sum(not ran.result.passed for ran in cases)))
    element.set("errors", str(len(issues)))
    element.set("time", f"{sum(ran.seconds for ran in cases):.6f}")


def _case(suite: Element, name: str, file: str, line: int, seconds: float) -> Element:
    return SubElement(
        suite,
        "testcase",
        name=_text(name),
        classname=_text(file),
        file=_text(file),
        line=str(line),
        time=f"{seconds:.6f}",
    )


def _text(text: str) -> str:
    return _REFUSED.sub("\ufffd", text)
