"""One request's way through the parts as one trace, by OpenTelemetry's own SDK and its exporter in memory."""

from __future__ import annotations

import builtins
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.contextvars import merge_contextvars
from support.broker import Broker

from models.access import anybody
from models.jobs import FailureReason
from models.messages import AnalysisRequest
from models.queue import Limits
from models.records import IncomingRecord
from terrafusion.adapters.bell import AsyncBell
from terrafusion.adapters.spans import OtelTracer, make_tracer
from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import ChildTimedOut, Misconfigured
from terrafusion.ports.pool import Outcome, Task
from terrafusion.services.relay import Relay
from terrafusion.settings import Settings
from terrafusion.tracing import UNTRACED, Tracer
from terrafusion.usecases.accept import Accept
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.held_jobs import HeldJobs
from terrafusion.usecases.producers import EVERY_PRODUCER
from terrafusion.usecases.traces import Traces
from terrafusion.usecases.work import Workbench
from topics.catalogue import COMPLETED, REQUESTS

from .conftest import Office

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
UPSTREAM = f"00-{TRACE}-00f067aa0ba902b7-01"
UNSAMPLED = f"00-{TRACE}-00f067aa0ba902b7-00"


class Pool:
    """Does what it is told, and says a word about it."""

    def __init__(self, does: Callable[[Task], Outcome]) -> None:
        self._does = does
        self.has_child = True
        self.tasks: list[Task] = []

    async def run(self, tasks: Sequence[Task], *, seconds: float) -> Sequence[Outcome]:
        self.tasks += tasks
        structlog.get_logger("pool").warning("at it")
        return [self._does(task) for task in tasks]


def done(_: Task) -> Outcome:
    return Outcome(seconds=0.25, began_ns=time.time_ns(), message="Done", result_summary={})


class Shelf:
    """The memory store's outbox as the relay's leader."""

    def __init__(self, office: Office) -> None:
        self._records = office.store.outbox

    async def read(self, limit: int) -> Any:
        return [(number, [record]) for number, record in enumerate(self._records)]

    async def forget(self, ids: Any, refused: Any, reason: str) -> int:
        self._records.clear()
        return len(refused)


@dataclass
class Line:
    """A worker's parts, one behind the other."""

    office: Office
    tracer: Tracer
    pool: Pool
    broker: Broker

    def __post_init__(self) -> None:
        office, traces = self.office, Traces(self.tracer)
        counties = KnownCounties(office.stored_counties, office.metrics)
        self.accept = Accept(
            jobs=office.store,
            counties=counties,
            catalogue=load_catalogue(),
            metrics=office.metrics,
            on_accepted=office.ring,
            caller=anybody,
            producers=EVERY_PRODUCER,
            traces=traces,
        )
        self.bench = Workbench(
            limits=Limits(owner="w", slots=2, lease=timedelta(seconds=15), job_timeout_s=600, max_crashes=3),
            jobs=office.store,
            held=HeldJobs(office.metrics, AsyncBell()),
            pool=self.pool,
            counties=counties,
            metrics=office.metrics,
            beats=lambda: True,
            relay_bell=AsyncBell(),
            monotonic=office.clock.seconds,
            traces=traces,
        )
        self.relay = Relay(
            outbox=None,
            publisher=self.broker,
            bell=AsyncBell(),
            metrics=office.metrics,
            monotonic=office.clock.seconds,
            tracer=self.tracer,
        )

    async def asked(self, *, traceparent: str | None = None, **fields: Any) -> UUID:
        """Have a request come from the topic."""
        job_id = uuid4()
        value = {"job_id": str(job_id), "analysis_type": "trend_analysis", "county_id": "king_wa", **fields}
        headers = (("traceparent", traceparent.encode()),) if traceparent else ()
        record = IncomingRecord(REQUESTS.name, 0, 1, datetime.now(UTC), None, json.dumps(value).encode(), headers)
        await self.accept.records([record])
        return job_id

    async def work(self) -> None:
        """Run what waits, commit it, and publish it."""
        for chunk in await self.bench.claim():
            await self.bench.run(chunk)
        assert await self.bench.has_ended()
        await self.bench.commit()
        await self.relay.publish_oldest(Shelf(self.office))

    def completed(self) -> Any:
        """The headers of the completed event."""
        (record,) = [record for record in self.broker.taken if record.topic == COMPLETED.name]
        return dict(record.headers)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return OtelTracer(provider)


@pytest.fixture
def line(office: Office, tracer: Tracer) -> Line:
    return Line(office, tracer, Pool(done), Broker())


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


