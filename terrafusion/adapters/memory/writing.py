"""What the fake of the job store holds to as the database does: values that can be stored, the letter of a lost job."""

from __future__ import annotations

from datetime import datetime

import orjson

from models.dead_letters import DeadLetter, Stage
from models.jobs import FailureReason, Job, NewJob
from terrafusion.errors import UnstorableData
from topics.catalogue import REQUESTS
from topics.requests import holds_null


def check_storable(job: NewJob) -> None:
    """Raise UnstorableData for what a database refuses."""
    try:
        written = orjson.dumps(job)
    except orjson.JSONEncodeError as error:
        msg = f"job {job.job_id} cannot be written as JSON: {error}"
        raise UnstorableData(msg) from error
    if holds_null(written):
        msg = f"job {job.job_id} holds the character U+0000"
        raise UnstorableData(msg)


def given_up(job: Job, first_failed_at: datetime | None) -> DeadLetter:
    """Make the letter of a job whose attempts are exhausted."""
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
