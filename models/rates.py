"""What became of jobs, by time and type."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

EVERY_TYPE: Final = ""
"""Stands for all types together."""


class Width(Enum):
    """How long a stretch is that a rate is told for, and how long it is kept."""

    MINUTE = (timedelta(minutes=1), timedelta(hours=3))
    QUARTER = (timedelta(minutes=15), timedelta(days=8))

    @property
    def length(self) -> timedelta:
        """Return how long a stretch is."""
        return self.value[0]

    @property
    def kept(self) -> timedelta:
        """Return how long it is known."""
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The jobs of a type that ended within a stretch of time. Seconds are None where no job has any."""

    at: datetime
    """When it began."""
    analysis_type: str
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    wait_p50: float | None = None
    """Seconds from accept to the first claim, of which half and 95 in 100 took no longer."""
    wait_p95: float | None = None
    run_p50: float | None = None
    """Seconds from the first claim to the end, of jobs that were not cancelled."""
    run_p95: float | None = None
