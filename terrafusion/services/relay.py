"""The outbox relay: the one publisher of events, in order, each forgotten only once the broker has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
"""Entries read at once."""
RECORDS: Final = 5_000
"""Records published in one transaction, for which the broker has 10 s."""
GROWTH: Final = 100
IDLE: Final = timedelta(seconds=1)
PATIENCE: Final = 1.5
"""Longer than a slow Postgres may take to connect and to answer twice, each just within its limit."""
TELL_EVERY_S: Final = 5.0
SAY_EVERY_S: Final = 60.0

Entries = Sequence[tuple[int, Sequence[OutgoingRecord]]]

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
        self._most = RECORDS
        """Records that are tried in one transaction: half of what the broker did not take in time, then more again."""
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
        trouble = Trouble(Part.RELAY, self._signs, "the relay does nothing", patience=PATIENCE)
        return [] if self.should_stop else [trouble]

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
                await self.publish_oldest(leader)
                self._went_on()
                if self.should_stop:
                    return

    def _lead_ends(self) -> None:
        self.leads = False
        self._metrics.leads.set(0)

    async def publish_oldest(self, leader: OutboxLeader) -> None:
        """Publish the oldest entries, and ring for whatever may be behind them."""
        entries = await self._read(leader, ENTRIES)
        if self._entries.is_empty or not entries:
            self._entries.show(len(entries))
        for some in self._cut(entries):
            await self._pass_on(some, leader)
            self._bell.ring()

    def _cut(self, entries: Entries) -> Iterator[Entries]:
        """Cut entries into what makes one transaction each; an entry that is larger is alone."""
        some: list[tuple[int, Sequence[OutgoingRecord]]] = []
        for entry in entries:
            if some and sum(len(records) for _, records in (*some, entry)) > self._most:
                yield some
                some = []
            some.append(entry)
        if some:
            yield some

    async def _pass_on(self, entries: Entries, leader: OutboxLeader) -> None:
        records = [record for _, entry in entries for record in entry]
        cross(Boundary.ENTRIES_READ)
        since = self._tracer.now()
        refused = await self._in_time(records, leader)
        cross(Boundary.PUBLISHED)
        self._trace(records, since)
        self._signs += 1
        parked = await leader.forget([entry_id for entry_id, _ in entries], refused, "the broker refuses its size")
        cross(Boundary.FORGOTTEN)
        self._metrics.dead_letters.labels(Stage.PUBLISH).inc(parked)
        self._metrics.published.inc(len(records) - len(refused))

    async def _in_time(self, records: Sequence[OutgoingRecord], leader: OutboxLeader) -> list[OutgoingRecord]:
        """Publish in transactions that the broker takes in time: after one that it did not, half as much is tried."""
        refused: list[OutgoingRecord] = []
        parts = [records[at : at + self._most] for at in range(0, len(records), self._most)]
        for n, part in enumerate(parts):
            if n:
                cross(Boundary.PUBLISHED_PARTLY)
            try:
                refused += await self._publish(part, leader)
            except Unavailable:
                self._most = max(1, len(part) // 2)
                raise
        self._most = min(RECORDS, self._most + GROWTH)
        return refused

    async def _read(self, leader: OutboxLeader, limit: int) -> Entries:
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
            self._signs += 1
            self._show_letters(await leader.open_letters())
            self._signs += 1

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
