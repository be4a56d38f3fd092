"""Clocks: one of the machine, one moved by hand."""

from __future__ import annotations

import time

import pytest

from engine.clock import HandClock, SystemClock


def test_the_hand_clock_moves_only_when_told() -> None:
    """A test owns its time."""
    clock = HandClock(1_000)

    assert clock.now_ms() == clock.now_ms() == 1_000
    assert clock.advance(60_000) == clock.now_ms() == 61_000


def test_no_clock_goes_back() -> None:
    """A mistake in a test does not make time run backwards."""
    with pytest.raises(ValueError, match="a clock does not go back: -1 ms"):
        HandClock(0).advance(-1)


def test_the_system_clock_counts_milliseconds() -> None:
    """It agrees with the machine."""
    before = time.time() * 1000 - 1

    assert before <= SystemClock().now_ms() <= time.time() * 1000 + 1
