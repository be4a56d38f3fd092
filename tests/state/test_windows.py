"""Breaker windows: what many processes measured adds up."""

from __future__ import annotations

from random import Random
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from engine.state.breakers import Subject, SubjectKind
from engine.state.connection import Store
from engine.state.windows import Tally, Window, Windows
from tests.state.records import NOW_MS

PROVIDER: Final = Subject(SubjectKind.PROVIDER, "acme")
PLATFORM: Final = Subject(SubjectKind.PLATFORM, "")
LENGTH_MS: Final = 10_000


def longest_run(timeouts: list[bool]) -> int:
    """The most time-outs one after another."""
    return max((len(run) for run in "".join("t" if one else "." for one in timeouts).split(".")), default=0)


async def test_a_window_adds_up(store: Store) -> None:
    """Counts of several processes and flushes add up, for each subject, and runs go on from one to the next."""
    random = Random(3)
    processes = [Windows(store, LENGTH_MS) for _ in range(3)]
    calls = [(random.random() < 0.7, random.random() < 0.6) for _ in range(120)]
    for start in range(0, 120, 8):
        windows = processes[start % 3]
        for timeout, error in calls[start : start + 8]:
            windows.add((PROVIDER, PLATFORM), NOW_MS + 5, error=error, timeout=timeout)
        await windows.flush()

    timeouts = [timeout for timeout, _ in calls]
    errors = sum(timeout or error for timeout, error in calls)
    expected = Window(120, errors, sum(timeouts), longest_run(timeouts))
    assert await processes[0].read(NOW_MS) == {PROVIDER: expected, PLATFORM: expected}


async def test_a_window_is_judged_after_its_end(store: Store) -> None:
    """A window shows when it is over and the grace too, the oldest first, until it was judged."""
    windows = Windows(store, LENGTH_MS)
    for at_ms in (NOW_MS + LENGTH_MS, NOW_MS + 9_999, NOW_MS):
        windows.add((PROVIDER,), at_ms, error=True)
    await windows.flush()
    await windows.flush()

    assert await windows.closed(NOW_MS + LENGTH_MS + 499, grace_ms=500) == []
    assert await windows.closed(NOW_MS + LENGTH_MS + 500, grace_ms=500) == [NOW_MS]
    assert await windows.closed(NOW_MS + 3 * LENGTH_MS, grace_ms=500) == [NOW_MS, NOW_MS + LENGTH_MS]
    assert await windows.read(NOW_MS) == {PROVIDER: Window(2, 2, 0, 0)}

    await windows.judged(NOW_MS)

    assert await windows.closed(NOW_MS + 3 * LENGTH_MS, grace_ms=500) == [NOW_MS + LENGTH_MS]
    assert await windows.read(NOW_MS) == {}


async def test_a_window_that_nobody_judges_ends(store: Store) -> None:
    """Counters do not stay for ever."""
    windows = Windows(store, LENGTH_MS)
    windows.add((PROVIDER,), NOW_MS, error=False)
    await windows.flush()

    assert 0 < await store.call("PTTL", store.keys.windows(NOW_MS)) <= 3_600_000


@given(st.lists(st.booleans(), max_size=30))
def test_runs_are_counted(timeouts: list[bool]) -> None:
    """A tally knows the longest run of time-outs, the one at its beginning and the one at its end."""
    tally = Tally()
    for timeout in timeouts:
        tally.add(timeout, timeout)

    text = "".join("t" if timeout else "." for timeout in timeouts)
    ends = len(text) - len(text.lstrip("t")), len(text) - len(text.rstrip("t"))
    assert (tally.longest, tally.first_run, tally.last_run) == (longest_run(timeouts), *ends)
