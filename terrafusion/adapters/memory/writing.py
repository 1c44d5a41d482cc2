"""What the fake of the job store holds to as the database does: values that can be stored."""

from __future__ import annotations

import orjson

from models.jobs import NewJob
from terrafusion.errors import UnstorableData
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
