"""Things done again and again: due timers, receipts, records. Each loop survives what it works with being away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from engine.errors import SignalboxError

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0

log = logging.getLogger(__name__)


async def repeat(name: str, act: Callable[[], Awaitable[bool]], idle_s: float) -> None:
    """Call `act` until cancelled: at once again while it says that there is more, else after `idle_s`.

    What it works with may be away: an error of ours is logged when it begins, and it is tried again after a pause that
    grows. Any other error is a fault of ours; it is logged with its place, and the loop goes on all the same, because a
    message centre whose holds are never released is worse than one that complains.
    """
    pause_s = 0.0
    while True:
        try:
            more = await act()
        except SignalboxError as error:
            if not pause_s:
                log.warning("%s has to wait: %s", name, error)
            pause_s = min(max(FIRST_PAUSE_S, pause_s * 2), LONGEST_PAUSE_S)
        except Exception:
            log.exception("%s failed unexpectedly", name)
            pause_s = LONGEST_PAUSE_S
        else:
            if pause_s:
                log.info("%s goes on", name)
            pause_s = 0.0
            if more:
                await asyncio.sleep(0)
                continue
        await asyncio.sleep(pause_s or idle_s)


async def stop(task: asyncio.Task[None]) -> None:
    """End a loop."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
