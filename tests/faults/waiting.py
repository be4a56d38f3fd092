"""How a test waits for another process: it looks again, until a deadline."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 60


def until(condition: Callable[[], bool], what: str = "it") -> None:
    """Look again until a condition holds; past the deadline it is an error."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true in time"
        os.sched_yield()
