"""The outbox as the one relay sees it: led under a lock, read in order, forgotten once published."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.dead_letters import DeadLetter, Stage
from models.records import OutgoingRecord
from models.tables import outbox
from terrafusion.adapters.postgres.acceptance import keep
from terrafusion.adapters.postgres.engine import connected
from topics.events import unpack

RELAY_LOCK: Final = 7_251_003
SILENT_S: Final = 15
"""Longer than a relay waits for the broker."""

_TRY: Final = select(func.pg_try_advisory_lock(RELAY_LOCK))
_UNSEAT: Final = text(f"""
    SELECT pg_terminate_backend(pid)
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = {RELAY_LOCK} AND objsubid = 1
      AND state_change < now() - interval '{SILENT_S} seconds'
""")  # noqa: S608 - our own numbers
"""Take the lock from a relay that was stopped: its process holds the connection, but asks nothing any more.

Should it wake it finds the connection closed, and its producer fenced by its successor's.
"""
_BACKLOG: Final = select(func.count(), func.extract("epoch", func.now() - func.min(outbox.c.created_at)))


class PostgresOutbox:
    """Fulfils `terrafusion.ports.Outbox`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[PostgresOutboxLeader | None]:
        """Become the one relay while the block runs; the lock goes with the very connection that reads."""
        async with connected(self._engine) as connection:
            leads = (await connection.execute(_TRY)).scalar_one()
            await connection.commit()
            if not leads:
                await connection.execute(_UNSEAT)
                await connection.commit()
                yield None
                return
            try:
                yield PostgresOutboxLeader(connection)
            finally:
                await connection.invalidate()  # ends the session, so the lock as well


class PostgresOutboxLeader:
    """Fulfils `terrafusion.ports.OutboxLeader`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def read(self, limit: int) -> Sequence[tuple[int, Sequence[OutgoingRecord]]]:
        """Return the oldest entries."""
        rows = (
            await self._connection.execute(select(outbox.c.id, outbox.c.records).order_by(outbox.c.id).limit(limit))
        ).all()
        await self._connection.commit()
        return [(row.id, unpack(row.records)) for row in rows]

    async def backlog(self) -> tuple[int, float]:
        """Return how many entries wait, and the age of the oldest in seconds."""
        entries, age = (await self._connection.execute(_BACKLOG)).one()
        await self._connection.commit()
        return entries, float(age or 0)

    async def delete(self, ids: Sequence[int]) -> None:
        """Forget entries that were published."""
        await self._connection.execute(delete(outbox).where(outbox.c.id.in_(ids)))
        await self._connection.commit()

    async def park(self, refused: Sequence[OutgoingRecord], reason: str) -> None:
        """Keep as dead letters what the broker refuses; these are not published, or they would come back."""
        await keep(self._connection, [_letter(record, reason) for record in refused])
        await self._connection.commit()


def _letter(record: OutgoingRecord, reason: str) -> DeadLetter:
    return DeadLetter(
        topic=record.topic,
        partition=None,
        offset=None,
        timestamp=datetime.now(UTC),
        key=record.key,
        value=record.value,
        headers=record.headers,
        stage=Stage.PUBLISH,
        error_class="RecordTooLarge",
        error_message=reason,
    )
