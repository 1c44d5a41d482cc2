"""What stands still by somebody's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Boolean, delete, literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from models.access import Deed
from models.pauses import Pause, Scope
from models.tables import pauses
from terrafusion.adapters.postgres.auditing import entries, told_as
from terrafusion.adapters.postgres.engine import connected, single_statements
from terrafusion.adapters.postgres.telling import AnyRow
from terrafusion.boundaries import Boundary, cross

_IS_NEW: Final = literal_column("xmax = 0", Boolean).label("is_new")
"""A row that stood has another transaction's mark: the one that found it so."""


class PostgresPauses:
    """Fulfils `terrafusion.ports.pauses.Pauses`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = single_statements(engine)

    async def pause(
        self, scope: Scope, name: str, *, reason: str | None, requested_by: str | None, deed: Deed | None = None
    ) -> Pause:
        """Have something stand still; one that does so already stays as it is."""
        wanted = {"scope": scope, "name": name, "reason": reason, "requested_by": requested_by}
        write = insert(pauses).values(wanted)
        as_it_was = {"name": pauses.c.name}  # writes nothing new, and so answers the row that stands
        written = write.on_conflict_do_update(index_elements=["scope", "name"], set_=as_it_was)
        stands = written.returning(pauses, _IS_NEW).cte("stands")
        deeds = [entries(stands, when=stands.c.is_new)] if deed else []
        async with connected(self._engine) as connection:
            row = (await connection.execute(select(stands).add_cte(*deeds), told_as(deed))).one()
        cross(Boundary.PAUSED)
        return _pause(row, is_new=row.is_new)

    async def resume(self, scope: Scope, name: str, *, deed: Deed | None = None) -> bool:
        """Let it go on."""
        meant = delete(pauses).where(pauses.c.scope == scope, pauses.c.name == name)
        gone = meant.returning(pauses.c.name).cte("gone")
        deeds = [entries(gone)] if deed else []
        async with connected(self._engine) as connection:
            done = await connection.execute(select(gone).add_cte(*deeds), told_as(deed))
            resumed = done.one_or_none() is not None
        cross(Boundary.RESUMED)
        return resumed

    async def all(self) -> Sequence[Pause]:
        """Return what is paused, oldest first."""
        every = select(pauses).order_by(pauses.c.created_at, pauses.c.scope, pauses.c.name)
        async with connected(self._engine) as connection:
            return [_pause(row) for row in await connection.execute(every)]


def _pause(row: AnyRow, *, is_new: bool = False) -> Pause:
    return Pause(Scope(row.scope), row.name, row.reason, row.requested_by, row.created_at, is_new)
