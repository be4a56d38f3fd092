"""What admitting a message writes, and what it answers to whom comes again."""

from __future__ import annotations

from typing import Any

import pytest

from engine.clock import SystemClock
from engine.decision.blueprint import ChargeAsk
from engine.decision.change import Event, unpack_events
from engine.decision.model import Admission, Charge, Reason, Refusal
from engine.decision.outline import unpack_admission
from engine.errors import ClockDiffers
from engine.state.admit import GROUP, AdmitRequest, Admitted, Admitter, Earlier, Kind
from engine.state.apply import Change, Changes, SetIndex
from engine.state.connection import Store
from engine.state.keys import user_digest
from engine.state.ledger import Asked, Ledger
from engine.state.limit_ids import LimitIds
from engine.state.load import Load
from engine.state.messages import Messages, Record, Recorded
from engine.state.slices import Slices
from tests.state.proposals import (
    DAY,
    HOUR,
    LIFE,
    MINUTE,
    NOW,
    blueprint,
    candidate,
    limit,
    proposal,
    request,
)

PLAIN = blueprint(candidate("sms", [limit(most=2)]))
SENT = Admission((0,), (None,))
CHARGED = blueprint(candidate("sms", charges=[ChargeAsk(0, False, 9)]), candidate("mail"))
PRICE = Charge("sms/cash", 45_000, "CNY")
ACCOUNT = ("t", "sms/cash")


@pytest.fixture
def admitter(store: Store) -> Admitter:
    """What admits to the Redis of the test."""
    return Admitter(store, LimitIds(store))


async def one(admitter: Admitter, what: AdmitRequest, stamp_ms: int | None = None) -> Admitted:
    """Admit one request."""
    (admitted,) = await admitter.admit([what], stamp_ms)
    return admitted


async def record(store: Store, what: AdmitRequest) -> Record:
    """The record of a request."""
    (found,) = await Messages(store).read([what.message_id])
    assert found is not None
    return found


async def lane(store: Store, what: AdmitRequest, channel: str, priority: str = "P1", bulk: bool = False) -> list[str]:
    """The steps of a request's partition that wait in a lane, as "message step"."""
    key = store.keys.lane(store.keys.partition(what.user), channel, priority, bulk)
    return [f"{m.decode()} {s.decode()}" for _id, (_, m, _, s) in await store.call("XRANGE", key, "-", "+")]


async def timers(store: Store, what: AdmitRequest, priority: str = "P1") -> dict[str, int]:
    """The timers of a request's partition, by what follows the message's id."""
    key = store.keys.timers(store.keys.partition(what.user), priority)
    flat = await store.call("ZRANGE", key, 0, -1, "WITHSCORES")
    return {m.decode().split("#", 1)[1]: int(due) for m, due in zip(flat[::2], flat[1::2], strict=True)}


async def pointers(store: Store, what: AdmitRequest) -> list[str]:
    """The messages of a request's partition of which the recorder is told."""
    key = store.keys.events(store.keys.partition(what.user))
    return [m.decode() for _id, (_, m) in await store.call("XRANGE", key, "-", "+")]


async def fund(store: Store, what: AdmitRequest, micros: int, number: int = 1) -> None:
    """Put money into the slice that a request is charged to."""
    await Slices(store).grant(store.keys.partition(what.user), ACCOUNT, "CNY", micros, number, NOW)


# ---- sent ----


async def test_what_is_taken_is_written_whole(store: Store, admitter: Admitter) -> None:
    """A message that goes has its record, its event, its pointer and its lane entry when the answer is given."""
    what = request(store.keys, proposal(PLAIN))

    assert Admitted(Kind.ADMITTED, SENT) == await one(admitter, what)

    found = await record(store, what)
    assert (found.n, found.until_ms, found.expire_ms) == (1, NOW + LIFE, NOW + LIFE)
    assert (what.body, what.outline) == (found.body, found.outline)
    assert found.admission is not None
    assert unpack_admission(found.admission) == SENT
    assert unpack_events(found.events) == [(NOW, Event.DECIDED, 0, {})]
    assert (found.count, found.final) == (1, False)
    assert [what.message_id] == await pointers(store, what)
    assert [f"{what.message_id} 1"] == await lane(store, what, "sms")


async def test_the_lane_follows_priority_and_campaign(store: Store, admitter: Admitter) -> None:
    """Each priority has its lane, and what belongs to a campaign another than single messages."""
    await one(admitter, request(store.keys, proposal(PLAIN, priority="P0"), "a"))
    bulk = request(store.keys, proposal(PLAIN, priority="P3", campaign="spring"), "b")
    await one(admitter, bulk)

    assert len(await lane(store, bulk, "sms", "P0")) == 1
    assert [f"{bulk.message_id} 1"] == await lane(store, bulk, "sms", "P3", bulk=True)


