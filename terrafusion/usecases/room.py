"""The valve of the intake: shut by somebody's order, or where too many jobs wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from models.jobs import JobStatus
from terrafusion.ports import JobStore
from terrafusion.usecases.pauses import KnownPauses

COUNT_EVERY_S: Final = 10.0
AGAIN_AFTER_S: Final = 1.0


class Room:
    """Counts waiting jobs now and then, and in between what this worker lets in."""

    def __init__(
        self, jobs: JobStore, max_pending: int, *, pauses: KnownPauses, monotonic: Callable[[], float]
    ) -> None:
        self._jobs = jobs
        self._max_pending = max_pending
        self._pauses = pauses
        self._monotonic = monotonic
        self._left = 0
        self._count_at = 0.0
        self._shut = False

    @property
    def is_open(self) -> bool:
        """Say whether requests are let in, as far as this worker knows."""
        return not (self._shut or self._pauses.intake)

    async def take(self, requests: int) -> None:
        """Return once so many more are let in: more than may wait at all, once none waits. Raises Unavailable."""
        while not await self._has(requests):
            self._shut = True
            await asyncio.sleep(AGAIN_AFTER_S)
        self._shut = False
        self._left -= requests

    async def look(self) -> None:
        """Learn what is paused, also while nothing arrives. Raises Unavailable."""
        await self._pauses.look()

    async def _has(self, requests: int) -> bool:
        await self._pauses.look()
        if self._pauses.intake:
            return False
        if self._left < requests or self._monotonic() >= self._count_at:
            self._left = self._max_pending - (await self._jobs.counts())[JobStatus.PENDING]
            self._count_at = self._monotonic() + COUNT_EVERY_S
        return self._left >= min(requests, self._max_pending)
