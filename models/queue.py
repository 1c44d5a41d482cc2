"""The order in which waiting jobs are given out, as numbers that both stores keep to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

ORDINARY: Final = 5
"""The priority at which a job's place is the moment of its acceptance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRules:
    """Within a county a step of priority is worth ``ageing`` of waiting; a county runs so many jobs and no more."""

    ageing: timedelta = timedelta(minutes=5)
    max_running_per_county: int | None = None

    def delay(self, priority: int) -> timedelta:
        """Return how much later than at once a job of this priority stands in its county's queue."""
        return (ORDINARY - priority) * self.ageing


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a worker may hold, and for how long."""

    owner: str
    slots: int
    lease: timedelta
    job_timeout_s: float
    max_crashes: int
