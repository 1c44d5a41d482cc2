"""The jobs table: a Faust table that follows the status topic, with Postgres as its store.

It is the live read model and nothing else: it is written from the topic alone, so it moves while Postgres is away,
and what it does not hold is read from Postgres. There is no changelog: it would be a second, weaker record.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import faust
import orjson
import structlog
from faust.stores import memory

from models.jobs import TERMINAL
from models.live import Missed
from models.messages import JobStatusChanged
from terrafusion.adapters.followers import Followers
from terrafusion.adapters.partitioning import partition_of
from terrafusion.metrics import Metrics
from terrafusion.ports.jobs import JobStore
from terrafusion.usecases.retrying import until_available
from topics.catalogue import JOBS_TABLE, STATUS

MOST_ENTRIES: Final = 20_000
"""Beyond it the oldest leave memory; they are still found in Postgres."""
ENDED_KEPT: Final = 1_000
"""Finished jobs that stay for those who were just watching them."""
HYDRATED: Final = 10_000
STORE_URL: Final = "postgresql+asyncpg://jobs"
"""By its scheme Faust finds the store. No address, for it would be shown with its password, but not empty: that is false."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A job's last event, as it came."""

    sequence: int
    ended: bool
    partition: int
    value: bytes

    def event(self) -> JobStatusChanged:
        """Read it."""
        return JobStatusChanged.model_validate_json(self.value)


class JobsStore(memory.Store[str, Entry]):
    """Entries in memory, bounded; filled from Postgres in the background when partitions are dealt."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.data: dict[str, Entry] = {}
        self._ended: deque[str] = deque()
        self._followed: frozenset[int] = frozenset()

    def __setitem__(self, key: str, entry: Entry) -> None:
        """Put an entry in place; an older event never takes one back.

        What comes late of a partition that another worker follows by now is left out: nobody would move it on.
        """
        if entry.partition not in self._followed:
            return
        standing = self.data.get(key)
        if standing is not None and standing.sequence >= entry.sequence:
            return
        self.data[key] = entry
        if entry.ended:
            self._ended.append(key)
        self._evict()

    def _evict(self) -> None:
        while len(self._ended) > ENDED_KEPT:
            self.data.pop(self._ended.popleft(), None)
        while len(self.data) > MOST_ENTRIES:
            self.data.pop(next(iter(self.data)))

    async def on_rebalance(
        self,
        assigned: Any,
        revoked: Any,  # noqa: ARG002
        newly_assigned: Any,
        generation_id: int = 0,  # noqa: ARG002
    ) -> None:
        """Drop what other workers follow now; fetch what this one follows from now on, without waiting for it."""
        self._followed, new = _partitions(assigned), _partitions(newly_assigned)
        for key in [key for key, entry in self.data.items() if entry.partition not in self._followed]:
            del self.data[key]
        if new:
            self.add_future(self._hydrate(new))

    async def _hydrate(self, partitions: frozenset[int]) -> None:
        events = await until_available(_record(self.options).live, HYDRATED)
        for event in reversed(events):
            key = str(event.job_id)
            partition = partition_of(key.encode(), STATUS.partitions)
            if partition in partitions:
                self[key] = Entry(event.sequence, event.status in TERMINAL, partition, event.model_dump_json().encode())
            await asyncio.sleep(0)
        log.info("jobs table is filled", jobs=len(self.data), partitions=sorted(partitions))

    async def on_recovery_completed(self, active_tps: Any, standby_tps: Any) -> None:
        """Do nothing: there is no changelog, so nothing was recovered from one."""


class JobsTable(faust.Table[str, Entry]):
    """A Faust table without a changelog."""

    def on_key_set(self, key: Any, value: Any) -> None:
        """Count the write; there is no changelog to send it to."""
        self._sensor_on_set(self, key, value)

    def on_key_del(self, key: Any) -> None:
        """Count the removal."""
        self._sensor_on_del(self, key)

    async def fetch(self, job_id: UUID) -> JobStatusChanged | None:
        """Return a job's last state: the live one, or what Postgres has of a job that memory does not hold."""
        entry: Entry | None = self.data.data.get(str(job_id))
        if entry is not None:
            return entry.event()
        job = await _record(self.options).get(job_id)
        return JobStatusChanged.model_validate(job, from_attributes=True) if job else None


class Live:
    """Fulfils `terrafusion.ports.history.LiveJobs` over the table, and lets the movement of all jobs be followed."""

    def __init__(
        self,
        app: faust.App,
        jobs: JobStore,
        metrics: Metrics,
        *,
        followers: Followers,
        tail: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        """Take what tells ``followers`` of all partitions while it is entered; without it they hear of the own alone."""
        table = JobsTable(
            app, name=JOBS_TABLE, partitions=STATUS.partitions, store=STORE_URL, options={"jobs": jobs}, key_type=str
        )
        app.tables.add(table)
        self.table = table
        self.followers = followers
        self._metrics = metrics
        self._tail = tail
        app.on_partitions_assigned.connect(self._count_rebalance)

    def see(self, value: bytes, partition: int) -> None:
        """Take in one event of the status topic."""
        told = orjson.loads(value)
        if not isinstance(told["sequence"], int):
            msg = f"sequence is {told['sequence']!r}, no integer"
            raise TypeError(msg)
        entry = Entry(told["sequence"], told["status"] in TERMINAL, partition, value)
        self.table[told["job_id"]] = entry
        self._metrics.table_entries.set(len(self.table.data.data))
        if self.followers:
            self.followers.tell(entry.event(), len(value))

    def forget(self, key: bytes | None) -> None:
        """Let go of a job that was purged: should its id come again, its events count anew."""
        self.table.pop((key or b"").decode(errors="replace"), None)
        self._metrics.table_entries.set(len(self.table.data.data))
        self.followers.hear(key, None)

    async def _count_rebalance(self, *_: Any, **__: Any) -> None:
        self._metrics.rebalances.inc()

    def get(self, job_id: UUID) -> JobStatusChanged | None:
        """Return a job's last event where this process holds it."""
        entry = self.table.data.data.get(str(job_id))
        return entry.event() if entry else None

    @asynccontextmanager
    async def follow(self, job_id: UUID | None = None) -> AsyncIterator[AsyncIterator[JobStatusChanged | Missed]]:
        """Subscribe to one job's events, or to all."""
        with self.followers.feed(job_id) as feed:
            async with self._tail():
                yield feed


def _record(options: Mapping[str, Any] | None) -> JobStore:
    jobs: JobStore = (options or {})["jobs"]
    return jobs


def _partitions(tps: Any) -> frozenset[int]:
    return frozenset(tp.partition for tp in tps if tp.topic == STATUS.name)
