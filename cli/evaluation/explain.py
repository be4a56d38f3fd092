"""One message's full explanation: who, what, when, the decision, every candidate with its checks, and the rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
MOST_NEAR = 10
"""Near misses that are shown unless all are asked for."""
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
    if explained.trace.HasField("explanation"):
        show_rules(console, explained.trace.explanation)


def show_trace(console: Console, trace: decision_pb2.Trace) -> None:
    """Print candidates with their checks, the rules that matched, and the facts they read."""
    show_candidates(console, trace)
    if not trace.HasField("explanation"):
        _show_matched(console, trace)
    show_facts(console, trace)


def show_candidates(console: Console, trace: decision_pb2.Trace) -> None:
    """Print candidates with their checks."""
    console.print("[bold]Candidates[/]")
    width = max((len(candidate.channel) for candidate in trace.candidates), default=0)
    for candidate in trace.candidates:
        result = name_of(decision_pb2.CandidateTrace.Result, candidate.result)
        console.print(
            f"  {escape(candidate.channel):<{width}}  {coloured(result.replace('_', ' '), result)}", highlight=False
        )
        for check in candidate.checks:
            console.print(f"    {_check(check)}", highlight=False, soft_wrap=True)


def _show_matched(console: Console, trace: decision_pb2.Trace) -> None:
    console.print("[bold]Rules that matched[/]")
    for family, rules in groupby(trace.rules, key=lambda rule: rule.family):
        names = [
            rule.rule_id + (f" ({rule.channel})" if rule.channel else "") + " erred" * rule.erred for rule in rules
        ]
        console.print(f"  {family}: {escape(', '.join(dict.fromkeys(names)))}", highlight=False)


def show_facts(console: Console, trace: decision_pb2.Trace) -> None:
    """Print the facts that the rules read."""
    facts = MessageToDict(trace.facts)
    if facts:
        console.print("[bold]Facts that the rules read[/]")
        console.print(
            "  " + escape(", ".join(f"{path} = {_shown(value)}" for path, value in sorted(_flat(facts)))),
            highlight=False,
        )


def show_rules(console: Console, explained: decision_pb2.Explanation, most: int | None = MOST_NEAR) -> None:
    """Print the rules that matched with what came of them, then `most` of the others (None: all), the nearest first."""
    outcomes = decision_pb2.RuleExplanation
    matched = [rule for rule in explained.rules if rule.outcome == outcomes.OUTCOME_MATCHED]
    others = [rule for rule in explained.rules if rule.outcome != outcomes.OUTCOME_MATCHED]
    if matched:
        console.print("[bold]Rules that matched[/]")
    for rule in matched:
        console.print(f"  [green]{_titled([rule])}[/]: {escape(rule.asks)}", highlight=False, soft_wrap=True)
        for line in rule.came.splitlines():
            console.print(f"      {escape(line)}", highlight=False, soft_wrap=True)
    alike = [list(rules) for _, rules in groupby(others, key=_alike)]
    if others:
        console.print("[bold]Rules that did not match[/], the nearest first")
    for rules in alike[:most]:
        _show_unmatched(console, rules)
    left = sum(map(len, alike)) - sum(map(len, alike[:most])) + explained.left_out
    if left:
        console.print(f"  [dim]and {left} more[/]", highlight=False)


def _alike(rule: decision_pb2.RuleExplanation) -> tuple[str, int, bytes, list[bytes]]:
    """Equal for a rule on several channels that it does not match for the same reasons."""
    lacking = [atom.SerializeToString() for atom in rule.lacking]
    return rule.rule_id, rule.outcome, rule.failed.SerializeToString(), lacking


def _show_unmatched(console: Console, rules: Sequence[decision_pb2.RuleExplanation]) -> None:
    rule = rules[0]
    console.print(f"  [yellow]{_titled(rules)}[/]: {_lacking(rule)}", highlight=False, soft_wrap=True)
    console.print(f"      {_atom(rule.failed)}", highlight=False, soft_wrap=True)
    for atom in rule.lacking:
        if atom != rule.failed:
            console.print(f"      and {_atom(atom)}", highlight=False, soft_wrap=True)


def _titled(rules: Sequence[decision_pb2.RuleExplanation]) -> str:
    rule, channels = rules[0], ", ".join(one.channel for one in rules if one.channel)
    return escape(f"{rule.rule_id}{f' for {channels}' if channels else ''} ({rule.file}:{rule.line})")


def _lacking(rule: decision_pb2.RuleExplanation) -> str:
    erred = ", and its condition has no value" if rule.outcome == rule.OUTCOME_ERRED else ""
    if rule.never:
        return f"no answers make it match{erred}"
    count = len(rule.lacking)
    return f"{count} of {rule.atoms} {'atom' if rule.atoms == 1 else 'atoms'} would have to be otherwise{erred}"


def _atom(atom: decision_pb2.AtomExplanation) -> str:
    error = "" if atom.error in atom.seen else atom.error
    told = "; ".join(part for part in (atom.seen, error) if part)
    return escape(f"{atom.text}: {told}" if told else atom.text)


def show_counterfactual(console: Console, found: decision_pb2.Counterfactual, zone: str, every: bool) -> None:
    """Print what would have to be otherwise, and how far was looked; with `every`, all changes of one fact too."""
    console.print("[bold]What would have to be otherwise[/]")
    same = found.HasField("verdict") and found.verdict == found.plan
    for name, field in (("verdict", "verdict"), ("plan", "plan")):
        if same and field == "plan":
            continue
        what = "another verdict and plan" if same else f"another {name}"
        if found.HasField(field):
            _show_flip(console, what, getattr(found, field), zone)
        else:
            console.print(f"  [yellow]for {what}: nothing was found[/]", highlight=False)
    if every and found.singles:
        console.print("[bold]Every one fact that would do[/]")
        for flip in found.singles:
            console.print(
                f"  {_changes(flip.changes)}: {headline(flip.decision, zone)}", highlight=False, soft_wrap=True
            )
    for line in _searched(found):
        console.print(f"  [dim]{escape(line)}[/]", highlight=False, soft_wrap=True)


def _show_flip(console: Console, what: str, flip: decision_pb2.Flip, zone: str) -> None:
    console.print(f"  for {what}: [bold]{_changes(flip.changes)}[/]", highlight=False, soft_wrap=True)
    if flip.along:
        console.print(f"      with it {_changes(flip.along)}", highlight=False, soft_wrap=True)
    console.print(f"      then {headline(flip.decision, zone)}", highlight=False, soft_wrap=True)


def _changes(changes: Iterable[decision_pb2.FactChange]) -> str:
    return escape(", ".join(f"{one.path}: {one.before} -> {one.after}" for one in changes))


def _searched(found: decision_pb2.Counterfactual) -> Iterator[str]:
    names = ("one fact", "two", "three")
    looked = ", ".join(
        f"{one.tried:,} of {one.possible:,} changes of {name}"
        for one, name in zip(found.looked, names, strict=False)
        if one.tried
    )
    yield f"looked at {looked or 'nothing'}; {found.judged:,} situations were judged"
    if found.judged >= found.budget:
        yield f"the search ended at its bound of {found.budget:,} situations: there may be smaller or other changes"
    elif not (found.HasField("verdict") and found.HasField("plan")):
        yield "no change of at most three facts does"
    if found.unreached:
        yield f"no value was found for every class of: {', '.join(found.unreached)}"


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
