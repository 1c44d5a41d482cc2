"""What a worker tells, as values: a job, and what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.jobs import TERMINAL, FailureReason, JobStatus
from terrafusion.errors import TerraFusionError

if TYPE_CHECKING:
    import polars as pl


class RemoteJob(BaseModel):
    """A job as HTTP tells it; fields that a newer worker adds are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    job_id: UUID
    analysis_type: str
    county_id: str
    status: JobStatus
    message: str
    parameters: Mapping[str, Any] | None = None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    progress: float
    attempt: int
    failure_reason: FailureReason | None = None
    priority: int
    data_version: str | None = None
    correlation_id: str | None = None
    retry_of: UUID | None = None
    sequence: int
    requested_by: str | None = None
    result_summary: Mapping[str, Any] | None = None
    result_data_location: str | None = None
    result_sha256: str | None = None
    waiting_for: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether its state is for good."""
        return self.status in TERMINAL


class Result(BaseModel):
    """What a COMPLETED job found: the document of ANALYSES, as HTTP tells it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    job: RemoteJob
    result_summary: Mapping[str, Any]
    data_quality: Mapping[str, Any]
    warnings: Sequence[Mapping[str, Any]]
    trends: Sequence[Mapping[str, Any]]
    """At most 10,000 points; the file has all of them."""
    rows: Sequence[Mapping[str, Any]]
    """At most 1,000."""

    @property
    def key_finding(self) -> str | None:
        """The answer in a sentence."""
        return self.result_summary.get("key_finding")

    def trends_frame(self) -> pl.DataFrame:
        """Return the points as a polars frame, one row a point."""
        return _frame(self.trends)

    def rows_frame(self) -> pl.DataFrame:
        """Return the rows as a polars frame."""
        return _frame(self.rows)


def _frame(records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    import polars as pl  # noqa: PLC0415 - slow to import, and not every caller wants frames

    return pl.DataFrame(list(records), infer_schema_length=None)


class NotCompleted(TerraFusionError):
    """A job has no result: it failed, was cancelled, or has not ended."""

    def __init__(self, job: RemoteJob) -> None:
        reason = f" ({job.failure_reason})" if job.failure_reason else ""
        super().__init__(f"Job {job.job_id} is {job.status}{reason}: {job.message}")
        self.job = job


class Damaged(TerraFusionError):
    """A file's content is not that of which its job tells the digest."""
