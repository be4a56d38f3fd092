"""How `signalbox rules status` tells an answer."""

from __future__ import annotations

import io

from rich.console import Console

from cli.rules.status_report import show_status, status_json
from signalbox.v1 import rule_service_pb2 as contract

WARNING = contract.Problem(
    code="no-rule-tests", severity="WARNING", file="rule_tests/1", line=1, column=1, message="none", hint="write some"
)
ERROR = contract.Problem(
    code="unknown-fact", severity="ERROR", file="2/routing.yaml", line=3, column=9, message="what?", hint="mend it"
)


def shown(answer: contract.StatusResponse) -> list[str]:
    """What people see, line by line."""
    console = Console(file=io.StringIO(), width=200)
    show_status(console, answer)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_problems_and_warnings_are_apart_for_programs() -> None:
    """Both lists are always there, in one form; a warning of what serves is no problem."""
    answer = status_json(contract.StatusResponse(version="1", attempted_version="1", warnings=[WARNING]))

    assert answer["problems"] == []
    assert answer["warnings"] == [
        {
            "code": "no-rule-tests",
            "severity": "warning",
            "file": "rule_tests/1",
            "line": 1,
            "column": 1,
            "message": "none",
            "hint": "write some",
        }
    ]


def test_people_see_whose_problems_they_are() -> None:
    """Warnings follow what decides, errors follow what could not be taken into service."""
    lines = shown(
        contract.StatusResponse(version="1", attempted_version="2", warnings=[WARNING], problems=[ERROR], failures=1)
    )

    assert lines[-5:] == [
        "  warning[no-rule-tests] rule_tests/1:1:1: none",
        "    hint: write some",
        "2 could not be taken into service",
        "  error[unknown-fact] 2/routing.yaml:3:9: what?",
        "    hint: mend it",
    ]


def test_a_refused_edit_of_what_serves_is_told_as_refused() -> None:
    """The version asked for may be the one that decides, with other files."""
    lines = shown(contract.StatusResponse(version="1", attempted_version="1", problems=[ERROR]))

    assert "1 could not be taken into service" in lines
