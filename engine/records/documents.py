"""What stands in the columns that hold JSON: messages, decisions, steps and details of events, written and read.

Words of an enum are written as rule files write them; what is empty or absent is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from engine.decision.life import Life
from engine.decision.model import (
    ChannelRefusal,
    Charge,
    Content,
    Decision,
    Message,
    Plan,
    Reason,
    Step,
    Strategy,
    Verdict,
)

Document = dict[str, Any]

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def write(document: Any) -> str:
    """Write a document as compact JSON."""
    return _ENCODER.encode(document)


# ---- messages ----

_EMPTY_MESSAGE = Message("", "", "", "", "")


def write_message(message: Message) -> str:
    """Write a message; a template without params and one with none differ in nothing."""
    fields = zip(Message._fields, message, _EMPTY_MESSAGE, strict=True)
    document: Document = {name: value for name, value, empty in fields if value != empty}
    if message.content is not None:
        content = zip(Content._fields, message.content, strict=True)
        document["content"] = {name: value for name, value in content if value}
    return write(document)


def read_message(text: str) -> Message:
    """Read what `write_message` wrote."""
    document: Document = json.loads(text)
    content = document.pop("content", None)
    for name in ("addresses", "wished_channels"):
        document[name] = tuple(tuple(one) if isinstance(one, list) else one for one in document.get(name, ()))
    named = {name: document.pop(name, "") for name in Message._fields[:5]}
    return Message(**named, **document, content=None if content is None else _read_content(content))


def _read_content(document: Document) -> Content:
    title, text, html, url = (document.get(name, "") for name in Content._fields[:4])
    return Content(title, text, html, url, tuple(tuple(one) for one in document.get("overrides", ())))


# ---- decisions ----


def decision_document(decision: Decision) -> Document:
    """Return a decision as a document."""
    document: Document = {"verdict": decision.verdict.name, "decided_by": decision.decided_by}
    document["version"] = decision.version
    if decision.reason:
        document["reason"] = decision.reason.name
    if decision.until_ms:
        document["until_ms"] = decision.until_ms
    if decision.plan is not None:
        document["plan"] = _plan_document(decision.plan)
    if decision.refusals:
        document["refusals"] = [_refusal_document(refusal) for refusal in decision.refusals]
    return document


def _plan_document(plan: Plan) -> Document:
    return {
        "strategy": plan.strategy.name,
        "priority": plan.priority,
        "steps": [
            {
                "number": step.number,
                "channel": step.channel,
                "admitted": step.admitted,
                **({"wait_ms": step.wait_ms, "until": step.until} if step.wait_ms else {}),
                **({"providers": step.providers} if step.providers else {}),
                **({"all_addresses": True} if step.all_addresses else {}),
                **({"charges": step.charges} if step.charges else {}),
            }
            for step in plan.steps
        ],
    }


def _refusal_document(refusal: ChannelRefusal) -> Document:
    document: Document = {"channel": refusal.channel, "reason": refusal.reason.name}
    if refusal.rule_id:
        document["rule_id"] = refusal.rule_id
    if refusal.held:
        document |= {"held": True, "until_ms": refusal.until_ms}
    return document


def read_decision(document: Mapping[str, Any]) -> Decision:
    """Read what `decision_document` wrote."""
    plan = document.get("plan")
    return Decision(
        verdict=Verdict[document["verdict"]],
        reason=Reason[document.get("reason", "NONE")],
        until_ms=document.get("until_ms", 0),
        plan=None if plan is None else _read_plan(plan),
        decided_by=document["decided_by"],
        refusals=tuple(_read_refusal(refusal) for refusal in document.get("refusals", ())),
        version=document["version"],
    )


def _read_plan(document: Document) -> Plan:
    steps = tuple(
        Step(
            number=step["number"],
            channel=step["channel"],
            admitted=step["admitted"],
            wait_ms=step.get("wait_ms", 0),
            until=step.get("until", ""),
            providers=tuple(step.get("providers", ())),
            all_addresses=step.get("all_addresses", False),
            charges=tuple(Charge(*charge) for charge in step.get("charges", ())),
        )
        for step in document["steps"]
    )
    return Plan(Strategy[document["strategy"]], document["priority"], steps)


def _read_refusal(document: Document) -> ChannelRefusal:
    held, until_ms = document.get("held", False), document.get("until_ms", 0)
    reason = Reason[document["reason"]]
    return ChannelRefusal(document["channel"], reason, document.get("rule_id", ""), held, until_ms)


# ---- steps ----


class StepStatus(NamedTuple):
    """How far a step has come; `provider` is the one last tried, `reason` why it was dropped or is held."""

    number: int
    channel: str
    state: str
    reason: str
    provider: str
    attempts: int


def steps_of(life: Life) -> list[StepStatus]:
    """Return the steps of a life, in the order in which they were taken up."""
    return [
        StepStatus(
            number=step.number,
            channel=step.channel,
            state=step.state.name,
            reason=Reason(step.reason).name if step.reason else "",
            provider=step.attempts[-1].provider if step.attempts else "",
            attempts=len(step.attempts),
        )
        for step in life.steps
    ]


def write_steps(steps: Iterable[StepStatus]) -> str:
    """Write steps."""
    return write([step._asdict() for step in steps])


def read_steps(text: str) -> tuple[StepStatus, ...]:
    """Read what `write_steps` wrote."""
    return tuple(StepStatus(**step) for step in json.loads(text))
