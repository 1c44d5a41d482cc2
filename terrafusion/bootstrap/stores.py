"""What is kept in Postgres, behind the ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from models.queue import QueueRules
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.credentials import PostgresAuditLog, PostgresCredentials
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.letters import PostgresDeadLetters
from terrafusion.adapters.postgres.outbox import PostgresOutbox
from terrafusion.adapters.postgres.pausing import PostgresPauses
from terrafusion.adapters.postgres.retention import PostgresRetention
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.settings import Settings

CONNECTIONS: Final = 6
"""For accepts, claims, commits and what the view asks; heartbeats, the relay and purging have their own."""
HEART_CONNECTIONS: Final = 2
"""One to renew leases, one to hear of cancellations: where that gets no answer no renewal waits for it."""
RELAY_STATEMENT_S: Final = 10.0
"""Whatever the relay waits for ends before the watchdog calls it stalled."""
HEART_STATEMENT: Final = 0.2
"""Of a lease: a beat that gets no answer is tried over another connection while the lease still holds."""
LEAST_HEART_S: Final = 2.0
"""A database that is only slow has an answer by then; leases under 10 s leave no time for a second beat anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The stores of one worker, and the engines that they go through."""

    engine: AsyncEngine
    """For whatever has none of its own."""
    engines: Sequence[AsyncEngine]
    """All of them."""
    jobs: PostgresJobStore
    leases: PostgresJobStore
    letters: PostgresDeadLetters
    counties: PostgresCounties
    pauses: PostgresPauses
    outbox: PostgresOutbox
    retention: PostgresRetention
    log: PostgresAuditLog
    credentials: PostgresCredentials

    @classmethod
    def of(cls, settings: Settings, *, sender: str) -> Stores:
        """Make them; ``sender`` is the worker's name. Nothing is connected before it is used."""
        work, purge = (make_engine(settings.database, connections=n) for n in (CONNECTIONS, 1))
        heart_s = max(LEAST_HEART_S, HEART_STATEMENT * settings.lease_seconds)
        heart = make_engine(settings.database, connections=HEART_CONNECTIONS, statement_s=heart_s)
        relay = make_engine(settings.database, connections=1, statement_s=RELAY_STATEMENT_S)
        return cls(
            engine=work,
            engines=(work, heart, purge, relay),
            jobs=PostgresJobStore(work, sender=sender, queue=_rules(settings)),
            leases=PostgresJobStore(heart, sender=sender),
            letters=PostgresDeadLetters(work, sender=sender),
            counties=PostgresCounties(work),
            pauses=PostgresPauses(work),
            outbox=PostgresOutbox(relay),
            retention=PostgresRetention(purge, sender=sender),
            log=PostgresAuditLog(work),
            credentials=PostgresCredentials(work),
        )


def _rules(settings: Settings) -> QueueRules:
    return QueueRules(
        ageing=timedelta(seconds=settings.ageing_seconds), max_running_per_county=settings.max_running_per_county
    )
