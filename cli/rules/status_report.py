"""How a server's rules are, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from rich.console import Console
from rich.markup import escape

from cli.evaluation.tally import name_of
from signalbox.v1 import rule_service_pb2


def status_json(answer: rule_service_pb2.StatusResponse) -> dict[str, Any]:
    """Return the answer with every field there, problems as `rules check` prints them."""
    return {
        "version": answer.version,
        "digest": answer.digest,
        "loaded_at": _loaded_at(answer),
        "source": name_of(rule_service_pb2.RuleSource, answer.source),
        "rules": dict(sorted(answer.rules.items())),
        "attempted_version": answer.attempted_version,
        "problems": [_problem_json(problem) for problem in answer.problems],
        "warnings": [_problem_json(problem) for problem in answer.warnings],
        "reloads": answer.reloads,
        "failures": answer.failures,
        "matcher": {
            "ready": answer.matcher.ready,
            "fallbacks": answer.matcher.fallbacks,
            "restarts": answer.matcher.restarts,
        },
    }


def _problem_json(problem: rule_service_pb2.Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "severity": problem.severity.lower(),
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "hint": problem.hint,
    }


def show_status(console: Console, answer: rule_service_pb2.StatusResponse) -> None:
    """Print the answer."""
    source = "from its folder"
    if answer.source == rule_service_pb2.RULE_SOURCE_LAST_GOOD:
        source = "[yellow]from the copy of the last good version[/]"
    rules = ", ".join(f"{count} {family}" for family, count in sorted(answer.rules.items()))
    matcher = "ready" if answer.matcher.ready else "[yellow]away: the plain interpreter answers[/]"
    console.print(f"[bold]{escape(answer.version)}[/] decides since {_loaded_at(answer)}, {source}", highlight=False)
    console.print(f"  digest   {answer.digest}", highlight=False, soft_wrap=True)
    console.print(f"  rules    {rules}", highlight=False)
    console.print(f"  loads    {answer.reloads} taken into service, {answer.failures} failed", highlight=False)
    console.print(
        f"  matcher  {matcher}; restarted {answer.matcher.restarts} times, "
        f"{answer.matcher.fallbacks:,} answers by the interpreter",
        highlight=False,
    )
    _show_problems(console, answer.warnings)
    if answer.problems:
        refused = f"{answer.attempted_version or 'what rollout.yaml names'} could not be taken into service"
        console.print(f"[red]{escape(refused)}[/]", highlight=False)
        _show_problems(console, answer.problems)


def _show_problems(console: Console, problems: Iterable[rule_service_pb2.Problem]) -> None:
    for problem in problems:
        place = f"{problem.file}:{problem.line}:{problem.column}"
        console.print(
            f"  {problem.severity.lower()}\\[{problem.code}] {escape(place)}: {escape(problem.message)}",
            highlight=False,
        )
        if problem.hint:
            console.print(f"    hint: {escape(problem.hint)}", highlight=False)


def _loaded_at(answer: rule_service_pb2.StatusResponse) -> str:
    return answer.loaded_at.ToDatetime(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if answer.HasField("loaded_at") else ""
