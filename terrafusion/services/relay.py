"""The outbox relay: the one publisher of events, in order, each forgotten only once the broker has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import structlog
from mode import Service

from models.dead_letters import Stage
from models.records import OutgoingRecord
from models.troubles import Part, Trouble
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import TooLarge, Unavailable
from terrafusion.metrics import Metrics
from terrafusion.ports.bell import Bell
from terrafusion.ports.outbox import Outbox, OutboxLeader, Publisher
from terrafusion.services.backlog import Backlog
from terrafusion.tracing import UNTRACED, Tracer
from topics.catalogue import COMPLETED

ENTRIES: Final = 200
"""Entries published in one transaction of the broker."""
IDLE: Final = timedelta(seconds=1)
TELL_EVERY_S: Final = 5.0
SAY_EVERY_S: Final = 60.0

log = structlog.get_logger(__name__)


class Relay(Service):
    """Leads where nobody else does, and publishes what the outbox holds."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        publisher: Publisher,
        bell: Bell,
        metrics: Metrics,
        monotonic: Callable[[], float],
        tracer: Tracer = UNTRACED,
    ) -> None:
        super().__init__()
        self._outbox = outbox
        self._publisher = publisher
        self._bell = bell
        self._metrics = metrics
        self._monotonic = monotonic
        self._tracer = tracer
        self.leads = False
        """Whether this worker is the one that publishes."""
        self._tell_at = self._say_at = 0.0
        self._entries = Backlog(metrics.outbox_entries, metrics.outbox_age, monotonic)
        self._queue = Backlog(metrics.queue_jobs, metrics.queue_age, monotonic)
        self._signs = 0
        self._goes_on: bool | None = None

    @Service.task
    async def _run(self) -> None:
        while not self.should_stop:
            self._signs += 1
            try:
                await self._lead()
            except Unavailable as error:
                self._hindered(str(error))
            self._lead_ends()
            await self._publisher.stop()
            await self.sleep(IDLE.total_seconds())

    async def look(self) -> Sequence[Trouble]:
        """Fulfil a watchdog's look: whatever the relay waits for has a limit, so each second or so there is a sign."""
        return [] if self.should_stop else [Trouble(Part.RELAY, self._signs, "the relay does nothing")]

    def _hindered(self, reason: str) -> None:
        """Say so once: it tries again each second. So do the others in turn, and then it is said once in a while."""
        if self._goes_on is not False and self._monotonic() >= self._say_at:
            self._say_at = self._monotonic() + SAY_EVERY_S
            log.warning("relay cannot go on now", reason=reason)
        self._goes_on = False

    def _went_on(self) -> None:
        if not self._goes_on:
            log.info("this worker is the relay")
        self._goes_on, self._say_at = True, 0.0

    async def _lead(self) -> None:
        async with self._outbox.lead() as leader:
            if leader is None:
                self._goes_on = None
                self._entries.show(0)  # another tells of it
                self._queue.show(0)
                self._metrics.open_letters.clear()
                return
            self.leads = True
            cross(Boundary.LEADING)
            self._metrics.leads.set(1)
            async for _ in self._bell.rings(at_least_every=IDLE):
                self._signs += 1
                await self._tell_backlog(leader)
                await self.empty(leader)
                self._went_on()
                if self.should_stop:
                    return

    def _lead_ends(self) -> None:
        self.leads = False
        self._metrics.leads.set(0)

    async def empty(self, leader: OutboxLeader) -> None:
        """Publish all that the outbox holds."""
        full = True
        while full and (entries := await self._read(leader, ENTRIES)):
            full = len(entries) == ENTRIES
            if self._entries.is_empty:
                self._entries.show(len(entries))
            records = [record for _, entry in entries for record in entry]
            cross(Boundary.ENTRIES_READ)
            since = self._tracer.now()
            refused = await self._publish(records, leader)
            cross(Boundary.PUBLISHED)
            self._trace(records, since)
            self._signs += 1
            await leader.forget([entry_id for entry_id, _ in entries], refused, "the broker refuses its size")
            cross(Boundary.FORGOTTEN)
            self._metrics.dead_letters.labels(Stage.PUBLISH).inc(len(refused))
            self._metrics.published.inc(len(records) - len(refused))
        self._entries.show(0)

    async def _read(self, leader: OutboxLeader, limit: int) -> Sequence[tuple[int, Sequence[OutgoingRecord]]]:
        """Read entries once whoever published before is fenced.

        In this order the lock is seen to be ours after the fence is up. A relay that sleeps in between finds the lock gone;
        else it would fence its successor, and publish what it had read before.
        """
        await self._publisher.start()
        self._signs += 1
        return await leader.read(limit)

    async def _tell_backlog(self, leader: OutboxLeader) -> None:
        if self._monotonic() >= self._tell_at:
            self._tell_at = self._monotonic() + TELL_EVERY_S
            self._entries.show(*await leader.backlog())
            self._signs += 1
            self._queue.show(*await leader.queued())
            self._show_letters(await leader.open_letters())

    def _show_letters(self, are_open: Mapping[Stage, int]) -> None:
        for stage in Stage:
            self._metrics.open_letters.labels(stage).set(are_open.get(stage, 0))

    def _trace(self, records: Sequence[OutgoingRecord], since: int) -> None:
        if self._tracer.is_on:
            now = self._tracer.now()
            for record in records:
                if record.topic == COMPLETED.name:
                    job_id = (record.key or b"").decode()
                    parent = _traceparent(record)
                    self._tracer.begin("publish", parent, at=since, job_id=job_id, topic=record.topic).end(at=now)

    async def _publish(self, records: Sequence[OutgoingRecord], leader: OutboxLeader) -> list[OutgoingRecord]:
        """Publish, halving what the broker refuses until the record that it means stands alone; return those."""
        self._signs += 1
        try:
            await self._publisher.publish(records)
        except TooLarge:
            await self._read(leader, 1)  # the fence came down with the producer
            if len(records) == 1:
                log.warning(
                    "record is too large for the broker", topic=records[0].topic, bytes=len(records[0].value or b"")
                )
                return list(records)
            middle = len(records) // 2
            refused = await self._publish(records[:middle], leader)
            cross(Boundary.PUBLISHED_PARTLY)
            return refused + await self._publish(records[middle:], leader)
        return []


def _traceparent(record: OutgoingRecord) -> str | None:
    return next((value.decode() for name, value in record.headers if name == "traceparent" and value), None)
