"""What each path takes and answers, as data: the machine-readable side of `terrafusion.web.routes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from terrafusion.web.api import PREFIX, Api
from terrafusion.web.probes import Probes
from terrafusion.web.query import ListQuery, NoQuery
from terrafusion.web.streams import Streams

JOB_PATH: Final = "{job_id:[^/]+}"
REQUEST: Final[Mapping[str, Any]] = {
    "analysis_type": "price_trend_by_zip",
    "county_id": "king_wa",
    "parameters": {"period": "quarter", "zip_codes": ["98103", "98115"]},
}
JOB: Final[Mapping[str, Any]] = {
    "job_id": "9a3e8998-0efa-4582-82c4-45e709f7082d",
    "analysis_type": "price_trend_by_zip",
    "county_id": "king_wa",
    "status": "RUNNING",
    "message": "Holding quality constant",
    "parameters": REQUEST["parameters"],
    "created_at": "2026-03-01T12:00:00Z",
    "updated_at": "2026-03-01T12:00:03Z",
    "started_at": "2026-03-01T12:00:01Z",
    "completed_at": None,
    "progress": 0.42,
    "attempt": 1,
    "failure_reason": None,
    "priority": 5,
    "data_version": "1f104b4a",
    "correlation_id": None,
    "retry_of": None,
    "sequence": 3,
    "requested_by": None,
    "result_summary": None,
    "result_data_location": None,
    "result_sha256": None,
    "waiting_for": None,
}
RUN_HEADERS: Final = {
    "Idempotency-Key": "stands for a job_id: the same key is the same job",
    "X-Requested-By": "who asks; shown with the job",
    "traceparent": "W3C trace context, carried to every event",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path: its handler, and the names of the schemas of what it takes and answers."""

    name: str
    handler: Callable[..., Any]
    answers: str = ""
    example: Any = None
    status: int = 200
    media: str = "application/json"
    query: type[BaseModel] = NoQuery
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    sends: Any = None
    problems: tuple[int, ...] = (400, 503)


_OF_A_JOB: Final = (400, 404, 503)

OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("post", f"{PREFIX}/run"): Operation(
        name="run",
        handler=Api.run,
        answers="Job",
        example={**JOB, "status": "PENDING", "progress": 0.0, "attempt": 0, "sequence": 1, "started_at": None},
        status=202,
        headers=RUN_HEADERS,
        body="AnalysisRequest",
        sends=REQUEST,
        problems=(400, 403, 409, 413, 422, 503),
    ),
    ("get", f"{PREFIX}/status/{JOB_PATH}"): Operation(
        name="status", handler=Api.status, answers="Job", example=JOB, problems=_OF_A_JOB
    ),
    ("get", f"{PREFIX}/results/{JOB_PATH}"): Operation(
        name="results",
        handler=Api.results,
        answers="JobWithResult",
        example={**JOB, "result": None},
        problems=_OF_A_JOB,
    ),
    ("get", f"{PREFIX}/list"): Operation(
        name="list",
        handler=Api.list,
        answers="Jobs",
        example={"jobs": [JOB], "next_cursor": None},
        query=ListQuery,
    ),
    ("get", f"{PREFIX}/types"): Operation(name="types", handler=Api.types, answers="Analyses"),
    ("get", f"{PREFIX}/counties"): Operation(name="counties", handler=Api.counties, answers="Counties"),
    ("get", f"{PREFIX}/health"): Operation(name="health", handler=Probes.readyz, answers="Health", problems=()),
    ("get", f"{PREFIX}/events"): Operation(name="events", handler=Streams.all, media="text/event-stream"),
    ("get", f"{PREFIX}/events/{JOB_PATH}"): Operation(
        name="job_events", handler=Streams.one, media="text/event-stream", problems=_OF_A_JOB
    ),
    ("get", "/livez"): Operation(name="livez", handler=Probes.livez, answers="Health", problems=()),
    ("get", "/readyz"): Operation(name="readyz", handler=Probes.readyz, answers="Health", problems=()),
    ("get", "/metrics"): Operation(name="metrics", handler=Probes.metrics, media="text/plain", problems=()),
}
"""By method and path as the routes name it; the pages for people are no part of it."""
