"""A bell inside one process: many rings while nobody listens are one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta


class AsyncBell:
    """Fulfils `terrafusion.ports.bell.Bell`."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake who waits, or who will."""
        self._rung.set()

    async def rings(self, *, at_least_every: timedelta) -> AsyncIterator[None]:
        """Yield at once, then when rung, and after each interval without a ring."""
        while True:
            self._rung.clear()
            yield
            try:
                async with asyncio.timeout(at_least_every.total_seconds()):
                    await self._rung.wait()
            except TimeoutError:
                continue
