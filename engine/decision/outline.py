"""What is kept of a proposal: enough to settle it again, now and at every repeat, whatever became of its rule set.

A proposal points at rules and blueprints of a rule set that a restart or a newer version takes away. Its outline names
them instead, and can be written down:

    Proposal --outline--> Outline --pack--> bytes (in the message's record) --unpack--> Outline --settle--> Decision

The packed form is a msgpack array [1, shape, particulars]; the shape is the same for all messages of one blueprint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgpack

from engine.decision.blueprint import Blueprint, CandidateBlueprint
from engine.decision.model import Admission, Charge, Reason, Refusal
from engine.decision.propose import Proposal
from engine.ruleset.effects import ChannelChoice
from engine.ruleset.rules import Rule

FORMAT = 1


class OutlineCandidate(NamedTuple):
    """One candidate: its number within the message, its channel, and what it takes.

    `charges` and `uses` hold (place in the outline's list, per step?).
    """

    number: int
    choice: ChannelChoice
    charges: tuple[tuple[int, bool], ...]
    uses: tuple[tuple[int, bool], ...]


class Shape(NamedTuple):
    """The part of an outline that all messages of one blueprint share. `rule_ids` names every rule by its index."""

    version: str
    strategy: str
    route_id: str
    candidates: tuple[OutlineCandidate, ...]
    rule_ids: Mapping[int, str]


class Outline(NamedTuple):
    """What was proposed for one message. `refusal` is that of the whole message, and then there is no candidate."""

    shape: Shape
    now_ms: int
    expire_ms: int
    priority: str
    refusal: Refusal | None
    charges: tuple[Charge, ...]
    uses: tuple[tuple[str, str], ...]


def shape_of(blueprint: Blueprint, rules: Sequence[Rule], version: str) -> Shape:
    """Return what the outlines of a blueprint share."""
    candidates = tuple(
        OutlineCandidate(
            number,
            one.choice,
            tuple((ask.charge, ask.per_step) for ask in one.charges),
            tuple((ask.use, ask.per_step) for ask in one.limits),
        )
        for number, one in zip(blueprint.numbers, blueprint.candidates, strict=True)
    )
    named = {index for one in blueprint.candidates for index in _mentioned(one)}
    rule_ids = {index: rules[index].id for index in sorted(named)}
    return Shape(version, blueprint.route.strategy, blueprint.route_id, candidates, rule_ids)


def _mentioned(one: CandidateBlueprint) -> set[int]:
    """Return the rules that a refusal of this candidate may name."""
    limits = {index for ask in one.limits for index in (ask.rule_max, ask.rule_gap)}
    found = limits | {ask.rule for ask in one.charges} | {rule.index for rule in one.holds}
    return found | ({one.exclude.index} if one.exclude is not None else set())


def shape_of_refusal(refusal: Refusal | None, rules: Sequence[Rule], version: str) -> Shape:
    """Return the shape for a message that is refused as a whole."""
    named = {refusal.rule: rules[refusal.rule].id} if refusal is not None and refusal.rule >= 0 else {}
    return Shape(version, "", "", (), named)


def outline(proposal: Proposal, shape: Shape) -> Outline:
    """Return what is kept of a proposal."""
    refusal = proposal.refusal if proposal.blueprint is None else None
    return Outline(
        shape, proposal.now_ms, proposal.expire_ms, proposal.priority, refusal, proposal.charges, proposal.uses
    )


def pack_shape(shape: Shape) -> bytes:
    """Write a shape, once for each blueprint."""
    version, strategy, route_id, candidates, rule_ids = shape
    written = [(one.number, *_choice_values(one.choice), one.charges, one.uses) for one in candidates]
    packed: bytes = msgpack.packb((version, strategy, route_id, written, list(rule_ids.items())))
    return packed


def _choice_values(choice: ChannelChoice) -> tuple[Any, ...]:
    return choice.channel, choice.providers, choice.all_addresses, choice.wait_ms, choice.until


def pack_outline(proposal: Proposal, shape: bytes) -> bytes:
    """Write the outline of a proposal whose shape is written already; `unpack_outline` reads it."""
    _message, _zone, now_ms, expire_ms, _matched, refusal, blueprint, _refusals, uses, charges = proposal
    if blueprint is not None:
        refusal = None
    return b"\x93\x01" + shape + _pack((now_ms, expire_ms, proposal.priority, refusal, charges, uses))


# One for all: making a packer takes a third of the time of packing. It never calls back, so threads do not meet in it.
_pack: Final[Callable[[Any], bytes]] = msgpack.Packer().pack


def unpack_outline(packed: bytes) -> Outline:
    """Read what `pack_outline` wrote."""
    form, shape, particulars = msgpack.unpackb(packed, use_list=False)
    assert form == FORMAT, f"an outline of format {form}"
    version, strategy, route_id, written, rule_ids = shape
    candidates = tuple(
        OutlineCandidate(number, ChannelChoice(channel, providers, every, wait_ms, until), charges, uses)
        for number, channel, providers, every, wait_ms, until, charges, uses in written
    )
    now_ms, expire_ms, priority, refusal, charges, uses = particulars
    return Outline(
        Shape(version, strategy, route_id, candidates, dict(rule_ids)),
        now_ms,
        expire_ms,
        priority,
        unpack_refusal(refusal),
        tuple(Charge(*charge) for charge in charges),
        uses,
    )


def unpack_refusal(written: Sequence[Any] | None) -> Refusal | None:
    """Read a refusal: (reason, rule, held, until in ms), or None."""
    if written is None:
        return None
    reason, rule, held, until_ms = written
    return Refusal(Reason(reason), rule, bool(held), until_ms)


def pack_admission(admission: Admission) -> bytes:
    """Write an admission in the form in which the admitting script writes it."""
    packed: bytes = msgpack.packb((FORMAT, admission.taken, admission.refusals))
    return packed


def unpack_admission(packed: bytes) -> Admission:
    """Read an admission: [1, the candidates taken, each candidate's refusal or nil]."""
    form, taken, refusals = msgpack.unpackb(packed, use_list=False)
    assert form == FORMAT, f"an admission of format {form}"
    # An empty table of Lua is written as a map.
    return Admission(tuple(taken), tuple(unpack_refusal(one) for one in refusals))


def charges_taken(outline: Outline, admission: Admission, index: int) -> tuple[tuple[int, Charge], ...]:
    """Return what taking this candidate cost: (its step number, charge), the number 0 for a charge per message.

    A charge per message falls on the first candidate taken.
    """
    if index not in admission.taken:
        return ()
    first = index == admission.taken[0]
    number, _choice, asks, _uses = outline.shape.candidates[index]
    return tuple((number if per_step else 0, outline.charges[charge]) for charge, per_step in asks if first or per_step)


def uses_taken(outline: Outline, admission: Admission) -> set[tuple[str, str, int]]:
    """Return what was counted: (limit, key, step number), the number 0 for what counts once per message."""
    held = set()
    for index in admission.taken:
        candidate = outline.shape.candidates[index]
        for use, per_step in candidate.uses:
            if per_step or index == admission.taken[0]:
                held.add((*outline.uses[use], candidate.number if per_step else 0))
    return held
