"""The safety valve of the intake: how many jobs may wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from models.jobs import JobStatus
from terrafusion.ports import JobStore

COUNT_EVERY_S: Final = 10.0
AGAIN_AFTER_S: Final = 1.0


class Room:
    """Counts waiting jobs now and then, and in between what this worker lets in."""

    def __init__(self, jobs: JobStore, max_pending: int, monotonic: Callable[[], float]) -> None:
        self._jobs = jobs
        self._max_pending = max_pending
        self._monotonic = monotonic
        self._left = 0
        self._count_at = 0.0

    async def take(self, requests: int) -> None:
        """Return once there is room for so many more. Raises Unavailable."""
        while self._left < requests or self._monotonic() >= self._count_at:
            self._left = self._max_pending - (await self._jobs.counts())[JobStatus.PENDING]
            self._count_at = self._monotonic() + COUNT_EVERY_S
            if self._left < requests:
                await asyncio.sleep(AGAIN_AFTER_S)
        self._left -= requests