async def test_all_that_a_request_causes_is_one_trace_below_it(line: Line, exporter: InMemorySpanExporter) -> None:
    job_id = await line.asked(traceparent=UPSTREAM, correlation_id="roll")
    await line.work()
    spans = by_name(exporter)
    assert set(spans) == {"accept", "queue", "analyse", "finish", "publish"}
    assert {f"{span.context.trace_id:032x}" for span in spans.values()} == {TRACE}
    accept = spans.pop("accept")
    assert f"{accept.parent.span_id:016x}" == UPSTREAM.split("-")[2]
    assert {span.parent.span_id for span in spans.values()} == {accept.context.span_id}
    assert {span.attributes["terrafusion.job_id"] for span in spans.values()} == {str(job_id)}
    assert spans["analyse"].attributes["terrafusion.attempt"] == 1
    assert spans["analyse"].attributes["terrafusion.correlation_id"] == "roll"
    assert spans["analyse"].end_time - spans["analyse"].start_time == 250_000_000
    carried = f"00-{TRACE}-{accept.context.span_id:016x}-01"
    assert line.completed()["traceparent"] == carried.encode()
    assert [task.traceparent for task in line.pool.tasks] == [carried]


async def test_over_http_it_is_the_same_and_a_request_without_a_trace_begins_one(
    line: Line, exporter: InMemorySpanExporter
) -> None:
    await line.accept.submit(AnalysisRequest(analysis_type="trend_analysis", county_id="king_wa"))
    await line.work()
    spans = by_name(exporter)
    assert set(spans) == {"accept", "queue", "analyse", "finish", "publish"}
    assert spans["accept"].parent is None
    assert {span.context.trace_id for span in spans.values()} == {spans["accept"].context.trace_id}


async def test_what_its_sender_does_not_sample_is_carried_and_not_told(
    line: Line, exporter: InMemorySpanExporter
) -> None:
    await line.asked(traceparent=UNSAMPLED)
    await line.work()
    assert exporter.get_finished_spans() == ()
    carried = line.completed()["traceparent"].decode()
    assert (carried.split("-")[1], carried.split("-")[3]) == (TRACE, "00")


async def test_what_went_wrong_is_an_error_with_its_reason(
    office: Office, tracer: Tracer, exporter: InMemorySpanExporter
) -> None:
    def fails(_: Task) -> Outcome:
        return Outcome(seconds=0.1, message="no", failure_reason=FailureReason.PROCESSING_EXCEPTION)

    def hangs(_: Task) -> Outcome:
        raise ChildTimedOut("It took longer than 600 s")

    for does in (fails, hangs):
        line = Line(office, tracer, Pool(does), Broker())
        await line.asked(traceparent=UPSTREAM)
        await line.work()
    told = [(s.name, s.status.description) for s in exporter.get_finished_spans() if not s.status.is_ok]
    assert told.count(("analyse", "no")) == 1
    assert ("analyse", "ChildTimedOut: It took longer than 600 s") in told
    assert ("finish", "no") in told


async def test_without_tracing_the_header_is_carried_as_it_came(office: Office) -> None:
    line = Line(office, UNTRACED, Pool(done), Broker())
    await line.asked(traceparent=UPSTREAM)
    await line.work()
    assert line.completed()["traceparent"] == UPSTREAM.encode()


async def test_every_line_within_a_job_says_whose_it_is_and_none_behind_it(line: Line) -> None:
    with structlog.testing.capture_logs(processors=[merge_contextvars]) as lines:
        job_id = await line.asked(traceparent=UPSTREAM, correlation_id="roll")
        await line.work()
        structlog.get_logger("after").warning("quiet")
    at_it, quiet = lines
    assert (at_it["job_id"], at_it["county_id"], at_it["analysis_type"]) == (str(job_id), "king_wa", "trend_analysis")
    assert (at_it["correlation_id"], at_it["trace_id"]) == ("roll", TRACE)
    assert "job_id" not in quiet


def test_off_nothing_of_it_is_imported_and_without_the_extra_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    assert make_tracer(Settings(), instance="w") is UNTRACED
    with pytest.raises(Misconfigured, match=r"terrafusion-market-analysis\[otel\]"):
        make_tracer(Settings(tracing="otlp"), instance="w")


def test_spans_go_where_opentelemetrys_own_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example:4318")
    made: Any = make_tracer(Settings(tracing="otlp"), instance="w")
    try:
        (processor,) = made._provider._active_span_processor._span_processors
        assert processor.span_exporter._endpoint == "http://collector.example:4318/v1/traces"
        assert made._provider.resource.attributes["service.instance.id"] == "w"
    finally:
        made.close()
