"""The intake: requests in the order they came, accepted in batches as large as load makes them, then acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mode import Service

from models.records import IncomingRecord
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import Unavailable
from terrafusion.usecases.accept import Accept
from terrafusion.usecases.backpressure import MOST_AT_ONCE, Room
from terrafusion.usecases.retrying import until_available

MOST_WAITING: Final = 2000
LOOK_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record, whether its partition is still ours, and how to acknowledge it, which does nothing once that was dealt anew."""

    record: IncomingRecord
    is_ours: Callable[[], bool]
    acknowledge: Callable[[], None]


class Intake(Service):
    """Accepts what has arrived, commits, acknowledges in order, and takes what has arrived meanwhile."""

    def __init__(self, accept: Accept, *, room: Room) -> None:
        super().__init__()
        self._accept = accept
        self._room = room
        self._queue: asyncio.Queue[Arrival] = asyncio.Queue(MOST_WAITING)

    async def put(self, arrival: Arrival) -> None:
        """Hand over a record; waits while too many wait already."""
        await self._queue.put(arrival)

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            if batch := await self._next():
                await until_available(self._room.take, len(batch))
                await self.take(batch)

    async def _next(self) -> Sequence[Arrival]:
        """Wait, but not for long, and return what has arrived."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                batch = [await self._queue.get()]
            while not self._queue.empty() and len(batch) < MOST_AT_ONCE:
                batch.append(self._queue.get_nowait())
            return batch
        return []

    @Service.task
    async def _watch(self) -> None:
        """Learn what is let in, so that the worker knows and tells it also while nothing arrives."""
        while not self.should_stop:
            with suppress(Unavailable):
                await self._room.look()
            await self.sleep(LOOK_EVERY_S)

    async def take(self, batch: Sequence[Arrival]) -> None:
        """Accept a batch and acknowledge it, in offset order, after the commit."""
        await until_available(self._accept.records, [arrival.record for arrival in batch])
        for arrival in batch:
            arrival.acknowledge()
        cross(Boundary.ACKNOWLEDGED)
