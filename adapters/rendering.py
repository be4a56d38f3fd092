"""What a provider is handed: the wording of its channel, and where it goes."""

from __future__ import annotations

from typing import NamedTuple

from adapters.base import Attempt, reference_of
from engine.decision.life import Life, Step
from engine.decision.model import Content, Message
from engine.state.user_record import UserRecord


class Destination(NamedTuple):
    """An address; `version` is that of the user's binding, None for one that the message alone knows."""

    value: str
    version: int | None = None


def destinations(message: Message, step: Step, user: UserRecord) -> tuple[Destination, ...]:
    """Return where a step goes: the message's own addresses, else the user's valid bindings, the newest first.

    The first of them, or with `address: all` every one.
    """
    own = dict.fromkeys(value for channel, value in message.addresses if channel == step.channel)
    found = [_known(user, step.channel, value) for value in own] or [
        Destination(one.value, one.version) for one in user.on(step.channel) if one.valid
    ]
    return tuple(found if step.all_addresses else found[:1])


def _known(user: UserRecord, channel: str, value: str) -> Destination:
    binding = user.binding(channel, value)
    return Destination(value, binding.version if binding is not None and binding.valid else None)


def rendered(message: Message, channel: str) -> Content | None:
    """Return the content in a channel's own words: each part that is overridden, the others as they are."""
    content = message.content
    if content is None:
        return None
    own = next((one for one in content.overrides if one[0] == channel), ("", "", "", "", ""))
    return Content(own[1] or content.title, own[2] or content.text, own[3] or content.html, own[4] or content.url)


def attempt_of(
    message_id: str, message: Message, life: Life, step: Step, number: int, to: tuple[Destination, ...]
) -> Attempt:
    """Return the call to be made."""
    return Attempt(
        reference=reference_of(message_id, step.number, number),
        message_id=message_id,
        step=step.number,
        number=number,
        channel=step.channel,
        addresses=tuple(one.value for one in to),
        category=message.category,
        priority=life.priority,
        expire_ms=life.expire_ms,
        tenant=message.tenant,
        line=message.line,
        content=rendered(message, step.channel),
        template=message.template,
        params=message.params,
    )
