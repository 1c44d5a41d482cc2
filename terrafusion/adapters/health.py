"""Whether this worker is alive, and whether it can do its work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import faust
from sqlalchemy.ext.asyncio import AsyncEngine

from terrafusion.adapters.own_consumer import FaustConsumer
from terrafusion.adapters.postgres.engine import transaction
from terrafusion.adapters.postgres.migrate import judged, schema_version
from terrafusion.errors import Unavailable
from terrafusion.ports.health import Check

PATIENCE_S: Final = 2.0


class WorkerHealth:
    """Fulfils `terrafusion.ports.health.Health`."""

    def __init__(self, app: faust.App, own: FaustConsumer, engine: AsyncEngine) -> None:
        self._app = app
        self._own = own
        self._engine = engine

    def alive(self) -> Check:
        """Say whether the process still turns; asks nobody outside it."""
        error = self._own.error()
        return Check(error is None, error or "the event loop turns and the consumer group works")

    async def checks(self) -> Mapping[str, Check]:
        """Ask each service the worker needs."""
        return {"database": await self._database(), "kafka": self._kafka(), "worker": self.alive()}

    async def _database(self) -> Check:
        try:
            async with asyncio.timeout(PATIENCE_S), transaction(self._engine) as connection:
                found = await schema_version(connection)
        except (Unavailable, TimeoutError) as error:
            return Check(ok=False, detail=f"{error or 'no answer in time'}")
        fits, detail = judged(found)
        return Check(ok=fits, detail=f"the schema is {detail}")

    def _kafka(self) -> Check:
        if self._app.rebalancing:
            return Check(ok=False, detail="partitions are being dealt")
        tables: Any = self._app.tables
        recovered = tables.recovery.completed.is_set()
        return Check(recovered, f"{len(self._app.assignor.assigned_actives())} partitions are assigned")
