"""The child processes that run analyses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from models.jobs import FailureReason
from terrafusion.ports.counties import DataVersion


@dataclass(frozen=True, slots=True)
class Task:
    """What a child process needs to know to run one job."""

    job_id: UUID
    analysis_type: str
    county_id: str
    parameters: Mapping[str, Any]
    data: DataVersion
    correlation_id: str | None = None
    traceparent: str | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a child's work on one job ended."""

    seconds: float
    message: str
    began_ns: int = 0
    """Since 1970, by the child's clock."""
    failure_reason: FailureReason | None = None
    retry: bool = False
    """A service was away: no fault of the job, so it waits and is run again."""
    result_summary: Mapping[str, Any] | None = None
    result_data_location: str | None = None
    result_sha256: str | None = None


class Pool(Protocol):
    """Child processes that run analyses."""

    @property
    def has_child(self) -> bool:
        """Whether a child is there, so that a task given now does not wait for one to begin."""

    async def run(self, tasks: Sequence[Task], *, seconds: float) -> Sequence[Outcome]:
        """Run tasks one after another in one child; cancelling it kills the child.

        Raises ChildDied where the child ends on its own, ChildTimedOut where it is killed after ``seconds``,
        ChildTooLarge where it took more memory than it may, PoolUnavailable where no child is to be had or the pool was given up, for no fault of the tasks.
        """
