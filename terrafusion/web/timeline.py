"""A job's way through its states and attempts, with how long each stretch took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from models.attempts import AttemptLog, History
from models.jobs import TERMINAL, Job, JobStatus
from terrafusion.wording import duration

LEAST_PROGRESS: Final = 0.05
LEAST_TIME: Final = timedelta(seconds=2)
"""Before that nothing can be said of the end."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened, when, and how long the job had waited or run until then."""

    title: str
    at: datetime | None
    took: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One attempt: where it ran, from when until when, how it ended or stands, and what was logged for it."""

    number: int
    worker: str | None
    began: datetime | None
    ended: datetime | None
    took: str
    ending: str
    log: AttemptLog | None


def timeline(job: Job, now: datetime) -> Sequence[Step]:
    """Return what happened to a job, ending with what it does now where it is not terminal."""
    steps = [Step("Accepted", job.created_at)]
    if job.started_at is not None:
        attempt = f", attempt {job.attempt}" if job.attempt > 1 else ""
        steps.append(Step(f"Started{attempt}", job.started_at, f"waited {duration(job.started_at - job.created_at)}"))
    return [*steps, _last(job, now)]


def tries(job: Job, history: History, now: datetime) -> Sequence[Try]:
    """Return a job's attempts, the last one first."""
    logs = {log.attempt: log for log in history.logs}
    earlier = [
        Try(
            number=a.attempt,
            worker=a.worker,
            began=a.claimed_at,
            ended=a.ended_at,
            took=_between(a.claimed_at, a.ended_at),
            ending=a.message,
            log=logs.get(a.attempt),
        )
        for a in history.attempts
    ]
    if not job.attempt or any(attempt.number == job.attempt for attempt in earlier):
        return earlier[::-1]
    began = job.claimed_at or job.started_at
    last = Try(
        number=job.attempt,
        worker=job.worker,
        began=began,
        ended=job.completed_at,
        took=_between(began, job.completed_at or now),
        ending=job.status.capitalize(),
        log=logs.get(job.attempt),
    )
    return [last, *reversed(earlier)]


def remaining(job: Job, now: datetime) -> timedelta | None:
    """Return how long a running job will take if it goes on as it has; None where nothing can be said yet."""
    began = job.claimed_at or job.started_at
    if job.status is not JobStatus.RUNNING or began is None or job.progress < LEAST_PROGRESS:
        return None
    ran = now - began
    return ran * (1 - job.progress) / job.progress if ran >= LEAST_TIME else None


def took(job: Job, now: datetime) -> str:
    """Say how long a job ran, runs or has waited."""
    if job.started_at is None:
        return "" if job.status in TERMINAL else f"waiting {duration(now - job.created_at)}"
    return duration((job.completed_at or now) - job.started_at)


def _between(began: datetime | None, ended: datetime) -> str:
    return duration(ended - began) if began else ""


def _last(job: Job, now: datetime) -> Step:
    since = job.started_at or job.created_at
    if job.status in TERMINAL:
        ended = job.completed_at or job.updated_at
        return Step(job.status.capitalize(), ended, f"{'ran' if job.started_at else 'after'} {duration(ended - since)}")
    return Step(job.status.capitalize(), None, f"for {duration(now - since)}")