async def test_concurrent_steps_are_all_enqueued(store: Store, admitter: Admitter) -> None:
    """Each candidate that passes has its entry; one that the rules leave out has none."""
    asks = blueprint(candidate("push"), candidate("sms"), candidate("mail"), strategy="CONCURRENT")
    excluded = Refusal(Reason.OPTED_OUT, 4)
    what = request(store.keys, proposal(asks, refusals=(None, excluded, None)))

    assert Admission((0, 2), (None, excluded, None)) == (await one(admitter, what)).admission
    assert [f"{what.message_id} 1"] == await lane(store, what, "push")
    assert [f"{what.message_id} 3"] == await lane(store, what, "mail")
    assert await lane(store, what, "sms") == []


@pytest.mark.parametrize(
    ("second", "waits"),
    [
        (None, True),
        (Refusal(Reason.QUIET_HOURS, 1, True, NOW + HOUR), True),
        (Refusal(Reason.CHANNEL_UNHEALTHY, 1), True),
        (Refusal(Reason.OPTED_OUT, 1), False),
    ],
)
async def test_a_supplement_waits_if_somebody_comes_later(
    store: Store, admitter: Admitter, second: Refusal | None, waits: bool
) -> None:
    """The wait has a timer when a later step may have its turn, and none when nobody comes later."""
    asks = blueprint(candidate("push", wait_ms=MINUTE), candidate("sms"), strategy="SUPPLEMENT")
    what = request(store.keys, proposal(asks, refusals=(None, second)))

    await one(admitter, what)

    assert ({"WAIT#1": NOW + MINUTE} if waits else {}) == await timers(store, what)
    assert await lane(store, what, "sms") == []


async def test_what_is_accepted_counts_as_unrecorded(store: Store, admitter: Admitter) -> None:
    """The bytes of a new message weigh on the bound until they are recorded."""
    what = request(store.keys, proposal(PLAIN))

    await one(admitter, what)

    found = await record(store, what)
    sizes = map(len, (found.body or b"", found.outline or b"", found.admission or b"", found.events))
    assert sum(sizes) == found.unrecorded == await Load(store, 1).unrecorded()


async def test_many_messages_in_one_call_are_answered_in_order(store: Store, admitter: Admitter) -> None:
    """A call larger than a group decides all, each user's in their order."""
    wanted = [request(store.keys, proposal(PLAIN, f"u{n % 50}"), f"r{n}") for n in range(4 * GROUP)]

    admitted = await admitter.admit(wanted, None)

    taken = [one.admission is not None and bool(one.admission.taken) for one in admitted]
    assert [n < 100 for n in range(4 * GROUP)] == taken


# ---- held and dropped ----


async def test_a_hold_sets_its_timer(store: Store, admitter: Admitter) -> None:
    """What is held until a time has a timer for then, and no entry; nothing is counted."""
    held = Refusal(Reason.QUIET_HOURS, 2, True, NOW + HOUR)
    what = request(store.keys, proposal(refusal=held))

    assert Admission((), ()) == (await one(admitter, what)).admission
    assert await timers(store, what) == {"HOLD#0": NOW + HOUR}
    assert not (await record(store, what)).final


async def test_of_several_holds_the_earliest_counts(store: Store, admitter: Admitter) -> None:
    """When every candidate is held, the message is looked at again when the first may go."""
    late, soon = (Refusal(Reason.QUIET_HOURS, 2, True, NOW + hours * HOUR) for hours in (5, 2))
    asks = blueprint(candidate("push"), candidate("sms"))
    what = request(store.keys, proposal(asks, refusals=(late, soon)))

    assert Admission((), (late, soon)) == (await one(admitter, what)).admission
    assert await timers(store, what) == {"HOLD#0": NOW + 2 * HOUR}


async def test_a_pause_holds_without_an_end(store: Store, admitter: Admitter) -> None:
    """What a paused line holds stands in its index, and in the timers with the end of its life."""
    what = proposal(refusal=Refusal(Reason.PAUSED, held=True))
    index = store.keys.held(store.keys.partition(user_digest("t", "u")), "line", "t/cards")
    asked = request(store.keys, what, held_in=index)

    await one(admitter, asked)

    assert await timers(store, asked) == {"EXPIRE#0": NOW + LIFE}
    assert [asked.message_id.encode()] == await store.call("ZRANGE", index, 0, -1)


