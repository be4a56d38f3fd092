"""What of a decision is not as a rule test expects; only the keys it gives are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.decision.case_given import read_micros, read_time
from engine.decision.model import Decision, Step, User
from engine.decision.moment import iso_time
from engine.ruleset.scalars import show_duration
from engine.ruleset.temporal import parse_duration

_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected: its key, what was expected and what was found, each as a person writes it.

    `note` says more of what was found. A case that could not be judged has no `key`, and says why in `found`.
    """

    key: str
    expected: str
    found: str
    note: str = ""

    @property
    def text(self) -> str:
        """All of it in one line."""
        if not self.key:
            return self.found
        note = f" ({self.note})" if self.note else ""
        return f"{self.key}: expected {self.expected}, found {self.found}{note}"


def compare(
    expect: Mapping[str, Any], decision: Decision, user: User, matched: Mapping[str, Sequence[str]]
) -> Iterator[Difference]:
    """Say what of a decision is not as expected; only the keys given are compared.

    `matched`: the rules that hold, each with the channels it holds for ("" = the message).
    """
    for key, expected in expect.items():
        match key:
            case "until":
                yield from _compare_until(expected, decision, user)
            case "refused":
                yield from _compare_refused(expected or {}, decision)
            case "charges":
                yield from _compare_charges(expected or {}, decision)
            case "matched" | "not_matched":
                yield from compare_matched(key, expected, matched)
            case "waits":
                yield from _compare_waits(expected or {}, decision)
            case "waits_for" | "providers" | "addresses":
                yield from _compare_steps(key, expected or {}, decision)
            case "state" | "speed" | "back":
                yield Difference(key, shown(expected), "a message", "only a case of a window can expect it")
            case _:
                found = _found(key, decision)
                if found != expected and (found or expected):
                    yield Difference(key, shown(expected), shown(found), _because(key, decision))


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
    verdict = "" if key == "verdict" else f"{decision.verdict.name}, "
    reason = "" if key == "reason" else decision.reason.name
    return f"{verdict}{reason}{by}".strip(", ")


def _compare_until(expected: Any, decision: Decision, user: User) -> Iterator[Difference]:
    found = iso_time(decision.until_ms, user.zone) if decision.until_ms else None
    if expected is None and found is None:
        return
    if not decision.until_ms or expected is None or read_time(expected, user.zone, "until") != decision.until_ms:
        yield Difference("until", shown(expected), shown(found))


def _compare_refused(expected: Mapping[str, Any], decision: Decision) -> Iterator[Difference]:
    refusals = {refusal.channel: refusal for refusal in decision.refusals}
    for channel, wanted in expected.items():
        wanted = wanted if isinstance(wanted, dict) else {"reason": wanted}
        refusal = refusals.get(channel)
        if refusal is None:
            yield Difference(f"refused.{channel}", " by ".join(map(shown, wanted.values())), "it was not refused")
            continue
        found = {"reason": refusal.reason.name, "rule": refusal.rule_id}
        for key, value in wanted.items():
            if found.get(key) != value:
                yield Difference(f"refused.{channel}.{key}", shown(value), shown(found.get(key)))


def _compare_charges(expected: Mapping[str, Any], decision: Decision) -> Iterator[Difference]:
    found: dict[str, int] = {}
    for step in _steps(decision):
        for charge in step.charges:
            found[charge.account] = found.get(charge.account, 0) + charge.micros
    wanted = {account: read_micros(amount or 0, f"charges.{account}") for account, amount in expected.items()}
    if found != wanted:
        amounts = {account: micros / _MICROS for account, micros in found.items()}
        yield Difference("charges", shown(expected), shown(amounts))


def _compare_waits(expected: Mapping[str, Any], decision: Decision) -> Iterator[Difference]:
    found = {step.channel: step.wait_ms for step in _steps(decision) if step.wait_ms}
    wanted = {channel: _wait_ms(channel, text) for channel, text in expected.items()}
    if found != wanted:
        waits = {channel: show_duration(wait_ms) for channel, wait_ms in found.items()}
        yield Difference("waits", shown(expected), shown(waits))


def _wait_ms(channel: str, text: Any) -> int:
    try:
        return parse_duration(str(text)) // 1000
    except ValueError as error:
        raise ValueError(f"waits.{channel}: {error}") from None


def _compare_steps(key: str, expected: Mapping[str, Any], decision: Decision) -> Iterator[Difference]:
    steps = {step.channel: step for step in _steps(decision)}
    for channel, wanted in expected.items():
        found = said_of_step(key, steps[channel]) if channel in steps else None
        if found != wanted and (found or wanted):
            yield Difference(f"{key}.{channel}", shown(wanted), shown(found))


def said_of_step(key: str, step: Step) -> Any:
    """Return what a case can expect of one step: `waits_for`, `providers` or `addresses`."""
    match key:
        case "waits_for":
            return step.until.lower()
        case "providers":
            return list(step.providers)
        case _:
            return "all" if step.all_addresses else "newest"


def _steps(decision: Decision) -> Sequence[Step]:
    return decision.plan.steps if decision.plan else ()


def compare_matched(key: str, expected: Any, matched: Mapping[str, Sequence[str]]) -> Iterator[Difference]:
    """Say which of the rules that should (not) match did not (did)."""
    for rule_id in expected or ():
        if (rule_id in matched) == (key == "matched"):
            continue
        channels = ", ".join(filter(None, matched.get(rule_id, ())))
        note = f"for {channels}" if channels else ""
        if key == "matched":
            yield Difference(key, f"that {rule_id} matches", "that it does not")
        else:
            yield Difference(key, f"that {rule_id} does not match", "that it does", note)


def shown(value: Any) -> str:
    """Write a value as it would stand in a case."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value in (None, "") else str(value)
