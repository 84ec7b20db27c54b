"""Metrics for Prometheus, one span per batch with links, and a span per event where its sender sampled it."""

import contextlib
import logging
import sys
from collections.abc import Generator, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram

_SIZES = (1, 5, 20, 50, 100, 200, 500, 1000, 2000)
_batch_size = Histogram("voc_batch_size", "Messages in a micro-batch", ["service"], buckets=_SIZES)
_batch_seconds = Histogram("voc_batch_seconds", "Time to handle a micro-batch", ["service"])
_cpu = Counter("voc_cpu_seconds", "CPU time of the worker's loop", ["service"])
_events = Counter("voc_events", "Messages handled", ["service"])
_dead = Counter("voc_dead_letters", "Messages dead-lettered", ["service"])
lag = Gauge("voc_lag", "Messages behind the end of the topics", ["service"])
outbox_age = Gauge("voc_outbox_age_seconds", "Age of the oldest outbox row", ["service"])
pending_age = Gauge(
    "voc_pending_age_seconds", "Age of the oldest request not yet published", ["service"]
)

_propagator = TraceContextTextMapPropagator()
_NO_HEADER = ("", b"")


def configure(service: str, endpoint: str) -> None:
    """Log to stderr, and export spans by OTLP where an endpoint is set."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s {service} %(levelname)s %(name)s: %(message)s",
    )
    for noisy in ("aiokafka", "httpx", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if not endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"voc-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)


def observe_batch(service: str, messages: int, seconds: float, cpu: float) -> None:
    """Count one micro-batch."""
    _batch_size.labels(service).observe(messages)
    _batch_seconds.labels(service).observe(seconds)
    _events.labels(service).inc(messages)
    _cpu.labels(service).inc(cpu)


def count_dead_letters(service: str, count: int) -> None:
    """Count new dead letters."""
    _dead.labels(service).inc(count)


def sampled(traceparent: str) -> str:
    """The header if it is well formed and its sender sampled it, else ""."""
    parts = traceparent.split("-")
    well_formed = len(parts) == 4 and len(parts[1]) == 32 and len(parts[2]) == 16
    if not well_formed or len(parts[3]) != 2:
        return ""
    try:
        return (
            traceparent if int(parts[3], 16) & 1 and int(parts[1], 16) and int(parts[2], 16) else ""
        )
    except ValueError:
        return ""


class Traces:
    """The sampled events of a batch: what follows from one carries its trace on."""

    def __init__(self, spans: dict[bytes, Any]) -> None:
        self._spans = spans

    def follow(self, event: Any) -> str:
        """Value of `traceparent` for an event that follows from one of the batch, or ""."""
        if not self._spans:
            return ""
        span = self._spans.get(f"{event.tenant}/{getattr(event, 'record_id', '')}".encode())
        if span is None:
            return ""
        return _traceparent(span)


def _traceparent(span: Any) -> str:
    """The header that names a span as the parent of what follows."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(span))
    return carrier.get("traceparent", "")


@contextlib.contextmanager
def accepting(service: str, traceparent: str) -> Generator[str]:
    """A span for a request if its sender sampled it; gives the header for what follows from it, else ""."""
    if not sampled(traceparent):
        yield ""
        return
    context = _propagator.extract({"traceparent": traceparent})
    kind = trace.SpanKind.SERVER
    with trace.get_tracer("voc").start_as_current_span(
        f"{service} accept", context=context, kind=kind
    ) as span:
        yield _traceparent(span)


@contextlib.contextmanager
def batch_span(service: str, messages: Sequence[Any]) -> Generator[Traces]:
    """One span for the batch, linked to the sampled events, and one child span for each of those."""
    tracer = trace.get_tracer("voc")
    parents: dict[bytes, Any] = {}
    for message in messages:
        # The last header, where there is one: to look through all of them costs more than to decode the event.
        name, value = message.headers[-1] if message.headers else _NO_HEADER
        if name == "traceparent" and sampled(value.decode("ascii", "replace")):
            parents[message.key] = _propagator.extract({"traceparent": value.decode()})
    links = [trace.Link(trace.get_current_span(c).get_span_context()) for c in parents.values()]
    attributes = {"messaging.batch.message_count": len(messages)}
    with tracer.start_as_current_span(f"{service} batch", links=links, attributes=attributes):
        spans = {
            key: tracer.start_span(
                f"{service} process", context=context, kind=trace.SpanKind.CONSUMER
            )
            for key, context in parents.items()
        }
        try:
            yield Traces(spans)
        finally:
            for span in spans.values():
                span.end()