async def test_a_drop_is_final_at_once(store: Store, admitter: Admitter) -> None:
    """What is dropped has a record, for whoever asks again, and nothing else to do."""
    what = request(store.keys, proposal(refusal=Refusal(Reason.BLOCKED, 3)))

    assert Admission((), ()) == (await one(admitter, what)).admission
    assert (await record(store, what)).final
    assert await timers(store, what) == {}
    assert [what.message_id] == await pointers(store, what)


# ---- again ----


@pytest.mark.parametrize("together", [True, False])
async def test_the_same_request_gets_the_first_answer(store: Store, admitter: Admitter, together: bool) -> None:
    """A repeat changes nothing and is told the first decision, in the same call or in a later one."""
    first = request(store.keys, proposal(PLAIN))
    repeat = first._replace(proposal=proposal(now_ms=NOW + 1), outline=b"other", body=b"other")

    if together:
        answers = await admitter.admit([first, repeat], None)
    else:
        answers = [await one(admitter, first), await one(admitter, repeat)]

    known = answers[1].known
    assert known is not None
    assert (Kind.KNOWN, 1, first.body, None) == (answers[1].kind, known.version, known.body, known.digests)
    assert (first.outline, SENT) == (known.outline, known.admission)
    assert [f"{first.message_id} 1"] == await lane(store, first, "sms")
    assert [first.message_id] == await pointers(store, first)


async def close(store: Store, what: AdmitRequest) -> None:
    """Let a message be final and recorded."""
    found = await record(store, what)
    if not found.final:
        assert await Changes(store).apply([Change(what.message_id, found.n, final=True)])
        found = await record(store, what)
    assert await Messages(store).recorded([Recorded(what.message_id, found.n, b"digests", DAY)])


async def test_a_closed_message_is_known_by_its_digests(store: Store, admitter: Admitter) -> None:
    """When the body has gone, the digests of the fields are handed out instead."""
    what = request(store.keys, proposal(PLAIN))
    await one(admitter, what)
    await close(store, what)

    known = (await one(admitter, what)).known

    assert known is not None
    assert (known.body, known.digests, known.admission) == (None, b"digests", SENT)


async def test_after_its_time_a_request_is_a_new_life(store: Store, admitter: Admitter) -> None:
    """A request used again after its record's time is another message, with a version that nobody mixes up."""
    first = request(store.keys, proposal(refusal=Refusal(Reason.BLOCKED)))
    await one(admitter, first)
    await close(store, first)
    before = (await record(store, first)).n

    last = first._replace(proposal=proposal(PLAIN, now_ms=first.record_until_ms - 1))
    anew = first._replace(proposal=proposal(PLAIN, now_ms=first.record_until_ms))

    assert Kind.KNOWN is (await one(admitter, last)).kind
    assert (await one(admitter, anew)).admission == SENT
    found = await record(store, first)
    assert before < found.n
    assert (found.digests, found.count, found.final) == (None, 1, False)
    assert await store.call("TTL", store.keys.message(first.message_id)) == -1


async def test_a_life_that_is_not_recorded_is_not_written_over(store: Store, admitter: Admitter) -> None:
    """Until the recorder has the end of the old life, the new one must wait; nothing is lost."""
    first = request(store.keys, proposal(refusal=Refusal(Reason.BLOCKED)))
    await one(admitter, first)

    anew = first._replace(proposal=proposal(PLAIN, now_ms=first.record_until_ms))

    assert Kind.CHANGED is (await one(admitter, anew)).kind
    assert first.body == (await record(store, first)).body


async def test_a_dead_letter_does_not_block_its_request_for_ever(store: Store, admitter: Admitter) -> None:
    """A dead letter keeps its body; after its time the request may be used again, and it is no dead letter any more."""
    first = request(store.keys, proposal(PLAIN))
    await one(admitter, first)
    index = store.keys.dead(store.keys.partition(first.user))
    await Changes(store).apply([Change(first.message_id, 1, final=True, indexes=[SetIndex(index, NOW)])])

    anew = first._replace(proposal=proposal(PLAIN, now_ms=first.record_until_ms))

    assert (await one(admitter, anew)).admission == SENT
    assert await store.call("ZCARD", index) == 0


# ---- decided again ----


