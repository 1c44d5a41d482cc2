"""A job's life: its states, the moves between them as one table of data, and its values.

The guarded UPDATE, the CHECK constraints, the contract tests and the diagram in the documentation
are all made from ``TRANSITIONS``; nothing else says which move is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID


class JobStatus(StrEnum):
    """Where a job stands. The first two are live, the other three are for good."""

    PENDING = "PENDING"
    """Accepted and written down; waits for a worker's free slot."""
    RUNNING = "RUNNING"
    """One worker holds its lease and computes it."""
    COMPLETED = "COMPLETED"
    """Has an answer, also when the selection was empty."""
    FAILED = "FAILED"
    """Has none, and a `FailureReason` that says why."""
    CANCELLED = "CANCELLED"
    """Somebody asked for it to stop before it had an answer."""


class FailureReason(StrEnum):
    """The closed set of reasons a job may fail for."""

    INVALID_PARAMETERS = "invalid_parameters"
    """The analysis does not take these parameters."""
    UNKNOWN_ANALYSIS_TYPE = "unknown_analysis_type"
    """No analysis of that name is registered."""
    UNKNOWN_COUNTY = "unknown_county"
    """No records of that county are loaded."""
    TIMEOUT = "timeout"
    """The analysis took longer than it may."""
    DEADLINE_PASSED = "deadline_passed"
    """The answer would have come after the request's deadline."""
    OUT_OF_MEMORY = "out_of_memory"
    """The analysis needed more memory than its process may have."""
    PROCESSING_EXCEPTION = "processing_exception"
    """The analysis raised an error."""
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    """Too many workers or children died while they had the job."""
    SIMULATED_FAILURE = "simulated_failure"
    """The drill: a failure made on purpose."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed move: its name, the states it may start from, the state it ends in."""

    name: str
    sources: frozenset[JobStatus]
    target: JobStatus
    meaning: str


def _move(name: str, sources: set[JobStatus], target: JobStatus, meaning: str) -> Transition:
    return Transition(name, frozenset(sources), target, meaning)


CLAIM: Final = _move("claim", {JobStatus.PENDING}, JobStatus.RUNNING, "a worker takes the lease")
COMPLETE: Final = _move("complete", {JobStatus.RUNNING}, JobStatus.COMPLETED, "the answer is stored")
FAIL: Final = _move("fail", {JobStatus.PENDING, JobStatus.RUNNING}, JobStatus.FAILED, "no answer, with a reason")
CANCEL: Final = _move("cancel", {JobStatus.PENDING, JobStatus.RUNNING}, JobStatus.CANCELLED, "somebody asked to stop")
RELEASE: Final = _move("release", {JobStatus.RUNNING}, JobStatus.PENDING, "the worker hands it back in good order")
TAKE_OVER: Final = _move("take over", {JobStatus.RUNNING}, JobStatus.PENDING, "the lease ran out")

TRANSITIONS: Final = (CLAIM, COMPLETE, FAIL, CANCEL, RELEASE, TAKE_OVER)
TERMINAL: Final = frozenset(JobStatus) - {source for move in TRANSITIONS for source in move.sources}


def allowed(source: JobStatus, target: JobStatus) -> bool:
    """Say whether any transition leads from ``source`` to ``target``."""
    return any(source in move.sources and target is move.target for move in TRANSITIONS)


@dataclass(frozen=True, slots=True)
class Origin:
    """The Kafka coordinates of the request that made a job; None over HTTP."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job as it is accepted: PENDING, or FAILED at once with a reason."""

    job_id: UUID
    analysis_type: str
    county_id: str
    parameters: Mapping[str, Any]
    digest: str
    """SHA-256 of type, county and canonical parameters: the same id with another digest is a conflict."""
    priority: int = 5
    deadline: datetime | None = None
    correlation_id: str | None = None
    requested_by: str | None = None
    traceparent: str | None = None
    retry_of: UUID | None = None
    origin: Origin | None = None
    failure_reason: FailureReason | None = None
    message: str = "Waiting for a worker"

    @property
    def status(self) -> JobStatus:
        """The state the row is born in."""
        return JobStatus.FAILED if self.failure_reason else JobStatus.PENDING


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker may run. ``attempt`` is the fencing token of everything it does to it."""

    job_id: UUID
    attempt: int
    analysis_type: str
    county_id: str
    parameters: Mapping[str, Any]
    data_version: str | None
    correlation_id: str | None
    traceparent: str | None
    seconds_waited: float
    """From accept to this claim."""
    seconds_for_turn: float
    """From when the claim was asked for until its turn came: its lease, and what is left, count from there."""
    seconds_left: float | None
    """Until its deadline, by the database's clock; None without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How one attempt of a job ended: completed, or failed with a reason."""

    job_id: UUID
    attempt: int
    message: str
    failure_reason: FailureReason | None = None
    result_summary: Mapping[str, Any] | None = None
    result_data_location: str | None = None
    result_sha256: str | None = None

    @property
    def transition(self) -> Transition:
        """The move that this ending asks for."""
        return FAIL if self.failure_reason else COMPLETE


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life of one running attempt: the fraction done (0 to 1) and what it is doing."""

    job_id: UUID
    attempt: int
    progress: float
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as everybody may see it."""

    job_id: UUID
    analysis_type: str
    county_id: str
    status: JobStatus
    message: str
    sequence: int
    attempt: int
    progress: float
    priority: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    failure_reason: FailureReason | None = None
    data_version: str | None = None
    correlation_id: str | None = None
    requested_by: str | None = None
    traceparent: str | None = None
    retry_of: UUID | None = None
    run_after: datetime | None = None
    deadline: datetime | None = None
    claimed_at: datetime | None = None
    """When its last attempt began."""
    worker: str | None = None
    """Who has, or had, its last attempt."""
    digest: str = ""
    parameters: Mapping[str, Any] | None = field(default=None)
    result_summary: Mapping[str, Any] | None = None
    result_data_location: str | None = None
    result_sha256: str | None = None
    origin: Origin | None = None

    def deadline_to_come(self, now: datetime) -> datetime | None:
        """Return its deadline while it has not passed: whoever asks the same again would fail at once by one that has."""
        return self.deadline if self.deadline and self.deadline > now else None
