"""Metrics and traces: what is exported, which calls are traced, and nothing while nobody receives it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from engine.service.counts import LATENCY_BOUNDS_S, Counts
from engine.service.latency_export import WithLatency
from engine.service.telemetry import Reading, Telemetry, meter_provider, tracer_provider

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{TRACE}-b7ad6b7169203331-00"


class Collected(MetricExporter):
    """An exporter that keeps what it was given last."""

    data: MetricsData

    def export(self, metrics_data: MetricsData, timeout_millis: float = 0, **kwargs: Any) -> MetricExportResult:
        self.data = metrics_data
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 0) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 0, **kwargs: Any) -> None:
        """Nothing is held."""

    def metrics(self) -> dict[str, Any]:
        """The metrics of the last export by name."""
        return {
            metric.name: metric.data
            for resource in self.data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


class Context:
    """A call's context with this metadata."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> Sequence[tuple[str, str]]:
        """What the caller sent beside the request."""
        return self._metadata


def spans(ratio: float, *contexts: Context) -> Sequence[ReadableSpan]:
    """The spans of calls with these contexts."""
    exporter = InMemorySpanExporter()
    provider = tracer_provider(SimpleSpanProcessor(exporter), Resource.create({}))
    begin = Telemetry(traces=provider, ratio=ratio).begin_span
    assert begin is not None
    for context in contexts:
        end = begin("signalbox.v1.DecisionService/Evaluate", context)  # type: ignore[arg-type]  # a stand-in
        if end is not None:
            end("INTERNAL")
    provider.shutdown()
    return exporter.get_finished_spans()


def test_a_sampled_trace_is_continued() -> None:
    """A caller who traces sees our part under its own trace, with the outcome."""
    (span,) = spans(0.0, Context(("traceparent", SAMPLED)))

    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert span.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "signalbox.v1.DecisionService/Evaluate",
        "rpc.response.status_code": "INTERNAL",
    }
    assert not span.status.is_ok


@pytest.mark.parametrize(
    ("ratio", "metadata", "expected"),
    [
        (0.0, (), 0),
        (1.0, (), 1),
        (1.0, (("traceparent", UNSAMPLED),), 0),
        (0.0, (("traceparent", UNSAMPLED),), 0),
        (0.0, (("traceparent", "01"),), 0),
        (1.0, (("traceparent", "01"),), 1),
        (0.0, (("traceparent", SAMPLED.replace(TRACE, "0" * 32)),), 0),
        (0.0, (("traceparent", SAMPLED + "\n"),), 0),
    ],
)
def test_the_caller_decides_and_else_the_ratio(ratio: float, metadata: Any, expected: int) -> None:
    """A call is traced when its caller sampled it; without a usable trace context of the caller by the ratio."""
    assert len(spans(ratio, Context(*metadata))) == expected


def test_counts_are_read_when_they_are_exported() -> None:
    """A metric holds what the plain integers hold at that moment."""
    collected, numbers = Collected(), {"a": 1.0}
    reading = Reading(
        "signalbox.x", "{message}", "Messages.", "counter", lambda: [(v, {"kind": k}) for k, v in numbers.items()]
    )
    provider = meter_provider(collected, Resource.create({}), 3600, [reading])
    numbers["a"] = 41
    provider.force_flush()

    (point,) = collected.metrics()["signalbox.x"].data_points
    assert (point.value, point.attributes) == (41, {"kind": "a"})
    provider.shutdown()


def test_latency_is_a_histogram_by_method_and_code() -> None:
    """Each call is in the bucket of the least bound it did not exceed."""
    collected, counts = Collected(), Counts()
    for took_ns in (100_000, 100_001, 20_000_000_000):
        counts.call("s/M", "OK", took_ns)
    provider = meter_provider(WithLatency(collected, counts), Resource.create({}), 3600, [])
    provider.get_meter("any").create_counter("any").add(1)
    provider.force_flush()

    (point,) = collected.metrics()["rpc.server.call.duration"].data_points
    assert [1, 1, *[0] * (len(LATENCY_BOUNDS_S) - 2), 1] == list(point.bucket_counts)
    assert (point.count, point.min, point.max) == (3, 0.0001, 20.0)
    assert point.attributes == {"rpc.system.name": "grpc", "rpc.method": "s/M", "rpc.response.status_code": "OK"}
    provider.shutdown()


def test_without_an_exporter_nothing_of_opentelemetry_is_loaded() -> None:
    """Whoever does not export does not pay for it."""
    program = (
        "import sys; from engine.service.telemetry import start_telemetry; from engine.service.counts import Counts\n"
        "telemetry = start_telemetry('none', '', 1.0, 1.0, [], Counts()); telemetry.stop()\n"
        "assert telemetry.begin_span is None\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    root = Path(__file__).parents[2]

    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0
