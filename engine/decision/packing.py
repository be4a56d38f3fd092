"""A message written down: the body of its record, and the digests that remain of it when the body has gone.

The packed form is a msgpack array [1, the fields of `Message` in order].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final

import msgpack

from engine.decision.model import Content, Message

FORMAT = 1
DIGEST_BYTES = 8

_CONTENT = Message._fields.index("content")
_PARAMS = Message._fields.index("params")


def pack_message(message: Message) -> bytes:
    """Write a message."""
    if type(message.params) is not dict:
        message = message._replace(params=dict(message.params))
    packed: bytes = _pack((FORMAT, *message))
    return packed


# One for all: making a packer takes as long as packing. It never calls back, so threads do not meet in it.
_pack: Final[Callable[[Any], bytes]] = msgpack.Packer().pack


def unpack_message(packed: bytes) -> Message:
    """Read what `pack_message` wrote."""
    form, *fields = msgpack.unpackb(packed, use_list=False)
    assert form == FORMAT, f"a message of format {form}"
    if fields[_CONTENT] is not None:
        fields[_CONTENT] = Content(*fields[_CONTENT])
    fields[_PARAMS] = _with_lists(fields[_PARAMS])
    return Message(*fields)


def _with_lists(value: Any) -> Any:
    """Params hold lists, the rest of a message holds tuples."""
    if isinstance(value, dict):
        return {name: _with_lists(item) for name, item in value.items()}
    return [_with_lists(item) for item in value] if isinstance(value, tuple) else value


def digests(message: Message) -> bytes:
    """Return a digest of each field, in order: what still tells a repeat from another message without its body."""
    return b"".join(_digest(value) for value in message)


def changed_field(message: Message, body: bytes | None, kept: bytes | None) -> str | None:
    """Return the path of the first field in which a message differs from the one with this body, or these digests.

    None when it is the same message. One of the two is given.
    """
    if body is not None:
        before = unpack_message(body)
        for name, new, old in zip(Message._fields, message, before, strict=True):
            # Equal is not the same where a struct holds true and 1, or 0 and -0.
            if (new != old or isinstance(new, Mapping)) and _digest(new) != _digest(old):
                return _path(name)
        return None
    assert kept is not None  # a record has either its body or its digests
    for place, name in enumerate(Message._fields):
        if _digest(message[place]) != kept[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES]:
            return _path(name)
    return None


_OF_WISHES = {"wished_channels": "message.wishes.channels", "wished_strategy": "message.wishes.strategy"}


def _path(name: str) -> str:
    """Return a field's path as the caller writes it."""
    return _OF_WISHES.get(name, "message." + name.removesuffix("_ms"))


def _digest(value: Any) -> bytes:
    return blake2b(msgpack.packb(_canonical(value)), digest_size=DIGEST_BYTES).digest()


def _canonical(value: Any) -> Any:
    """Return a value in which the order of a struct's fields, which has no meaning, is always the same."""
    if isinstance(value, Mapping):
        return [(name, _canonical(value[name])) for name in sorted(value)]
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return value
