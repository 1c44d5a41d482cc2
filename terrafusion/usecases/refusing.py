"""The dead letter of a record that was refused, whichever topic it came on."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from uuid import UUID

from models.dead_letters import NOTHING, About, DeadLetter, Stage
from models.records import IncomingRecord
from terrafusion.errors import Conflict, MalformedMessage, NotAllowed, NotFound, UnstorableData

LONGEST_REASON: Final = 1000
OUTCOMES: Final[Mapping[type[Exception], HTTPStatus]] = {
    NotAllowed: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
}
"""What an entry of the audit log says came of it, in the words of HTTP; of what is not here, that it cannot be done."""


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


def outcome_of(error: Exception) -> str:
    """Say in a word what came of an order that was refused, as it is said of one over HTTP."""
    return OUTCOMES.get(type(error), HTTPStatus.UNPROCESSABLE_ENTITY).phrase.lower()


def _stage(error: Exception) -> Stage:
    """Name the step: what it is, what it says, or what stands against it here."""
    if isinstance(error, MalformedMessage):
        return Stage.DECODE
    return Stage.ACCEPT if isinstance(error, Conflict | NotAllowed | NotFound | UnstorableData) else Stage.VALIDATE
