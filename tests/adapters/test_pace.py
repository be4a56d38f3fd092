"""Pace: never more calls in a second than the rate says, and evenly when it is slowed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.pace import CATCH_UP_MS, Pace
from tests.adapters.rig import NOON


def begins(pace: Pace, calls: int, late_ms: list[int] | None = None, now_ms: int = NOON) -> list[int]:
    """When so many calls begin, each as soon as it may, or so much later."""
    times = []
    for number in range(calls):
        now_ms += pace.wait_ms(now_ms) + (late_ms[number % len(late_ms)] if late_ms else 0)
        assert pace.wait_ms(now_ms) == 0
        pace.take(now_ms)
        times.append(now_ms)
    return times


@given(st.floats(0.5, 2_000), st.lists(st.integers(0, 300), min_size=1, max_size=5))
def test_a_second_holds_its_rate(rate: float, late_ms: list[int]) -> None:
    """In any second there are at most the rate's calls, one more, and what makes up for late timers."""
    times = begins(Pace(rate), 200, late_ms)

    most = rate * (1 + CATCH_UP_MS / 1000) + 1
    assert all(sum(start <= other < start + 1000 for other in times) <= most + 1 for start in times[::7])


def test_the_rate_is_reached() -> None:
    """Late timers do not make it slower than it may be."""
    times = begins(Pace(100), 1_000, [3, 0, 9])

    assert times[-1] - NOON <= 10_000


def test_slow_keeps_its_intervals() -> None:
    """At half the speed calls are exactly twice the interval apart, with nothing saved up before."""
    pace = Pace(10)
    last_ms = begins(pace, 3)[-1]
    pace.speed = 0.5

    slow = begins(pace, 5, now_ms=last_ms)
    assert [later - sooner for sooner, later in pairwise(slow)] == [200] * 4


def test_without_a_rate() -> None:
    """Without a rate nothing waits."""
    assert begins(Pace(None), 100) == [NOON] * 100


@pytest.mark.parametrize("back_ms", [1_000, 3_600_000])
def test_a_clock_that_is_set_back(back_ms: int) -> None:
    """A clock that goes back delays the next call by an interval and the catching up at most, and then it goes on."""
    pace = Pace(10)
    begins(pace, 100)

    now_ms = NOON - back_ms
    wait_ms = pace.wait_ms(now_ms)
    assert wait_ms <= 100 + CATCH_UP_MS
    pace.take(now_ms + wait_ms)
    assert pace.wait_ms(now_ms + wait_ms) <= 100
