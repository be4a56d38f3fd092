"""The latency of calls as an OpenTelemetry histogram.

The API has no histogram that is read when it is exported, and recording into an ordinary one costs more than the rest
of an edge. So `Counts` keeps the buckets and this exporter puts them beside what the instruments gave.
"""

from __future__ import annotations

import time
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from engine.service.counts import LATENCY_BOUNDS_S, Counts, Latency

NAME = "rpc.server.call.duration"
"""As OpenTelemetry's conventions for RPC call it, with its attributes rpc.method and rpc.response.status_code."""


class WithLatency(MetricExporter):
    """Passes everything on to `inner`, with the latency added."""

    def __init__(self, inner: MetricExporter, counts: Counts) -> None:
        super().__init__()
        self._inner = inner
        self._counts = counts
        self._start_ns = time.time_ns()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Export the instruments' metrics and the latency of every method."""
        resources = [
            ResourceMetrics(of.resource, [*of.scope_metrics, self._latency(of.schema_url)], of.schema_url)
            for of in metrics_data.resource_metrics
        ]
        return self._inner.export(MetricsData(resources), timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Let the inner exporter finish."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """End the inner exporter."""
        self._inner.shutdown(timeout_millis, **kwargs)

    def _latency(self, schema_url: str) -> ScopeMetrics:
        now_ns = time.time_ns()
        points = [
            self._point(method, code, latency, now_ns) for (method, code), latency in list(self._counts.called.items())
        ]
        histogram = Histogram(points, AggregationTemporality.CUMULATIVE)
        metric = Metric(NAME, "How long calls took.", "s", histogram)
        return ScopeMetrics(InstrumentationScope("signalbox"), [metric], schema_url)

    def _point(self, method: str, code: str, latency: Latency, now_ns: int) -> HistogramDataPoint:
        buckets = list(latency.buckets)
        return HistogramDataPoint(
            attributes={"rpc.system.name": "grpc", "rpc.method": method, "rpc.response.status_code": code},
            start_time_unix_nano=self._start_ns,
            time_unix_nano=now_ns,
            count=sum(buckets),
            sum=latency.total_ns / 1e9,
            bucket_counts=buckets,
            explicit_bounds=LATENCY_BOUNDS_S,
            min=latency.least_ns / 1e9,
            max=latency.most_ns / 1e9,
        )
