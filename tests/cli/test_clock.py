"""The time of day and the shares: what docs/maps.md writes as a formula, recounted from it."""

from __future__ import annotations

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.mapping.clock import Clock, Spread, salted, share_of

CLOCK = Clock("Europe/Prague", 0, 1, {})


@given(st.text(max_size=20), st.integers(0, 86_399), st.integers(1, 86_400))
def test_a_spread_draws_by_the_documented_rule(key: str, start: int, length: int) -> None:
    """The second lies in the spread, and anybody can recount it."""
    spread = Spread("event", start, min(86_400, start + length))

    second = spread.second_of_day(key)

    assert second == start + crc32(f"event:{key}".encode()) % (spread.end - start)
    assert start <= second < spread.end


@given(st.text(max_size=20))
def test_a_share_draws_by_the_documented_rule(key: str) -> None:
    """The salt worked out before is the same as the prefix written before."""
    assert crc32(f"has_app:{key}".encode()) % 100 == share_of(salted("has_app"), key.encode())


@pytest.mark.parametrize(
    ("utc_ms", "day", "second"),
    [
        (725_842_800_000, "1993-01-01", 0),  # 1992-12-31T23:00Z
        (725_842_800_000 + 86_399_000, "1993-01-01", 86_399),
        (733_280_340_000, "1993-03-28", 3600 + 59 * 60),  # 01:59, before the clock goes forward
        (733_282_200_000, "1993-03-28", 2 * 3600 + 30 * 60),  # 02:30 is skipped: 03:30 summer time
        (733_282_200_000, "1993-03-28", 3 * 3600 + 30 * 60),
        (749_003_400_000, "1993-09-26", 2 * 3600 + 30 * 60),  # 02:30 comes twice: the first
        (749_008_800_000, "1993-09-26", 3 * 3600),
    ],
)
def test_a_time_of_day_is_what_the_wall_clock_shows(utc_ms: int, day: str, second: int) -> None:
    """On the days on which the clock is changed, too."""
    assert utc_ms == CLOCK.instant(day, second)
