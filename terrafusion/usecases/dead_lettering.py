"""The dead letter of a record that was refused, whichever topic it came on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from models.dead_letters import NOTHING, About, DeadLetter, Stage
from models.jobs import FailureReason, Job
from models.records import IncomingRecord
from terrafusion.errors import Conflict, MalformedMessage, NotAllowed, NotFound, Rejected, UnstorableData
from terrafusion.ports.jobs import Offer
from topics.catalogue import REQUESTS

LONGEST_REASON: Final = 1000


def letter_of(
    record: IncomingRecord, error: Exception, job_id: UUID | None = None, about: About = NOTHING
) -> DeadLetter:
    """Keep a record as it came, with where it came from, why it was refused, and what it is about."""
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        job_id=job_id,
        key=record.key,
        value=record.value,
        headers=record.headers,
        stage=_stage(error),
        error_class=type(error).__name__,
        error_message=str(error)[:LONGEST_REASON],
        county_id=about.county_id,
        analysis_type=about.analysis_type,
    )


def letter_of_exhausted(job: Job, first_failed_at: datetime | None) -> DeadLetter:
    """Keep the request as it can be asked again: its own bytes are gone, its content stands in the row."""
    request = {"analysis_type": job.analysis_type, "county_id": job.county_id, "parameters": job.parameters}
    origin = job.origin
    return DeadLetter(
        topic=origin.topic if origin else REQUESTS.name,
        partition=origin.partition if origin else None,
        offset=origin.offset if origin else None,
        timestamp=job.updated_at,
        job_id=job.job_id,
        key=str(job.job_id).encode(),
        value=orjson.dumps({"job_id": str(job.job_id), **request}),
        headers=(),
        stage=Stage.ANALYSE,
        error_class=FailureReason.ATTEMPTS_EXHAUSTED,
        error_message=job.message,
        attempts=job.attempt,
        county_id=job.county_id,
        analysis_type=job.analysis_type,
        worker=job.worker,
        first_failed_at=first_failed_at,
    )


def letters_of(offers: Sequence[Offer], conflicts: Sequence[Offer]) -> Iterator[DeadLetter]:
    """Choose the letters: a request that was bad by itself keeps its own, whatever stands under its id."""
    yield from (offer.letter for offer in offers if offer.letter)
    yield from (offer.on_conflict for offer in conflicts if offer.on_conflict and not offer.letter)


def outcome_of(error: Exception) -> str:
    """Say in a word what came of an order that was refused, as it is said of one over HTTP."""
    return (error.status if isinstance(error, Rejected) else Rejected.status).phrase.lower()


def _stage(error: Exception) -> Stage:
    """Name the step: what it is, what it says, or what stands against it here."""
    if isinstance(error, MalformedMessage):
        return Stage.DECODE
    return Stage.ACCEPT if isinstance(error, Conflict | NotAllowed | NotFound | UnstorableData) else Stage.VALIDATE
