"""One worker, put together: how it starts, and how it comes to an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mode import Service
from sqlalchemy.ext.asyncio import AsyncEngine

from terrafusion.adapters.faust_app import MarketAnalysisApp
from terrafusion.adapters.guard import Guard
from terrafusion.adapters.pool import PebblePool
from terrafusion.adapters.status_tail import StatusTail
from terrafusion.boundaries import Boundary, cross
from terrafusion.services.leases import Claimer
from terrafusion.settings import Settings
from terrafusion.tracing import Tracer
from terrafusion.usecases.work import Workbench

RELEASE_S: Final = 2.0
STOP_S: Final = 20.0
"""What a stop may take beside the drain."""


@dataclass(slots=True, kw_only=True)
class Worker:
    """One worker, put together but not started."""

    settings: Settings
    app: MarketAnalysisApp
    engines: Sequence[AsyncEngine]
    guard: Guard
    tracer: Tracer
    pool: PebblePool
    bench: Workbench
    claimer: Claimer
    tail: StatusTail
    others: Sequence[Service]
    """In the order they start; they stop in the other one."""

    async def prepare(self) -> None:
        """Start the children, which take longer to begin than all the rest."""
        self.pool.start()

    async def start(self) -> None:
        """Start what works beside the agents; they are there already, so no claimed job is put into the void."""
        for service in (*self.others, self.claimer):
            await self.app.add_runtime_dependency(service)

    async def drain(self) -> None:
        """Claim no more, let jobs end for a while, hand back the rest, and leave nothing open."""
        self.guard.finish_within(self.settings.drain_seconds + RELEASE_S + STOP_S)
        await self.claimer.stop()
        cross(Boundary.DRAINING)
        await self._until_idle(self.settings.drain_seconds)
        with suppress(TimeoutError):  # a database that is away lets the leases run out instead
            async with asyncio.timeout(RELEASE_S):
                await self.bench.release_all()
                await self._until_idle(RELEASE_S)
        cross(Boundary.DRAINED)
        for service in reversed(self.others):
            await service.stop()
        await self.tail.stop()
        await self.pool.stop()
        for engine in self.engines:
            await engine.dispose()
        await self.close_tracer()

    async def close_tracer(self) -> None:
        """Hand over the last spans; a collector that is away costs those, not the stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(self.tracer.close), RELEASE_S)

    async def _until_idle(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self.bench.held and time.monotonic() < until:  # noqa: ASYNC110 - a drain happens once
            await asyncio.sleep(0.02)
