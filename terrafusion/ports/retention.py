"""What retention needs of the outside world: what has ended or grown old, and the files that are kept of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that has ended, as far as its files are named after it."""

    job_id: UUID
    county_id: str
    analysis_type: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """Data versions of one county that others took the place of and no job names."""

    county_id: str
    versions: Sequence[str]
    snapshots: Sequence[str]
    """Where their snapshots lie, those that no other version has too."""


class Retention(Protocol):
    """What is kept no longer. Ages are counted by the store's clock; what is live is never named nor forgotten."""

    def alone(self) -> AbstractAsyncContextManager[Purging | None]:
        """Become the one that purges; yields None where another does."""


class Purging(Protocol):
    """The hold of the one that purges."""

    async def ended(self, *, age: timedelta, limit: int) -> Sequence[EndedJob]:
        """Return jobs that ended longer ago than ``age``, those accepted first before others."""

    async def forget_jobs(self, ids: Collection[UUID], *, age: timedelta) -> int:
        """Forget those of these jobs that ended so long ago, and have a tombstone of each told; says how many."""

    async def forget_letters(self, *, age: timedelta, limit: int) -> int:
        """Forget dead letters that were kept, or dealt with, longer ago than ``age``, once they are told."""

    def replaced(self, *, age: timedelta, limit: int) -> AbstractAsyncContextManager[Replaced | None]:
        """Hold versions of one county that were replaced longer ago than ``age``, those that came first before others.

        Nothing is loaded of it while the block runs. Yields None where there are none, or only such of counties that
        are being loaded.
        """

    async def forget_versions(self, held: Replaced, *, age: timedelta) -> int:
        """Forget what is held, if it still is as it was; says how many."""

    async def forget_deeds(self, *, age: timedelta, limit: int) -> int:
        """Forget entries of the audit log that are older than ``age``; says how many."""

    async def without_result(self, ids: Collection[UUID]) -> frozenset[UUID]:
        """Say which of these jobs are known to have ended without a result file."""

    async def count_jobs(self, *, age: timedelta) -> int:
        """Return how many jobs ended so long ago."""

    async def count_letters(self, *, age: timedelta) -> int:
        """Return how many dead letters `forget_letters` would forget."""

    async def count_versions(self, *, age: timedelta, jobs: timedelta | None) -> int:
        """Return how many versions may go, once the jobs are forgotten that ended longer ago than ``jobs``; None is none."""


@dataclass(frozen=True, slots=True)
class OldFile:
    """A file that has not been written to for long: of a job, or one that was never finished (None)."""

    path: str
    job_id: UUID | None


class KeptFiles(Protocol):
    """The files that results are kept in. Raises Unavailable where the store cannot be reached."""

    async def remove_results(self, jobs: Sequence[EndedJob]) -> None:
        """Remove whatever was kept of these jobs; that there is nothing is no error."""

    async def remove_snapshots(self, locations: Sequence[str]) -> None:
        """Remove snapshots; what lies elsewhere, or not at all, is no error."""

    def old(self, *, age: timedelta) -> AsyncIterator[Sequence[OldFile]]:
        """Return the files older than ``age`` that are a job's or unfinished, some at a time."""

    async def remove(self, files: Sequence[OldFile]) -> None:
        """Remove files."""
