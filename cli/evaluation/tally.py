"""What came out, counted: decided + rejected = read, in the shape that `--json` prints."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from signalbox.v1 import decision_pb2, message_pb2

VERDICTS = ("SEND", "HOLD", "DROP")


@dataclass(slots=True)
class Tally:
    """Counts of messages. Strategies and channels are those of messages that go, channels by admitted steps."""

    rejected: int = 0
    verdicts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(VERDICTS, 0)))
    strategies: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)

    def add(self, decision: decision_pb2.Decision, times: int) -> None:
        """Count a decision that `times` messages got."""
        verdict = name_of(decision_pb2.Verdict, decision.verdict)
        self.verdicts[verdict] += times
        if decision.decided_by:
            self.rules[decision.decided_by] += times
        if verdict != "SEND":
            self.reasons[name_of(decision_pb2.Reason, decision.reason)] += times
            return
        self.strategies[name_of(message_pb2.Strategy, decision.plan.strategy)] += times
        for step in decision.plan.steps:
            if step.admitted:
                self.channels[step.channel] += times

    @property
    def decided(self) -> int:
        """Messages that got a decision."""
        return self.verdicts.total()

    @property
    def read(self) -> int:
        """Messages met: a row makes one or more, a row that makes none is one."""
        return self.decided + self.rejected

    def as_json(self, seconds: float) -> dict[str, Any]:
        """Return the counts as `--json` prints them, the most frequent first."""
        return {
            "read": self.read,
            "decided": self.decided,
            "rejected": self.rejected,
            "verdicts": {verdict: self.verdicts[verdict] for verdict in VERDICTS},
            "strategies": dict(self.strategies.most_common()),
            "channels": dict(self.channels.most_common()),
            "reasons": dict(self.reasons.most_common()),
            "rules": dict(self.rules.most_common()),
            "seconds": round(seconds, 3),
            "per_second": round(self.decided / seconds, 1) if seconds > 0 else 0.0,
        }


def name_of(enum: Any, number: int) -> str:
    """Return the short name of an enum's value: SEND for VERDICT_SEND; a number this client does not know as such."""
    known = enum.DESCRIPTOR.values_by_number.get(number)
    if known is None:
        return str(number)
    return str(known.name).removeprefix(_prefix(enum))


def _prefix(enum: Any) -> str:
    zero: str = enum.DESCRIPTOR.values_by_number[0].name
    return zero.removesuffix("UNSPECIFIED")
