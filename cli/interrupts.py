"""Requests to end, Ctrl-C and others: they unwind what is under way, and do not break off the unwinding."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AT_ONCE_SECONDS: Final = 1.0
"""Requests within so short a time are one; a later one counts, should the first have been lost in a `__del__`."""


def let_signals_interrupt() -> None:
    """Let all of them raise KeyboardInterrupt; one that is ignored, as under nohup, stays so."""
    last = -AT_ONCE_SECONDS

    def interrupt(number: int, frame: Any) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= AT_ONCE_SECONDS:
            last = now
            raise KeyboardInterrupt

    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


@contextmanager
def ignoring_signals() -> Iterator[None]:
    """Ignore requests to end for a while that is short: what has to be tidied up is."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # None is one that Python did not install and cannot put back
                signal.signal(number, handler)
