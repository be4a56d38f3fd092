"""Calls of providers, kept to their contract: never longer than allowed, never an exception, always an outcome."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from adapters.base import GRACE_MS, Adapter, Attempt, Outcome, Result
from adapters.dispatch import Dispatch
from adapters.retry import STOPS_ROUTE
from engine.clock import Clock
from engine.state.breakers import Subject, SubjectKind
from engine.state.windows import Windows

log = logging.getLogger(__name__)

NO_FAULT: Final = frozenset({Outcome.OK, Outcome.CONTENT, Outcome.DEAD, Outcome.OPTOUT})
"""Outcomes that say nothing against the provider."""

ALARM_EVERY_S: Final = 60.0
"""A provider that refuses everything for the same cause is complained of once in this time."""


class Calls:
    """Makes calls and asks about them; breakers see how they went, and doors close where a provider asks for a rest."""

    def __init__(self, dispatch: Dispatch, windows: Windows, clock: Clock) -> None:
        self._dispatch = dispatch
        self._windows = windows
        self._clock = clock
        self._complained_s: dict[tuple[str, Outcome], float] = {}

    async def make(self, adapter: Adapter, attempt: Attempt) -> Result:
        """Make a call; one without an answer in time is AMBIGUOUS."""
        result = await self._send(adapter, attempt)
        self._count(adapter, result)
        if result.outcome is Outcome.THROTTLE and result.retry_after_ms:
            self._dispatch.gates[adapter.name].rest(result.retry_after_ms)
        if result.outcome in STOPS_ROUTE:
            self._complain(adapter, result)
        return result

    async def ask(self, adapter: Adapter, reference: str) -> Result | None:
        """Ask what became of an attempt; None when that cannot be told."""
        if not adapter.traits.query:
            return None
        try:
            async with asyncio.timeout(self._limit_s(adapter)):
                result = await adapter.query(reference)
        except TimeoutError:
            return None
        except Exception:
            log.exception("the provider %s broke its contract in a query", adapter.name)
            return None
        return None if result is None or result.outcome is Outcome.AMBIGUOUS else result

    async def _send(self, adapter: Adapter, attempt: Attempt) -> Result:
        try:
            async with asyncio.timeout(self._limit_s(adapter)):
                return await adapter.send(attempt)
        except TimeoutError:
            return Result(Outcome.AMBIGUOUS, code="TIMEOUT")
        except Exception:
            # Nobody knows how far it got.
            log.exception("the provider %s broke its contract in a call", adapter.name)
            return Result(Outcome.AMBIGUOUS, code="BROKEN")

    def _limit_s(self, adapter: Adapter) -> float:
        return (self._dispatch.timeout_ms(adapter) + GRACE_MS) / 1000

    def _count(self, adapter: Adapter, result: Result) -> None:
        subjects = (
            Subject(SubjectKind.PROVIDER, adapter.name),
            Subject(SubjectKind.CHANNEL, adapter.channel),
            Subject(SubjectKind.PLATFORM, ""),
        )
        error, timeout = result.outcome not in NO_FAULT, result.outcome is Outcome.AMBIGUOUS
        self._windows.add(subjects, self._clock.now_ms(), error=error, timeout=timeout)

    def _complain(self, adapter: Adapter, result: Result) -> None:
        now_s, about = asyncio.get_running_loop().time(), (adapter.name, result.outcome)
        if now_s - self._complained_s.get(about, float("-inf")) >= ALARM_EVERY_S:
            self._complained_s[about] = now_s
            log.error(
                "the provider %s refuses every message (%s %s %s): somebody must act",
                *(adapter.name, result.outcome.value, result.code, result.detail),
            )
