"""The one step between `propose` and `settle`: check, count, charge, write and enqueue, in one script a partition.

    proposals -> groups by partition -> admit.lua -> Admitted each

A repeated call is harmless: what the first one decided is answered as KNOWN, or as CHANGED for a message that had been
decided earlier.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

import msgpack

from engine.decision.blueprint import Blueprint, CandidateBlueprint, ChargeAsk, LimitAsk
from engine.decision.model import Admission, Charge
from engine.decision.moment import next_midnight
from engine.decision.outline import unpack_admission
from engine.decision.propose import Proposal
from engine.state.connection import Store
from engine.state.keys import Keys
from engine.state.ledger import use_key
from engine.state.limit_ids import LimitIds
from engine.state.scripts import Argument, Command, Script
from engine.state.slices import account_field

_ADMIT: Final = Script("admit")

GROUP: Final = 128
"""Messages that one script decides at most: for their 2 ms nobody else is served."""

_SHAPES_KEPT: Final = 8192
NOTHING_ASKED: Final[frozenset[str]] = frozenset()
_PRIORITIES: Final = ("P0", "P1", "P2", "P3")
_TIMERS: Final = {priority: place for place, priority in enumerate(_PRIORITIES, 5)}
"""The places of the timers among the keys of the script."""


class Earlier(NamedTuple):
    """What a message brings along that was decided before.

    `version` is that of its record as it was read. `life` is stored with it, None leaves the one that is there.
    `counted` holds (limit, key, step number) and `paid` (account, step number), the number 0 for what is per message:
    neither is checked or taken again. `started`: a step of it was enqueued before. `in_hand` is the step whose lane
    entry the caller holds, if any: it is not enqueued again. What led here (that entry, a timer) stays.
    """

    version: int
    life: bytes | None = None
    counted: Set[tuple[str, str, int]] = frozenset()
    paid: Set[tuple[str, int]] = frozenset()
    started: bool = False
    in_hand: int | None = None


class AdmitRequest(NamedTuple):
    """One message to be admitted; `user` is the user's digest, `outline` and `body` are stored as they are.

    `record_until_ms` is until when the same request is the same message. `asked` are the accounts that have nothing
    more to give: SQL and the other slices were asked; None = all. `held_in` is the index (a key) of the paused line or
    campaign, for a proposal that is held without an end.
    """

    message_id: str
    user: bytes
    proposal: Proposal
    outline: bytes
    body: bytes | None
    record_until_ms: int
    asked: Set[str] | None = NOTHING_ASKED
    held_in: str | None = None
    earlier: Earlier | None = None


class Kind(Enum):
    """What became of a request."""

    ADMITTED = "admitted"
    """Decided now, all is written: `admission` says how."""
    KNOWN = "known"
    """Decided before: `known` says how."""
    SHORT = "short"
    """Nothing was done: the accounts in `short` must get more here, or be found to have no more."""
    CHANGED = "changed"
    """Nothing was done: the record has changed since it was read. Or, for a first decision: the same request's earlier
    life is over but not yet recorded to its end; call again a little later."""


class Known(NamedTuple):
    """What is on record of a request: its `body`, or its `digests` when that is gone, and the first answer."""

    version: int
    body: bytes | None
    digests: bytes | None
    outline: bytes
    admission: Admission


class Admitted(NamedTuple):
    """What became of one request. `short` holds the accounts that are short, with what the message may take at most."""

    kind: Kind
    admission: Admission | None = None
    known: Known | None = None
    short: tuple[Charge, ...] = ()


_CHANGED: Final = Admitted(Kind.CHANGED)


class Admitter:
    """Admits messages to the state of one Redis."""

    def __init__(self, store: Store, ids: LimitIds) -> None:
        self._store = store
        self._ids = ids
        self._shapes: dict[Blueprint, _Shape] = {}

    async def admit(self, requests: Sequence[AdmitRequest], stamp_ms: int | None) -> list[Admitted]:
        """Decide messages; those of one user in their order. Each partition's are decided in one stroke.

        `stamp_ms` is what the clock shows by which they were proposed; None when that is the messages' own. Raises
        ClockDiffers when it is more than 1 s off that of Redis, and what the Store raises. Some partitions may have
        decided all the same; call again to know.
        """
        await self._learn_names(requests)
        groups = await self._groups(requests)
        stamp = "" if stamp_ms is None else str(stamp_ms)
        replies = await self._store.pipelines([[one.command(stamp) for one in each] for each in groups])
        admitted: list[Admitted] = [_CHANGED] * len(requests)
        for group, answers in zip(chain.from_iterable(groups), replies, strict=True):
            for place, answer in zip(group.places, answers, strict=True):
                admitted[place] = _new(answer) if type(answer) is bytes else _not_new(answer, requests[place])
        return admitted

    async def _learn_names(self, requests: Iterable[AdmitRequest]) -> None:
        """Make the number of every limit known, so that the rest needs no waiting."""
        asked = {request.proposal.blueprint for request in requests}
        new = [blueprint for blueprint in asked if blueprint is not None and blueprint not in self._shapes]
        if new:
            await self._ids.of(ask.name for blueprint in new for one in blueprint.candidates for ask in one.limits)

    async def _groups(self, requests: Sequence[AdmitRequest]) -> list[list[_Group]]:
        """Return the groups of each partition, which are decided in their order."""
        keys = self._store.keys
        groups: dict[int, list[_Group]] = {}
        for place, request in enumerate(requests):
            if place % GROUP == GROUP - 1:
                await asyncio.sleep(0)  # who waits for a single message gets their turn
            partition = keys.partition(request.user)
            mine = groups.get(partition)
            if mine is None:
                mine = groups[partition] = [_Group(keys, partition)]
            elif len(mine[-1].places) == GROUP:
                mine.append(_Group(keys, partition))
            group = mine[-1]
            group.places.append(place)
            blueprint = request.proposal.blueprint
            group.add(request, self._shape_for(request, blueprint) if blueprint is not None else None)
        return list(groups.values())

    def _shape_for(self, request: AdmitRequest, blueprint: Blueprint) -> _Shape:
        earlier = request.earlier
        if earlier is not None and (earlier.counted or earlier.paid):
            return _shape(_without_what_is_held(blueprint, request.proposal, earlier), self._ids.known)
        shape = self._shapes.get(blueprint)
        if shape is None:
            if len(self._shapes) >= _SHAPES_KEPT:
                self._shapes.clear()
            shape = self._shapes[blueprint] = _shape(blueprint, self._ids.known)
        return shape


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """What all messages of a blueprint have in common, as the script wants it. `by_day`: a window ends at midnight."""

    packed: bytes
    channels: tuple[str, ...]
    by_day: bool


def _shape(blueprint: Blueprint, numbers: Mapping[str, int]) -> _Shape:
    candidates = [
        (
            str(number),
            one.choice.wait_ms,
            [_limit(ask, numbers) for ask in one.limits],
            [_charge(a) for a in one.charges],
        )
        for number, one in zip(blueprint.numbers, blueprint.candidates, strict=True)
    ]
    return _Shape(
        msgpack.packb([blueprint.route.strategy == "CONCURRENT", *candidates]),
        tuple(one.choice.channel for one in blueprint.candidates),
        any(not ask.window_ms for one in blueprint.candidates for ask in one.limits),
    )


def _limit(ask: LimitAsk, numbers: Mapping[str, int]) -> tuple[int | bool, ...]:
    most = -1 if ask.max is None else ask.max
    times = (ask.window_ms, ask.min_interval_ms)
    return (ask.use + 1, numbers[ask.name], most, *times, ask.hold, ask.per_step, ask.rule_max, ask.rule_gap)


def _charge(ask: ChargeAsk) -> tuple[int | bool, ...]:
    return (ask.charge + 1, ask.per_step, ask.rule)


def _without_what_is_held(blueprint: Blueprint, proposal: Proposal, earlier: Earlier) -> Blueprint:
    """Leave out the limits and charges that the message holds already."""

    def left(number: int, one: CandidateBlueprint) -> CandidateBlueprint:
        return replace(
            one,
            limits=tuple(a for a in one.limits if (*proposal.uses[a.use], number * a.per_step) not in earlier.counted),
            charges=tuple(
                a for a in one.charges if (proposal.charges[a.charge].account, number * a.per_step) not in earlier.paid
            ),
        )

    return replace(blueprint, candidates=tuple(map(left, blueprint.numbers, blueprint.candidates)))


class _Group:
    """The messages of one partition that are decided in one stroke."""

    __slots__ = (
        "_buckets",
        "_keys",
        "_names",
        "_others",
        "_partition",
        "_records",
        "_shapes",
        "_values",
        "_variants",
        "places",
    )

    def __init__(self, keys: Keys, partition: int) -> None:
        self.places: list[int] = []
        self._keys = keys
        self._partition = partition
        timers = [keys.timers(partition, priority) for priority in _PRIORITIES]
        counters, dead = keys.load(partition), keys.dead(partition)
        self._records: list[str] = []
        self._buckets: list[str] = []
        self._names = [keys.events(partition), keys.slices(partition), counters, dead, *timers]
        self._others: dict[str, int] = {}
        self._values: list[Any] = []
        self._shapes: dict[_Shape, int] = {}
        self._variants: dict[tuple[_Shape, str, bool], tuple[int, tuple[Any, ...]]] = {}

    def add(self, request: AdmitRequest, shape: _Shape | None) -> None:
        """Take up one message; `shape` is that of its blueprint."""
        message_id, user, proposal, outline, body, until_ms, asked, held_in, earlier = request
        assert body is not None or earlier is not None  # a first decision stores it
        message, zone, now_ms, expire_ms, _matched, refusal, _blueprint, refused, uses, charges = proposal
        tenant, refusals = message.tenant, None
        variant = midnight_ms = 0
        if shape is None:
            refusals = (*(refusal or ()), _TIMERS[proposal.priority])
        else:
            variant = self._variant(shape, proposal.priority, bool(message.campaign))
            if shape.by_day:
                midnight_ms = next_midnight(zone, now_ms)
            if any(refused):
                refusals = refused
        self._records.append(self._keys.message(message_id))
        self._buckets.append(self._keys.ledger(self._partition, user))
        self._values += (
            message_id,
            user,
            variant,
            now_ms,
            expire_ms,
            [use_key(key) for _name, key in uses],
            [word for account, micros, unit in charges for word in (account_field(tenant, account), micros, unit)],
            refusals,
            outline,
            body,
            until_ms,
            midnight_ms,
            None if asked == NOTHING_ASKED else _flags(asked, charges),
            self._other(held_in) if held_in is not None else None,
            _earlier(earlier) if earlier is not None else None,
        )

    def _variant(self, shape: _Shape, priority: str, bulk: bool) -> int:
        """Return the number of this shape with its lanes: of a priority, and single or bulk."""
        found = self._variants.get((shape, priority, bulk))
        if found is None:
            place = self._shapes.setdefault(shape, len(self._shapes) + 1)
            lanes = [self._other(self._keys.lane(self._partition, c, priority, bulk)) for c in shape.channels]
            found = len(self._variants) + 1, (place, _TIMERS[priority], lanes)
            self._variants[shape, priority, bulk] = found
        return found[0]

    def _other(self, key: str) -> int:
        """Return the place of a key beside those that every group has."""
        return self._others.setdefault(key, len(self._others) + 1)

    def command(self, stamp: str) -> Command:
        """Return the call of the script."""
        shapes = [shape.packed for shape in self._shapes]
        variants = _pack([row for _number, row in self._variants.values()])
        # The values without the array around them; its head has 3 bytes from 16 values on.
        values = _pack(self._values)[1 if len(self._values) < 16 else 3 :]
        arguments: list[Argument] = [stamp, len(self.places), values, variants, *shapes]
        return _ADMIT.command([*self._names, *self._records, *self._buckets, *self._others], arguments)


# Lua's msgpack knows no bytes apart from text.
_pack: Final[Callable[[Any], bytes]] = msgpack.Packer(use_bin_type=False).pack


def _earlier(earlier: Earlier) -> list[Any]:
    in_hand = str(earlier.in_hand) if earlier.in_hand is not None else ""
    return [earlier.version, earlier.life or b"", earlier.started, in_hand]


def _flags(asked: Set[str] | None, charges: Sequence[Charge]) -> bool | list[bool]:
    return True if asked is None else [charge.account in asked for charge in charges]


@lru_cache(maxsize=8192)
def _new(answer: bytes) -> Admitted:
    """Most admissions are the same few."""
    return Admitted(Kind.ADMITTED, unpack_admission(answer))


def _not_new(answer: Any, request: AdmitRequest) -> Admitted:
    if answer == 0:
        return _CHANGED
    if len(answer) == 5:
        version, body, digests, outline, admission = answer
        return Admitted(Kind.KNOWN, known=Known(version, body, digests, outline, unpack_admission(admission)))
    charges, wanted = request.proposal.charges, zip(answer[::2], answer[1::2], strict=True)
    return Admitted(Kind.SHORT, short=tuple(charges[place - 1]._replace(micros=micros) for place, micros in wanted))
