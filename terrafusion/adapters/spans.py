"""Spans by OpenTelemetry, handed to a collector over OTLP. Needs the extra ``otel``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from terrafusion import DISTRIBUTION
from terrafusion.errors import Misconfigured
from terrafusion.settings import Settings
from terrafusion.tracing import UNTRACED, Attribute, Span, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OtelSpan

PREFIX = "terrafusion."


def make_tracer(settings: Settings, *, instance: str) -> Tracer:
    """Return what the settings ask for; where it goes say OpenTelemetry's own variables. Raises Misconfigured."""
    if settings.tracing == "off":
        return UNTRACED
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        msg = f"TERRAFUSION_TRACING is {settings.tracing}, which needs `pip install '{DISTRIBUTION}[otel]'`"
        raise Misconfigured(msg) from error
    resource = Resource.create({"service.name": DISTRIBUTION, "service.instance.id": instance})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OtelTracer(provider)


class OtelTracer:
    """Fulfils `terrafusion.tracing.Tracer`."""

    is_on = True

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._provider = provider
        self._tracer = provider.get_tracer("terrafusion")
        self._propagator = TraceContextTextMapPropagator()

    def now(self) -> int:
        """Return the time of day."""
        return time.time_ns()

    def begin(self, name: str, parent: str | None, *, at: int | None = None, **attributes: Attribute) -> Span:
        """Begin a span; whether it is kept decides the parent's flag."""
        from opentelemetry.context import Context  # noqa: PLC0415

        context = self._propagator.extract({"traceparent": parent} if parent else {}, context=Context())
        told: Any = {f"{PREFIX}{key}": value for key, value in attributes.items() if value is not None}
        return _Span(self._tracer.start_span(name, context=context, attributes=told, start_time=at))

    def close(self) -> None:
        """Export what is left."""
        self._provider.shutdown()


class _Span:
    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def end(self, *, at: int | None = None, error: str | None = None) -> None:
        if error is not None:
            from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

            self._span.set_status(Status(StatusCode.ERROR, error))
        self._span.end(end_time=at)
