"""The carrier's front desk: it judges each call, writes it down, answers, and can be asked about it later."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from adapters.base import Attempt, Outcome, Result
from adapters.sandbox.fate import Arrival, Fate, fate_of, provider_id_of, refused
from adapters.sandbox.log import CarrierLog
from adapters.sandbox.profile import SandboxProfile
from engine.clock import Clock

MOST_REMEMBERED: Final = 50_000
"""Calls that are known without looking into the log, the newest ones."""

NOT_RECEIVED: Final = Result(Outcome.RETRY, code="NOT_RECEIVED", detail="no such call was received")


class Carrier:
    """One simulated provider."""

    def __init__(self, name: str, channel: str, profile: SandboxProfile, clock: Clock, log: CarrierLog) -> None:
        self._name = name
        self._channel = channel
        self._profile = profile
        self._clock = clock
        self._log = log
        self._bucket = _Bucket(profile.throttle_above) if profile.throttle_above else None
        self._known: dict[str, Result] = {}

    def call(self, attempt: Attempt) -> Fate:
        """Judge a call and write it down; raises OSError, and has not seen the call, when it cannot be written."""
        now_ms = self._clock.now_ms()
        fate = self._judge(attempt, now_ms)
        self._log.append([self._line(attempt, fate, now_ms)])
        self._remember(attempt.reference, fate)
        return fate

    async def query(self, reference: str) -> Result | None:
        """Say what became of a call, by any process: OK, its refusal, RETRY if it never came, None if too long ago.

        Raises OSError when the log cannot be read.
        """
        if known := self._known.get(reference):
            return known
        line, whole = await asyncio.to_thread(self._log.find, reference)
        if line is None:
            return NOT_RECEIVED if whole else None
        return self._result(line)

    def _judge(self, attempt: Attempt, now_ms: int) -> Fate:
        for outage in self._profile.outages:
            if outage.holds(now_ms):
                return refused(outage.outcome)
        if self._bucket and not self._bucket.take(now_ms):
            return refused(Outcome.THROTTLE, self._profile.throttle_wait_ms)
        return fate_of(self._profile, self._name, attempt)

    def _remember(self, reference: str, fate: Fate) -> None:
        if len(self._known) >= MOST_REMEMBERED:
            self._known.pop(next(iter(self._known)))
        if fate.arrival is Arrival.ACCEPTED:
            self._known[reference] = Result(Outcome.OK, provider_id_of(self._name, reference))
        else:
            self._known[reference] = fate.result if fate.arrival is Arrival.REFUSED else NOT_RECEIVED

    def _result(self, line: dict[str, Any]) -> Result:
        match line["kind"]:
            case Arrival.UNREACHED:
                return NOT_RECEIVED
            case Arrival.REFUSED:
                outcome = Outcome(line["outcome"])
                return refused(outcome, dead=tuple(line["addresses"]) if outcome is Outcome.DEAD else ()).result
            case _:  # accepted, or a receipt about what was
                return Result(Outcome.OK, provider_id_of(self._name, line["reference"]))

    def _line(self, attempt: Attempt, fate: Fate, now_ms: int) -> dict[str, Any]:
        line: dict[str, Any] = {
            "at": now_ms,
            "kind": fate.arrival,
            "provider": self._name,
            "channel": self._channel,
            "reference": attempt.reference,
            "message_id": attempt.message_id,
            "step": attempt.step,
            "attempt": attempt.number,
            "outcome": fate.result.outcome,
            "addresses": attempt.addresses,
            "category": attempt.category,
            "tenant": attempt.tenant,
            "line": attempt.line,
            **_said(attempt),
        }
        if fate.arrival is Arrival.ACCEPTED:
            line["provider_id"] = provider_id_of(self._name, attempt.reference)
            line["delivered"] = fate.delivered
            line["receipts"] = [
                (now_ms + planned.due_ms, planned.kind, now_ms + planned.at_ms, planned.code)
                for planned in fate.receipts
            ]
        return line


def _said(attempt: Attempt) -> dict[str, Any]:
    if attempt.content is None:
        return {"template": attempt.template, "params": dict(attempt.params)}
    title, text, html, url, _ = attempt.content
    parts = {"title": title, "text": text, "html": html, "url": url}
    return {name: part for name, part in parts.items() if part}


class _Bucket:
    """So many calls a second, and a second's worth at once; by the given clock, in each process for itself."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second)
        self._left = self._most
        self._at_ms: int | None = None

    def take(self, now_ms: int) -> bool:
        """Take one call out; False when there is none."""
        passed_ms = 0 if self._at_ms is None else max(0, now_ms - self._at_ms)
        self._at_ms = now_ms
        self._left = min(self._most, self._left + passed_ms * self._per_second / 1000)
        if self._left < 1:
            return False
        self._left -= 1
        return True
