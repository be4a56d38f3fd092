"""The server, put together: settings -> parts -> start, and in reverse order stop. No decision is made here.

    gRPC -> Calls -> servicers -> Intake -> Redis -> lanes -> Worker -> providers
                         |                    |                            |
                     Evaluator             timers -> Due                receipts
                         |                    |
                  rules process            events -> Recorder -> SQL

Read `start` from top to bottom to learn the system. One process does all of it, or several share the work (`Role`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from random import Random, random

import uvloop

from adapters.base import ProviderSpec, Receipt, ReceiptKind, Surroundings
from adapters.dispatch import Bounds as ProviderBounds
from adapters.dispatch import Dispatch
from adapters.receipts import Receipts
from adapters.registry import SIMULATED, Providers, simulated_specs
from adapters.retry import RetryPolicy
from adapters.schedule import LoopSchedule, TimelineSchedule
from adapters.sending import Parts as WorkerParts
from adapters.worker import Worker, WorkerSettings
from engine.clock import HandClock, OnTime, SystemClock, always_on_time
from engine.config import Config
from engine.data_directory import DataDirectory
from engine.errors import ConfigurationError
from engine.flow.admission import Admission
from engine.flow.balances import Balances
from engine.flow.bell import Bell
from engine.flow.breaker_judge import BreakerJudge
from engine.flow.deciding import Decider
from engine.flow.due import Due
from engine.flow.evaluation import Evaluator
from engine.flow.intake import Intake
from engine.flow.live_state import LiveState
from engine.flow.loops import repeat, stop
from engine.flow.parts import State, open_state
from engine.flow.reload import Reloader, ReloadOptions
from engine.flow.rules_process import RulesProcess, RulesProcessOptions
from engine.flow.timeline import Timeline
from engine.process import stop_on_signals, tune_interpreter
from engine.records.recorder import Recorder
from engine.ruleset.compile import named_providers
from engine.service.calls import Calls
from engine.service.channels import Provider
from engine.service.counts import Counts
from engine.service.health import Health
from engine.service.listener import Bounds, listening
from engine.service.messages import Report
from engine.service.readings import readings
from engine.service.services import DECISIONS, RULES, Answering, servicers
from engine.service.telemetry import start_telemetry
from engine.service.translate_messages import ReportedReceipt
from engine.state.connection import StoreOptions, patiently
from engine.state.leases import Leases
from engine.state.load import Load
from engine.state.receipt_index import ReceiptIndex

HERE = f"{os.getpid()}-{secrets.token_hex(4)}"
"""A name that no other process has, for leases and consumer groups."""

DUE_EVERY_S = 0.05
JUDGE_EVERY_S = 1.0
SWEEP_EVERY_S = 5.0
GRACE_MS = 2_000
"""How long after its end a breaker's window is judged: other processes hand over what they counted by then."""

MOST_OF_A_ROLE = 100

log = logging.getLogger("signalbox")


class Role(StrEnum):
    """What a process does; several share one state and one database."""

    ALL = "all"
    INTAKE = "intake"  # answers calls, lets fall due what is due, judges breakers
    WORKER = "worker"  # sends what is queued
    RECORDER = "recorder"  # records what became of it


