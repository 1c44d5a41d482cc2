"""A job's way through its states, with how long each stretch took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.jobs import TERMINAL, Job
from terrafusion.wording import duration


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened, when, and how long the job had waited or run until then."""

    title: str
    at: datetime | None
    took: str = ""


def timeline(job: Job, now: datetime) -> Sequence[Step]:
    """Return what happened to a job, ending with what it does now where it is not terminal."""
    steps = [Step("Accepted", job.created_at)]
    if job.started_at is not None:
        attempt = f", attempt {job.attempt}" if job.attempt > 1 else ""
        steps.append(Step(f"Started{attempt}", job.started_at, f"waited {duration(job.started_at - job.created_at)}"))
    return [*steps, _last(job, now)]


def took(job: Job, now: datetime) -> str:
    """Say how long a job ran, runs or has waited."""
    if job.started_at is None:
        return "" if job.status in TERMINAL else f"waiting {duration(now - job.created_at)}"
    return duration((job.completed_at or now) - job.started_at)


def _last(job: Job, now: datetime) -> Step:
    since = job.started_at or job.created_at
    if job.status in TERMINAL:
        ended = job.completed_at or job.updated_at
        return Step(job.status.capitalize(), ended, f"{'ran' if job.started_at else 'after'} {duration(ended - since)}")
    return Step(job.status.capitalize(), None, f"for {duration(now - since)}")
