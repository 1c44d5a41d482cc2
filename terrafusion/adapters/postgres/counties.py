"""Which counties are loaded, and each state of their records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncEngine

from models.access import Counties as Seen
from models.county_tables import data_versions
from terrafusion.adapters.postgres.engine import transaction
from terrafusion.ports.counties import DataVersion

VERSIONS: Final = select(*[column for column in data_versions.c if column is not data_versions.c.current])
CURRENT: Final = VERSIONS.where(data_versions.c.current).order_by(data_versions.c.county_id)


class PostgresCounties:
    """Counties as the table of data versions tells them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def current(self, of: Seen = None) -> Sequence[DataVersion]:
        """Return each known county's current data version, by county_id."""
        wanted = CURRENT if of is None else CURRENT.where(data_versions.c.county_id.in_(sorted(of)))
        async with transaction(self._engine) as connection:
            return [_version(row) for row in await connection.execute(wanted)]

    async def version(self, county_id: str, data_version: str) -> DataVersion | None:
        """Return one data version."""
        wanted = VERSIONS.where(
            data_versions.c.county_id == county_id,
            data_versions.c.data_version == data_version,
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return _version(row) if row else None

    async def history(self, county_id: str, *, limit: int) -> Sequence[DataVersion]:
        """Return a county's data versions, newest first."""
        wanted = VERSIONS.where(data_versions.c.county_id == county_id)
        newest = wanted.order_by(data_versions.c.created_at.desc(), data_versions.c.data_version).limit(limit)
        async with transaction(self._engine) as connection:
            return [_version(row) for row in await connection.execute(newest)]


def _version(row: Row[tuple[object, ...]]) -> DataVersion:
    return DataVersion(**row._mapping)  # noqa: SLF001 the public name of a row's columns
