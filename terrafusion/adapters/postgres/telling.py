"""Every move is told in the statement that makes it: rows moved, one outbox entry written, listeners woken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Insert, Row, Select, Text, Update, bindparam, cast, func, insert, literal, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE

from models.tables import jobs, outbox
from terrafusion.adapters.postgres.auditing import entries

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
"""What of a moved row goes into its status event."""
TOLD_AT_THE_END: Final = (
    *TOLD,
    jobs.c.result_summary_json.label("result_summary"),
    jobs.c.result_data_location,
    jobs.c.result_sha256,
)
"""And into its completed event."""

OUTBOX_CHANNEL: Final = "terrafusion_outbox"
"""Notified with every entry. The payload is who wrote it, and `JOBS_WAIT` where jobs wait since."""
JOBS_WAIT: Final = "jobs"
CANCELLED_CHANNEL: Final = "terrafusion_cancelled"
"""Notified where jobs were cancelled, for the workers that run them."""


def telling(
    moving: Update | Insert,
    *answer: ColumnElement[Any],
    told: Sequence[ColumnElement[Any]] = TOLD,
    wakes: bool = False,
    audited: bool = False,
) -> Select[Any]:
    """Make one statement of a move: it also writes the outbox entry of the rows that moved, and answers ``answer``.

    One statement commits by itself, so that a step costs one round trip. Its parameter ``sender`` says who asks. One
    that is ``audited`` tells a deed of each row as well.
    """
    extra = [column for column in answer if column.name not in {column.name for column in told}]
    moved = moving.returning(*told, *extra).cte("moved")
    rows = select(*(moved.c[column.name] for column in told)).subquery("told")
    moves = select(cast(func.json_agg(rows.table_valued()), Text)).having(func.count() > 0)
    entry = entered("moves", moves.select_from(rows), wakes=wakes)
    deeds = [entries(moved, job_id=moved.c.job_id, county_id=moved.c.county_id)] if audited else []
    return select(*(moved.c[column.name] for column in answer)).add_cte(entry, *deeds)


def entered(column: str, content: Select[Any], *, wakes: bool = False) -> CTE:
    """Write ``content`` as one outbox entry, and wake who listens."""
    sender = bindparam("sender", "", type_=Text)
    payload = sender + literal(f" {JOBS_WAIT}") if wakes else sender
    return (
        insert(outbox)
        .from_select([column], content)
        .returning(func.pg_notify(OUTBOX_CHANNEL, payload).label("woken"))
        .cte("entry")
    )
