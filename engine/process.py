"""This process: how its interpreter is tuned, and how it is asked to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys

log = logging.getLogger("signalbox")


def tune_interpreter() -> None:
    """Let the garbage collector look less often, and a thread that unpickles a new rule set yield more often.

    A batch makes ten thousand tuples that refer to nothing in a circle and die with it; looking at them every 700, and
    each time at what start-up made, costs 8 % of its time. A thread holds the interpreter for 5 ms at a stretch unless
    told otherwise, and every call would wait for it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 10, 20)
    sys.setswitchinterval(0.0005)


def stop_on_signals() -> asyncio.Event:
    """On the first SIGTERM or SIGINT, cancel this task and set the event; a second one ends the process at once.

    Cancelling also breaks off a start that is still under way, and ends what it has started.
    """
    loop, task, asked = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
    assert task is not None
    signals = (signal.SIGTERM, signal.SIGINT)

    def stop(number: signal.Signals) -> None:
        log.info("stopping, asked by %s", number.name)
        for each in signals:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        asked.set()
        task.cancel()

    for number in signals:
        loop.add_signal_handler(number, stop, number)
    return asked
