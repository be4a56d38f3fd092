"""MessageService, model to contract: messages as they were sent, how far they have come, and their traces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.decision.model import Content, Message
from engine.flow.operating import DeadLetter
from engine.records.documents import StepStatus
from engine.records.feed import Change
from engine.records.queries import RecordedEvent, RecordedMessage, Trace
from engine.service.translate_decision import write_decision, write_time
from signalbox.v1 import message_pb2
from signalbox.v1 import message_service_pb2 as contract


def write_trace(trace: Trace) -> contract.GetResponse:
    """Write all about one message."""
    return contract.GetResponse(
        record=write_record(trace.message),
        message=write_message(trace.message.message),
        decision=write_decision(trace.message.decision),
        events=[write_event(event) for event in trace.events],
    )


def write_record(recorded: RecordedMessage) -> contract.MessageRecord:
    """Write the head data of a message."""
    message, decision = recorded.message, recorded.decision
    return contract.MessageRecord(
        message_id=recorded.message_id,
        tenant=message.tenant,
        line=message.line,
        user_id=message.user_id,
        request_id=message.request_id,
        category=f"CATEGORY_{message.category}",
        priority=f"PRIORITY_{recorded.priority}",
        scene=message.scene,
        campaign=message.campaign,
        accepted_at=write_time(recorded.accepted_ms),
        expire_at=write_time(recorded.expire_ms),
        verdict=int(decision.verdict),  # type: ignore[arg-type]  # the numbers are the wire's
        reason=int(decision.reason),  # type: ignore[arg-type]
        strategy=int(decision.plan.strategy) if decision.plan is not None else 0,  # type: ignore[arg-type]
        version=decision.version,
        decided_by=decision.decided_by,
        state=f"MESSAGE_STATE_{recorded.state}",
        steps=[_write_step(step) for step in recorded.steps],
    )


def _write_step(step: StepStatus) -> contract.StepRecord:
    return contract.StepRecord(
        number=step.number,
        channel=step.channel,
        state=f"MESSAGE_STATE_{step.state}",
        reason=f"REASON_{step.reason or 'UNSPECIFIED'}",
        provider=step.provider,
        attempts=step.attempts,
    )


def write_event(event: RecordedEvent) -> contract.MessageEvent:
    """Write one line of a trace."""
    wire = contract.MessageEvent(
        number=event.number, at=write_time(event.at_ms), kind=f"EVENT_KIND_{event.kind}", step=event.step
    )
    if event.decision is not None:
        wire.decision.CopyFrom(write_decision(event.decision))
    if event.detail:
        wire.detail.update(_plain(event.detail))
    return wire


def write_change(change: Change) -> contract.WatchResponse:
    """Write one event as it is watched."""
    return contract.WatchResponse(
        message_id=change.message_id,
        event=write_event(change.event),
        state=f"MESSAGE_STATE_{change.state}",
        cursor=change.cursor,
    )


def write_letter(letter: DeadLetter) -> contract.DeadLetter:
    """Write a dead letter."""
    return contract.DeadLetter(
        message_id=letter.message_id,
        step=letter.step,
        since=write_time(letter.since_ms),
        channel=letter.channel,
        provider=letter.provider,
        outcome=letter.outcome,
    )


# ---- the message ----


def write_message(message: Message) -> message_pb2.Message:
    """Write a message as it was sent; a priority that was left out is the category's."""
    wire = message_pb2.Message(
        tenant=message.tenant,
        line=message.line,
        request_id=message.request_id,
        user_id=message.user_id,
        category=f"CATEGORY_{message.category}",
        priority=f"PRIORITY_{message.priority}",
        scene=message.scene,
        campaign=message.campaign,
        owner=message.owner,
        department=message.department,
        conversion_goal=message.conversion_goal,
        addresses=[message_pb2.Address(channel=channel, value=value) for channel, value in message.addresses],
    )
    if message.content is not None:
        _write_content(message.content, wire.content)
    else:
        wire.template.id = message.template
    if message.params:
        wire.params.update(_plain(message.params))
    if message.wished_channels or message.wished_strategy:
        strategy = f"STRATEGY_{message.wished_strategy or 'UNSPECIFIED'}"
        wire.wishes.CopyFrom(message_pb2.Wishes(channels=message.wished_channels, strategy=strategy))
    for at_ms, field in (
        (message.occurred_at_ms, wire.occurred_at),
        (message.send_after_ms, wire.send_after),
        (message.expire_at_ms, wire.expire_at),
    ):
        if at_ms is not None:
            field.FromMilliseconds(at_ms)
    return wire


def _write_content(content: Content, wire: message_pb2.Content) -> None:
    wire.title, wire.text, wire.html, wire.url = content[:4]
    for channel, title, text, html, url in content.overrides:
        wire.channels[channel].CopyFrom(message_pb2.ContentOverride(title=title, text=text, html=html, url=url))


def _plain(value: Any) -> Any:
    """Return a value as a Struct takes it, which knows lists but no tuples."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
