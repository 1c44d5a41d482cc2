"""The table of the jobs that this worker holds, from the claim to the committed end."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from models.jobs import Claim
from terrafusion.metrics import Metrics
from terrafusion.ports.bell import Bell
from terrafusion.ports.pool import Outcome

RUNNING: Final = "Running"
"""What a job says of itself while it says nothing else."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Held:
    """A job that is held, and how far it is."""

    claim: Claim
    leased_at: float
    """By the monotonic clock, not after the statement that set or renewed the lease."""
    claimed_at: float
    """Not after the statement that gave it, by the same clock."""
    progress: float = 0.0
    message: str = RUNNING
    attempt: asyncio.Future[Sequence[Outcome]] | None = None
    seconds: float = 0.0
    ended: bool = False
    """Its end is known and waits to be committed; it fills no slot any more."""


class HeldJobs:
    """What is held of each job. Rings where a job makes room and more may wait."""

    def __init__(self, metrics: Metrics, bell: Bell) -> None:
        self._metrics = metrics
        self._bell = bell
        self._held: dict[UUID, Held] = {}
        self.more_wait = True
        """Whether more may wait than there was room for at the last claim."""

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def __getitem__(self, job_id: UUID) -> Held:
        return self._held[job_id]

    @property
    def running(self) -> Sequence[Held]:
        """Those whose end is not known."""
        return [held for held in self if not held.ended]

    def attempt_of(self, job_id: UUID) -> int | None:
        """Return the attempt of a job that is held."""
        held = self._held.get(job_id)
        return held.claim.attempt if held else None

    def held_as(self, job_id: UUID, attempt: int) -> Held | None:
        """Return what is held of an attempt: a worker may hold the next one of a job before it is done with this."""
        held = self._held.get(job_id)
        return held if held and held.claim.attempt == attempt else None

    def is_held(self, claim: Claim) -> bool:
        """Say whether this attempt is held."""
        return self.held_as(claim.job_id, claim.attempt) is not None

    def has_ended(self, claim: Claim) -> bool:
        """Say whether the end of a job that is held is known."""
        return self._held[claim.job_id].ended

    def take(self, claims: Sequence[Claim], *, asked_at: float) -> None:
        """Hold what was claimed; ``asked_at`` is by the monotonic clock, before the claim was asked for."""
        for claim in claims:
            given_at = asked_at + claim.seconds_for_turn
            self._held[claim.job_id] = Held(claim, given_at, given_at)
        self._metrics.in_flight.set(len(self))

    def progressed(self, job_id: UUID, progress: float, message: str) -> None:
        """Put down how far a child is; the next heartbeat tells it."""
        held = self._held.get(job_id)
        if held and not held.ended and progress > held.progress:
            held.progress, held.message = min(progress, 1.0), message[:200]

    def end(self, job_id: UUID) -> None:
        """Put down that its end is known."""
        self._held[job_id].ended = True
        self._make_room()

    def lose(self, ids: Collection[UUID]) -> None:
        """Drop jobs that ceased to be this worker's."""
        for job_id in ids:
            self._metrics.lease_losses.inc()
            attempt = self._held[job_id].claim.attempt
            log.warning("job is no longer this worker's", job_id=str(job_id), attempt=attempt)
        self.drop(ids)

    def drop(self, ids: Collection[UUID]) -> None:
        """Let go of jobs and stop their children; what shared a child with them begins again in another."""
        for job_id in ids:
            held = self._held.pop(job_id, None)
            if held and held.attempt:
                held.attempt.cancel()
        self.forget({})

    def forget(self, attempts: Mapping[UUID, int]) -> None:
        """Let go of attempts that the store has done with."""
        for job_id, attempt in attempts.items():
            if self.held_as(job_id, attempt):
                del self._held[job_id]
        self._metrics.in_flight.set(len(self))
        self._make_room()

    def _make_room(self) -> None:
        if self.more_wait:
            self._bell.ring()
