"""What of a decision is not as a rule test expects; only the keys it gives are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.decision.model import Decision, Step, User
from engine.decision.moment import iso_time, parse_local
from engine.decision.trace import Trace
from engine.ruleset.temporal import parse_duration

_MICROS = 1_000_000


def compare(expect: Mapping[str, Any], decision: Decision, user: User, trace: Trace) -> Iterator[str]:
    """Say what of a decision is not as expected; only the keys given are compared."""
    for key, expected in expect.items():
        match key:
            case "until":
                yield from _compare_until(expected, decision, user)
            case "refused":
                yield from _compare_refused(expected or {}, decision)
            case "charges":
                yield from _compare_charges(expected or {}, decision)
            case "matched":
                yield from missing(expected, [one.rule.id for one in trace.rules if not one.erred])
            case "waits":
                yield from _compare_waits(expected or {}, decision)
            case "providers":
                yield from _compare_providers(expected or {}, decision)
            case "state" | "speed" | "back":
                yield f"{key}: only a case that gives provider, channel or platform can expect it"
            case _:
                found = _found(key, decision)
                if found != expected:
                    yield differs(key, expected, found) + _because(key, decision)


def _found(key: str, decision: Decision) -> Any:
    plan = decision.plan
    match key:
        case "verdict":
            return decision.verdict.name
        case "reason":
            return decision.reason.name
        case "strategy":
            return plan.strategy.name if plan else None
        case "channels":
            return [step.channel for step in plan.steps] if plan else []
        case "priority":
            return plan.priority if plan else None
        case _:
            return decision.decided_by


def _because(key: str, decision: Decision) -> str:
    if key == "decided_by" or not decision.reason:
        return ""
    by = f" by {decision.decided_by}" if decision.decided_by else ""
    return f" ({decision.verdict.name}, {decision.reason.name}{by})"


def _compare_until(expected: Any, decision: Decision, user: User) -> Iterator[str]:
    found = iso_time(decision.until_ms, user.zone) if decision.until_ms else None
    if not decision.until_ms or parse_local(str(expected), user.zone) != decision.until_ms:
        yield differs("until", expected, found)


def _compare_refused(expected: Mapping[str, Any], decision: Decision) -> Iterator[str]:
    refusals = {refusal.channel: refusal for refusal in decision.refusals}
    for channel, wanted in expected.items():
        refusal = refusals.get(channel)
        if refusal is None:
            yield f"refused.{channel}: expected {wanted}, but it was not refused"
            continue
        found = {"reason": refusal.reason.name, "rule": refusal.rule_id}
        for key, value in (wanted if isinstance(wanted, dict) else {"reason": wanted}).items():
            if found.get(key) != value:
                yield differs(f"refused.{channel}.{key}", value, found.get(key))


def _compare_charges(expected: Mapping[str, Any], decision: Decision) -> Iterator[str]:
    found: dict[str, int] = {}
    for step in _steps(decision):
        for charge in step.charges:
            found[charge.account] = found.get(charge.account, 0) + charge.micros
    wanted = {account: round(float(amount) * _MICROS) for account, amount in expected.items()}
    if found != wanted:
        yield differs("charges", expected, {account: micros / _MICROS for account, micros in found.items()})


def _compare_waits(expected: Mapping[str, Any], decision: Decision) -> Iterator[str]:
    found = {step.channel: step.wait_ms for step in _steps(decision) if step.wait_ms}
    wanted = {channel: parse_duration(str(text)) // 1000 for channel, text in expected.items()}
    if found != wanted:
        yield differs("waits", expected, {channel: f"{wait_ms / 1000:g}s" for channel, wait_ms in found.items()})


def _compare_providers(expected: Mapping[str, Any], decision: Decision) -> Iterator[str]:
    found = {step.channel: list(step.providers) for step in _steps(decision)}
    for channel, providers in expected.items():
        if found.get(channel) != providers:
            yield differs(f"providers.{channel}", providers, found.get(channel))


def _steps(decision: Decision) -> Sequence[Step]:
    return decision.plan.steps if decision.plan else ()


def missing(expected: Any, found: Sequence[str]) -> Iterator[str]:
    """Say which of the rules that should match did not."""
    for rule_id in expected or ():
        if rule_id not in found:
            yield f"matched: {rule_id} did not match"


def differs(key: str, expected: Any, found: Any) -> str:
    """Say that something is not as expected."""
    return f"{key}: expected {_shown(expected)}, found {_shown(found)}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return "nothing" if value in (None, "") else str(value)
