"""Requests become rows: a batch in one transaction, each id once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgpack
import orjson
from sqlalchemy import BigInteger, DateTime, Integer, LargeBinary, SmallInteger, Text, Uuid, case, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.dead_letters import DeadLetter
from models.jobs import FailureReason, JobStatus, NewJob
from models.records import OutgoingRecord
from models.tables import dead_letters, jobs
from terrafusion.adapters.postgres.batches import arrays, batch
from terrafusion.adapters.postgres.telling import TOLD_AT_THE_END, tell
from terrafusion.ports import Accepted, Offer
from topics.events import dead_letter_record

STAMP: Final = DateTime(timezone=True)
NEW: Final = batch(
    job_id=Uuid(),
    analysis_type=Text(),
    county_id=Text(),
    status=Text(),
    message=Text(),
    parameters_json=Text(),
    priority=SmallInteger(),
    deadline=STAMP,
    failure_reason=Text(),
    data_version=Text(),
    retry_of=Uuid(),
    digest=Text(),
    correlation_id=Text(),
    requested_by=Text(),
    traceparent=Text(),
    origin_topic=Text(),
    origin_partition=Integer(),
    origin_offset=BigInteger(),
)
_cells = {c.name: cast(c, JSONB) if c.name == "parameters_json" else c for c in NEW.c}
_cells["completed_at"] = case((NEW.c.status == JobStatus.FAILED, func.now()))
INSERT_JOBS: Final = (
    insert(jobs)
    .from_select(list(_cells), select(*_cells.values()))
    .on_conflict_do_nothing(index_elements=[jobs.c.job_id])
    .returning(*TOLD_AT_THE_END)
)
STANDING: Final = select(jobs.c.job_id, jobs.c.digest)

LETTERS: Final = batch(
    topic=Text(),
    partition=Integer(),
    offset=BigInteger(),
    timestamp=STAMP,
    key=LargeBinary(),
    value=LargeBinary(),
    headers=LargeBinary(),
    stage=Text(),
    error_class=Text(),
    error_message=Text(),
    attempts=Integer(),
)
INSERT_LETTERS: Final = (
    insert(dead_letters)
    .from_select(list(LETTERS.c.keys()), select(*LETTERS.c))
    .on_conflict_do_nothing()
    .returning(dead_letters.c.topic, dead_letters.c.partition, dead_letters.c.offset)
)


async def accept(connection: AsyncConnection, offers: Sequence[Offer], letters: Sequence[DeadLetter]) -> Accepted:
    """Write the offers whose ids are new, keep letters for those in conflict, and tell of both."""
    digests = {offer.job.job_id: offer.job.digest for offer in offers}
    moved = (await connection.execute(INSERT_JOBS, arrays(NEW, _rows(offers)))).all() if offers else []
    new = frozenset(row.job_id for row in moved)
    standing = await _standing(connection, digests.keys() - new)
    conflicting = frozenset(job_id for job_id, digest in standing.items() if digest != digests[job_id])
    kept = [*letters, *_letters(offers, new, conflicting)]
    await tell(connection, moved, await keep(connection, kept))
    return Accepted(new, frozenset(standing) - conflicting, conflicting)


async def keep(connection: AsyncConnection, letters: Sequence[DeadLetter]) -> Sequence[OutgoingRecord]:
    """Store dead letters, each once, and return what is to be published of the new ones."""
    if not letters:
        return []
    stored = await connection.execute(INSERT_LETTERS, arrays(LETTERS, map(_letter_row, letters)))
    fresh = {tuple(row) for row in stored}
    now = datetime.now(UTC)
    return [
        dead_letter_record(letter, failed_at=now)
        for letter in letters
        if (letter.topic, letter.partition, letter.offset) in fresh
    ]


async def _standing(connection: AsyncConnection, ids: frozenset[UUID] | set[UUID]) -> Mapping[UUID, str]:
    if not ids:
        return {}
    rows = await connection.execute(STANDING.where(jobs.c.job_id.in_(ids)))
    return {row.job_id: row.digest for row in rows}


def _letters(offers: Sequence[Offer], new: frozenset[UUID], conflicting: frozenset[UUID]) -> list[DeadLetter]:
    born_failed = [offer.letter for offer in offers if offer.job.job_id in new]
    refused = [offer.on_conflict for offer in offers if offer.job.job_id in conflicting]
    stood = [offer.letter for offer in offers if offer.job.job_id not in new | conflicting]
    return [letter for letter in (*born_failed, *refused, *stood) if letter]


def _rows(offers: Sequence[Offer]) -> list[dict[str, Any]]:
    """Sorted by id, so that two batches that share ids cannot wait for each other."""
    return [_row(offer.job) for offer in sorted(offers, key=lambda offer: offer.job.job_id)]


def _row(job: NewJob) -> dict[str, Any]:
    origin = job.origin
    return {
        "job_id": job.job_id,
        "analysis_type": job.analysis_type,
        "county_id": job.county_id,
        "status": job.status,
        "message": job.message,
        "parameters_json": orjson.dumps(job.parameters).decode(),
        "priority": job.priority,
        "deadline": job.deadline,
        "failure_reason": _text(job.failure_reason),
        "data_version": job.data_version,
        "retry_of": job.retry_of,
        "digest": job.digest,
        "correlation_id": job.correlation_id,
        "requested_by": job.requested_by,
        "traceparent": job.traceparent,
        "origin_topic": origin and origin.topic,
        "origin_partition": origin and origin.partition,
        "origin_offset": origin and origin.offset,
    }


def _letter_row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp": letter.timestamp,
        "key": letter.key,
        "value": letter.value,
        "headers": msgpack.packb(letter.headers),
        "stage": letter.stage.value,
        "error_class": letter.error_class,
        "error_message": letter.error_message.replace("\0", "\\0"),
        "attempts": letter.attempts,
    }


def _text(reason: FailureReason | None) -> str | None:
    return reason.value if reason else None
