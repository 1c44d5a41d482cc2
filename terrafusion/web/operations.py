"""What machines ask: each address with what it does, takes and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from models.access import Action
from terrafusion.web.api import PREFIX, Api
from terrafusion.web.audit import Audit, AuditQuery
from terrafusion.web.bulk_orders import ManyViews
from terrafusion.web.commands import Commanding
from terrafusion.web.contracts import Contracts
from terrafusion.web.dead_letters import DeadLetterViews
from terrafusion.web.downloads import CSV, PARQUET, Downloads
from terrafusion.web.letters import LettersQuery, SelectionQuery
from terrafusion.web.probes import Probes
from terrafusion.web.query import ListQuery, ManyQuery
from terrafusion.web.route import JOB_PATH, LETTER_PATH, OPEN, Operation, View
from terrafusion.web.streams import Streams

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
SIGNED: Final = {"X-Requested-By": "who asks; kept with what comes of it"}
RUN_HEADERS: Final = {
    "Idempotency-Key": "stands for a job_id: the same key is the same job",
    "traceparent": "W3C trace context, carried to every event",
    **SIGNED,
}


_OF_ONE: Final = (400, 404, 503)
_ORDER: Final = (400, 403, 404, 409, 422, 503)


def _many(name: str, view: View, action: Action) -> Operation:
    return Operation(
        "post",
        f"{PREFIX}/{name}",
        view,
        action,
        name=f"{name}_many",
        answers="ManyDone",
        query=ManyQuery,
        headers=SIGNED,
        body="ManyBody",
        sends={"confirm": 120},
        problems=(400, 403, 409, 422, 503),
    )


OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "post",
        f"{PREFIX}/run",
        Api.run,
        Action.RUN,
        name="run",
        answers="Job",
        example={**JOB, "status": "PENDING", "progress": 0.0, "attempt": 0, "sequence": 1, "started_at": None},
        status=202,
        headers=RUN_HEADERS,
        body="AnalysisRequest",
        sends=REQUEST,
        problems=(400, 403, 409, 413, 422, 503),
    ),
    Operation(
        "get",
        f"{PREFIX}/status/{JOB_PATH}",
        Api.status,
        Action.READ,
        name="status",
        answers="Job",
        example=JOB,
        problems=_OF_ONE,
    ),
    Operation(
        "get",
        f"{PREFIX}/results/{JOB_PATH}",
        Api.results,
        Action.READ,
        name="results",
        answers="JobWithResult",
        example={**JOB, "result": None},
        problems=_OF_ONE,
    ),
    Operation(
        "get",
        f"/jobs/{JOB_PATH}/result.json",
        Downloads.json,
        Action.READ,
        name="result_json",
        answers="Result",
        problems=_OF_ONE,
    ),
    Operation(
        "get",
        f"/jobs/{JOB_PATH}/result.parquet",
        Downloads.parquet,
        Action.READ,
        name="result_parquet",
        media=PARQUET,
        problems=_OF_ONE,
    ),
    Operation(
        "get",
        f"/jobs/{JOB_PATH}/result.csv",
        Downloads.csv,
        Action.READ,
        name="result_csv",
        media=CSV,
        problems=_OF_ONE,
    ),
    Operation(
        "get",
        f"{PREFIX}/list",
        Api.list,
        Action.READ,
        name="list",
        answers="Jobs",
        example={"jobs": [JOB], "next_cursor": None},
        query=ListQuery,
    ),
    Operation(
        "post",
        f"{PREFIX}/cancel/{JOB_PATH}",
        Commanding.cancel,
        Action.CANCEL,
        name="cancel",
        answers="Job",
        headers=SIGNED,
        body="Reason",
        sends={"reason": "sent by mistake"},
        problems=_ORDER,
    ),
    Operation(
        "post",
        f"{PREFIX}/retry/{JOB_PATH}",
        Commanding.retry,
        Action.RETRY,
        name="retry",
        answers="Job",
        status=202,
        headers=RUN_HEADERS,
        problems=_ORDER,
    ),
    _many("cancel", ManyViews.cancel, Action.CANCEL),
    _many("retry", ManyViews.retry, Action.RETRY),
    Operation(
        "post",
        f"{PREFIX}/pause",
        Commanding.pause,
        Action.PAUSE,
        name="pause",
        answers="Pause",
        headers=SIGNED,
        body="Named",
        sends={"county_id": "king_wa", "reason": "the roll is being certified"},
        problems=(400, 403, 422, 503),
    ),
    Operation(
        "post",
        f"{PREFIX}/resume",
        Commanding.resume,
        Action.RESUME,
        name="resume",
        answers="Resumed",
        headers=SIGNED,
        body="Named",
        sends={"county_id": "king_wa"},
        problems=(400, 403, 422, 503),
    ),
    Operation("get", f"{PREFIX}/pauses", Commanding.pauses, Action.READ, name="pauses", answers="Pauses"),
    Operation(
        "get",
        f"{PREFIX}/dead-letters",
        DeadLetterViews.list,
        Action.READ,
        name="dead_letters",
        answers="DeadLetters",
        query=LettersQuery,
    ),
    Operation(
        "get",
        f"{PREFIX}/dead-letters/{LETTER_PATH}",
        DeadLetterViews.show,
        Action.READ,
        name="dead_letter",
        answers="DeadLetter",
        problems=_OF_ONE,
    ),
    Operation(
        "post",
        f"{PREFIX}/dead-letters/{LETTER_PATH}/replay",
        DeadLetterViews.replay,
        Action.REPLAY,
        name="replay",
        answers="OutcomeWithJob",
        status=202,
        headers=SIGNED,
        body="ReplayBody",
        sends={"value": REQUEST},
        problems=_ORDER,
    ),
    Operation(
        "post",
        f"{PREFIX}/dead-letters/{LETTER_PATH}/discard",
        DeadLetterViews.discard,
        Action.DISCARD,
        name="discard",
        answers="OutcomeWithJob",
        headers=SIGNED,
        body="DiscardBody",
        sends={"note": "sent again under another id"},
        problems=_ORDER,
    ),
    Operation(
        "post",
        f"{PREFIX}/dead-letters/replay",
        DeadLetterViews.replay_many,
        Action.REPLAY,
        name="replay_many",
        answers="Outcomes",
        status=202,
        query=SelectionQuery,
        headers=SIGNED,
        body="ReplayManyBody",
        sends={"confirm": 3},
        problems=(400, 403, 409, 422, 503),
    ),
    Operation(
        "post",
        f"{PREFIX}/dead-letters/discard",
        DeadLetterViews.discard_many,
        Action.DISCARD,
        name="discard_many",
        answers="Outcomes",
        query=SelectionQuery,
        headers=SIGNED,
        body="DiscardManyBody",
        sends={"confirm": 3, "note": "a test of the sender's"},
        problems=(400, 403, 409, 422, 503),
    ),
    Operation("get", f"{PREFIX}/audit", Audit.list, Action.AUDIT, name="audit", answers="AuditLog", query=AuditQuery),
    Operation("get", f"{PREFIX}/types", Api.types, Action.READ, name="types", answers="Analyses"),
    Operation("get", f"{PREFIX}/counties", Api.counties, Action.READ, name="counties", answers="Counties"),
    Operation("get", f"{PREFIX}/health", Probes.health, OPEN, name="health", answers="Health", problems=()),
    Operation("get", f"{PREFIX}/events", Streams.all, Action.READ, name="events", media="text/event-stream"),
    Operation(
        "get",
        f"{PREFIX}/events/{JOB_PATH}",
        Streams.one,
        Action.READ,
        name="job_events",
        media="text/event-stream",
        problems=_OF_ONE,
    ),
    Operation("get", "/openapi.json", Contracts.openapi, OPEN, name="openapi", answers="Document", problems=(400,)),
    Operation("get", "/asyncapi.json", Contracts.asyncapi, OPEN, name="asyncapi", answers="Document", problems=(400,)),
    Operation("get", "/livez", Probes.livez, OPEN, name="livez", answers="Health", problems=()),
    Operation("get", "/readyz", Probes.readyz, OPEN, name="readyz", answers="Health", problems=()),
    Operation("get", "/metrics", Probes.metrics, Action.WATCH, name="metrics", media="text/plain", problems=()),
)
"""In the order in which the OpenAPI document tells of them."""
