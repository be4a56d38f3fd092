"""The breaker judge: closed windows in, states of providers, channels and the platform out.

The rules say what a window asks for; here is only how a state begins and ends. What an operator has forced stays.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from engine.decision.breaker import BreakerVerdict, judge_window
from engine.decision.case_window import time_facts, window_facts
from engine.flow.evaluation import Evaluator
from engine.ruleset.fact_types import BREAKER_SCOPES
from engine.state.breakers import PAUSED, BreakerState, Subject, SubjectKind
from engine.state.control import Control
from engine.state.leases import Leases
from engine.state.windows import Window, Windows

LEASE: Final = "breaker-judge"
LEASE_MS: Final = 5_000

EMPTY: Final = Window(0, 0, 0, 0)

log = logging.getLogger(__name__)


class BreakerJudge:
    """Judges windows that are over. `channels` names the channel of each provider."""

    def __init__(
        self,
        evaluator: Evaluator,
        control: Control,
        windows: Windows,
        leases: Leases,
        channels: Mapping[str, str],
        grace_ms: int,
    ) -> None:
        self._evaluator = evaluator
        self._control = control
        self._windows = windows
        self._leases = leases
        self._channels = channels
        self._grace_ms = grace_ms

    async def run_once(self, now_ms: int) -> int:
        """Judge the windows that closed since; return how many. Another process may be the one who does it.

        Raises StateUnavailable and RulesUnavailable; what was not judged is judged later.
        """
        if not await self._leases.take(LEASE, LEASE_MS):
            return 0
        starts = await self._windows.closed(now_ms, self._grace_ms)
        for start_ms in starts:
            await self.judge(start_ms, await self._windows.read(start_ms), now_ms)
            await self._windows.judged(start_ms)
        await self._judge_silence(self._windows.last_closed(now_ms - self._grace_ms), now_ms)
        return len(starts)

    async def run_alone(self, now_ms: int) -> bool:
        """Judge what this process has counted by itself, for the messages' clock: nobody else counts then.

        True when a state may have changed, and with it what is sent.
        """
        before = await self._control.view()
        for start_ms, counted in self._windows.take_closed(now_ms):
            await self.judge(start_ms, counted, now_ms)
        await self._judge_silence(self._windows.last_closed(now_ms), now_ms)
        return await self._control.view() is not before

    async def next_ms(self) -> int | None:
        """When there is something to judge, for the messages' clock; None while there is nothing."""
        ends = [self._windows.first_end()]
        for state in (await self._control.view()).breakers.values():
            if _waits(state):
                ends.append(self._windows.end_after(state.judged_ms))
        return min((end for end in ends if end is not None), default=None)

    async def judge(self, start_ms: int, counted: Mapping[Subject, Window], now_ms: int) -> None:
        """Judge one window, of everything that was counted in it or is not NORMAL."""
        states = (await self._control.view()).breakers
        for subject in {**counted, **states}:
            before = states.get(subject)
            if before is not None and (before.forced or before.judged_ms >= start_ms):
                continue
            window = counted.get(subject, EMPTY)
            after = following(before, await self._ask(subject, before, window, now_ms), window, start_ms, now_ms)
            if after != before and await self._control.swap_breaker(subject, before, after):
                _tell(subject, before, after)

    async def _judge_silence(self, start_ms: int, now_ms: int) -> None:
        """What is paused has no windows of its own: for it every window counts, the silent ones too."""
        states = (await self._control.view()).breakers
        if any(_waits(state) and state.judged_ms < start_ms for state in states.values()):
            await self.judge(start_ms, {}, now_ms)

    async def _ask(
        self, subject: Subject, before: BreakerState | None, window: Window, now_ms: int
    ) -> tuple[BreakerVerdict, str] | None:
        ruleset = self._evaluator.judge.ruleset
        name = subject.kind.value
        scope = BREAKER_SCOPES[name]
        channel = subject.name if subject.kind is SubjectKind.CHANNEL else self._channels.get(subject.name)
        if subject.kind is not SubjectKind.PLATFORM and channel not in ruleset.channels:
            return None  # the rules now serving do not know of it
        given: dict[str, Any] = {
            "name": subject.name,
            "channel": channel,
            "state": before.state if before is not None else "NORMAL",
            "window": {
                "count": window.count,
                "errors": window.errors,
                "timeouts": window.timeouts,
                "consecutive_timeouts": window.consecutive_timeouts,
            },
        }
        f = time_facts(ruleset, self._evaluator.default_zone, now_ms)
        matched = await self._evaluator.match(scope, f, window_facts(given, name, ruleset, scope))
        verdict = judge_window(matched)
        return (verdict, ruleset.rules[verdict.rule].id) if verdict is not None else None


def _waits(state: BreakerState) -> bool:
    """Does this state end by itself after windows in which nothing is sent?"""
    return state.state == PAUSED and not state.forced and state.back_windows > 0


def following(
    before: BreakerState | None,
    verdict: tuple[BreakerVerdict, str] | None,
    window: Window,
    start_ms: int,
    now_ms: int,
) -> BreakerState | None:
    """Return the state that follows; None is NORMAL.

    A state ends by itself after so many calm windows in a row as its rule says. A window in which nothing was sent says
    nothing about a slow provider; of a paused one it is all there can be.
    """
    if verdict is not None:
        asked, rule_id = verdict
        same = before is not None and before.state == asked.state and before.by == rule_id
        since_ms = before.since_ms if same and before is not None else now_ms
        return BreakerState(
            state=asked.state,
            speed=asked.speed,
            by=rule_id,
            since_ms=since_ms,
            back_windows=asked.back_windows,
            back_error_rate=asked.back_error_rate,
            judged_ms=start_ms,
        )
    if before is None or not before.back_windows:
        return before
    if not window.count and before.state != PAUSED:
        return before._replace(judged_ms=start_ms)
    error_rate = window.errors / window.count if window.count else 0.0
    calm = before.calm_windows + 1 if error_rate < before.back_error_rate else 0
    return None if calm >= before.back_windows else before._replace(calm_windows=calm, judged_ms=start_ms)


def _tell(subject: Subject, before: BreakerState | None, after: BreakerState | None) -> None:
    was, now = (state.state if state is not None else "NORMAL" for state in (before, after))
    if was != now:
        by = after.by if after is not None else "calm windows"
        log.warning("the %s %s went from %s to %s, by %s", subject.kind.value, subject.name, was, now, by)
