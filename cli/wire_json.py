"""Messages of the contract as programs and people read them: short names of enums, times as texts, numbers as numbers.

Protobuf's own JSON writes 64-bit numbers as texts, and the long names of enums.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


def plain(message: Message, empties: bool = False) -> dict[str, Any]:
    """Return a message as a dictionary; with `empties`, fields that are empty are there too, absent ones never."""
    found: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.has_presence and not message.HasField(field.name):
            continue
        if empties or field.has_presence or value:
            found[field.name] = _value(field, value, empties)
    return found


def moment(stamp: Timestamp) -> str:
    """Return a time as 2026-01-05T13:00:00.000Z; nothing for one that is not set."""
    if not stamp.seconds and not stamp.nanos:
        return ""
    return iso(stamp.ToMilliseconds())


def iso(at_ms: int) -> str:
    """Return milliseconds since the epoch as 2026-01-05T13:00:00.000Z."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def struct(value: Message) -> dict[str, Any]:
    """Return a Struct; its whole numbers, which it only knows as doubles, become whole again."""
    whole: dict[str, Any] = _whole(MessageToDict(value))
    return whole


def short(enum: Any, number: int) -> str:
    """Return the short name of an enum's value, nothing for the one that is not stated."""
    prefix = str(enum.values_by_number[0].name).removesuffix("UNSPECIFIED")
    known = enum.values_by_number.get(number)
    name = str(known.name).removeprefix(prefix) if known is not None else str(number)
    return "" if name == "UNSPECIFIED" else name


def _value(field: Any, value: Any, empties: bool) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        below = field.message_type.fields_by_name["value"]
        return {str(key): _single(below, value[key], empties) for key in sorted(value)}
    if field.is_repeated:
        return [_single(field, one, empties) for one in value]
    return _single(field, value, empties)


def _single(field: Any, value: Any, empties: bool) -> Any:
    if field.enum_type is not None:
        return short(field.enum_type, value)
    if field.message_type is None:
        return value
    match field.message_type.full_name:
        case "google.protobuf.Timestamp":
            return moment(value)
        case "google.protobuf.Struct":
            return struct(value)
        case "google.protobuf.Duration":
            return MessageToDict(value)
    return plain(value, empties)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
