"""A message's life as people read it: who, what, what was decided, and then what happened, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from cli.evaluation.explain import coloured, headline
from cli.moments import local
from cli.wire_json import short, struct
from signalbox.v1 import decision_pb2, message_pb2, message_service_pb2

_OUTCOMES: Final = {
    "OK": "took it",
    "RETRY": "failed for now",
    "THROTTLE": "asks for a slower pace",
    "AUTH": "refused our credentials",
    "BUDGET": "has no credit of ours left",
    "CONTENT": "refused what it says",
    "DEAD": "says that the address is dead",
    "OPTOUT": "says that the user wants no more",
    "CONFIG": "is set up wrongly",
    "AMBIGUOUS": "did not answer: nobody knows yet whether it went out",
}
_TOLD: Final = frozenset("attempt provider outcome code kind reported_ms due_ms state reason may_be_duplicated".split())
"""The details that the sentences tell; any other is told as it is."""

Detail = dict[str, Any]


def show_timeline(console: Console, answer: message_service_pb2.GetResponse, zone: str) -> None:
    """Print all about a message; times are told in `zone`, addresses are masked."""
    record, events = answer.record, answer.events
    state = _state(record.state)
    console.print(f"[bold]{escape(record.message_id)}[/]  {coloured(state, state)}", highlight=False)
    for line in _about(answer, zone):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    console.print(f"[bold]Decision[/]  {headline(answer.decision, zone)}", highlight=False, soft_wrap=True)
    for line in _refusals(answer.decision):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    for title, lines in (("Steps", _steps(record.steps)), ("What happened", _happened(answer, zone))):
        told = list(lines)
        if told:
            console.print(f"[bold]{title}[/]", highlight=False)
        for line in told:
            console.print(f"  {line}", highlight=False, soft_wrap=True)
    if not events:
        console.print("  nothing is recorded yet")


def mask(address: str) -> str:
    """Return an address of which only its ends can be told: enough to know it again, too little to use it."""
    name, sign, domain = address.partition("@")
    if sign:
        return f"{name[:1]}…@{domain}"
    return f"{address[:2]}…{address[-2:]}" if len(address) > 6 else "…"


def _about(answer: message_service_pb2.GetResponse, zone: str) -> Iterator[str]:
    record, message = answer.record, answer.message
    category = short(message_pb2.Category.DESCRIPTOR, record.category)
    priority = short(message_pb2.Priority.DESCRIPTOR, record.priority)
    named = (("scene", record.scene), ("campaign", record.campaign))
    extras = [f"{word} {escape(value)}" for word, value in named if value]
    yield f"{escape(record.request_id)} to {escape(record.user_id)} of {escape(record.tenant)}"
    yield ", ".join([f"{category} {priority}", f"line {escape(record.line)}", *extras])
    accepted, over = (local(at.ToMilliseconds(), zone) for at in (record.accepted_at, record.expire_at))
    yield f"accepted {accepted:%Y-%m-%d %H:%M:%S %Z}, of no use after {over:%Y-%m-%d %H:%M:%S}"
    for address in message.addresses:
        yield f"address {escape(address.channel)}: {escape(mask(address.value))}"
    text = message.content.text or message.content.title
    if text or message.template.id:
        yield f"[italic]{escape(text)}[/]" if text else f"template {escape(message.template.id)}"


def _refusals(decision: decision_pb2.Decision) -> Iterator[str]:
    for refusal in decision.refusals:
        word = "held" if refusal.held else "refused"
        reason = short(decision_pb2.Reason.DESCRIPTOR, refusal.reason)
        rule = f" by {escape(refusal.rule_id)}" if refusal.rule_id else ""
        yield f"{escape(refusal.channel)} {word}: {reason}{rule}"


def _steps(steps: Iterable[message_service_pb2.StepRecord]) -> Iterator[str]:
    for step in steps:
        state, reason = _state(step.state), short(decision_pb2.Reason.DESCRIPTOR, step.reason)
        parts = [coloured(state, state) + (f" {reason}" if reason else "")]
        if step.attempts:
            parts.append(
                f"{step.attempts} {'attempt' if step.attempts == 1 else 'attempts'} by {escape(step.provider)}"
            )
        yield f"{step.number} {escape(step.channel)}: {', '.join(parts)}"


def _happened(answer: message_service_pb2.GetResponse, zone: str) -> Iterator[str]:
    """Give the events in order; the day stands where it changes."""
    channels = {step.number: step.channel for step in answer.record.steps}
    channels |= {step.number: step.channel for step in answer.decision.plan.steps}
    day = ""
    for event in answer.events:
        at = local(event.at.ToMilliseconds(), zone)
        if at.strftime("%Y-%m-%d") != day:
            day = at.strftime("%Y-%m-%d")
            yield f"[bold]{day}[/] {at:%Z}"
        step = f"{event.step} {escape(channels.get(event.step, ''))}: " if event.step else ""
        yield f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}  {step}{_sentence(event, zone)}"


def _sentence(event: message_service_pb2.MessageEvent, zone: str) -> str:
    kind, detail = short(message_service_pb2.EventKind.DESCRIPTOR, event.kind), struct(event.detail)
    if event.HasField("decision"):
        again = " again" if event.number > 1 else ""
        return f"decided{again}: {headline(event.decision, zone)}"
    say = _SENTENCES.get(kind)
    more = [f"{name} {value}" for name, value in detail.items() if name not in _TOLD or say is None]
    sentence = say(event, detail, zone) if say is not None else escape(kind.lower().replace("_", " "))
    return sentence + (f" ({escape(', '.join(more))})" if more else "")


def _attempted(event: message_service_pb2.MessageEvent, detail: Detail, zone: str) -> str:
    twice = "; [yellow]it may be duplicated[/]: an earlier attempt may have gone out"
    return f"attempt {detail.get('attempt', '')}, handed to {_provider(detail)}" + (
        twice if detail.get("may_be_duplicated") else ""
    )


def _answered(event: message_service_pb2.MessageEvent, detail: Detail, zone: str) -> str:
    outcome = str(detail.get("outcome", ""))
    return f"{_provider(detail)} {_OUTCOMES.get(outcome, f'answered {escape(outcome)}')}{_code(detail)}"


def _receipt(event: message_service_pb2.MessageEvent, detail: Detail, zone: str) -> str:
    word = escape(str(detail.get("kind", "")).lower().replace("_", " "))
    at_ms, noted_ms = int(detail.get("reported_ms", 0)), event.at.ToMilliseconds()
    since = f", of {local(at_ms, zone):%H:%M:%S}" if at_ms and abs(at_ms - noted_ms) >= 1000 else ""
    return f"receipt for attempt {detail.get('attempt', '')}: {word}{since}{_code(detail)}"


def _retry(event: message_service_pb2.MessageEvent, detail: Detail, zone: str) -> str:
    return f"will be tried again at {local(int(detail.get('due_ms', 0)), zone):%H:%M:%S}"


def _ended(event: message_service_pb2.MessageEvent, detail: Detail, zone: str) -> str:
    state, reason = escape(str(detail.get("state", ""))), escape(str(detail.get("reason", "")))
    whole = "" if event.step else "the message is over: "
    return f"{whole}{coloured(state, state)}" + (f" {reason}" if reason else "")


_SENTENCES: Final[dict[str, Callable[[message_service_pb2.MessageEvent, Detail, str], str]]] = {
    "DECIDED": lambda event, detail, zone: "decided",
    "ATTEMPTED": _attempted,
    "ANSWERED": _answered,
    "RECEIPT": _receipt,
    "RETRY": _retry,
    "ENDED": _ended,
    "QUEUED": lambda event, detail, zone: "in its lane once more",
    "REDRIVEN": lambda event, detail, zone: "sent anew by an operator",
}


def _provider(detail: Detail) -> str:
    return escape(str(detail.get("provider", "the provider")))


def _code(detail: Detail) -> str:
    return f" ({escape(str(detail['code']))})" if detail.get("code") else ""


def _state(number: int) -> str:
    return short(message_service_pb2.MessageState.DESCRIPTOR, number)
