"""Every code has a page, every page a code, and what the pages show as wrong and as right is so."""

from __future__ import annotations

import re

import pytest

from engine.analysis.findings.find import find, without_guesses
from engine.decision.cases import run_cases
from engine.ruleset.check import check
from engine.ruleset.codes import CODES
from engine.ruleset.compile import compile_parsed
from engine.ruleset.issues import Issue, Severity, render
from engine.ruleset.parse import parse_version
from engine.ruleset.rollout import parse_rollout
from tests.ruleset.code_pages import PAGES, pages
from tests.ruleset.codes_in_source import codes_in_source

FOUND = codes_in_source()
ALL = pages()
SHOWN = sorted(code for code, page in ALL.items() if page.wrong)


def problems(files: dict[str, bytes]) -> tuple[Issue, ...]:
    """Return what is wrong with the files of a version, and with a rollout.yaml and rule tests among them."""
    tests = {name: content for name, content in files.items() if name.startswith("rule_tests/")}
    rollout = parse_rollout("rollout.yaml", files["rollout.yaml"]).issues if "rollout.yaml" in files else ()
    rest = {name: content for name, content in files.items() if name != "rollout.yaml" and name not in tests}
    parsed = check(parse_version("2026.11.1", rest))
    ruleset = compile_parsed(parsed).ruleset
    told = run_cases(ruleset, tests, lambda unknown: None) if ruleset is not None else None
    assert told is None or all(case.passed for case in told.results)
    found = (*without_guesses(parsed.issues), *find(parsed, ruleset)) if ruleset is not None else parsed.issues
    return (*rollout, *found, *(told.issues if told else ()))


def test_every_code_of_the_source_is_listed() -> None:
    """A code made of parts, such as duplicate-*, has at least one that is listed."""
    unlisted = {
        code: place
        for code, place in FOUND.items()
        if not any(re.fullmatch(code.replace("*", "[a-z]+"), known) for known in CODES)
    }

    assert unlisted == {}, "add them to engine/ruleset/codes.py, with a page in docs/codes"


def test_every_code_listed_is_reported_somewhere() -> None:
    """Nothing is explained that does not exist any more."""
    patterns = [code.replace("*", "[a-z]+") for code in FOUND]

    assert [code for code in CODES if not any(re.fullmatch(pattern, code) for pattern in patterns)] == []


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    """With the sentence and the grade that the list has, and the code as its heading."""
    assert set(ALL) == set(CODES)
    assert {code: page.code for code, page in ALL.items()} == {code: code for code in CODES}
    assert {code: page.title for code, page in ALL.items()} == {code: one.title for code, one in CODES.items()}
    assert {code: page.grade for code, page in ALL.items()} == {code: one.severity.value for code, one in CODES.items()}


def test_the_index_lists_every_page() -> None:
    """In the order of the list, each with its grade and its sentence."""
    rows = re.findall(
        r"^\| \[(\S+)\]\((\S+)\) \| (\w+) \| (.*) \|$", (PAGES / "README.md").read_text(encoding="utf-8"), re.M
    )

    assert rows == [(code, f"{code}.md", one.severity.value, one.title) for code, one in CODES.items()]


def test_links_between_pages_lead_somewhere() -> None:
    """A page names others as false friends, and the documents above."""
    for page in PAGES.glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).is_file(), f"{page.name}: {link}"


@pytest.mark.parametrize("code", SHOWN)
def test_the_wrong_example_has_the_problem(code: str) -> None:
    """Laid over a version that is good."""
    found = problems(ALL[code].wrong)

    assert code in {issue.code for issue in found}, render(found, color=False)


@pytest.mark.parametrize("code", SHOWN)
def test_the_right_example_is_mended(code: str) -> None:
    """It has the problem no more, and no error at all."""
    found = problems(ALL[code].right)

    assert code not in {issue.code for issue in found}, render(found, color=False)
    assert not any(issue.severity is Severity.ERROR for issue in found), render(found, color=False)
