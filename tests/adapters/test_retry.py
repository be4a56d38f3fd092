"""What follows from an outcome."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Outcome, Result
from adapters.retry import (
    DEFAULT_POLICY,
    STOPS_ROUTE,
    SURE_FAILURES,
    Move,
    NextMove,
    Try,
    after,
    backoff_ms,
    next_provider,
    unsettled,
)

A, B = "carrier-a", "carrier-b"
FAILURES = [outcome for outcome in Outcome if outcome is not Outcome.OK]
outcomes = st.sampled_from(FAILURES)
chances = st.floats(0, 1, exclude_max=True)


def tries(*made: str) -> list[Try]:
    """Attempts made, written as "carrier-a RETRY"."""
    return [Try(provider, Outcome(outcome)) for provider, outcome in (text.split() for text in made)]


@pytest.mark.parametrize(
    ("expected", "made"),
    [
        (NextMove(Move.DONE), [f"{A} OK"]),
        (NextMove(Move.SETTLE), [f"{A} AMBIGUOUS"]),
        (NextMove(Move.FAIL), [f"{A} CONTENT"]),
        (NextMove(Move.FAIL), [f"{A} DEAD"]),
        (NextMove(Move.FAIL), [f"{A} OPTOUT"]),
        (NextMove(Move.NEXT, B), [f"{A} AUTH"]),
        (NextMove(Move.NEXT, B), [f"{A} BUDGET"]),
        (NextMove(Move.NEXT, B), [f"{A} CONFIG"]),
        (NextMove(Move.FAIL), [f"{A} AUTH", f"{B} CONFIG"]),
        (NextMove(Move.AGAIN, A, 500), [f"{A} RETRY"]),
        (NextMove(Move.AGAIN, A, 1_000), [f"{A} RETRY"] * 2),
        (NextMove(Move.NEXT, B), [f"{A} RETRY"] * 3),
        (NextMove(Move.AGAIN, B, 500), [f"{A} RETRY"] * 3 + [f"{B} RETRY"]),
        (NextMove(Move.AGAIN, B, 4_000), [f"{A} RETRY"] * 3 + [f"{B} RETRY"] * 4),
        (NextMove(Move.NEXT, A), [f"{B} RETRY"]),
        (NextMove(Move.FAIL), [f"{A} RETRY"] * 3 + [f"{B} RETRY"] * 13),
        (NextMove(Move.AGAIN, A, 150_000), [f"{A} THROTTLE"] * 50),
        (NextMove(Move.FAIL), [f"{A} THROTTLE"] * 100),
    ],
)
def test_the_table(expected: NextMove, made: list[str]) -> None:
    """The last outcome, and what went before, lead to this, with two providers and chance in the middle."""
    so_far = tries(*made)

    assert expected == after(Result(so_far[-1].outcome), [A, B], so_far, chance=0.5)


def test_a_hint_is_honoured() -> None:
    """A throttled call waits at least as long as the provider said, or goes elsewhere when that is long."""
    short, long = Result(Outcome.THROTTLE, retry_after_ms=2_000), Result(Outcome.THROTTLE, retry_after_ms=600_000)
    so_far = tries(f"{A} THROTTLE")

    assert NextMove(Move.AGAIN, A, 2_500) == after(short, [A, B], so_far, chance=0.5)
    assert NextMove(Move.NEXT, B) == after(long, [A, B], so_far, chance=0.5)
    assert NextMove(Move.AGAIN, A, 600_500) == after(long, [A], so_far, chance=0.5)


def test_what_stays_ambiguous() -> None:
    """One-time passwords go again, everything else stays unknown; so does a password whose tries are used up."""
    so_far = tries(f"{A} AMBIGUOUS")

    assert NextMove(Move.AGAIN, A, 500) == unsettled("ONE_TIME_PASSWORD", [A, B], so_far, chance=0.5)
    for category in ("TRANSACTION", "SERVICE", "NOTIFICATION", "REPAYMENT", "MARKETING"):
        assert NextMove(Move.UNKNOWN) == unsettled(category, [A, B], so_far, chance=0.5)
    assert NextMove(Move.UNKNOWN) == unsettled("ONE_TIME_PASSWORD", [A], so_far * 16, chance=0.5)


def test_nothing_follows_from_nothing() -> None:
    """Without an attempt there is no question to answer."""
    assert next_provider([A, B], []) == A
    assert next_provider([], []) is None
    with pytest.raises(ValueError, match="before the first attempt"):
        after(Result(Outcome.RETRY), [A], [], chance=0.5)


@given(st.integers(1, 200), chances)
def test_a_pause_is_bounded(failures: int, chance: float) -> None:
    """A pause is at least a millisecond, at most the cap, and at most twice as long with each failure."""
    pause_ms = backoff_ms(failures, chance)

    assert 1 <= pause_ms <= DEFAULT_POLICY.cap_ms
    assert pause_ms <= DEFAULT_POLICY.base_ms * 2 ** (failures - 1)


@given(st.lists(outcomes, min_size=1), st.lists(st.sampled_from([A, B, "c"]), unique=True, min_size=1), chances)
def test_every_step_comes_to_an_end(course: list[Outcome], providers: list[str], chance: float) -> None:
    """Whatever the providers answer, the attempts are bounded, and nobody is called who is out or would not help."""
    policy, made = DEFAULT_POLICY, []
    provider = next_provider(providers, made)
    while provider:
        result = Result(course[len(made) % len(course)])
        made.append(Try(provider, result.outcome))
        move = after(result, providers, made, chance)
        if move.move is Move.SETTLE:
            move = unsettled("ONE_TIME_PASSWORD", providers, made, chance)
        provider = move.provider

    assert len(made) <= policy.tries + policy.throttles
    assert move.move in (Move.FAIL, Move.UNKNOWN)
    for nth, (provider, outcome) in enumerate(made):
        assert outcome not in SURE_FAILURES or nth == len(made) - 1
        assert outcome not in STOPS_ROUTE or all(later.provider != provider for later in made[nth + 1 :])


@given(st.lists(outcomes, min_size=1, max_size=20), chances)
def test_any_worker_comes_to_the_same(course: list[Outcome], chance: float) -> None:
    """The provider of the next move is the one that the attempts alone tell, unless a hint sends it elsewhere."""
    made: list[Try] = []
    for outcome in course:
        provider = next_provider([A, B], made)
        if provider is None:
            return
        made.append(Try(provider, outcome))
        move = after(Result(outcome), [A, B], made, chance)
        if move.move in (Move.AGAIN, Move.NEXT):
            assert move.provider == next_provider([A, B], made)
