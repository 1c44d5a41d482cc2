"""Jobs without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from models.access import Deed
from models.dead_letters import DeadLetter
from models.jobs import (
    CANCEL,
    CLAIM,
    FAIL,
    RELEASE,
    TAKE_OVER,
    TERMINAL,
    Claim,
    FailureReason,
    Finish,
    Heartbeat,
    Job,
    JobStatus,
    NewJob,
    Transition,
)
from models.pauses import Scope
from models.queue import QueueRules
from models.records import OutgoingRecord
from terrafusion.adapters.memory.counties import MemoryCounties
from terrafusion.adapters.memory.letters import MemoryDeadLetters
from terrafusion.adapters.memory.lists import MemoryLists, Row
from terrafusion.adapters.memory.pauses import MemoryPauses
from terrafusion.adapters.memory.writing import check_storable
from terrafusion.errors import Conflict
from terrafusion.ports.jobs import Accepted, Offer, TakenOver
from terrafusion.usecases.dead_lettering import letter_of_exhausted, letters_of
from topics.events import event_records

Clock = Callable[[], datetime]
_ROUNDING: Final = 1e-9
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class MemoryJobStore(MemoryLists):
    """Fulfils `terrafusion.ports.jobs.JobStore` and `terrafusion.ports.history.JobHistory`. What it tells lies in ``outbox``, what it could not use in ``dead_letters``."""

    def __init__(
        self,
        *,
        clock: Clock,
        counties: MemoryCounties | None = None,
        pauses: MemoryPauses | None = None,
        queue: QueueRules = QueueRules(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(clock)
        self._pauses = pauses or MemoryPauses(clock=clock)
        self.deeds = self._pauses.deeds
        self.outbox: list[OutgoingRecord] = []
        self.dead_letters = MemoryDeadLetters(clock=clock, outbox=self.outbox, job_of=self._job_of, deeds=self.deeds)
        self.counties = counties or MemoryCounties()
        self._queue = queue
        self._served: dict[str, datetime] = {}

    @property
    def letters(self) -> list[DeadLetter]:
        """What could not be used so far."""
        return self.dead_letters.all

    def all(self) -> Sequence[Job]:
        """Return every job."""
        return [row.job for row in self._rows.values()]

    def ended(self) -> Sequence[Job]:
        """Return the jobs that are terminal."""
        return [job for job in self.all() if job.status in TERMINAL]

    def _job_of(self, job_id: UUID) -> Job | None:
        row = self._rows.get(job_id)
        return row.job if row else None

    def forget(self, job_id: UUID) -> None:
        """Have no row of a job any more."""
        del self._rows[job_id]
        self._attempts.pop(job_id, None)
        for key in [key for key in self._logs if key[0] == job_id]:
            del self._logs[key]

    async def accept(
        self, offers: Sequence[Offer], letters: Sequence[DeadLetter] = (), *, deed: Deed | None = None
    ) -> Accepted:
        """Write jobs and dead letters."""
        self.deeds.check(deed)
        for offer in offers:
            check_storable(offer.job)
        first = {offer.job.job_id: offer.job for offer in reversed(offers)}
        new = frozenset(first) - frozenset(self._rows)
        for job_id in new:
            self._rows[job_id] = self._born(first[job_id])
            self._tell(self._rows[job_id].job)
            self.deeds.tell(deed, job_id=job_id, county_id=first[job_id].county_id)
        conflicts = [offer for offer in offers if offer.job.digest != self._rows[offer.job.job_id].job.digest]
        self.dead_letters.keep([*letters, *letters_of(offers, conflicts)], deed)
        known = (offer.job.job_id for offer in offers if offer.job.digest == self._rows[offer.job.job_id].job.digest)
        return Accepted(new, frozenset(known) - new, frozenset(offer.job.job_id for offer in conflicts))

    async def claim(
        self, owner: str, *, slots: float, weights: Mapping[str, float], lease: timedelta
    ) -> Sequence[Claim]:
        """Give waiting jobs to ``owner``."""
        now = self.now()
        claims: list[Claim] = []
        taken = 0.0
        for row in self._waiting(now):
            taken += weights.get(row.job.analysis_type, 1.0)
            if taken > slots + _ROUNDING:
                break
            claims.append(self._start(row, owner, now, now + lease))
            self._served[row.job.county_id] = now
        return claims

    async def finish(self, finishes: Sequence[Finish]) -> frozenset[UUID]:
        """End attempts."""
        for finish in finishes:
            row = self._running(finish.job_id, finish.attempt)
            if row:
                self._move(row, finish.transition, **_ending(finish, row.job))
        return frozenset(finish.job_id for finish in finishes if _has_ended(self._job_of(finish.job_id), finish))

    async def heartbeat(self, owner: str, beats: Sequence[Heartbeat], *, lease: timedelta) -> frozenset[UUID]:
        """Renew leases; answers the ids that are no longer the owner's."""
        lost = set()
        for beat in beats:
            row = self._running(beat.job_id, beat.attempt)
            if row and row.owner == owner:
                self._renew(row, beat, self.now() + lease)
            else:
                lost.add(beat.job_id)
        return frozenset(lost)

    async def release(
        self, attempts: Mapping[UUID, int], *, message: str, delay: timedelta = timedelta(0)
    ) -> frozenset[UUID]:
        """Hand jobs back to the queue."""
        rows = list(self._held(attempts))
        for row in rows:
            self._move(row, RELEASE, message=message, progress=0.0, run_after=self.now() + delay)
        return frozenset(row.job.job_id for row in rows)

    async def release_lost(self, owner: str, *, held: Mapping[UUID, int], message: str) -> frozenset[UUID]:
        """Hand back what ``owner`` was given and does not hold."""
        given = {row.job.job_id: row.job.attempt for row in self._rows.values() if row.owner == owner}
        lost = {job_id: attempt for job_id, attempt in given.items() if held.get(job_id) != attempt}
        return await self.release(lost, message=message)

    async def crashed(self, attempts: Mapping[UUID, int], *, message: str, max_crashes: int) -> TakenOver:
        """Count a child's death against its jobs."""
        return self._count_crash(list(self._held(attempts)), message, max_crashes)

    async def take_over(self, *, max_crashes: int) -> TakenOver:
        """Move on the jobs whose lease has run out."""
        now = self.now()
        expired = [row for row in self._rows.values() if row.lease_until is not None and row.lease_until < now]
        return self._count_crash(expired, "Its worker fell silent", max_crashes)

    async def cancel(self, ids: Sequence[UUID], *, message: str, deed: Deed | None = None) -> frozenset[UUID]:
        """End jobs that wait or run."""
        self.deeds.check(deed)
        rows = [row for job_id in set(ids) if (row := self._rows.get(job_id)) and row.job.status in CANCEL.sources]
        for row in rows:
            self._move(row, CANCEL, message=message)
            self.deeds.tell(deed, job_id=row.job.job_id, county_id=row.job.county_id)
        return frozenset(row.job.job_id for row in rows)

    async def cancelled(self, ids: Collection[UUID]) -> frozenset[UUID]:
        """Say which of these jobs were cancelled."""
        rows = (row for job_id in ids if (row := self._rows.get(job_id)))
        return frozenset(row.job.job_id for row in rows if row.job.status is JobStatus.CANCELLED)

    async def expire(self) -> Sequence[tuple[str, str]]:
        """Fail waiting jobs whose deadline has passed."""
        now = self.now()
        waiting = (row for row in self._rows.values() if row.job.status is JobStatus.PENDING)
        late = [row for row in waiting if row.job.deadline is not None and row.job.deadline < now]
        for row in late:
            told = "Its deadline passed while it waited"
            self._move(row, FAIL, message=told, failure_reason=FailureReason.DEADLINE_PASSED)
        return [(row.job.county_id, row.job.analysis_type) for row in late]

    async def running(self) -> Mapping[str, int]:
        """Return how many jobs run, by county."""
        return self._running_by_county()

    def _born(self, new: NewJob) -> Row:
        now = self.now()
        waits = new.status is JobStatus.PENDING
        job = Job(
            **{name: getattr(new, name) for name in _COPIED},
            sequence=1,
            attempt=0,
            progress=0.0,
            created_at=now,
            updated_at=now,
            completed_at=None if waits else now,
            data_version=self.counties.current_of(new.county_id) if waits else None,
        )
        return Row(job, now + self._queue.delay(new.priority))

    def _waiting(self, now: datetime) -> Sequence[Row]:
        """Return the rows that may be claimed: each county's own queue, and the counties in turn."""
        queues: dict[str, list[Row]] = {}
        for row in sorted(self._claimable(now), key=lambda row: (row.queue_at, row.job.job_id)):
            queues.setdefault(row.job.county_id, []).append(row)
        running = self._running_by_county()
        places = [
            (running[county_id] + n, self._served.get(county_id, _NEVER), row.queue_at, row.job.job_id, row)
            for county_id, rows in queues.items()
            for n, row in enumerate(rows)
        ]
        limit = self._queue.max_running_per_county
        return [place[-1] for place in sorted(places) if limit is None or place[0] < limit]

    def _running_by_county(self) -> Counter[str]:
        return Counter(row.job.county_id for row in self._rows.values() if row.job.status is JobStatus.RUNNING)

    def _claimable(self, now: datetime) -> Iterator[Row]:
        counties, types = self._pauses.names(Scope.COUNTY), self._pauses.names(Scope.TYPE)
        for row in self._rows.values():
            job = row.job
            paused = job.county_id in counties or job.analysis_type in types
            due = job.run_after is None or job.run_after <= now
            if job.status is JobStatus.PENDING and due and not paused:
                yield row

    def _start(self, row: Row, owner: str, now: datetime, lease_until: datetime) -> Claim:
        row.owner, row.lease_until = owner, lease_until
        moved_at = self._moved_at(row)
        started = row.job.started_at or moved_at
        attempt = row.job.attempt + 1
        began: dict[str, Any] = {"started_at": started, "claimed_at": moved_at, "worker": owner, "run_after": None}
        self._move(row, CLAIM, attempt=attempt, message="Running", progress=0.0, **began)
        job = row.job
        return Claim(
            **{name: getattr(job, name) for name in _GIVEN},
            parameters=job.parameters or {},
            seconds_waited=(now - job.created_at).total_seconds(),
            seconds_for_turn=0.0,
            seconds_left=None if job.deadline is None else (job.deadline - now).total_seconds(),
        )

    def _running(self, job_id: UUID, attempt: int) -> Row | None:
        row = self._rows.get(job_id)
        runs = row is not None and row.job.status is JobStatus.RUNNING and row.job.attempt == attempt
        return row if runs else None

    def _held(self, attempts: Mapping[UUID, int]) -> Iterator[Row]:
        return filter(None, (self._running(job_id, attempt) for job_id, attempt in attempts.items()))

    def _renew(self, row: Row, beat: Heartbeat, lease_until: datetime) -> None:
        row.lease_until = lease_until
        if beat.progress > row.job.progress:
            told: dict[str, Any] = {"progress": beat.progress, "message": beat.message}
            row.job = replace(row.job, sequence=row.job.sequence + 1, updated_at=self._moved_at(row), **told)
            self._tell(row.job)

    def _count_crash(self, rows: Sequence[Row], message: str, max_crashes: int) -> TakenOver:
        given_up = 0
        for row in rows:
            row.crashes += 1
            if row.crashes > max_crashes:
                self._give_up(row, message)
                given_up += 1
            else:
                self._move(row, TAKE_OVER, message=f"{message}; waits for another", progress=0.0)
        whose = [(row.job.county_id, row.job.analysis_type) for row in rows if row.job.status is JobStatus.FAILED]
        return TakenOver(len(rows) - given_up, given_up, whose)

    def _give_up(self, row: Row, message: str) -> None:
        reason = FailureReason.ATTEMPTS_EXHAUSTED
        self._move(row, FAIL, message=f"{message}; given up after too many of these", failure_reason=reason)
        ended = [attempt.ended_at for attempt in self._attempts.get(row.job.job_id, ())]
        self.dead_letters.keep([letter_of_exhausted(row.job, min(ended, default=None))])

    def _move(self, row: Row, move: Transition, **changes: Any) -> None:
        """Make a move and tell of it; raises Conflict for one that the table of transitions does not have."""
        if row.job.status not in move.sources:
            msg = f"{move.name} from {row.job.status} is no transition"
            raise Conflict(msg)
        now = self._moved_at(row)
        if move.target is not JobStatus.RUNNING:
            row.owner = row.lease_until = None
        if move.target in TERMINAL:
            changes["completed_at"] = now
        sequence = row.job.sequence + 1
        row.job = replace(row.job, status=move.target, sequence=sequence, updated_at=now, **changes)
        if move in (RELEASE, TAKE_OVER):
            self._keep_attempt(row.job)
        self._tell(row.job)

    def _moved_at(self, row: Row) -> datetime:
        return max(self.now(), row.job.updated_at)

    def _tell(self, job: Job) -> None:
        self.outbox += event_records(orjson.loads(orjson.dumps(job)))


_GIVEN: Final = (
    "job_id",
    "attempt",
    "analysis_type",
    "county_id",
    "data_version",
    "correlation_id",
    "traceparent",
)
_COPIED: Final = (
    "job_id",
    "analysis_type",
    "county_id",
    "status",
    "message",
    "priority",
    "deadline",
    "failure_reason",
    "correlation_id",
    "requested_by",
    "traceparent",
    "retry_of",
    "digest",
    "parameters",
    "origin",
)


def _has_ended(job: Job | None, finish: Finish) -> bool:
    wanted = (finish.transition.target, finish.attempt, finish.message, finish.failure_reason)
    return job is not None and (job.status, job.attempt, job.message, job.failure_reason) == wanted


def _ending(finish: Finish, job: Job) -> Mapping[str, Any]:
    return {
        "message": finish.message,
        "progress": job.progress if finish.failure_reason else 1.0,
        "failure_reason": finish.failure_reason,
        "result_summary": finish.result_summary,
        "result_data_location": finish.result_data_location,
        "result_sha256": finish.result_sha256,
    }
