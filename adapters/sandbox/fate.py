"""What the simulated carrier does with one call: a pure function of seed, provider and reference. Chance is a digest.

So a run can be repeated, and a checker can recount it. Whether an address is dead, or its owner has opted out, hangs on
seed, channel and address instead: it stays so, and no other provider changes it.
"""

from __future__ import annotations

import struct
from enum import IntEnum, StrEnum
from hashlib import blake2b
from typing import NamedTuple

from adapters.base import Attempt, Outcome, ReceiptKind, Result
from adapters.sandbox.profile import SandboxProfile

REPEAT_WITHIN_MS = 60_000

_WORDS = {
    Outcome.RETRY: ("503", "service unavailable"),
    Outcome.THROTTLE: ("429", "too many requests"),
    Outcome.AUTH: ("401", "credential refused"),
    Outcome.BUDGET: ("402", "balance used up"),
    Outcome.CONTENT: ("CONTENT", "content refused"),
    Outcome.CONFIG: ("CONFIG", "signature not approved"),
    Outcome.DEAD: ("NO_SUCH_ADDRESS", "nobody has this address"),
    Outcome.OPTOUT: ("UNSUBSCRIBED", "the receiver has opted out"),
}


class Arrival(StrEnum):
    """How far a call came: the `kind` of its line in the log."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNREACHED = "unreached"


class PlannedReceipt(NamedTuple):
    """A receipt to be told: when, about what, and when that happened; times count from the call, in milliseconds."""

    due_ms: int
    kind: ReceiptKind
    at_ms: int
    code: str = ""


class Fate(NamedTuple):
    """What becomes of a call. `answer_ms` is how long the result takes to come, or not to come.

    `delivered`: does the receiver get it? That is the truth, whatever `receipts` tell of it.
    """

    arrival: Arrival
    result: Result
    answer_ms: int = 0
    delivered: bool = False
    receipts: tuple[PlannedReceipt, ...] = ()


class _Draw(IntEnum):
    """Which of the sixteen numbers of a call decides what."""

    ANSWER = 0
    REACH = 1
    REFUSAL = 2
    SILENCE = 3
    DELIVERY = 4
    TRANSIT = 5
    LOSS = 6
    LATENESS = 7
    LATE_BY = 8
    REPEAT = 9
    REPEAT_AFTER = 10
    READING = 11
    READ_AFTER = 12
    CLICK = 13
    CLICK_AFTER = 14
    OPT_OUT = 15


def draws(*names: object) -> tuple[float, ...]:
    """Return sixteen numbers from 0 up to 1 that hang on these names alone."""
    digest = blake2b("/".join(map(str, names)).encode("utf-8", "surrogatepass"), digest_size=64).digest()
    return tuple(number / 2**32 for number in struct.unpack(">16I", digest))


def refused(outcome: Outcome, retry_after_ms: int = 0, dead: tuple[str, ...] = (), answer_ms: int = 0) -> Fate:
    """Return the fate of a call that is answered with anything but OK."""
    code, detail = _WORDS[outcome]
    return Fate(Arrival.REFUSED, Result(outcome, "", code, detail, retry_after_ms, dead), answer_ms)


def fate_of(profile: SandboxProfile, provider: str, attempt: Attempt) -> Fate:
    """Return what becomes of a call at a carrier that is neither out nor overrun."""
    drawn = draws(profile.seed, provider, attempt.reference)
    answer_ms = _between(profile.answer_ms, drawn[_Draw.ANSWER])
    unheard = Result(Outcome.AMBIGUOUS, code="TIMEOUT", detail="no answer came")
    if drawn[_Draw.REACH] < profile.unreached:
        return Fate(Arrival.UNREACHED, unheard, profile.timeout_ms)
    if refusal := _refusal(profile, attempt, drawn[_Draw.REFUSAL], answer_ms):
        return refusal
    delivered = drawn[_Draw.DELIVERY] >= profile.failed
    receipts = _receipts(profile, attempt, delivered, drawn) if profile.receipts else ()
    if drawn[_Draw.SILENCE] < profile.unanswered or answer_ms >= profile.timeout_ms:
        return Fate(Arrival.ACCEPTED, unheard, profile.timeout_ms, delivered, receipts)
    dead = tuple(address for address in attempt.addresses if _never_arrives(profile, attempt.channel, address))
    result = Result(Outcome.OK, provider_id_of(provider, attempt.reference), dead=dead)
    return Fate(Arrival.ACCEPTED, result, answer_ms, delivered, receipts)


def provider_id_of(provider: str, reference: str) -> str:
    """Return the carrier's own name for a call that it accepted."""
    return "sb-" + blake2b(f"{provider}/{reference}".encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def _refusal(profile: SandboxProfile, attempt: Attempt, drawn: float, answer_ms: int) -> Fate | None:
    if not attempt.addresses:
        return refused(Outcome.CONFIG, answer_ms=answer_ms)
    living = [address for address in attempt.addresses if not _never_arrives(profile, attempt.channel, address)]
    if not living:
        return refused(Outcome.DEAD, dead=attempt.addresses, answer_ms=answer_ms)
    if profile.optout and all(draws(profile.seed, attempt.channel, a)[1] < profile.optout for a in living):
        return refused(Outcome.OPTOUT, answer_ms=answer_ms)
    for outcome, share in profile.refusals:
        if drawn < share:
            hint_ms = profile.throttle_wait_ms if outcome is Outcome.THROTTLE else 0
            return refused(outcome, hint_ms, answer_ms=answer_ms)
        drawn -= share
    return None


def _never_arrives(profile: SandboxProfile, channel: str, address: str) -> bool:
    return profile.dead > 0 and draws(profile.seed, channel, address)[0] < profile.dead


def _receipts(
    profile: SandboxProfile, attempt: Attempt, delivered: bool, drawn: tuple[float, ...]
) -> tuple[PlannedReceipt, ...]:
    """Return what will be told, in order of telling. What the receiver does is told though the delivery be not."""
    at_ms = _between(profile.receipt_ms, drawn[_Draw.TRANSIT])
    told: list[PlannedReceipt] = []
    if drawn[_Draw.LOSS] >= profile.lost:
        late_ms = _between(profile.late_ms, drawn[_Draw.LATE_BY]) if drawn[_Draw.LATENESS] < profile.late else 0
        kind, code = (ReceiptKind.DELIVERED, "") if delivered else (ReceiptKind.FAILED, "UNDELIVERABLE")
        told.append(PlannedReceipt(at_ms + late_ms, kind, at_ms, code))
        if drawn[_Draw.REPEAT] < profile.repeated:
            again_ms = int(REPEAT_WITHIN_MS * drawn[_Draw.REPEAT_AFTER])
            told.append(told[0]._replace(due_ms=told[0].due_ms + again_ms))
    if delivered:
        told += _reactions(profile, attempt, at_ms, drawn)
    return tuple(sorted(told))


def _reactions(profile: SandboxProfile, attempt: Attempt, at_ms: int, drawn: tuple[float, ...]) -> list[PlannedReceipt]:
    told: list[PlannedReceipt] = []
    read_ms = at_ms + _between(profile.read_ms, drawn[_Draw.READ_AFTER])
    if drawn[_Draw.READING] < profile.read:
        told.append(PlannedReceipt(read_ms, ReceiptKind.READ, read_ms))
        if drawn[_Draw.CLICK] < profile.clicked:
            click_ms = read_ms + _between(profile.click_ms, drawn[_Draw.CLICK_AFTER])
            told.append(PlannedReceipt(click_ms, ReceiptKind.CLICKED, click_ms))
    if attempt.category == "MARKETING" and drawn[_Draw.OPT_OUT] < profile.unsubscribed:
        told.append(PlannedReceipt(read_ms, ReceiptKind.OPTED_OUT, read_ms))
    return told


def _between(bounds: tuple[int, int], drawn: float) -> int:
    return bounds[0] + int((bounds[1] - bounds[0] + 1) * drawn)
