"""Requests become rows: a batch in one statement, each id once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgpack
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    Select,
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

from models.access import Deed
from models.county_tables import data_versions
from models.dead_letters import DeadLetter
from models.jobs import FailureReason, JobStatus, NewJob
from models.queue import ORDINARY, QueueRules
from models.tables import dead_letters, jobs
from terrafusion.adapters.postgres.auditing import entries, told_as
from terrafusion.adapters.postgres.batches import arrays, as_json, batch
from terrafusion.adapters.postgres.moves import NAMED, seconds
from terrafusion.adapters.postgres.telling import TOLD_AT_THE_END, entered, telling
from terrafusion.boundaries import Boundary, cross
from terrafusion.ports.jobs import Accepted, Offer
from terrafusion.usecases.dead_lettering import letters_of

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
    "queue_at": func.now() + (ORDINARY - NEW.c.priority) * seconds("ageing"),
    "data_version": case((NEW.c.status == JobStatus.PENDING, _current)),
}
INSERT_JOBS: Final = (
    insert(jobs)
    .from_select(list(_cells), select(*_cells.values()))
    .on_conflict_do_nothing(index_elements=[jobs.c.job_id])
)
ACCEPT: Final = telling(INSERT_JOBS, jobs.c.job_id, told=TOLD_AT_THE_END, wakes=True)
ACCEPT_AUDITED: Final = telling(INSERT_JOBS, jobs.c.job_id, told=TOLD_AT_THE_END, wakes=True, audited=True)
STANDING: Final = select(jobs.c.job_id, jobs.c.digest).where(NAMED)

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
    county_id=Text(),
    analysis_type=Text(),
    worker=Text(),
    first_failed_at=STAMP,
)
INSERT_LETTERS: Final = (
    insert(dead_letters)
    .from_select(list(LETTERS.c.keys()), select(*LETTERS.c))
    .on_conflict_do_nothing()
    .returning(dead_letters.c.id, dead_letters.c.job_id)
)


def _keep(*, audited: bool) -> Select[Any]:
    kept = INSERT_LETTERS.cte("kept")
    ids = select(func.array_agg(kept.c.id)).having(func.count() > 0)
    deeds = [entries(kept, letter_id=kept.c.id, job_id=kept.c.job_id)] if audited else []
    return select(kept.c.id).add_cte(entered("letters", ids), *deeds)


KEEP: Final = _keep(audited=False)
"""Each letter is kept once, and told as often as it is kept."""
KEEP_AUDITED: Final = _keep(audited=True)


async def accept(
    connection: AsyncConnection,
    offers: Sequence[Offer],
    letters: Sequence[DeadLetter],
    *,
    rules: QueueRules,
    sender: str,
    deed: Deed | None = None,
) -> Accepted:
    """Write the offers whose ids are new, keep letters for those in conflict, and tell of both."""
    first = {offer.job.job_id: offer.job for offer in reversed(offers)}
    asked = {"ageing": rules.ageing.total_seconds(), "sender": sender}
    new: frozenset[UUID] = frozenset()
    digests: dict[UUID, str] = {}
    while left := first.keys() - digests.keys():  # again for an id that stood, and was purged before it was read
        written = await _write(connection, [first[job_id] for job_id in left], asked, deed)
        digests |= {job_id: first[job_id].digest for job_id in written}
        digests |= await _standing(connection, left - written)
        new |= written
    conflicts = [offer for offer in offers if offer.job.digest != digests[offer.job.job_id]]
    await keep(connection, [*letters, *letters_of(offers, conflicts)], sender, deed)
    known = (offer.job.job_id for offer in offers if offer.job.digest == digests[offer.job.job_id])
    return Accepted(new, frozenset(known) - new, frozenset(offer.job.job_id for offer in conflicts))


async def _write(
    connection: AsyncConnection, new: Collection[NewJob], asked: Mapping[str, Any], deed: Deed | None
) -> frozenset[UUID]:
    given = {**arrays(NEW, _rows(new)), **asked, **told_as(deed)}
    written = await connection.execute(ACCEPT_AUDITED if deed else ACCEPT, given)
    return frozenset(written.scalars())


async def keep(
    connection: AsyncConnection, letters: Sequence[DeadLetter], sender: str, deed: Deed | None = None
) -> None:
    """Store dead letters, each once, and have the new ones told."""
    if letters:
        cross(Boundary.KEEPING_LETTERS)
        given = _parameters(letters, sender) | {"sender": sender}
        await connection.execute(KEEP_AUDITED if deed else KEEP, given | told_as(deed))
        cross(Boundary.LETTERS_KEPT)


def parking(letters: Sequence[DeadLetter]) -> dict[str, Any]:
    """Make the parameters of `INSERT_LETTERS`, by which letters are stored and nothing is told of them."""
    return _parameters(letters, "")


def _parameters(letters: Sequence[DeadLetter], sender: str) -> dict[str, Any]:
    """Make the parameters of letters that this process refused, but for those that name another."""
    return arrays(LETTERS, (_letter_row(letter) | {"worker": letter.worker or sender or None} for letter in letters))


async def _standing(connection: AsyncConnection, ids: frozenset[UUID] | set[UUID]) -> Mapping[UUID, str]:
    if not ids:
        return {}
    rows = await connection.execute(STANDING, {"ids": list(ids)})
    return {row.job_id: row.digest for row in rows}


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
        "county_id": letter.county_id,
        "analysis_type": letter.analysis_type,
        "first_failed_at": letter.first_failed_at,
    }


def _text(reason: FailureReason | None) -> str | None:
    return reason.value if reason else None
