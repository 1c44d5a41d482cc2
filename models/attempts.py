"""What is kept of a job's attempts, and which jobs somebody should look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.jobs import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt after which the job went back to the queue."""

    attempt: int
    worker: str | None
    claimed_at: datetime | None
    ended_at: datetime
    message: str
    """How it ended."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log."""

    at: datetime
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """A line about a job; without an attempt it is that which runs. So many lines before it were left out."""

    job_id: UUID
    attempt: int | None
    line: LogLine
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLog:
    """The last lines that were logged for an attempt; ``left_out`` went before them."""

    job_id: UUID
    attempt: int
    lines: Sequence[LogLine]
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A job's earlier attempts and what was logged for all of them, oldest first, and the jobs that ask it again."""

    attempts: Sequence[Attempt] = ()
    logs: Sequence[AttemptLog] = ()
    retried_as: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Jobs that somebody should look at, each kind cut at the limit that was asked for."""

    failed: Sequence[Job] = ()
    """Failed, not refused as they came, and not retried; newest first."""
    unseen: bool = False
    """More failed than are looked at, and ``failed`` holds all that was found among the newest: older ones may be like it."""
    stuck: Sequence[Job] = ()
    """RUNNING under a lease that ran out and that nobody took over, the oldest first."""
    late: Sequence[Job] = ()
    """PENDING with a deadline that is near, or for long, the most urgent first."""
