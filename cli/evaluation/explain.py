"""One message's full explanation: who, what, when, the decision, every candidate with its checks, and the rules."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from cli.evaluation.pick import Explained
from cli.evaluation.tally import name_of
from signalbox.v1 import decision_pb2, message_pb2

MOST_RULED = 100
_COLOURS = {
    **dict.fromkeys(("SEND", "TAKEN", "DELIVERED", "NORMAL"), "green"),
    **dict.fromkeys(("HOLD", "HELD", "EXPIRED", "CANCELLED", "UNCONFIRMED", "UNKNOWN", "SLOW"), "yellow"),
    **dict.fromkeys(("DROP", "REFUSED", "DROPPED", "FAILED", "PAUSED"), "red"),
}


def explanation_json(explained: Explained) -> dict[str, Any]:
    """Return the explanation as `--json` prints it: the wire's messages in their JSON form, and the line."""
    return {
        "line": explained.line,
        "message": MessageToDict(explained.evaluation.message, preserving_proto_field_name=True),
        "decision": MessageToDict(explained.decision, preserving_proto_field_name=True),
        "trace": MessageToDict(explained.trace, preserving_proto_field_name=True),
    }


def show_explanation(console: Console, explained: Explained, zone: str) -> None:
    """Print an explanation; times are told in `zone`."""
    message, decision = explained.evaluation.message, explained.decision
    console.print()
    console.print(Rule("One message in full", align="left"), width=min(console.width, MOST_RULED))
    when = _local(explained.evaluation.now.ToDatetime(UTC), zone)
    category = name_of(message_pb2.Category, message.category)
    extras = [f"{word} {value}" for word, value in (("scene", message.scene), ("campaign", message.campaign)) if value]
    what = ", ".join([category, f"line {message.line}", *extras])
    console.print(f"[bold]{escape(message.request_id)}[/] to {escape(message.user_id)} at {when}", highlight=False)
    console.print(f"{escape(what)}; row on line {explained.line}", highlight=False)
    if message.content.text or message.content.title:
        console.print(f"[italic]{escape(message.content.text or message.content.title)}[/]", highlight=False)
    console.print()
    console.print(headline(decision, zone), highlight=False)
    show_trace(console, explained.trace)


def show_trace(console: Console, trace: decision_pb2.Trace) -> None:
    """Print candidates with their checks, the rules that matched, and the facts they read."""
    console.print("[bold]Candidates[/]")
    width = max((len(candidate.channel) for candidate in trace.candidates), default=0)
    for candidate in trace.candidates:
        result = name_of(decision_pb2.CandidateTrace.Result, candidate.result)
        console.print(
            f"  {escape(candidate.channel):<{width}}  {coloured(result.replace('_', ' '), result)}", highlight=False
        )
        for check in candidate.checks:
            console.print(f"    {_check(check)}", highlight=False, soft_wrap=True)
    console.print("[bold]Rules that matched[/]")
    for family, rules in groupby(trace.rules, key=lambda rule: rule.family):
        names = [
            rule.rule_id + (f" ({rule.channel})" if rule.channel else "") + " erred" * rule.erred for rule in rules
        ]
        console.print(f"  {family}: {escape(', '.join(dict.fromkeys(names)))}", highlight=False)
    facts = MessageToDict(trace.facts)
    if facts:
        console.print("[bold]Facts that the rules read[/]")
        console.print(
            "  " + escape(", ".join(f"{path} = {_shown(value)}" for path, value in sorted(_flat(facts)))),
            highlight=False,
        )


def _check(check: decision_pb2.CheckTrace) -> str:
    result = "passed" if check.passed else coloured(name_of(decision_pb2.Reason, check.reason), "REFUSED")
    return f"{result} {': '.join(escape(part) for part in (check.rule_id, check.detail) if part)}"


def headline(decision: decision_pb2.Decision, zone: str) -> str:
    """Return a decision in one line, with the times in `zone`."""
    verdict = name_of(decision_pb2.Verdict, decision.verdict)
    parts = [f"[bold]{coloured(verdict, verdict)}[/]"]
    if decision.reason:
        parts.append(name_of(decision_pb2.Reason, decision.reason))
    if decision.HasField("until"):
        parts.append(f"until {_local(decision.until.ToDatetime(UTC), zone)}")
    if decision.plan.steps:
        steps = ", ".join(step.channel + ("" if step.admitted else " (later)") for step in decision.plan.steps)
        strategy = name_of(message_pb2.Strategy, decision.plan.strategy)
        parts.append(f"{strategy}: {steps} with {name_of(message_pb2.Priority, decision.plan.priority)}")
    if decision.decided_by:
        parts.append(f"decided by [bold]{escape(decision.decided_by)}[/]")
    return ", ".join(parts)


def coloured(text: str, key: str) -> str:
    """Return a text in the colour of a word such as SEND or DELIVERED."""
    colour = _COLOURS.get(key)
    return f"[{colour}]{text}[/]" if colour else text


def _local(moment: datetime, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z")


def _flat(facts: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in facts.items():
        path = f"{before}.{name}" if before else name
        found += _flat(value, path) if isinstance(value, dict) else [(path, value)]
    return found


def _shown(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