def run(config: Config, ready: Callable[[str], None], role: Role = Role.ALL) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called with the gRPC address ("-" without one) once it works.

    Raises a SignalboxError when the server cannot start; then nothing is left running.
    """
    # uvloop takes 8 % less processor time for a unary call of grpc.aio than asyncio's own loop.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config, ready, role))


async def serve(config: Config, ready: Callable[[str], None], role: Role) -> None:
    """Start, say so, wait for a signal, stop."""
    asked_to_stop = stop_on_signals()
    try:
        async with AsyncExitStack() as parts:
            address = await start(config, parts, role)
            tune_interpreter()
            ready(address)
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        if not asked_to_stop.is_set():
            raise
    log.info("stopped")


async def start(config: Config, parts: AsyncExitStack, role: Role = Role.ALL) -> str:
    """Start every part and push its end onto `parts`, which ends them in reverse. Returns the gRPC address.

    An end is pushed before its start is awaited, since a start can be broken off half-way.
    """
    timeless = config.clock.source == "messages"
    if timeless and role is not Role.ALL:
        raise ConfigurationError('the messages\' clock ([clock] source = "messages") needs one process: --role all')
    clock: SystemClock | HandClock = HandClock(0) if timeless else SystemClock()
    data = own_directory(config.data.dir.absolute(), role, parts)

    path = config.data.dir.absolute()
    options = StoreOptions(config.state.url or None, path, config.state.partitions, config.state.buckets)
    state = await open_state(options, config.records.url or None, path, config.breaker.window_s * 1000, clock, parts)
    if role is Role.RECORDER:
        start_recorder(state, parts)
        return "-"
    rules = await start_rules(config, data, parts)
    flow = await build_flow(config, state, rules, timeless)
    if role is Role.WORKER:
        await start_worker(flow, parts)
        return "-"
    return await start_intake(config, state, rules, flow, role, parts)


# ---- what every process has ----


def on_time_of(state: State) -> OnTime:
    """What tells whether this machine's clock may be gone by; the messages' own always may."""
    return always_on_time if isinstance(state.clock, HandClock) else partial(state.store.check_clock, state.clock)


def own_directory(path: Path, role: Role, parts: AsyncExitStack) -> DataDirectory:
    """Lock what this process keeps for itself: the whole directory, or for a further process a folder in it."""
    if role in (Role.ALL, Role.INTAKE):
        return parts.enter_context(DataDirectory(path))
    for number in range(1, MOST_OF_A_ROLE):
        try:
            return parts.enter_context(DataDirectory(path / f"{role}-{number}"))
        except ConfigurationError:
            if number == MOST_OF_A_ROLE - 1:
                raise
    raise AssertionError("the last one has raised")


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in force and who keeps them so."""

    process: RulesProcess
    evaluator: Evaluator
    reloader: Reloader


async def start_rules(config: Config, data: DataDirectory, parts: AsyncExitStack) -> Rules:
    """Start the rules process and load the version to be served. Raises RuleSetRefused."""
    process = RulesProcess(RulesProcessOptions(answer_limit_s=config.rules.match_timeout_ms / 1000))
    parts.push_async_callback(process.stop)
    await process.start()
    evaluator = Evaluator(process, config.time.default_zone)
    reloader = Reloader(reload_options(config, data), process, SystemClock(), on_swap=evaluator.use)
    parts.push_async_callback(reloader.stop)
    await reloader.start()
    return Rules(process, evaluator, reloader)


# ---- what moves messages ----


@dataclass(frozen=True, slots=True)
class Flow:
    """Who takes messages in, decides them again, and sends them."""

    intake: Intake
    live: LiveState
    due: Due
    judge: BreakerJudge
    worker: Worker
    receipts: Receipts
    providers: Providers
    specs: list[ProviderSpec]
    schedule: LoopSchedule | TimelineSchedule
    bell: Bell


