"""Local time: wall clocks, their changes, and the instants that holds and calendar days end at."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decision.moment import (
    DAY_MS,
    is_zone,
    iso_time,
    local_time,
    next_midnight,
    next_time_of_day,
    parse_local,
)

ZONES = ["Asia/Shanghai", "Europe/Prague", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC"]
INSTANTS = st.integers(0, 4_000_000_000_000)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-05T08:59", "2026-01-05T09:00"),
        ("2026-01-05T09:00", "2026-01-06T09:00"),
        ("2026-01-05T23:30", "2026-01-06T09:00"),
        ("2026-12-31T20:00", "2027-01-01T09:00"),
    ],
)
def test_a_hold_ends_at_the_next_time_the_clock_shows_it(now: str, until: str) -> None:
    """At exactly nine it is the nine of tomorrow that is meant."""
    zone = "Asia/Shanghai"

    assert next_time_of_day(zone, parse_local(now, zone), 9 * 60) == parse_local(until, zone)


def test_a_skipped_hour_counts_as_that_much_later() -> None:
    """On 2026-03-29 clocks in Prague go from 02:00 to 03:00, so 02:30 is shown by no clock."""
    zone = "Europe/Prague"
    now = parse_local("2026-03-29T00:00", zone)

    assert iso_time(next_time_of_day(zone, now, 150), zone) == "2026-03-29T03:30:00+02:00"


def test_of_a_doubled_hour_the_first_is_meant() -> None:
    """On 2026-10-25 clocks in Prague show 02:30 twice."""
    zone = "Europe/Prague"
    now = parse_local("2026-10-25T00:00", zone)

    assert iso_time(next_time_of_day(zone, now, 150), zone) == "2026-10-25T02:30:00+02:00"


def test_a_calendar_day_can_have_23_or_25_hours() -> None:
    """The day ends at local midnight, whatever the clocks did in between."""
    zone, hour = "Europe/Prague", 3_600_000
    spring, autumn = parse_local("2026-03-29T00:00", zone), parse_local("2026-10-25T00:00", zone)

    assert next_midnight(zone, spring) - spring == 23 * hour
    assert next_midnight(zone, autumn) - autumn == 25 * hour


@given(st.sampled_from(ZONES), INSTANTS, st.integers(0, 1439))
def test_the_next_time_of_day_lies_ahead_and_within_two_days(zone: str, now_ms: int, minute: int) -> None:
    """It is never now or in the past, and never further than a day and a change of clocks."""
    assert now_ms < next_time_of_day(zone, now_ms, minute) <= now_ms + DAY_MS + 2 * 3_600_000


@given(st.sampled_from(ZONES), INSTANTS)
def test_local_time_is_what_the_standard_library_says(zone: str, now_ms: int) -> None:
    """The cache by minutes changes no answer."""
    expected = datetime.fromtimestamp(now_ms // 60_000 * 60, ZoneInfo(zone))

    found = local_time(zone, now_ms)

    assert (expected.hour, expected.minute, expected.isoweekday(), expected.day) == found[:4]
    assert expected.date().isoformat() == found.date


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Europe", "asia/shanghai\x00", "x" * 5000])
def test_what_is_no_zone_is_told_apart(name: str) -> None:
    """Hostile names are refused without an exception."""
    assert not is_zone(name)
