"""How a change makes the next version of a user. Pure: the same change can be made again on what another one left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from engine.errors import TooLarge, VersionDiffers
from engine.state.user_record import NO_ATTRIBUTES, Binding, OptOut, UserRecord, pack_attributes

MOST_BINDINGS: Final = 64
MOST_OPT_OUTS: Final = 64

Change = Callable[[UserRecord], UserRecord]
"""Makes of a record the next one; the same object where there is nothing to change. Raises a SignalboxError."""


class GivenBinding(NamedTuple):
    """An address as a caller states it. `valid` None: nothing is said about it."""

    channel: str
    value: str
    bound_at_ms: int = 0
    valid: bool | None = None


class GivenUser(NamedTuple):
    """A user as a caller states one: the profile whole, and bindings and opt-outs to add.

    With `replace` the bindings and opt-outs that are not listed go. `version` other than 0: only if the user is in
    this version.
    """

    tenant: str
    user_id: str
    zone: str = ""
    language: str = ""
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = NO_ATTRIBUTES
    bindings: tuple[GivenBinding, ...] = ()
    opt_outs: tuple[OptOut, ...] = ()
    version: int = 0
    replace: bool = False


def put(given: GivenUser) -> Change:
    """Return the change that makes a user what is given.

    It raises VersionDiffers when another version was expected, and TooLarge when there would be too many bindings or
    opt-outs.
    """
    packed = pack_attributes(given.attributes)

    def change(record: UserRecord) -> UserRecord:
        if given.version and record.version != given.version:
            raise VersionDiffers(f"the user is in version {record.version}, not {given.version}: read it again")
        made = record
        if given.replace:
            listed = {(one.channel, one.value) for one in given.bindings}
            unwanted = {(one.channel, one.category) for one in given.opt_outs}
            made = made._replace(
                bindings=tuple([one for one in made.bindings if one[:2] in listed]),
                opt_outs=tuple([one for one in made.opt_outs if one[:2] in unwanted]),
            )
        made = made._replace(zone=given.zone, language=given.language, tags=given.tags, attributes=packed)
        for binding in given.bindings:
            made = _with_binding(made, binding, record.version + 1)
        for out in given.opt_outs:
            made = _with_opt_out(made, out)
        # A user of whom there is nothing to say is known all the same.
        return _next(record, made) if record.version else made._replace(version=1)

    return change


def bind(binding: GivenBinding) -> Change:
    """Return the change that adds an address, or renews it; raises TooLarge when there are too many."""
    return lambda record: _next(record, _with_binding(record, binding, record.version + 1))


def unbind(channel: str, value: str) -> Change:
    """Return the change that takes an address away."""

    def change(record: UserRecord) -> UserRecord:
        kept = tuple([one for one in record.bindings if one[:2] != (channel, value)])
        return _next(record, record._replace(bindings=kept))

    return change


def invalidate(channel: str, value: str, version: int) -> Change:
    """Return the change that marks an address as dead, provided that its binding is still of this version.

    A verdict about an address that was bound anew in the meantime is about its past, so it changes nothing.
    """

    def change(record: UserRecord) -> UserRecord:
        dead = tuple(
            [
                one._replace(valid=False) if one[:2] == (channel, value) and one.version == version else one
                for one in record.bindings
            ]
        )
        return _next(record, record._replace(bindings=dead))

    return change


def opt_out(out: OptOut) -> Change:
    """Return the change that notes what a user does not want; raises TooLarge when there is too much of it."""
    return lambda record: _next(record, _with_opt_out(record, out))


def opt_in(channel: str, category: str) -> Change:
    """Return the change that takes back one opt-out: exactly the one of this channel ("" = of all channels)."""

    def change(record: UserRecord) -> UserRecord:
        kept = tuple([one for one in record.opt_outs if one[:2] != (channel, category)])
        return _next(record, record._replace(opt_outs=kept))

    return change


def _next(before: UserRecord, made: UserRecord) -> UserRecord:
    return before if made == before else made._replace(version=before.version + 1)


def _with_binding(record: UserRecord, given: GivenBinding, version: int) -> UserRecord:
    """Add a binding, or renew it when it was bound later than the one known.

    One that is known and not newer stays as it is, an invalid one invalid: the same list put again revives nothing.
    Only an explicit `valid` counts at once.
    """
    channel, value, bound_at_ms, valid = given
    known = record.binding(channel, value)
    if known is None:
        made = Binding(channel, value, bound_at_ms, version, valid is not False)
        return record._replace(bindings=(*_with_room(record.bindings), made))
    if bound_at_ms > known.bound_at_ms:
        made = Binding(channel, value, bound_at_ms, version, valid is not False)
    elif valid is not None and valid is not known.valid:
        made = known._replace(version=version, valid=valid)
    else:
        return record
    return record._replace(bindings=tuple([made if one is known else one for one in record.bindings]))


def _with_room(bindings: tuple[Binding, ...]) -> tuple[Binding, ...]:
    """Where there are as many as allowed, the dead one bound first makes room."""
    if len(bindings) < MOST_BINDINGS:
        return bindings
    dead = [one for one in bindings if not one.valid]
    if not dead:
        raise TooLarge(f"the user has {MOST_BINDINGS} valid bindings, as many as are allowed: unbind one first")
    oldest = min(dead, key=lambda one: one.bound_at_ms)
    return tuple([one for one in bindings if one is not oldest])


def _with_opt_out(record: UserRecord, out: OptOut) -> UserRecord:
    """Add an opt-out; one that is known keeps its time."""
    if any(one[:2] == out[:2] for one in record.opt_outs):
        return record
    if len(record.opt_outs) >= MOST_OPT_OUTS:
        raise TooLarge(f"the user has {MOST_OPT_OUTS} opt-outs, as many as are allowed")
    return record._replace(opt_outs=(*record.opt_outs, out))
