"""What the views need of the rest of the worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry

from models.group import Dealt
from models.jobs import Job
from models.messages import AnalysisRequest
from terrafusion.analysis.registry import Catalogue
from terrafusion.ports.access import AuditLog
from terrafusion.ports.counties import Columns, Counties
from terrafusion.ports.documents import Documents
from terrafusion.ports.health import Health
from terrafusion.ports.history import JobHistory, LiveJobs
from terrafusion.ports.jobs import JobReader
from terrafusion.ports.letters import LetterReader
from terrafusion.ports.monitoring import Rates, Workers
from terrafusion.usecases.backpressure import Room
from terrafusion.usecases.bulk import Bulk
from terrafusion.usecases.commands import Commands
from terrafusion.usecases.dead_letters import DeadLetterOffice
from terrafusion.usecases.pauses import ShownPauses
from terrafusion.usecases.waiting import Waiting

if TYPE_CHECKING:
    from terrafusion.web.door import Door


class Submit(Protocol):
    """The use case that accepts a request: the same as behind the requests topic."""

    async def __call__(
        self,
        request: AnalysisRequest,
        *,
        idempotency_key: str | None,
        traceparent: str | None,
        requested_by: str | None,
    ) -> Job:
        """Accept a request and return its job; the job that stands when it was accepted before.

        Raises Rejected where it cannot be accepted, Unavailable where the store cannot be reached.
        """


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDeps:
    """The ports and use cases behind the views."""

    store: JobReader
    history: JobHistory
    counties: Counties
    columns: Columns
    workers: Workers
    rates: Rates
    group: Callable[[], Dealt | None]
    """The consumer group as the broker last told of it; None while it does not answer."""
    live: LiveJobs
    documents: Documents
    catalogue: Catalogue
    submit: Submit
    commands: Commands
    bulk: Bulk
    pauses: ShownPauses
    room: Room
    waiting: Waiting
    health: Health
    registry: CollectorRegistry
    letters: LetterReader
    office: DeadLetterOffice
    log: AuditLog
    door: Door | None = None
    """Who tells callers apart; None where nobody does."""
    now: Callable[[], datetime] = utc_now
