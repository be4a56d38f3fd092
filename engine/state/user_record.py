"""What is known of one user, and how it is stored. Pure: no Redis here.

A record is packed as the msgpack array

    [1, version, zone, language, [tags], attributes, [bindings], [opt-outs]]

with a binding [channel, value, bound_at_ms, version, valid], an opt-out [channel, category, at_ms], and the attributes
packed apart, since few rules read them. The version begins at 1 and grows with every change, so format and version, the
first bytes, tell two states of a user apart: they are what a write compares before it sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgpack

from engine.decision.model import User
from engine.errors import StateUnavailable

FORMAT: Final = 1

_HEAD: Final = bytes([0x98, FORMAT])
"""How every record begins: an array of eight, the format."""


class Binding(NamedTuple):
    """One address of a user. `version` is the user's version in which it was bound, or renewed, or judged again.

    An address that turned out to be dead stays listed with `valid` False and is not sent to.
    """

    channel: str
    value: str
    bound_at_ms: int
    version: int = 0
    valid: bool = True


class OptOut(NamedTuple):
    """What a user does not want, and since when; channel "" means every channel."""

    channel: str
    category: str
    at_ms: int


class UserRecord(NamedTuple):
    """All that is known of a user; version 0 is a user of whom nothing is stored. `attributes` are packed."""

    version: int = 0
    zone: str = ""
    language: str = ""
    tags: tuple[str, ...] = ()
    attributes: bytes = b""
    bindings: tuple[Binding, ...] = ()
    opt_outs: tuple[OptOut, ...] = ()

    def user(self, default_zone: str) -> User:
        """Return the user as rules see one: of the bindings only the channels that have a valid one."""
        return _view(self, default_zone)

    def on(self, channel: str) -> tuple[Binding, ...]:
        """Return the bindings of one channel, valid ones first, of these the newest first; "" = every channel."""
        found = [one for one in self.bindings if not channel or one.channel == channel]
        return tuple(sorted(found, key=lambda one: (not one.valid, -one.bound_at_ms, -one.version)))

    def binding(self, channel: str, value: str) -> Binding | None:
        """Return the binding of one address."""
        return next((one for one in self.bindings if one[0] == channel and one[1] == value), None)

    def opted_out_at(self, channel: str, category: str) -> int | None:
        """Return when the user last said not to want this category on this channel; None = they did not say so."""
        times = [one.at_ms for one in self.opt_outs if one.channel in ("", channel) and one.category == category]
        return max(times, default=None)


_make_user = tuple.__new__
"""A named tuple's own constructor takes twice as long, and this runs for every message."""

_NONE: Final[frozenset[Any]] = frozenset()
NO_ATTRIBUTES: Final[Mapping[str, Any]] = {}

UNKNOWN: Final = UserRecord()


# ---- packed and back ----


def pack_record(record: UserRecord) -> bytes:
    """Write a record."""
    return bytes(msgpack.packb((FORMAT, *record)))


def unpack_record(packed: bytes) -> UserRecord:
    """Read what `pack_record` wrote. Raises StateUnavailable for a format that this version does not know."""
    found = _unpacked(packed)
    bindings = tuple([tuple.__new__(Binding, one) for one in found[6]])
    opt_outs = tuple([tuple.__new__(OptOut, one) for one in found[7]]) if found[7] else ()
    return tuple.__new__(UserRecord, (*found[1:6], bindings, opt_outs))


def _unpacked(packed: bytes) -> tuple[Any, ...]:
    found: tuple[Any, ...] = msgpack.unpackb(packed, use_list=False)
    if found[0] != FORMAT:
        raise StateUnavailable(f"a user is stored in format {found[0]}, which a newer version of Signalbox writes")
    return found


def unpack_view(packed: bytes, default_zone: str) -> User:
    """Read of what `pack_record` wrote only what rules see, in half the time: this runs for every message.

    Raises StateUnavailable for a format that this version does not know.
    """
    return _view(_unpacked(packed)[1:], default_zone)


def _view(fields: Sequence[Any], default_zone: str) -> User:
    """Make the user that rules see out of the fields of a record, whose bindings and opt-outs may be plain tuples."""
    _version, zone, language, tags, attributes, bindings, opt_outs = fields
    return _make_user(
        User,
        (
            True,
            zone or default_zone,
            tags,
            language,
            read_attributes(attributes) if attributes else NO_ATTRIBUTES,
            _set_of(tuple([one[0] for one in bindings if one[4]])) if bindings else _NONE,
            frozenset([one[:2] for one in opt_outs]) if opt_outs else _NONE,
        ),
    )


@lru_cache(maxsize=4096)
def _set_of(channels: tuple[str, ...]) -> frozenset[str]:
    """Most users are reached by one of a few sets of channels; an old set knows its hash."""
    return frozenset(channels)


def version_mark(version: int) -> bytes:
    """Return the bytes with which a record of this version begins, and no other; empty for version 0 (nothing)."""
    return _HEAD + bytes(msgpack.packb(version)) if version else b""


def pack_attributes(attributes: Mapping[str, Any]) -> bytes:
    """Write attributes; equal ones always to the same bytes."""
    return bytes(msgpack.packb(_sorted(attributes))) if attributes else b""


def read_attributes(packed: bytes) -> Mapping[str, Any]:
    """Read what `pack_attributes` wrote."""
    found: Mapping[str, Any] = msgpack.unpackb(packed) if packed else NO_ATTRIBUTES
    return found


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value
