"""Every move is told in the transaction that makes it: rows in, one outbox entry out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Row, Text, bindparam, func, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.jobs import TERMINAL, JobStatus
from models.records import OutgoingRecord
from models.tables import jobs, outbox
from topics.events import completed_record, pack, status_record

AnyRow = Row[*tuple[Any, ...]]

TOLD: Final = (
    jobs.c.job_id,
    jobs.c.sequence,
    jobs.c.status,
    jobs.c.analysis_type,
    jobs.c.county_id,
    jobs.c.failure_reason,
    jobs.c.data_version,
    jobs.c.correlation_id,
    jobs.c.traceparent,
    jobs.c.attempt,
    jobs.c.progress,
    jobs.c.message,
    jobs.c.priority,
    jobs.c.created_at,
    jobs.c.updated_at,
    jobs.c.started_at,
    jobs.c.completed_at,
)
"""What every statement that moves a job returns, for its events to be made of."""
TOLD_AT_THE_END: Final = (
    *TOLD,
    jobs.c.result_summary_json.label("result_summary"),
    jobs.c.result_data_location,
    jobs.c.result_sha256,
)


OUTBOX_CHANNEL: Final = "terrafusion_outbox"
"""Notified with every entry; its payload, where there is one, says that jobs wait too."""
JOBS_WAIT: Final = "jobs"
_ENTRY: Final = (
    insert(outbox)
    .values(records=bindparam("entry"))
    .returning(func.pg_notify(OUTBOX_CHANNEL, bindparam("payload", type_=Text)))
)


async def tell(connection: AsyncConnection, moved: Iterable[AnyRow], extra: Sequence[OutgoingRecord] = ()) -> None:
    """Write the events of moved rows, and further records, as one outbox entry, and wake who listens."""
    rows = list(moved)
    records = [record for row in rows for record in _records(row)]
    records.extend(extra)
    if records:
        waiting = any(row.status == JobStatus.PENDING for row in rows)
        await connection.execute(_ENTRY, {"entry": pack(records), "payload": JOBS_WAIT if waiting else ""})


def _records(row: AnyRow) -> Iterable[OutgoingRecord]:
    values = row._asdict()
    yield status_record(values)
    if values["status"] in TERMINAL:
        yield completed_record(values)