async def build_flow(config: Config, state: State, rules: Rules, timeless: bool) -> Flow:
    """Put together what moves messages; nothing of it runs yet."""
    keys, clock = state.store.keys, state.clock
    live = LiveState(
        state.identities,
        state.control,
        state.ledger,
        Balances(state.accounts, state.refill),
        config.time.default_zone,
    )
    bell = Bell()
    admission = Admission(state.admitter, state.refill, keys, bell, None if timeless else clock.now_ms)
    load = Load(state.store, config.records.backlog_mib * 1024 * 1024)
    intake = Intake(rules.evaluator, live, admission, state.messages, load, keys)
    decider = Decider(rules.evaluator, live, admission, state.messages, state.changes, keys)
    schedule = TimelineSchedule() if timeless else LoopSchedule(clock)
    specs = provider_specs(config, rules)
    providers = Providers.build(specs, Surroundings(clock, schedule, config.data.dir.absolute()))
    if timeless and not providers.all_simulated:
        raise ConfigurationError("the messages' clock is only for simulated providers; one of these would reach people")
    index = ReceiptIndex(state.store)
    channels = (*rules.evaluator.judge.ruleset.channels, *providers.channels)
    await patiently(partial(state.lanes.ensure_groups, channels))
    bounds = {
        name: ProviderBounds(one.rate or None, one.concurrency or None, one.timeout_ms or None)
        for name, one in config.providers.items()
    }
    dispatch = Dispatch(providers, clock, RetryPolicy(repeats=frozenset(config.worker.send_again)), bounds, timeless)
    worker = build_worker(config, state, decider, index, dispatch, timeless)
    bell.listen(worker.wake)
    due = Due(state.timers, state.messages, state.changes, decider, keys, bell)
    judge = BreakerJudge(
        rules.evaluator,
        state.control,
        state.windows,
        Leases(state.store, HERE),
        {spec.name: spec.channel for spec in specs},
        grace_ms=0 if timeless else GRACE_MS,
    )
    receipts = Receipts(state.messages, state.changes, state.identities, index, keys, clock, state.queries.user_of)
    return Flow(intake, live, due, judge, worker, receipts, providers, specs, schedule, bell)


def build_worker(
    config: Config, state: State, decider: Decider, index: ReceiptIndex, dispatch: Dispatch, timeless: bool
) -> Worker:
    """Put a worker together."""
    settings = config.worker
    return Worker(
        WorkerParts(
            keys=state.store.keys,
            messages=state.messages,
            changes=state.changes,
            lanes=state.lanes,
            identities=state.identities,
            index=index,
            control=state.control,
            windows=state.windows,
            decider=decider,
            clock=state.clock,
            on_time=on_time_of(state),
        ),
        dispatch,
        WorkerSettings(HERE, settings.concurrency, round(settings.claim_idle_s * 1000), round(settings.drain_s * 1000)),
        # A year that is played twice comes out the same.
        Random(config.sandbox.seed).random if timeless else random,
    )


async def start_worker(flow: Flow, parts: AsyncExitStack) -> None:
    """Send what is queued."""
    parts.push_async_callback(flow.providers.stop)
    await flow.providers.start(flow.receipts.sink)
    if isinstance(flow.schedule, TimelineSchedule):
        return  # whoever moves the clock drives the worker
    task = asyncio.create_task(flow.worker.run(), name="worker")

    async def drain() -> None:
        flow.worker.stop()
        await task

    parts.push_async_callback(drain)


def start_recorder(state: State, parts: AsyncExitStack) -> None:
    """Record what became of messages."""
    asked = asyncio.Event()
    recorder = Recorder(
        *(state.messages, state.events, state.database, state.clock, HERE),
        committed=state.feed.wake,
        on_time=on_time_of(state),
    )
    task = asyncio.create_task(recorder.run(asked), name="recorder")

    async def finish() -> None:
        asked.set()
        await task

    parts.push_async_callback(finish)


def start_movers(config: Config, state: State, flow: Flow, parts: AsyncExitStack) -> None:
    """Let fall due what is due, judge breakers, release what a pause held, forget limits that are over.

    Nothing of this is done by a clock that is wrong: it would end waits and free limits before their time.
    """
    now_ms, on_time = state.clock.now_ms, on_time_of(state)
    most = max(1, round(config.worker.release_rate * DUE_EVERY_S))

    async def due() -> bool:
        # Never at once again: the pause between two looks is what bounds the rate.
        await on_time()
        await flow.due.run_once(now_ms(), most)
        return False

    async def judge() -> bool:
        await on_time()
        return await flow.judge.run_once(now_ms()) > 0

    async def release() -> bool:
        return await state.control.held.release_resumed(now_ms()) > 0

    async def sweep() -> bool:
        await on_time()
        await state.ledger.sweep(now_ms())
        return False

    for name, act, every_s in (
        ("releasing what is due", due, DUE_EVERY_S),
        ("judging breakers", judge, JUDGE_EVERY_S),
        ("releasing what was paused", release, JUDGE_EVERY_S),
        ("forgetting limits that are over", sweep, SWEEP_EVERY_S),
    ):
        parts.push_async_callback(stop, asyncio.create_task(repeat(name, act, every_s), name=name))


