"""The leases of the jobs that this worker holds: renewed in time, or given up before another may take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

import structlog

from models.jobs import Heartbeat
from models.queue import Limits
from terrafusion.boundaries import Boundary, cross
from terrafusion.errors import UnstorableData
from terrafusion.ports.bell import Bell
from terrafusion.ports.jobs import JobStore
from terrafusion.usecases.held_jobs import RUNNING, HeldJobs

log = structlog.get_logger(__name__)

LEASE_SAFETY: Final = 0.8
"""A job whose lease could not be renewed is given up after this part of it, well before another may take it."""


@dataclass(slots=True, kw_only=True)
class LeaseKeeper:
    """Renews leases and tells progress; stops what is not this worker's any more."""

    limits: Limits
    jobs: JobStore
    """Over a connection of its own, so that renewing never waits for work."""
    held: HeldJobs
    relay_bell: Bell
    monotonic: Callable[[], float]
    _given_up: dict[UUID, int] = field(default_factory=dict)
    """Attempts whose lease this worker let run out."""
    _beaten_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._beaten_at = self.monotonic()

    @property
    def beats(self) -> bool:
        """Whether the last beat came through lately: what is claimed while none does would be lost again."""
        return self._beaten_at >= self._oldest()

    async def beat(self) -> None:
        """Renew every lease; stop what is not this worker's any more. Raises Unavailable."""
        await self._hand_back()
        await self._renew()
        self._beaten_at = self.monotonic()

    async def _renew(self) -> None:
        now = self.monotonic()
        beats = [Heartbeat(h.claim.job_id, h.claim.attempt, h.progress, h.message) for h in self.held]
        if not beats:
            return
        lost = await self._told(beats)
        cross(Boundary.BEATEN)
        for beat in beats:
            held = self.held.held_as(beat.job_id, beat.attempt)
            if held and beat.job_id not in lost:
                held.leased_at = now
        await self._part_with({beat.job_id: beat.attempt for beat in beats if beat.job_id in lost})
        self.relay_bell.ring()

    async def _told(self, beats: Sequence[Heartbeat]) -> frozenset[UUID]:
        """Renew and tell; where what one job says of itself cannot be kept, none says anything, and all are renewed."""
        owner, lease = self.limits.owner, self.limits.lease
        try:
            return await self.jobs.heartbeat(owner, beats, lease=lease)
        except UnstorableData as error:
            log.warning("what jobs say of their progress cannot be stored", reason=str(error))
            silent = [replace(beat, message=RUNNING) for beat in beats]
            return await self.jobs.heartbeat(owner, silent, lease=lease)

    async def stop_cancelled(self) -> None:
        """Stop what was cancelled, between two beats. Raises Unavailable."""
        running = [held.claim.job_id for held in self.held.running]
        if running:
            self.held.drop(await self.jobs.cancelled(running))

    async def _part_with(self, lost: Mapping[UUID, int]) -> None:
        """Stop attempts that are not this worker's any more; what was cancelled is no loss."""
        cancelled = await self.jobs.cancelled(lost) if lost else frozenset()
        running = {held.claim.job_id: held.claim.attempt for held in self.held.running}
        mine = [job_id for job_id, attempt in lost.items() if running.get(job_id) == attempt]
        self.held.drop([job_id for job_id in mine if job_id in cancelled])
        self.held.lose([job_id for job_id in mine if job_id not in cancelled])

    def guard(self) -> None:
        """Stop, by this worker's own clock, what it could not renew in time; the next beat hands it back."""
        oldest = self._oldest()
        late = {held.claim.job_id: held.claim.attempt for held in self.held.running if held.leased_at < oldest}
        self._given_up |= late
        self.held.lose(late)

    def _oldest(self) -> float:
        return self.monotonic() - LEASE_SAFETY * self.limits.lease.total_seconds()

    async def _hand_back(self) -> None:
        """Return what was given up, so that an outage of the store is no crash; does nothing to what others took."""
        given_up = dict(self._given_up)
        if given_up:
            await self.jobs.release(given_up, message="Its lease could not be renewed; waits for another worker")
            self._given_up = {i: attempt for i, attempt in self._given_up.items() if given_up.get(i) != attempt}
            self.relay_bell.ring()
