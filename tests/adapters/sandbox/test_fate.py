"""What becomes of a call: repeatable, and as often as the profile says."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Outcome, ReceiptKind
from adapters.sandbox.fate import Arrival, draws, fate_of
from adapters.sandbox.profile import SandboxProfile, profile_of
from tests.adapters.making import attempt

CALLS = 4_000
ROUGH = profile_of({"profile": "rough"})


def near(share: float, of: int = CALLS) -> object:
    """About this share of so many: within four standard deviations."""
    return pytest.approx(share * of, abs=4 * (of * share * (1 - share)) ** 0.5 + 1)


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.sampled_from(["carrier-a", "carrier-b"]))
def test_the_same_call_has_the_same_fate(seed: int, serial: int, provider: str) -> None:
    """Fate hangs on the profile, the provider and the attempt alone."""
    profile = ROUGH.model_copy(update={"seed": seed})

    assert fate_of(profile, provider, attempt(serial)) == fate_of(profile, provider, attempt(serial))


def test_fates_differ() -> None:
    """Another seed, provider or attempt number draws anew, and what is drawn is spread evenly."""
    names = [(seed, provider, f"{serial}.1.1") for seed in (0, 1) for provider in "ab" for serial in range(500)]
    drawn = {draws(*name) for name in names}

    assert len(names) == len(drawn)
    for place in range(16):
        values = [numbers[place] for numbers in drawn]
        assert all(0 <= value < 1 for value in values)
        assert 0.45 < sum(values) / len(values) < 0.55


def test_calls_end_as_often_as_the_profile_says() -> None:
    """Each outcome has its share of the calls; dead and opted-out addresses have theirs of the addresses."""
    fates = [fate_of(ROUGH, "carrier-a", attempt(serial)) for serial in range(CALLS)]
    outcomes = Counter(fate.result.outcome for fate in fates)
    arrivals = Counter(fate.arrival for fate in fates)

    for outcome in (Outcome.RETRY, Outcome.THROTTLE, Outcome.CONTENT, Outcome.DEAD, Outcome.OPTOUT):
        assert near(getattr(ROUGH, outcome.lower())) == outcomes[outcome]
    assert near(ROUGH.unreached) == arrivals[Arrival.UNREACHED]
    assert near(ROUGH.unreached + ROUGH.unanswered) == outcomes[Outcome.AMBIGUOUS]
    assert all(not fate.receipts for fate in fates if fate.arrival is not Arrival.ACCEPTED)


def test_receipts_fail_lose_and_repeat_as_often_as_the_profile_says() -> None:
    """Of the accepted calls so many are delivered, told late, told twice, never told; and some are read and clicked."""
    profile = profile_of({"profile": "rough", "read": 0.3, "unsubscribed": 0.1})
    fates = [fate_of(profile, "carrier-a", attempt(serial, category="MARKETING")) for serial in range(CALLS)]
    accepted = [fate for fate in fates if fate.arrival is Arrival.ACCEPTED]
    first = [[told for told in fate.receipts if told.kind in ("DELIVERED", "FAILED")] for fate in accepted]
    kinds = Counter(told.kind for fate in accepted for told in set(fate.receipts))
    of = len(accepted)

    assert near(profile.failed, of) == sum(not fate.delivered for fate in accepted)
    assert near(profile.lost, of) == sum(not told for told in first)
    assert near(profile.late * (1 - profile.lost), of) == sum(told[0].due_ms > told[0].at_ms for told in first if told)
    assert near(profile.repeated * (1 - profile.lost), of) == sum(len(told) == 2 for told in first)
    assert near(0.3 * (1 - profile.failed), of) == kinds[ReceiptKind.READ]
    assert near(0.3 * 0.2 * (1 - profile.failed), of) == kinds[ReceiptKind.CLICKED]
    assert near(0.1 * (1 - profile.failed), of) == kinds[ReceiptKind.OPTED_OUT]
    assert all(fate.receipts == tuple(sorted(fate.receipts)) for fate in accepted)


def test_a_dead_address_is_dead_everywhere() -> None:
    """No provider and no repetition revives an address, and of several only the dead ones are named."""
    profile = SandboxProfile(dead=0.5)
    calls = [attempt(serial) for serial in range(200)]
    dead = [call for call in calls if fate_of(profile, "carrier-a", call).result.outcome is Outcome.DEAD]
    alive = next(call for call in calls if call not in dead)
    both = attempt(999, addresses=(dead[0].addresses[0], alive.addresses[0]))

    assert 0 < len(dead) < 200
    for call in dead:
        again = call._replace(reference=call.reference + "1")
        assert call.addresses == fate_of(profile, "carrier-b", again).result.dead
    result = fate_of(profile, "carrier-a", both).result
    assert (Outcome.OK, dead[0].addresses) == (result.outcome, result.dead)


def test_an_answer_slower_than_the_patience_is_none() -> None:
    """A call whose answer takes too long is accepted, and nobody hears of it before its receipts."""
    fate = fate_of(SandboxProfile(answer_ms=(500, 500), timeout_ms=100), "carrier-a", attempt())

    assert (fate.arrival, fate.result.outcome, fate.answer_ms) == (Arrival.ACCEPTED, Outcome.AMBIGUOUS, 100)
    assert [told.kind for told in fate.receipts] == [ReceiptKind.DELIVERED]