async def test_a_message_is_decided_again(store: Store, admitter: Admitter) -> None:
    """The new decision stands beside the first; its event tells all of it; what led to it is left to the caller."""
    held = request(store.keys, proposal(refusal=Refusal(Reason.QUIET_HOURS, 2, True, NOW + HOUR)))
    await one(admitter, held)
    led_here = await timers(store, held)
    again = request(store.keys, proposal(PLAIN, now_ms=NOW + HOUR), earlier=Earlier(1, b"life"))

    assert (await one(admitter, again)).admission == SENT

    found = await record(store, held)
    assert (2, b"life", again.outline, held.outline, 2) == (
        found.n,
        found.life,
        found.later_outline,
        found.outline,
        found.count,
    )
    assert found.later_admission is not None
    (_, (at_ms, event, _step, detail)) = unpack_events(found.events)
    assert (at_ms, event) == (NOW + HOUR, Event.DECIDED)
    assert {"outline": again.outline, "admission": found.later_admission} == detail
    assert await timers(store, held) == led_here
    assert [f"{held.message_id} 1"] == await lane(store, held, "sms")


@pytest.mark.parametrize("version", [0, 2])
async def test_who_read_another_version_changes_nothing(store: Store, admitter: Admitter, version: int) -> None:
    """A decision computed from a record that is no longer so is not carried out."""
    what = request(store.keys, proposal(refusal=Refusal(Reason.QUIET_HOURS, 2, True, NOW + HOUR)))
    await one(admitter, what)

    again = request(store.keys, proposal(PLAIN), earlier=Earlier(version))

    assert Kind.CHANGED is (await one(admitter, again)).kind
    assert await timers(store, what) == {"HOLD#0": NOW + HOUR}
    assert Kind.CHANGED is (await one(admitter, again._replace(message_id=what.message_id[:-1] + "x"))).kind


async def test_what_is_held_is_neither_checked_nor_counted_again(store: Store, admitter: Admitter) -> None:
    """A limit of one that the message itself has used up, and a charge that it has paid, do not stop it."""
    asks = blueprint(candidate("sms", [limit(most=1, per_step=True)], [ChargeAsk(0, False, 9)]))
    what = request(store.keys, proposal(asks, charges=[PRICE]))
    await fund(store, what, PRICE.micros)
    assert (await one(admitter, what)).admission == SENT

    counted = frozenset({("some", "", 1)})
    again = what._replace(earlier=Earlier(1, None, counted, frozenset({(PRICE.account, 0)}), started=True))

    assert (await one(admitter, again)).admission == SENT
    ledger = Ledger(store, LimitIds(store))
    uses = await ledger.peek([Asked(("t", "u"), [("some", "")])])
    assert uses["t", "u"]["some", ""].count == 1
    other = what._replace(message_id=store.keys.message_id("t", "u", "other"), asked=None)
    refused = (await one(admitter, other)).admission
    assert Admission((), (Refusal(Reason.LIMIT_REACHED, 7),)) == refused


@pytest.mark.parametrize("in_hand", [1, None])
async def test_a_step_in_hand_is_not_enqueued_again(store: Store, admitter: Admitter, in_hand: int | None) -> None:
    """A worker that decides again goes on with the entry that it has."""
    what = request(store.keys, proposal(PLAIN))
    await one(admitter, what)
    again = request(store.keys, proposal(PLAIN), earlier=Earlier(1, started=True, in_hand=in_hand))

    assert (await one(admitter, again)).admission == SENT

    assert await lane(store, what, "sms") == [f"{what.message_id} 1"] * (1 if in_hand else 2)


# ---- money ----


async def test_a_short_slice_changes_nothing_and_asks(store: Store, admitter: Admitter) -> None:
    """Before SQL was asked nothing is refused for want of money, and nothing else of the message is done."""
    asks = blueprint(
        candidate("push", [limit()], [ChargeAsk(1, True, 9)]),
        candidate("sms", [], [ChargeAsk(0, True, 9), ChargeAsk(1, True, 9)]),
        strategy="CONCURRENT",
    )
    plenty = Charge("push/count", 1, "COUNT")
    what = request(store.keys, proposal(asks, charges=[PRICE, plenty]))
    await Slices(store).grant(store.keys.partition(what.user), ("t", "push/count"), "COUNT", 2, 1, NOW)

    assert Admitted(Kind.SHORT, short=(PRICE,)) == await one(admitter, what)

    assert await Messages(store).read([what.message_id]) == [None]
    (left,) = await Slices(store).read(store.keys.partition(what.user), [("t", "push/count")])
    assert left is not None
    assert (left.left, left.taken) == (2, 0)
    assert (await Ledger(store, LimitIds(store)).peek([Asked(("t", "u"), [("some", "")])]))["t", "u"] == {}
    await fund(store, what, PRICE.micros)
    assert Admission((0, 1), (None, None)) == (await one(admitter, what)).admission


