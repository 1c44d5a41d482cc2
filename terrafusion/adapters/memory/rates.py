"""What became of jobs, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from models.jobs import Job, JobStatus
from models.rates import EVERY_TYPE, Rate, Width
from terrafusion.adapters.memory.jobs import MemoryJobStore

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class MemoryRates:
    """Fulfils `terrafusion.ports.monitoring.Rates`."""

    def __init__(self, jobs: MemoryJobStore) -> None:
        self._jobs = jobs
        self._known: dict[tuple[Width, datetime, str], Rate] = {}

    async def roll(self, width: Width) -> None:
        """Put together the stretches that are over."""
        now = self._jobs.now()
        ended = _begin(now, width)
        since = max((at for known, at, _ in self._known if known is width), default=_begin(now - width.kept, width))
        if ended <= since + width.length:
            return
        over = [job for job in self._jobs.ended() if since <= _end(job) < ended]
        self._known[width, ended - width.length, EVERY_TYPE] = Rate(at=ended - width.length, analysis_type=EVERY_TYPE)
        for rate in _rates(over, width):
            self._known[width, rate.at, rate.analysis_type] = rate
        self._known = {
            key: rate for key, rate in self._known.items() if key[0] is not width or rate.at >= now - width.kept
        }

    async def since(self, width: Width, *, age: timedelta) -> Sequence[Rate]:
        """Return what was put together."""
        since = self._jobs.now() - age
        found = [rate for (known, at, _), rate in self._known.items() if known is width and at >= since]
        return sorted(found, key=lambda rate: (rate.at, rate.analysis_type))


def _rates(over: Sequence[Job], width: Width) -> Iterable[Rate]:
    for at, name in {(_begin(_end(job), width), name) for job in over for name in _names(job)}:
        yield _rate(at, name, [job for job in over if _begin(_end(job), width) == at and name in _names(job)])


def _end(job: Job) -> datetime:
    return job.completed_at or job.updated_at


def _names(job: Job) -> tuple[str, str]:
    return job.analysis_type, EVERY_TYPE


def _rate(at: datetime, name: str, jobs: Sequence[Job]) -> Rate:
    counts = {status: sum(job.status is status for job in jobs) for status in JobStatus}
    waits = [(job.started_at - job.created_at).total_seconds() for job in jobs if job.started_at]
    ran = [job for job in jobs if job.status is not JobStatus.CANCELLED]
    runs = [(_end(job) - job.started_at).total_seconds() for job in ran if job.started_at]
    wait, run = (_quantiles(seconds) for seconds in (waits, runs))
    return Rate(
        at=at,
        analysis_type=name,
        completed=counts[JobStatus.COMPLETED],
        failed=counts[JobStatus.FAILED],
        cancelled=counts[JobStatus.CANCELLED],
        wait_p50=wait[0],
        wait_p95=wait[1],
        run_p50=run[0],
        run_p95=run[1],
    )


def _quantiles(seconds: Sequence[float]) -> tuple[float | None, float | None]:
    if not seconds:
        return None, None
    half, most = np.quantile(seconds, [0.5, 0.95])
    return float(half), float(most)


def _begin(at: datetime, width: Width) -> datetime:
    return EPOCH + (at - EPOCH) // width.length * width.length
