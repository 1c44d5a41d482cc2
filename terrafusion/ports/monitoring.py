"""What looks at the system as a whole needs of a store: workers, lag and rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from models.rates import Rate, Width
from models.workers import LagSample, SeenWorker, WorkerState


class Workers(Protocol):
    """What workers say of themselves, for whoever asks any of them."""

    async def beat(self, state: WorkerState) -> None:
        """Write down how a worker is now; what was silent for long is forgotten."""

    async def all(self) -> Sequence[SeenWorker]:
        """Return every worker, those that were heard of last first."""

    async def sample(self, lags: Mapping[tuple[str, int], int]) -> None:
        """Write down how far the group is behind, by topic and partition, unless somebody did so within this minute."""

    async def samples(self, *, age: timedelta) -> Sequence[LagSample]:
        """Return the samples that are no older, oldest first."""


class Rates(Protocol):
    """What became of jobs, put together once for each stretch of time, so that it costs nothing to look at."""

    async def roll(self, width: Width) -> None:
        """Put together the stretches that are over. Each is done twice, for jobs whose end was written down late."""

    async def since(self, width: Width, *, age: timedelta) -> Sequence[Rate]:
        """Return what was put together of the stretches that began no longer ago, by time and type.

        A stretch in which no job ended is told by the last one alone, as one of no jobs.
        """
