"""Requests become rows: a batch in one transaction, each id once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgpack
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    case,
    cast,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.dead_letters import DeadLetter
from models.jobs import FailureReason, JobStatus, NewJob
from models.records import OutgoingRecord
from models.tables import data_versions, dead_letters, jobs
from terrafusion.adapters.postgres.batches import arrays, as_json, batch
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
    retry_of=Uuid(),
    digest=Text(),
    correlation_id=Text(),
    requested_by=Text(),
    traceparent=Text(),
    origin_topic=Text(),
    origin_partition=Integer(),
    origin_offset=BigInteger(),
)
_current = (
    select(data_versions.c.data_version)
    .where(data_versions.c.county_id == NEW.c.county_id, data_versions.c.current)
    .scalar_subquery()
)
_cells: Final[dict[str, ColumnElement[Any]]] = {
    **{c.name: c for c in NEW.c},
    "parameters_json": cast(NEW.c.parameters_json, JSONB),
    "completed_at": case((NEW.c.status == JobStatus.FAILED, func.now())),
    "data_version": case((NEW.c.status == JobStatus.PENDING, _current)),
}
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
    job_id=Uuid(),
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
    .returning(dead_letters.c.topic, dead_letters.c.partition, dead_letters.c.offset, dead_letters.c.stage)
)


async def accept(connection: AsyncConnection, offers: Sequence[Offer], letters: Sequence[DeadLetter]) -> Accepted:
    """Write the offers whose ids are new, keep letters for those in conflict, and tell of both."""
    first = {offer.job.job_id: offer.job for offer in reversed(offers)}
    moved = (await connection.execute(INSERT_JOBS, arrays(NEW, _rows(first.values())))).all() if first else []
    new = frozenset(row.job_id for row in moved)
    digests = {job_id: job.digest for job_id, job in first.items() if job_id in new}
    digests |= await _standing(connection, first.keys() - new)
    conflicts = [offer for offer in offers if offer.job.digest != digests[offer.job.job_id]]
    kept = [*letters, *_letters(offers, conflicts)]
    await tell(connection, moved, await keep(connection, kept))
    known = (offer.job.job_id for offer in offers if offer.job.digest == digests[offer.job.job_id])
    return Accepted(new, frozenset(known) - new, frozenset(offer.job.job_id for offer in conflicts))


async def keep(connection: AsyncConnection, letters: Sequence[DeadLetter]) -> Sequence[OutgoingRecord]:
    """Store dead letters, each once, and return what is to be published of the new ones."""
    if not letters:
        return []
    stored = await connection.execute(INSERT_LETTERS, arrays(LETTERS, map(_letter_row, letters)))
    fresh = Counter(tuple(row) for row in stored)
    now = datetime.now(UTC)
    told = []
    for letter in letters:
        place = (letter.topic, letter.partition, letter.offset, letter.stage)
        if fresh[place]:
            fresh[place] -= 1
            told.append(dead_letter_record(letter, failed_at=now))
    return told


async def _standing(connection: AsyncConnection, ids: frozenset[UUID] | set[UUID]) -> Mapping[UUID, str]:
    if not ids:
        return {}
    rows = await connection.execute(STANDING.where(jobs.c.job_id.in_(ids)))
    return {row.job_id: row.digest for row in rows}


def _letters(offers: Sequence[Offer], conflicts: Sequence[Offer]) -> Iterator[DeadLetter]:
    """Choose the letters: a request that was bad by itself keeps its own, whatever stands under its id."""
    yield from (offer.letter for offer in offers if offer.letter)
    yield from (offer.on_conflict for offer in conflicts if offer.on_conflict and not offer.letter)


def _rows(new: Iterable[NewJob]) -> list[dict[str, Any]]:
    """Sorted by id, so that two batches that share ids cannot wait for each other."""
    return [_row(job) for job in sorted(new, key=lambda job: job.job_id)]


def _row(job: NewJob) -> dict[str, Any]:
    origin = job.origin
    return {
        "job_id": job.job_id,
        "analysis_type": job.analysis_type,
        "county_id": job.county_id,
        "status": job.status,
        "message": job.message,
        "parameters_json": as_json(job.parameters),
        "priority": job.priority,
        "deadline": job.deadline,
        "failure_reason": _text(job.failure_reason),
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
        "job_id": letter.job_id,
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
