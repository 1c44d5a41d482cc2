"""What each path takes and answers, as data: the machine-readable side of `terrafusion.web.routes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from terrafusion.web.api import PREFIX, Api
from terrafusion.web.audit import Audit, AuditQuery
from terrafusion.web.bulk_orders import ManyViews
from terrafusion.web.commands import Commanding
from terrafusion.web.contracts import Contracts
from terrafusion.web.dead_letters import DeadLetterViews
from terrafusion.web.downloads import CSV, PARQUET, Downloads
from terrafusion.web.letters import LettersQuery, SelectionQuery
from terrafusion.web.probes import Probes
from terrafusion.web.query import ListQuery, ManyQuery, NoQuery
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
LETTER_PATH: Final = "{letter_id:(?!(?:replay|discard)$)[^/]+}"
"""All but the two that stand for many letters: whoever gets those is told that they take POST."""
SIGNED: Final = {"X-Requested-By": "who asks; kept with what comes of it"}
RUN_HEADERS: Final = {
    "Idempotency-Key": "stands for a job_id: the same key is the same job",
    "traceparent": "W3C trace context, carried to every event",
    **SIGNED,
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
    """A body that has no required member may be left out."""
    sends: Any = None
    problems: tuple[int, ...] = (400, 503)


_OF_ONE: Final = (400, 404, 503)
_ORDER: Final = (400, 403, 404, 409, 422, 503)

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
        name="status", handler=Api.status, answers="Job", example=JOB, problems=_OF_ONE
    ),
    ("get", f"{PREFIX}/results/{JOB_PATH}"): Operation(
        name="results",
        handler=Api.results,
        answers="JobWithResult",
        example={**JOB, "result": None},
        problems=_OF_ONE,
    ),
    ("get", f"/jobs/{JOB_PATH}/result.json"): Operation(
        name="result_json", handler=Downloads.json, answers="Result", problems=_OF_ONE
    ),
    ("get", f"/jobs/{JOB_PATH}/result.parquet"): Operation(
        name="result_parquet", handler=Downloads.parquet, media=PARQUET, problems=_OF_ONE
    ),
    ("get", f"/jobs/{JOB_PATH}/result.csv"): Operation(
        name="result_csv", handler=Downloads.csv, media=CSV, problems=_OF_ONE
    ),
    ("get", f"{PREFIX}/list"): Operation(
        name="list",
        handler=Api.list,
        answers="Jobs",
        example={"jobs": [JOB], "next_cursor": None},
        query=ListQuery,
    ),
    ("post", f"{PREFIX}/cancel/{JOB_PATH}"): Operation(
        name="cancel",
        handler=Commanding.cancel,
        answers="Job",
        headers=SIGNED,
        body="Reason",
        sends={"reason": "sent by mistake"},
        problems=_ORDER,
    ),
    ("post", f"{PREFIX}/retry/{JOB_PATH}"): Operation(
        name="retry", handler=Commanding.retry, answers="Job", status=202, headers=RUN_HEADERS, problems=_ORDER
    ),
    **{
        ("post", f"{PREFIX}/{name}"): Operation(
            name=f"{name}_many",
            handler=handler,
            answers="ManyDone",
            query=ManyQuery,
            headers=SIGNED,
            body="ManyBody",
            sends={"confirm": 120},
            problems=(400, 403, 409, 422, 503),
        )
        for name, handler in (("cancel", ManyViews.cancel), ("retry", ManyViews.retry))
    },
    ("post", f"{PREFIX}/pause"): Operation(
        name="pause",
        handler=Commanding.pause,
        answers="Pause",
        headers=SIGNED,
        body="Named",
        sends={"county_id": "king_wa", "reason": "the roll is being certified"},
        problems=(400, 403, 422, 503),
    ),
    ("post", f"{PREFIX}/resume"): Operation(
        name="resume",
        handler=Commanding.resume,
        answers="Resumed",
        headers=SIGNED,
        body="Named",
        sends={"county_id": "king_wa"},
        problems=(400, 403, 422, 503),
    ),
    ("get", f"{PREFIX}/pauses"): Operation(name="pauses", handler=Commanding.pauses, answers="Pauses"),
    ("get", f"{PREFIX}/dead-letters"): Operation(
        name="dead_letters", handler=DeadLetterViews.list, answers="DeadLetters", query=LettersQuery
    ),
    ("get", f"{PREFIX}/dead-letters/{LETTER_PATH}"): Operation(
        name="dead_letter", handler=DeadLetterViews.show, answers="DeadLetter", problems=_OF_ONE
    ),
    ("post", f"{PREFIX}/dead-letters/{LETTER_PATH}/replay"): Operation(
        name="replay",
        handler=DeadLetterViews.replay,
        answers="OutcomeWithJob",
        status=202,
        headers=SIGNED,
        body="ReplayBody",
        sends={"value": REQUEST},
        problems=_ORDER,
    ),
    ("post", f"{PREFIX}/dead-letters/{LETTER_PATH}/discard"): Operation(
        name="discard",
        handler=DeadLetterViews.discard,
        answers="OutcomeWithJob",
        headers=SIGNED,
        body="DiscardBody",
        sends={"note": "sent again under another id"},
        problems=_ORDER,
    ),
    ("post", f"{PREFIX}/dead-letters/replay"): Operation(
        name="replay_many",
        handler=DeadLetterViews.replay_many,
        answers="Outcomes",
        status=202,
        query=SelectionQuery,
        headers=SIGNED,
        body="ReplayManyBody",
        sends={"confirm": 3},
        problems=(400, 403, 409, 422, 503),
    ),
    ("post", f"{PREFIX}/dead-letters/discard"): Operation(
        name="discard_many",
        handler=DeadLetterViews.discard_many,
        answers="Outcomes",
        query=SelectionQuery,
        headers=SIGNED,
        body="DiscardManyBody",
        sends={"confirm": 3, "note": "a test of the sender's"},
        problems=(400, 403, 409, 422, 503),
    ),
    ("get", f"{PREFIX}/audit"): Operation(name="audit", handler=Audit.list, answers="AuditLog", query=AuditQuery),
    ("get", f"{PREFIX}/types"): Operation(name="types", handler=Api.types, answers="Analyses"),
    ("get", f"{PREFIX}/counties"): Operation(name="counties", handler=Api.counties, answers="Counties"),
    ("get", f"{PREFIX}/health"): Operation(name="health", handler=Probes.health, answers="Health", problems=()),
    ("get", f"{PREFIX}/events"): Operation(name="events", handler=Streams.all, media="text/event-stream"),
    ("get", f"{PREFIX}/events/{JOB_PATH}"): Operation(
        name="job_events", handler=Streams.one, media="text/event-stream", problems=_OF_ONE
    ),
    ("get", "/openapi.json"): Operation(name="openapi", handler=Contracts.openapi, answers="Document", problems=(400,)),
    ("get", "/asyncapi.json"): Operation(
        name="asyncapi", handler=Contracts.asyncapi, answers="Document", problems=(400,)
    ),
    ("get", "/livez"): Operation(name="livez", handler=Probes.livez, answers="Health", problems=()),
    ("get", "/readyz"): Operation(name="readyz", handler=Probes.readyz, answers="Health", problems=()),
    ("get", "/metrics"): Operation(name="metrics", handler=Probes.metrics, media="text/plain", problems=()),
}
"""By method and path as the routes name it; the pages for people are no part of it."""