# ---- what answers calls ----


async def start_intake(
    config: Config, state: State, rules: Rules, flow: Flow, role: Role, parts: AsyncExitStack
) -> str:
    """Answer calls, and all that goes with it. Returns the address."""
    await patiently(state.refill.recover)
    if role is Role.ALL:
        start_recorder(state, parts)
        await start_worker(flow, parts)
    timeline = None
    if isinstance(flow.schedule, TimelineSchedule):
        timeline = await start_timeline(state, flow, flow.schedule, parts)
    else:
        start_movers(config, state, flow, parts)
    answering = Answering(
        process=rules.process,
        evaluator=rules.evaluator,
        reloader=rules.reloader,
        state=state,
        intake=flow.intake,
        live=flow.live,
        providers=[Provider(spec.name, spec.type, spec.channel) for spec in flow.specs],
        report=reporting(flow.receipts),
        timeline=timeline,
    )
    return await listen(config, answering, parts)


async def start_timeline(state: State, flow: Flow, schedule: TimelineSchedule, parts: AsyncExitStack) -> Timeline:
    """Let the messages' clock drive everything, and take it up where it was."""
    assert isinstance(state.clock, HandClock)
    timeline = Timeline(
        state.clock,
        state.store,
        flow.intake,
        flow.due,
        state.timers,
        flow.worker,
        schedule,
        state.control,
        flow.judge,
        state.queries.unfinished,
        state.events,
        flow.bell,
    )
    parts.push_async_callback(timeline.stop)
    await timeline.recover()
    return timeline


async def listen(config: Config, answering: Answering, parts: AsyncExitStack) -> str:
    """Open the port; returns its address."""
    counts = Counts()
    telemetry = start_telemetry(
        **config.telemetry.model_dump(),
        readings=readings(counts, answering.evaluator, answering.process, answering.reloader),
        counts=counts,
    )
    parts.push_async_callback(asyncio.to_thread, telemetry.stop)
    server = config.server
    calls = Calls(counts, telemetry.begin_span, server.default_deadline_s, server.max_calls)
    health = Health(deciding=DECISIONS.full_name, always=RULES.full_name)
    bounds = Bounds(server.host, server.port, server.max_message_bytes, server.stop_grace_s)
    address = await parts.enter_async_context(
        listening(bounds, calls, health, servicers(answering, counts, server.max_batch))
    )
    health.ready()
    return address


def reporting(receipts: Receipts) -> Report:
    """What takes in the receipts that callers report."""

    async def report(reported: Sequence[ReportedReceipt]) -> list[tuple[str, str]]:
        done = await receipts.report(
            [
                Receipt(one.provider, ReceiptKind(one.kind), one.at_ms, one.reference, one.provider_id, one.code)
                for one in reported
            ]
        )
        return [(one.fate.name, one.error) for one in done]

    return report


def provider_specs(config: Config, rules: Rules) -> list[ProviderSpec]:
    """The providers of the settings; without any a simulated one for each channel, or for each that the rules name."""
    simulated = {"profile": config.sandbox.profile, "seed": config.sandbox.seed}
    if config.providers:
        return [
            ProviderSpec(name, one.type, one.channel, {**(simulated if one.type == SIMULATED else {}), **one.options})
            for name, one in config.providers.items()
        ]
    log.warning("no provider is configured: every channel goes to a simulated carrier, and nobody is reached")
    ruleset = rules.evaluator.judge.ruleset
    return simulated_specs(ruleset.channels, named_providers(ruleset), simulated)


def reload_options(config: Config, data: DataDirectory) -> ReloadOptions:
    """Where the rules are and how they are watched."""
    rules = config.rules
    return ReloadOptions(rules.dir.absolute(), rules.tests_dir.absolute(), data.path, rules.dev)
