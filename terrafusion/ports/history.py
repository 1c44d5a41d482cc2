"""What the views want to know of jobs beside their rows: their history and their movement."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from models.access import Counties as Seen
from models.attempts import AttemptLog, Attention, History
from models.jobs import FailureReason
from models.live import Missed
from models.messages import JobStatusChanged

MOST_ATTEMPTS: Final = 20
"""Of each job; the oldest go."""
LEASE_GRACE: Final = timedelta(seconds=5)
"""A lease that ran out is taken over sooner than that while all is well."""
DEADLINE_NEAR: Final = timedelta(minutes=5)
WAITS_LONG: Final = timedelta(minutes=15)
REFUSED: Final = frozenset(
    {FailureReason.INVALID_PARAMETERS, FailureReason.UNKNOWN_ANALYSIS_TYPE, FailureReason.UNKNOWN_COUNTY}
)
"""Reasons for which a request is refused as it comes: its dead letter tells of it."""


class JobHistory(Protocol):
    """What happened to jobs, and which of them somebody should look at."""

    async def history(self, job_id: UUID) -> History:
        """Return what is kept of a job's attempts; nothing of a job that nobody knows."""

    async def retried(self, ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """Return the last retry of each of these jobs that has one."""

    async def attention(self, limit: int, *, counties: Seen = None) -> Attention:
        """Return up to ``limit`` jobs of each kind that somebody should look at; of the failed the newest are looked at."""

    async def changed(self, since: datetime, limit: int, *, counties: Seen = None) -> Sequence[JobStatusChanged]:
        """Return the state of up to ``limit`` jobs that moved at ``since`` or later, those that moved first before others."""

    async def keep_logs(self, logs: Sequence[AttemptLog]) -> None:
        """Keep what was logged for attempts, in place of what was kept of each before."""


class LiveJobs(Protocol):
    """The live read model: jobs as the status topic tells of them."""

    def get(self, job_id: UUID) -> JobStatusChanged | None:
        """Return a job's last event where this process holds it."""

    def follow(
        self, job_id: UUID | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[JobStatusChanged | Missed]]:
        """Subscribe to one job's events, or to all; who falls far behind loses what waits, and is told since when."""
