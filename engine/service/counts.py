"""What the server counts, in plain integers.

Counting happens on the way of every message, so it is a dictionary lookup and an addition (0.1 us), not an instrument
of a metrics library (5 us and more). `telemetry` reads these numbers when it exports. One thread counts: the loop's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

LATENCY_BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the latency buckets, inclusive; one more bucket takes what is longer."""

_BOUNDS_NS = tuple(round(bound * 1_000_000_000) for bound in LATENCY_BOUNDS_S)


@dataclass(slots=True)
class Latency:
    """How long the calls of one method with one outcome took."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS_S) + 1))
    total_ns: int = 0
    least_ns: int = 0
    most_ns: int = 0


class Counts:
    """The counters of one server since its start.

    `decided` is keyed by (verdict, reason, strategy) as the contract numbers them, 0 = none; `called` by (method,
    gRPC code name). Both key sets are closed, so this never grows with traffic.
    """

    def __init__(self) -> None:
        self.decided: defaultdict[tuple[int, int, int], int] = defaultdict(int)
        self.rejected = 0
        self.repeated = 0
        self.called: dict[tuple[str, str], Latency] = {}

    def call(self, method: str, code: str, took_ns: int) -> None:
        """Count one finished call (0.6 us)."""
        latency = self.called.get((method, code))
        if latency is None:
            latency = self.called[method, code] = Latency(least_ns=took_ns)
        latency.buckets[bisect_left(_BOUNDS_NS, took_ns)] += 1
        latency.total_ns += took_ns
        if took_ns > latency.most_ns:
            latency.most_ns = took_ns
        if took_ns < latency.least_ns:
            latency.least_ns = took_ns
