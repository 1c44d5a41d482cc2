"""Data versions that others took the place of long ago and that no job names: which there are, held and forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, bindparam, delete, exists, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.county_tables import data_versions
from models.jobs import TERMINAL
from models.tables import jobs
from terrafusion.adapters.postgres.moves import seconds, stands
from terrafusion.boundaries import Boundary, cross
from terrafusion.ports.retention import Replaced

LOAD_LOCK: Final = 7_251_002
"""With the county's hash, the advisory lock that makes changes of a county's records wait for each other."""
URIS: Final = (data_versions.c.snapshot_uri, data_versions.c.properties_uri, data_versions.c.listings_uri)

_LONG_AGO: Final = func.now() - seconds("age")
_LATER: Final = data_versions.alias("later")
_WAS_REPLACED: Final = ~data_versions.c.current & exists().where(
    _LATER.c.county_id == data_versions.c.county_id,
    _LATER.c.created_at > data_versions.c.created_at,
    _LATER.c.created_at < _LONG_AGO,
)
"""A version's moment is when it became current last: what came after it took its place."""


def _is_named(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Say whether a job was pinned to it, in which case it was accepted no later than the replacement was committed."""
    return exists().where(
        jobs.c.created_at < _LONG_AGO + text("interval '1 day'"),
        jobs.c.county_id == data_versions.c.county_id,
        jobs.c.data_version == data_versions.c.data_version,
        *conditions,
    )


_HAS_ENDED: Final = stands(*TERMINAL) & (jobs.c.completed_at < func.now() - seconds("job_age"))
_IS_OLD: Final = _WAS_REPLACED & ~_is_named()
_OF_COUNTY: Final = data_versions.c.county_id == bindparam("county_id")
_COUNTIES: Final = select(data_versions.c.county_id).where(_IS_OLD).distinct()
_VERSIONS: Final = (
    select(data_versions.c.data_version, _IS_OLD.label("is_old"), *URIS)
    .where(_OF_COUNTY)
    .order_by(data_versions.c.created_at)
)
_FORGET: Final = delete(data_versions).where(
    _OF_COUNTY, data_versions.c.data_version == func.any(bindparam("versions")), _IS_OLD
)
_COUNT: Final = select(func.count()).select_from(data_versions)
_COUNT_OLD: Final = _COUNT.where(_IS_OLD)
_COUNT_WILL_BE_OLD: Final = _COUNT.where(_WAS_REPLACED & ~_is_named(~_HAS_ENDED))
_KEY: Final = (literal(LOAD_LOCK), func.hashtext(bindparam("county_id", type_=Text)))
_TRY: Final = select(func.pg_try_advisory_lock(*_KEY))
_UNLOCK: Final = select(func.pg_advisory_unlock(*_KEY))


@asynccontextmanager
async def replaced(connection: AsyncConnection, *, age: timedelta, limit: int) -> AsyncIterator[Replaced | None]:
    """Hold old versions of one county, and the lock by which nothing is loaded of it meanwhile."""
    aged = {"age": age.total_seconds()}
    for county_id in (await connection.execute(_COUNTIES, aged)).scalars().all():
        if (await connection.execute(_TRY, {"county_id": county_id})).scalar_one():
            try:
                yield await _of(connection, county_id, aged, limit)
            finally:
                await connection.execute(_UNLOCK, {"county_id": county_id})
            return
    yield None


async def _of(connection: AsyncConnection, county_id: str, aged: dict[str, float], limit: int) -> Replaced:
    rows = (await connection.execute(_VERSIONS, {"county_id": county_id, **aged})).all()
    going = [row for row in rows if row.is_old][:limit]
    uris = {uri for row in going for uri in _uris(row)} - {
        uri for row in rows if row not in going for uri in _uris(row)
    }
    return Replaced(county_id, tuple(row.data_version for row in going), tuple(sorted(uris)))


def _uris(row: Any) -> Collection[str]:
    return [uri for uri in (row.snapshot_uri, row.properties_uri, row.listings_uri) if uri]


async def forget(connection: AsyncConnection, held: Replaced, *, age: timedelta) -> int:
    """Forget those versions, once their snapshots are removed."""
    asked = {"county_id": held.county_id, "versions": list(held.versions), "age": age.total_seconds()}
    gone = await connection.execute(_FORGET, asked)
    cross(Boundary.VERSIONS_PURGED)
    return gone.rowcount


async def count(connection: AsyncConnection, *, age: timedelta, jobs: timedelta | None) -> int:
    """Return how many versions are old, or will be once jobs that ended so long ago are forgotten."""
    if jobs is None:
        return int((await connection.execute(_COUNT_OLD, {"age": age.total_seconds()})).scalar_one())
    ages = {"age": age.total_seconds(), "job_age": jobs.total_seconds()}
    return int((await connection.execute(_COUNT_WILL_BE_OLD, ages)).scalar_one())
