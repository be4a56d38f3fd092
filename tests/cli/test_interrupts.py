"""Requests to end are heeded once, and not while something is tidied up."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from cli.interrupts import ignoring_signals, let_signals_interrupt

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Leave the signals of the test run as they were."""
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupted(number: int) -> bool:
    """Ask this process to end; tell whether it heeded that."""
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt:
        return True
    return False


def test_requests_that_come_together_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second Ctrl-C at once must not break off the unwinding; a later one is a request of its own."""
    now = 1.0
    monkeypatch.setattr("cli.interrupts.time.monotonic", lambda: now)
    let_signals_interrupt()

    assert [interrupted(signal.SIGINT), interrupted(signal.SIGINT), interrupted(signal.SIGTERM)] == [True, False, False]
    now = 2.0
    assert interrupted(signal.SIGHUP)


def test_what_is_tidied_up_is_not_interrupted() -> None:
    """Afterwards everything is as before."""
    let_signals_interrupt()
    with ignoring_signals():
        assert not any(interrupted(number) for number in ENDING)

    assert interrupted(signal.SIGTERM)


def test_who_ignores_a_signal_goes_on_ignoring_it() -> None:
    """`nohup` starts a command that way."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    let_signals_interrupt()

    assert not interrupted(signal.SIGHUP)