@pytest.mark.parametrize(
    ("granted", "unit", "reason"),
    [
        (None, "CNY", Reason.ACCOUNT_UNKNOWN),
        (PRICE.micros - 1, "CNY", Reason.BUDGET_EXHAUSTED),
        (PRICE.micros, "COUNT", Reason.ACCOUNT_UNIT),
    ],
)
async def test_an_account_that_was_asked_everywhere_is_exhausted(
    store: Store, admitter: Admitter, granted: int | None, unit: str, reason: Reason
) -> None:
    """When SQL and the other slices have no more, the candidate is refused and the next one has its turn."""
    what = request(store.keys, proposal(CHARGED, charges=[PRICE._replace(unit=unit)]))
    if granted is not None:
        await fund(store, what, granted)

    for asked in (frozenset({PRICE.account}), None):
        other = request(store.keys, what.proposal, f"{asked}", asked=asked)
        assert Admission((1,), (Refusal(reason, 9), None)) == (await one(admitter, other)).admission


async def test_only_the_accounts_asked_are_exhausted(store: Store, admitter: Admitter) -> None:
    """That one account was asked everywhere says nothing of another: it is asked for too."""
    what = request(store.keys, proposal(CHARGED, charges=[PRICE]), asked=frozenset({"another"}))

    assert Admitted(Kind.SHORT, short=(PRICE,)) == await one(admitter, what)


# ---- clocks ----


@pytest.mark.parametrize("gap_ms", [-3000, 3000])
async def test_a_clock_that_differs_admits_nothing(store: Store, admitter: Admitter, gap_ms: int) -> None:
    """A node more than 1 s off Redis' clock is refused, and told by how much; nothing is decided."""
    what = request(store.keys, proposal(PLAIN))

    with pytest.raises(ClockDiffers) as refused:
        await one(admitter, what, SystemClock().now_ms() + gap_ms)

    assert abs(refused.value.gap_ms - gap_ms) < 1000
    assert await Messages(store).read([what.message_id]) == [None]
    assert (await one(admitter, what, SystemClock().now_ms())).admission == SENT


# ---- what is stored ----


async def test_a_user_with_very_many_limits_is_counted_all_the_same(store: Store, admitter: Admitter) -> None:
    """More limits than Lua can hold values on its stack are stored another way, and read alike."""
    asks = blueprint(candidate("sms", [limit(window_ms=DAY)]))
    wanted = [request(store.keys, proposal(asks, uses=[("some", f"k{n}")]), f"r{n}") for n in range(700)]
    await admitter.admit(wanted, None)

    refused = blueprint(candidate("sms", [limit(window_ms=DAY, most=1)]))
    (first, last) = await admitter.admit(
        [request(store.keys, proposal(refused, uses=[("some", key)]), key) for key in ("k0", "k699")], None
    )

    (reason,) = {
        one.admission.refusals[0].reason for one in (first, last) if one.admission and one.admission.refusals[0]
    }
    assert Reason.LIMIT_REACHED is reason
    ledger = Ledger(store, LimitIds(store))
    uses = (await ledger.peek([Asked(("t", "u"), [("some", f"k{n}") for n in range(700)])]))["t", "u"]
    assert {1} == {use.count for use in uses.values()}
    assert len(uses) == 700
    assert await sweep(store, ledger, NOW + DAY - 1, uses) == 700


async def sweep(store: Store, ledger: Ledger, now_ms: int, uses: dict[Any, Any]) -> int:
    """Sweep every bucket before and after all is over; return how many uses there were in between."""
    assert await ledger.sweep(now_ms, store.keys.buckets) == 0
    assert await ledger.sweep(now_ms + 1, store.keys.buckets) == 1
    assert (await ledger.peek([Asked(("t", "u"), list(uses))]))["t", "u"] == {}
    return len(uses)


async def test_many_blueprints_are_forgotten_and_made_again(
    store: Store, admitter: Admitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept of blueprints is bounded; a message of a forgotten one is admitted like any other."""
    monkeypatch.setattr("engine.state.admit._SHAPES_KEPT", 2)
    asked = [blueprint(candidate("sms", [limit(f"l{n}")])) for n in range(5)]
    wanted = [request(store.keys, proposal(asked[n % 5], uses=[(f"l{n % 5}", "")]), f"r{n}") for n in range(10)]

    assert [one.admission for one in await admitter.admit(wanted, None)] == [SENT] * 10
