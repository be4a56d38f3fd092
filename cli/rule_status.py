"""How a server's rules are, for people and for programs."""

from __future__ import annotations

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
        "problems": [
            {
                "code": problem.code,
                "severity": problem.severity.lower(),
                "file": problem.file,
                "line": problem.line,
                "column": problem.column,
                "message": problem.message,
                "hint": problem.hint,
            }
            for problem in answer.problems
        ],
        "reloads": answer.reloads,
        "failures": answer.failures,
        "matcher": {
            "ready": answer.matcher.ready,
            "fallbacks": answer.matcher.fallbacks,
            "restarts": answer.matcher.restarts,
        },
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
    if answer.attempted_version and answer.attempted_version != answer.version:
        console.print(f"[red]{escape(answer.attempted_version)} could not be taken into service[/]", highlight=False)
    for problem in answer.problems:
        place = f"{problem.file}:{problem.line}:{problem.column}"
        console.print(
            f"  {problem.severity.lower()}\\[{problem.code}] {escape(place)}: {escape(problem.message)}",
            highlight=False,
        )
        if problem.hint:
            console.print(f"    hint: {escape(problem.hint)}", highlight=False)


def _loaded_at(answer: rule_service_pb2.StatusResponse) -> str:
    return answer.loaded_at.ToDatetime(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if answer.HasField("loaded_at") else ""
