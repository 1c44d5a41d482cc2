"""What stands still by somebody's order."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from models.pauses import Pause, Scope
from models.tables import pauses
from terrafusion.adapters.postgres.engine import connected, single_statements
from terrafusion.adapters.postgres.telling import AnyRow
from terrafusion.boundaries import Boundary, cross


class PostgresPauses:
    """Fulfils `terrafusion.ports.Pauses`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = single_statements(engine)

    async def pause(self, scope: Scope, name: str, *, reason: str | None, requested_by: str | None) -> Pause:
        """Have something stand still; one that does so already stays as it is."""
        wanted = {"scope": scope, "name": name, "reason": reason, "requested_by": requested_by}
        write = insert(pauses).values(wanted)
        as_it_was = {"name": pauses.c.name}  # writes nothing new, and so answers the row that stands
        written = write.on_conflict_do_update(index_elements=["scope", "name"], set_=as_it_was).returning(pauses)
        async with connected(self._engine) as connection:
            row = (await connection.execute(written)).one()
        cross(Boundary.PAUSED)
        return _pause(row)

    async def resume(self, scope: Scope, name: str) -> bool:
        """Let it go on."""
        gone = delete(pauses).where(pauses.c.scope == scope, pauses.c.name == name).returning(pauses.c.name)
        async with connected(self._engine) as connection:
            resumed = (await connection.execute(gone)).one_or_none() is not None
        cross(Boundary.RESUMED)
        return resumed

    async def all(self) -> Sequence[Pause]:
        """Return what is paused, oldest first."""
        every = select(pauses).order_by(pauses.c.created_at, pauses.c.scope, pauses.c.name)
        async with connected(self._engine) as connection:
            return [_pause(row) for row in await connection.execute(every)]


def _pause(row: AnyRow) -> Pause:
    return Pause(Scope(row.scope), row.name, row.reason, row.requested_by, row.created_at)
