"""Decisions and traces of the model to the contract's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from engine.decision.model import Decision, Plan
from engine.decision.moment import iso_time
from engine.decision.trace import Trace
from engine.ruleset.compile import RuleSet
from engine.ruleset.syntax import Type
from signalbox.v1 import decision_pb2, message_pb2

_PRIORITY = {name.removeprefix("PRIORITY_"): number for name, number in message_pb2.Priority.items()}
_CONFIRMATION = {
    "": decision_pb2.CONFIRMATION_UNSPECIFIED,
    "DELIVERED": decision_pb2.CONFIRMATION_DELIVERED,
    "READ": decision_pb2.CONFIRMATION_READ,
}


SHOWN_ITEMS = 20
SHOWN_CHARACTERS = 200
"""What a trace shows of a fact that is a list or a text."""


def write_time(at_ms: int) -> Timestamp:
    """Write milliseconds since the Unix epoch."""
    return Timestamp(seconds=at_ms // 1000, nanos=at_ms % 1000 * 1_000_000)


def write_decision(decision: Decision) -> decision_pb2.Decision:
    """Write a decision."""
    wire = decision_pb2.Decision(
        verdict=int(decision.verdict),  # type: ignore[arg-type]
        reason=int(decision.reason),  # type: ignore[arg-type]
        decided_by=decision.decided_by,
        version=decision.version,
    )
    if decision.until_ms:
        wire.until.CopyFrom(write_time(decision.until_ms))
    if decision.plan is not None:
        _write_plan(decision.plan, wire.plan)
    for refusal in decision.refusals:
        refused = wire.refusals.add(
            channel=refusal.channel,
            reason=int(refusal.reason),
            rule_id=refusal.rule_id,
            held=refusal.held,
        )
        if refusal.until_ms:
            refused.until.CopyFrom(write_time(refusal.until_ms))
    return wire


def _write_plan(plan: Plan, wire: decision_pb2.Plan) -> None:
    wire.strategy = int(plan.strategy)  # type: ignore[assignment]
    wire.priority = _PRIORITY[plan.priority]  # type: ignore[assignment]
    for step in plan.steps:
        written = wire.steps.add(
            number=step.number,
            channel=step.channel,
            admitted=step.admitted,
            until=_CONFIRMATION[step.until],
            providers=step.providers,
            all_addresses=step.all_addresses,
        )
        if step.wait_ms:
            written.wait.CopyFrom(Duration(seconds=step.wait_ms // 1000, nanos=step.wait_ms % 1000 * 1_000_000))
        for charge in step.charges:
            written.charges.add(account=charge.account, micros=charge.micros, unit=charge.unit)


def write_trace(trace: Trace, ruleset: RuleSet) -> decision_pb2.Trace:
    """Write the long explanation."""
    wire = decision_pb2.Trace()
    for one in trace.rules:
        wire.rules.add(rule_id=one.rule.id, family=one.rule.family, channel=one.channel, erred=one.erred)
    for candidate in trace.candidates:
        written = wire.candidates.add(channel=candidate.channel, result=int(candidate.result))
        for check in candidate.checks:
            written.checks.add(
                rule_id=check.rule_id,
                passed=check.passed,
                reason=int(check.reason),
                detail=check.detail,
            )
    wire.facts.update(_readable(trace.facts, ruleset))
    return wire


def _readable(facts: Mapping[str, Any], ruleset: RuleSet) -> dict[str, Any]:
    """Write times as text, long lists and texts cut: what a Struct can hold and a person can read."""
    times = {fact.path for fact in ruleset.schema.facts if fact.type is Type.TIMESTAMP}
    return {path: iso_time(value // 1000) if path in times else _cut(value) for path, value in facts.items()}


def _cut(value: Any) -> Any:
    if isinstance(value, tuple):
        shown = [_cut(item) for item in value[:SHOWN_ITEMS]]
        return shown if len(value) <= SHOWN_ITEMS else [*shown, f"and {len(value) - SHOWN_ITEMS} more"]
    return value[:SHOWN_CHARACTERS] + "…" if isinstance(value, str) and len(value) > SHOWN_CHARACTERS else value
