"""The server, put together: settings -> parts -> start, and in reverse order stop. No decision is made here.

    rules folder -> Reloader -> RulesProcess (loads, checks, tests, matches)
                        |            ^
                        v            | fingerprints no memo knows
    gRPC -> Calls -> DecisionServicer -> Evaluator -> decision
                  -> RuleServicer

Read `start` from top to bottom to learn the system.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

import uvloop

from engine.clock import SystemClock
from engine.config import Config
from engine.data_directory import DataDirectory
from engine.flow.evaluation import Evaluator
from engine.flow.reload import Reloader, ReloadOptions
from engine.flow.rules_process import RulesProcess, RulesProcessOptions
from engine.service.calls import Calls
from engine.service.counts import Counts
from engine.service.decisions import DecisionServicer
from engine.service.health import Health
from engine.service.listener import Bounds, listening
from engine.service.readings import readings
from engine.service.rules import RuleServicer
from engine.service.telemetry import start_telemetry
from signalbox.v1 import decision_service_pb2, rule_service_pb2

DECISIONS = decision_service_pb2.DESCRIPTOR.services_by_name["DecisionService"]
RULES = rule_service_pb2.DESCRIPTOR.services_by_name["RuleService"]

log = logging.getLogger("signalbox")


def run(config: Config, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called with the gRPC address once messages are decided.

    Raises a SignalboxError when the server cannot start; then nothing is left running.
    """
    # uvloop takes 8 % less processor time for a unary call of grpc.aio than asyncio's own loop.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config, ready))


async def serve(config: Config, ready: Callable[[str], None]) -> None:
    """Start, say so, wait for a signal, stop."""
    asked_to_stop = stop_on_signals()
    try:
        async with AsyncExitStack() as parts:
            address = await start(config, parts)
            tune_interpreter()
            ready(address)
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        if not asked_to_stop.is_set():
            raise
    log.info("stopped")


async def start(config: Config, parts: AsyncExitStack) -> str:
    """Start every part and push its end onto `parts`, which ends them in reverse. Returns the gRPC address.

    An end is pushed before its start is awaited, since a start can be broken off half-way.
    """
    clock, counts = SystemClock(), Counts()
    data = parts.enter_context(DataDirectory(config.data.dir.absolute()))

    process = RulesProcess(RulesProcessOptions(answer_limit_s=config.rules.match_timeout_ms / 1000))
    parts.push_async_callback(process.stop)
    await process.start()

    evaluator = Evaluator(process, config.time.default_zone)
    reloader = Reloader(reload_options(config, data), process, clock, on_swap=evaluator.use)

    telemetry = start_telemetry(
        **config.telemetry.model_dump(), readings=readings(counts, evaluator, process, reloader), counts=counts
    )
    parts.push_async_callback(asyncio.to_thread, telemetry.stop)

    calls = Calls(counts, telemetry.begin_span, config.server.default_deadline_s, config.server.max_calls)
    health = Health(deciding=DECISIONS.full_name, always=RULES.full_name)
    services = {
        DECISIONS: DecisionServicer(evaluator, counts, clock.now_ms, config.server.max_batch),
        RULES: RuleServicer(reloader, process, evaluator),
    }
    address = await parts.enter_async_context(listening(bounds(config), calls, health, services))

    parts.push_async_callback(reloader.stop)
    await reloader.start()
    health.ready()
    return address


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


def reload_options(config: Config, data: DataDirectory) -> ReloadOptions:
    """Where the rules are and how they are watched."""
    rules = config.rules
    return ReloadOptions(rules.dir.absolute(), rules.tests_dir.absolute(), data.path, rules.dev)


def bounds(config: Config) -> Bounds:
    """Where the server listens and what it bounds."""
    server = config.server
    return Bounds(server.host, server.port, server.max_message_bytes, server.stop_grace_s)


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
