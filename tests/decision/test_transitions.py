"""The life of a message, whatever happens to it in whatever order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.decision import transitions
from engine.decision.change import Change, Event, unpack_events
from engine.decision.decided import begin, decide_again, leftover_charges
from engine.decision.life import Life, State, pack_life, unpack_life
from engine.decision.model import Admission, Charge, Content, Message, Reason, Refusal
from engine.decision.outline import Outline, OutlineCandidate, Shape
from engine.decision.packing import changed_field, digests, pack_message, unpack_message
from engine.decision.transitions import Look
from engine.ruleset.effects import ChannelChoice

MESSAGE = Message("bank", "cards", "u1", "TRANSACTION", "P1", request_id="r1", content=Content("", "hello", "", ""))
SMS = Charge("cards/sms", 45_000, "CNY")


def proposal(strategy: str, *channels: str, now_ms: int = 1_000, numbers: tuple[int, ...] = ()) -> Outline:
    """An outline of these channels; each sms is charged for, and one limit counts once."""
    candidates = tuple(
        OutlineCandidate(
            number,
            ChannelChoice(channel, wait_ms=60_000 if strategy == "SUPPLEMENT" else 0),
            ((0, True),) if channel == "sms" else (),
            ((0, False),),
        )
        for number, channel in zip(numbers or range(1, 9), channels, strict=False)
    )
    shape = Shape("v1", strategy, "the-route", candidates, {7: "a-rule"})
    return Outline(shape, now_ms, 90_000_000, "P1", None, (SMS,), (("daily", ""),))


def taking(*indexes: int, of: int) -> Admission:
    """An admission that takes these and refuses nothing."""
    return Admission(indexes, (None,) * of)


def life_of(strategy: str, *channels: str) -> Life:
    """A life just begun: all channels of a concurrent plan, else the first, are queued."""
    taken = range(len(channels)) if strategy == "CONCURRENT" else [0]
    return begin(proposal(strategy, *channels), taking(*taken, of=len(channels)), MESSAGE)


def attempt(life: Life, number: int, now_ms: int = 2_000) -> Change:
    """Begin an attempt of a step."""
    change, step = Change(life, now_ms), life.step(number)
    assert step is not None
    transitions.attempt(change, step, "carrier-a")
    return change


def send(life: Life, number: int, now_ms: int = 2_000) -> Change:
    """Attempt a step, which the provider takes."""
    change, step = attempt(life, number, now_ms), life.step(number)
    assert step is not None
    transitions.answer(change, step, step.attempts[-1], "OK", "id-1", "")
    transitions.sent(change, step, 3_600_000)
    return change


def test_a_message_goes_from_queued_to_delivered() -> None:
    """A step that a provider takes is SENT, and a receipt makes it, and the message, DELIVERED."""
    life = life_of("DISTRIBUTION", "sms")
    assert life.state is State.QUEUED

    change = send(life, 1)
    assert life.state is State.SENT
    assert change.spend == [SMS]

    change = transitions.receipt(life, 1, 1, "DELIVERED", 3_000, 2_900)
    assert change is not None
    assert life.state is State.DELIVERED
    assert [kind for _at, kind, _step, _detail in unpack_events(b"".join(change.events))] == [
        Event.RECEIPT,
        Event.ENDED,
    ]


def test_a_receipt_counts_once() -> None:
    """The same receipt again changes nothing."""
    life = life_of("DISTRIBUTION", "sms")
    send(life, 1)
    transitions.receipt(life, 1, 1, "DELIVERED", 3_000, 2_900)

    assert transitions.receipt(life, 1, 1, "DELIVERED", 4_000, 2_900) is None


def test_a_receipt_may_be_quicker_than_the_answer() -> None:
    """A receipt that comes while the provider is still being called is kept, and settles the step with its answer."""
    life = life_of("DISTRIBUTION", "sms")
    change, step = attempt(life, 1), life.step(1)
    assert step is not None
    transitions.receipt(life, 1, 1, "DELIVERED", 2_100, 2_100)
    assert step.state is State.SENDING

    transitions.answer(change, step, step.attempts[-1], "OK", "", "")
    transitions.sent(change, step, 3_600_000)
    assert step.state is State.DELIVERED


def test_a_late_receipt_is_never_another_final_state() -> None:
    """A receipt after the receipt wait is told, and the step stays UNCONFIRMED."""
    life = life_of("DISTRIBUTION", "sms")
    send(life, 1)
    transitions.receipt_wait_over(life, 1, 4_000_000)
    assert life.state is State.UNCONFIRMED

    assert transitions.receipt(life, 1, 1, "DELIVERED", 5_000_000, 4_900_000) is not None
    assert life.state is State.UNCONFIRMED


def test_a_late_receipt_stops_what_is_still_unsent() -> None:
    """The first step of a supplement arrives after all, while the second still waits in its lane."""
    life = life_of("SUPPLEMENT", "push", "sms")
    send(life, 1)
    decide_again(life, proposal("SUPPLEMENT", "sms", now_ms=62_000, numbers=(2,)), taking(0, of=1))
    second = life.step(2)
    assert second is not None
    assert second.state is State.QUEUED

    change = transitions.receipt(life, 1, 1, "DELIVERED", 63_000, 62_500)
    assert change is not None
    assert second.state is State.CANCELLED
    assert change.give_back == [SMS]
    assert transitions.look(life, 2, 64_000) is Look.GONE


def test_a_supplement_goes_on_when_its_step_surely_failed() -> None:
    """A failed first step has its wait ended at once."""
    life = life_of("SUPPLEMENT", "push", "sms")
    change, step = attempt(life, 1), life.step(1)
    assert step is not None
    transitions.answer(change, step, step.attempts[-1], "DEAD", "", "")
    transitions.failed(change, step, dead=False)

    assert ("WAIT", 1, 2_000) in change.timers
    assert life.state is State.HELD
    assert not life.is_final


def test_a_step_refused_when_decided_again_gives_back_its_charge() -> None:
    """It keeps its count, and what it was charged goes back."""
    life = life_of("DISTRIBUTION", "sms")
    refused = Admission((), (Refusal(Reason.OPTED_OUT, 7),))
    decide_again(life, proposal("DISTRIBUTION", "sms", now_ms=70_000), refused)

    assert leftover_charges(life) == ([], [SMS])
    assert life.state is State.DROPPED
    assert life.counted == {("daily", "", 0)}
    assert life.paid == set()


def test_what_may_have_gone_out_is_never_given_back() -> None:
    """A step with an attempt of unknown fate that is cancelled ends as UNKNOWN, and its charge is spent."""
    life = life_of("DISTRIBUTION", "sms")
    change, step = attempt(life, 1), life.step(1)
    assert step is not None
    transitions.answer(change, step, step.attempts[-1], "AMBIGUOUS", "", "")
    transitions.retry(change, step, 3_000)

    cancelled = transitions.cancel(life, 2_500)
    assert cancelled is not None
    assert step.state is State.UNKNOWN
    assert (cancelled.spend, cancelled.give_back) == ([SMS], [])


def test_what_a_provider_took_is_paid_though_it_did_not_arrive() -> None:
    """A receipt that says FAILED, of an attempt without an answer, proves that the provider had taken it."""
    life = life_of("DISTRIBUTION", "sms")
    change, step = attempt(life, 1), life.step(1)
    assert step is not None
    transitions.answer(change, step, step.attempts[-1], "AMBIGUOUS", "", "")
    transitions.wait_for_receipt(change, step, 3_600_000)

    reported = transitions.receipt(life, 1, 1, "FAILED", 3_000, 2_900)
    assert reported is not None
    assert step.state is State.FAILED
    assert (reported.spend, reported.give_back) == ([SMS], [])


def test_what_a_provider_took_has_failed_though_its_retry_expired() -> None:
    """A step that waits to go again ends as FAILED when a receipt has told meanwhile that it went out in vain."""
    life = life_of("DISTRIBUTION", "sms")
    change, step = attempt(life, 1), life.step(1)
    assert step is not None
    transitions.answer(change, step, step.attempts[-1], "AMBIGUOUS", "", "")
    transitions.retry(change, step, 50_000)
    transitions.receipt(life, 1, 1, "FAILED", 3_000, 2_900)
    assert step.state is State.QUEUED

    expired = transitions.expire(life, 90_000_000)
    assert step.state is State.FAILED
    assert (expired.spend, expired.give_back) == ([SMS], [])


def test_a_hold_of_the_whole_message_holds_every_unsent_step() -> None:
    """A pause met at the dequeue of one step keeps the others from going too."""
    life = life_of("CONCURRENT", "push", "sms")
    paused = proposal("CONCURRENT")._replace(refusal=Refusal(Reason.PAUSED, held=True))
    decide_again(life, paused._replace(shape=paused.shape._replace(candidates=())), Admission((), ()))

    assert {step.state for step in life.steps} == {State.HELD}
    assert life.state is State.HELD


def test_deciding_again_takes_no_money_twice() -> None:
    """A step that waited is judged again, and holds what it held."""
    life = life_of("CONCURRENT", "push", "sms")
    decide_again(life, proposal("CONCURRENT", "sms", now_ms=70_000, numbers=(2,)), taking(0, of=1))

    assert life.steps[1].charges == [(2, SMS)]


def test_a_charge_per_message_is_held_by_whoever_may_still_go() -> None:
    """The step that holds it fails: the next one holds it; that one is taken, so it is spent, whoever fails then."""
    life = life_of("CONCURRENT", "push", "push", "push")
    quota = Charge("messages", 1, "COUNT")
    life.steps[0].charges.append((0, quota))
    first = attempt(life, 1)
    transitions.failed(first, life.steps[0], dead=False)
    assert (first.spend, first.give_back, life.steps[1].charges) == ([], [], [(0, quota)])

    assert send(life, 3).spend == []
    second = attempt(life, 2)
    transitions.failed(second, life.steps[1], dead=False)
    assert (second.spend, second.give_back) == ([quota], [])


def test_a_dead_letter_can_be_sent_anew_until_its_life_ends() -> None:
    """It waits to be decided again, with all its tries; a message whose life is over stays failed."""
    life = life_of("DISTRIBUTION", "sms")
    change, step = attempt(life, 1), life.step(1)
    assert step is not None
    transitions.answer(change, step, step.attempts[-1], "CONFIG", "", "")
    transitions.failed(change, step, dead=True)
    assert life.is_dead_letter
    assert transitions.redrive(life, 1, life.expire_ms) is None

    assert transitions.redrive(life, 1, 5_000) is not None
    assert step.state is State.HELD
    assert step.tries == []
    assert not life.is_final


def test_what_may_have_gone_out_is_no_dead_letter() -> None:
    """A retry that would come too late fails for good; what an earlier attempt may have sent, nobody sends anew."""
    life = life_of("DISTRIBUTION", "sms")
    change, step = attempt(life, 1), life.steps[0]
    transitions.answer(change, step, step.attempts[-1], "AMBIGUOUS", "", "")
    transitions.retry(change, step, life.expire_ms)

    assert step.state is State.UNKNOWN
    assert not life.is_dead_letter
    assert transitions.redrive(life, 1, 10_000) is None


def test_a_dead_letter_is_let_go_in_the_end() -> None:
    """It is kept for a day, or for its life if that is longer; a timer ends that, and only once."""
    life = life_of("DISTRIBUTION", "sms")
    change = attempt(life, 1)
    transitions.failed(change, life.steps[0], dead=True)

    assert ("EXPIRE", 1, life.remembered_until_ms) in change.timers
    later = transitions.let_go(life, 1, life.remembered_until_ms)
    assert later is not None
    assert later.dead
    assert not life.is_dead_letter
    assert transitions.let_go(life, 1, life.remembered_until_ms) is None


THINGS = st.sampled_from(
    "attempt sent retry failed again delivered failed-receipt read wait-over cancel expire decide unknown".split()
)


@given(
    strategy=st.sampled_from(["CONCURRENT", "SUPPLEMENT", "DISTRIBUTION"]),
    things=st.lists(st.tuples(THINGS, st.integers(1, 3)), max_size=25),
)
def test_whatever_happens_money_and_final_states_are_kept(strategy: str, things: list[tuple[str, int]]) -> None:
    """What was charged is spent once, given back once, or still held; a final state stays; a life survives packing."""
    life = life_of(strategy, "push", "sms", "sms")
    charged = sum(len(step.charges) for step in life.steps)
    moved = 0
    for at, (thing, number) in enumerate(things):
        before = {step.number: step.state for step in life.steps}
        held = sum(len(step.charges) for step in life.steps)
        change = happen(life, thing, number, 2_000 + at)
        if change is None:
            continue
        spent, given_back = leftover_charges(life)
        change.spend += spent
        change.give_back += given_back
        if thing == "decide":
            charged += sum(len(step.charges) for step in life.steps) + len(given_back) + len(spent) - held
        moved += len(change.spend) + len(change.give_back)
        assert all(life.step(n).state is state for n, state in before.items() if state.is_final)  # type: ignore[union-attr]
        assert unpack_life(pack_life(life)) == life
        assert life.state.is_final or not life.is_final
    assert charged == moved + sum(len(step.charges) for step in life.steps)


def happen(life: Life, thing: str, number: int, now_ms: int) -> Change | None:
    """Let one thing happen to a life, if it can; None when it cannot."""
    step = life.step(number)
    match thing:
        case "cancel":
            return transitions.cancel(life, now_ms)
        case "expire":
            return transitions.expire(life, now_ms) if now_ms >= life.expire_ms else None
        case "decide":
            return _decide(life, now_ms)
        case "wait-over":
            return transitions.receipt_wait_over(life, number, now_ms)
        case "delivered" | "failed-receipt" | "read":
            kind = {"delivered": "DELIVERED", "failed-receipt": "FAILED", "read": "READ"}[thing]
            return transitions.receipt(life, number, len(step.attempts) if step else 1, kind, now_ms, now_ms)
    if step is None:
        return None
    if thing == "attempt":
        return attempt(life, number, now_ms) if transitions.look(life, number, now_ms) is Look.READY else None
    return _answered(life, thing, number, now_ms) if step.attempt is not None else None


def _decide(life: Life, now_ms: int) -> Change | None:
    if not life.remaining:
        return None
    number, choice = life.remaining[0]
    outline = proposal("SUPPLEMENT", choice.channel, now_ms=now_ms, numbers=(number,))
    decide_again(life, outline, taking(0, of=1))
    return transitions.settle_up(life, now_ms)


def _answered(life: Life, thing: str, number: int, now_ms: int) -> Change:
    change, step = Change(life, now_ms), life.step(number)
    assert step is not None
    outcome = {"sent": "OK", "unknown": "AMBIGUOUS", "failed": "CONTENT"}.get(thing, "RETRY")
    transitions.answer(change, step, step.attempts[-1], outcome, "", "")
    match thing:
        case "sent":
            transitions.sent(change, step, 3_600_000)
        case "failed":
            transitions.failed(change, step, dead=True)
        case "unknown":
            transitions.unknown(change, step)
        case _:
            transitions.retry(change, step, now_ms + 1_000)
    return change


@given(
    st.dictionaries(st.text(max_size=8), st.one_of(st.booleans(), st.floats(allow_nan=False), st.text(max_size=8))),
    st.text(min_size=1, max_size=30),
)
def test_a_message_survives_packing(params: dict[str, object], text: str) -> None:
    """What is unpacked is what was packed, and its digests tell it from any other."""
    message = MESSAGE._replace(params=params, content=Content("", text, "", "", (("sms", "", text, "", ""),)))
    packed = pack_message(message)

    assert unpack_message(packed) == message
    assert changed_field(message, packed, None) is None
    assert changed_field(message, None, digests(message)) is None
    other = message._replace(content=message.content._replace(text=text + "!"))  # type: ignore[union-attr]
    assert changed_field(other, packed, None) == "message.content"
    assert changed_field(other, None, digests(message)) == "message.content"
