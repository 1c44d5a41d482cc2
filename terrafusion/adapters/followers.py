"""Who follows the events of jobs, each with so many bytes that may wait for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Final
from uuid import UUID

from models.live import Missed
from models.messages import JobStatusChanged

MOST_BYTES: Final = 256_000
"""That wait for one reader: some 500 events."""
MOST_KNOWN: Final = 20_000
"""Jobs of which it is known how far they were told."""


class Feed(AsyncIterator[JobStatusChanged | Missed]):
    """What waits for one reader."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._waiting: deque[tuple[JobStatusChanged, int]] = deque()
        self._bytes = 0
        self._missed: Missed | None = None
        self._news = asyncio.Event()

    def put(self, event: JobStatusChanged, size: int) -> None:
        """Have an event of so many bytes wait; where there are too many all that wait are missed."""
        if self._bytes + size > self._most and self._waiting:
            self._missed = self._missed or Missed(self._waiting[0][0].updated_at)
            self._waiting.clear()
            self._bytes = 0
        self._waiting.append((event, size))
        self._bytes += size
        self._news.set()

    async def __anext__(self) -> JobStatusChanged | Missed:
        """Return the next event, before it what was missed."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        if missed := self._missed:
            self._missed = None
            return missed
        event, size = self._waiting.popleft()
        self._bytes -= size
        return event


class Followers:
    """The readers of one job's events, and those of all; each event is told once, whoever brings it."""

    def __init__(self, *, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._feeds: dict[UUID | None, set[Feed]] = {}
        self._told: OrderedDict[UUID, int] = OrderedDict()

    def __bool__(self) -> bool:
        """Say whether there is any."""
        return bool(self._feeds)

    @contextmanager
    def feed(self, job_id: UUID | None) -> Iterator[Feed]:
        """Be one of them while the block runs."""
        feed = Feed(self._most_bytes)
        self._feeds.setdefault(job_id, set()).add(feed)
        try:
            yield feed
        finally:
            self._feeds[job_id].discard(feed)
            if not self._feeds[job_id]:
                del self._feeds[job_id]
            if not self._feeds:
                self._told.clear()

    def hear(self, key: bytes | None, value: bytes | None) -> None:
        """Tell a record of the status topic, or let its job begin anew where it is a tombstone."""
        with suppress(ValueError):  # somebody else wrote on our topic
            if value is None:
                self.forget(UUID((key or b"").decode()))
            else:
                self.tell(JobStatusChanged.model_validate_json(value), len(value))

    def tell(self, event: JobStatusChanged, size: int) -> None:
        """Tell an event to whoever follows its job, unless it or a later one was told before."""
        if self._told.get(event.job_id, 0) >= event.sequence:
            return
        self._told[event.job_id] = event.sequence
        self._told.move_to_end(event.job_id)
        if len(self._told) > MOST_KNOWN:
            self._told.popitem(last=False)
        for wanted in (event.job_id, None):
            for feed in self._feeds.get(wanted, ()):
                feed.put(event, size)

    def forget(self, job_id: UUID) -> None:
        """Let a job begin anew."""
        self._told.pop(job_id, None)
