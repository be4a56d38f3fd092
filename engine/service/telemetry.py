"""Metrics and traces by OpenTelemetry, at the edge and nowhere deeper.

Nothing here runs on a message's way unless its call is traced: metrics are read from plain integers when they are
exported. Without an exporter OpenTelemetry is not even imported. No attribute holds what a message, a user or an
address says; only names from the contract do.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

import grpc

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

    from engine.service.counts import Counts

EXPORT_S = 3
"""How long one export may take, with its repetitions; the last one keeps a stopping server waiting."""

TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
"""The W3C trace context header: version, trace, span, flags."""

Context = grpc.aio.ServicerContext[Any, Any]

EndSpan = Callable[[str], None]
"""Ends a span with the name of the call's gRPC code."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric: `read` gives its values now, each with the attributes that tell it from the others."""

    name: str
    unit: str
    description: str
    kind: Literal["counter", "gauge"]
    read: Callable[[], Iterable[tuple[float, Mapping[str, str]]]]


class Telemetry:
    """The exporters of one server; `begin_span` is None when there are none, so that a call need not even ask."""

    def __init__(self, metrics: MeterProvider | None = None, traces: TracerProvider | None = None, ratio: float = 0):
        self._metrics = metrics
        self._traces = traces
        self.begin_span = None if traces is None else _span_starter(traces, ratio)

    def stop(self) -> None:
        """Export what is left and end; takes at most about twice EXPORT_S. Blocks: call it off the loop."""
        if self._traces is not None:
            self._traces.shutdown()
        if self._metrics is not None:
            self._metrics.shutdown(timeout_millis=EXPORT_S * 1000)


def start_telemetry(
    exporter: str, endpoint: str, trace_ratio: float, interval_s: float, readings: Iterable[Reading], counts: Counts
) -> Telemetry:
    """Start exporting as the settings say: `exporter` is none, console or otlp."""
    if exporter == "none":
        return Telemetry()
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from engine.service.latency_export import WithLatency

    metric_exporter, span_exporter = _exporters(exporter, endpoint)
    resource = Resource.create({"service.name": "signalbox", "service.version": _version()})
    metrics = meter_provider(WithLatency(metric_exporter, counts), resource, interval_s, readings)
    return Telemetry(metrics, tracer_provider(BatchSpanProcessor(span_exporter), resource), trace_ratio)


def meter_provider(
    exporter: MetricExporter, resource: Resource, interval_s: float, readings: Iterable[Reading]
) -> MeterProvider:
    """Export every reading at each interval."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=interval_s * 1000)
    provider = MeterProvider([reader], resource)
    meter = provider.get_meter("signalbox")
    for reading in readings:
        make = meter.create_observable_counter if reading.kind == "counter" else meter.create_observable_gauge
        make(reading.name, [_callback(reading)], reading.unit, reading.description)
    return provider


def tracer_provider(processor: SpanProcessor, resource: Resource) -> TracerProvider:
    """Whether to trace is decided before a span is begun, so every span that is begun is exported."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    provider = TracerProvider(ALWAYS_ON, resource)
    provider.add_span_processor(processor)
    return provider


def _exporters(exporter: str, endpoint: str) -> tuple[MetricExporter, SpanExporter]:
    if exporter == "console":
        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        # One line each, like the log they share the stream with.
        return (
            ConsoleMetricExporter(sys.stderr, lambda data: data.to_json(indent=None) + "\n"),
            ConsoleSpanExporter(out=sys.stderr, formatter=lambda span: span.to_json(indent=None) + "\n"),
        )
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    insecure = endpoint.startswith("http://")
    return (
        OTLPMetricExporter(endpoint, insecure, timeout=EXPORT_S),
        OTLPSpanExporter(endpoint, insecure, timeout=EXPORT_S),
    )


def _callback(reading: Reading) -> Callable[[CallbackOptions], Iterable[Observation]]:
    from opentelemetry.metrics import Observation

    return lambda _options: [Observation(value, dict(attributes)) for value, attributes in reading.read()]


def _span_starter(traces: TracerProvider, ratio: float) -> Callable[[str, Context], EndSpan | None]:
    """What begins a span where the caller sampled the trace, or by chance where the caller has none."""
    from opentelemetry.trace import SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    tracer = traces.get_tracer("signalbox")
    propagator = TraceContextTextMapPropagator()

    def begin(method: str, context: Context) -> EndSpan | None:
        parent = _traceparent(context)
        if parent is None:
            if not ratio or random.random() >= ratio:
                return None
        elif not int(parent[53:55], 16) & 1:
            return None
        span = tracer.start_span(
            method,
            propagator.extract({"traceparent": parent}) if parent is not None else None,
            SpanKind.SERVER,
            {"rpc.system.name": "grpc", "rpc.method": method},
        )

        def end(code: str) -> None:
            span.set_attribute("rpc.response.status_code", code)
            if code in SERVER_FAULTS:
                span.set_status(Status(StatusCode.ERROR))
            span.end()

        return end

    return begin


SERVER_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""The codes that OpenTelemetry's conventions count as errors of a server."""


def _traceparent(context: Context) -> str | None:
    """The caller's trace context; one that is malformed counts as none, as W3C has it."""
    for key, value in context.invocation_metadata() or ():
        if key == "traceparent":
            return value if isinstance(value, str) and TRACEPARENT.fullmatch(value) else None
    return None


def _version() -> str:
    try:
        return version("signalbox")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"
