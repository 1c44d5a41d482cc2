"""The valve of the intake: shut by somebody's order, or where too many jobs wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from terrafusion.errors import IntakeShut
from terrafusion.ports.jobs import JobStore
from terrafusion.usecases.pauses import KnownPauses

COUNT_EVERY_S: Final = 10.0
AGAIN_AFTER_S: Final = 1.0
MOST_AT_ONCE: Final = 500
"""Requests that a worker lets in together."""


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
        self._reached_at = float("-inf")
        self._counting = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Say whether every worker lets in whatever it has in hand, as far as this one has learnt lately."""
        return self._monotonic() - self._reached_at < COUNT_EVERY_S and self._has(MOST_AT_ONCE)

    async def take(self, requests: int) -> None:
        """Return once so many more are let in: more than may wait at all, once none waits. Raises Unavailable."""
        await self.look(requests)
        while not self._has(requests):
            await asyncio.sleep(AGAIN_AFTER_S)
            await self.look(requests)
        self._left -= requests

    async def admit(self) -> None:
        """Let in one request that cannot wait; raises IntakeShut where none is let in now, and Unavailable."""
        await self._pauses.admit()
        await self.spare()

    async def spare(self) -> None:
        """Find room for one more job, also while the intake is paused; raises IntakeShut where there is none."""
        await self.look()
        if self._left < 1:
            raise IntakeShut(f"{self._max_pending:,} jobs wait, as many as may; ask again once there are fewer.")
        self._left -= 1

    async def look(self, requests: int = 0) -> None:
        """Learn what is paused and whether there is room for so many, also while nothing arrives. Raises Unavailable."""
        await self._pauses.look()
        async with self._counting:  # many who look at once count once
            if self._left < requests or self._monotonic() >= self._count_at:
                self._left = self._max_pending - await self._jobs.waiting(self._max_pending)
                self._count_at = self._monotonic() + COUNT_EVERY_S
        self._reached_at = self._monotonic()

    def _has(self, requests: int) -> bool:
        return not self._pauses.intake and self._left >= min(requests, self._max_pending)
