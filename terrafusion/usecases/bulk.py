"""Orders about all jobs of a filter: counted first, then carried out in batches, as far as one call comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from models.jobs import CANCEL, TERMINAL, Job, JobStatus
from models.messages import Verb
from terrafusion.errors import Conflict, IntakeShut, InvalidRequest, Rejected
from terrafusion.ports.history import JobHistory
from terrafusion.ports.jobs import JobFilter, JobReader
from terrafusion.usecases.backpressure import Room

BATCH: Final = 250
MOST_A_CALL_S: Final = 10.0
"""A call that took so long leaves the rest to the next one."""
MOST_TOLD: Final = 20
"""Refusals that are told one by one."""
AGAIN: Final = "bulk"
"""The key of every retry that an order about many makes: the same failed job is asked again once."""
OF_ITSELF: Final = {Verb.CANCEL: CANCEL.sources, Verb.RETRY: frozenset({JobStatus.FAILED, JobStatus.CANCELLED})}
"""What an order is about where the filter names no status."""
AT_ALL: Final = {Verb.CANCEL: CANCEL.sources, Verb.RETRY: TERMINAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """An order about all jobs of a filter."""

    verb: Verb
    wanted: JobFilter
    confirm: int | None = None
    """How many jobs the caller expects at most; None only asks how many there are."""
    reason: str | None = None
    requested_by: str | None = None


@dataclass(slots=True, kw_only=True)
class Done:
    """What came of it."""

    matching: int
    """Counted no further than so many."""
    until: datetime
    """Jobs accepted later are not meant."""
    done: int = 0
    unchanged: int = 0
    """That had moved on, or were asked again before."""
    refused: int = 0
    refusals: list[tuple[UUID, Rejected]] = field(default_factory=list)
    left: int = 0


class Orders(Protocol):
    """The use cases that carry out an order about one job, or cancel several."""

    async def cancel_many(
        self, ids: Sequence[UUID], *, reason: str | None, requested_by: str | None
    ) -> frozenset[UUID]:
        """End those that wait or run."""

    async def retry(self, job_id: UUID, *, key: str | None, requested_by: str | None) -> Job:
        """Ask a job's request again."""


class Bulk:
    """Gives orders about many jobs."""

    def __init__(
        self,
        *,
        jobs: JobReader,
        history: JobHistory,
        orders: Orders,
        room: Room,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._jobs = jobs
        self._history = history
        self._orders = orders
        self._room = room
        self._now = now
        self._monotonic = monotonic

    async def order(self, many: Many) -> Done:
        """Count the jobs and, where they are confirmed, carry the order out. The reader knows what the caller may see.

        Raises Conflict where more are like that than were confirmed, InvalidRequest for a status that an order never
        is about, IntakeShut where there is no room for the first retry; where there is none for the next, it is left.
        """
        statuses = _statuses(many)
        until = many.wanted.until or await self._behind_the_newest(many.wanted, statuses)
        wanted = replace(many.wanted, until=until)
        told = Done(matching=await self._count(wanted, statuses), until=until)
        if many.confirm is None:
            return told
        if told.matching > many.confirm:
            msg = f"{told.matching} jobs are like that by now, not {many.confirm}; look again before you confirm"
            raise Conflict(msg, field="confirm", value=many.confirm, allowed=f"{told.matching} or more")
        try:
            await self._carry_out(many, [replace(wanted, status=status) for status in statuses], told)
        except IntakeShut:
            if not told.done:
                raise
        told.left = max(0, told.matching - told.done - told.unchanged - told.refused)
        return told

    async def _behind_the_newest(self, wanted: JobFilter, statuses: Sequence[JobStatus]) -> datetime:
        """Return the moment, by the store's clock, behind all jobs that there are by now."""
        lists = [replace(wanted, status=status) for status in statuses]
        pages = [await self._jobs.page(one, after=None, limit=1) for one in lists]
        newest = [job.created_at for page in pages for job in page.jobs]
        return max(newest) + timedelta(microseconds=1) if newest else self._now()

    async def _count(self, wanted: JobFilter, statuses: Sequence[JobStatus]) -> int:
        counts = await self._jobs.counts(wanted)
        return sum(counts[status] for status in statuses)

    async def _carry_out(self, many: Many, lists: Sequence[JobFilter], told: Done) -> None:
        ends, way = self._monotonic() + MOST_A_CALL_S, self._way(many)
        for wanted in lists:
            after = None
            while self._monotonic() < ends:
                page = await self._jobs.page(wanted, after=after, limit=BATCH, oldest_first=True)
                await way(many, page.jobs, told)
                after = page.next_after
                if after is None:
                    break

    def _way(self, many: Many) -> Callable[[Many, Sequence[Job], Done], Awaitable[None]]:
        return self._cancel if many.verb is Verb.CANCEL else self._retry

    async def _cancel(self, many: Many, jobs: Sequence[Job], told: Done) -> None:
        if jobs:
            ids = [job.job_id for job in jobs]
            moved = await self._orders.cancel_many(ids, reason=many.reason, requested_by=many.requested_by)
            told.done += len(moved)
            told.unchanged += len(jobs) - len(moved)

    async def _retry(self, many: Many, jobs: Sequence[Job], told: Done) -> None:
        retried = await self._history.retried([job.job_id for job in jobs])
        told.unchanged += len(retried)
        for job in jobs:
            if job.job_id not in retried:
                await self._retry_one(job.job_id, many, told)

    async def _retry_one(self, job_id: UUID, many: Many, told: Done) -> None:
        await self._room.spare()
        try:
            await self._orders.retry(job_id, key=AGAIN, requested_by=many.requested_by)
            told.done += 1
        except Rejected as error:
            told.refused += 1
            if len(told.refusals) < MOST_TOLD:
                told.refusals.append((job_id, error))


def _statuses(many: Many) -> Sequence[JobStatus]:
    """Say which states an order is about; raises InvalidRequest for one that it never is."""
    named = many.wanted.status
    if named is None:
        return sorted(OF_ITSELF[many.verb])
    if named not in AT_ALL[many.verb]:
        allowed = ", ".join(sorted(AT_ALL[many.verb]))
        msg = f"status is {named}; what is {named} cannot be {'cancelled' if many.verb is Verb.CANCEL else 'retried'}"
        raise InvalidRequest(msg, field="status", value=named, allowed=allowed)
    return [named]
