"""What is kept of a job's attempts: when each ran, where, how it ended, and what was logged for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


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
