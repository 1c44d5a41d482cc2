"""Bulk load of sales: over Arrow into a county's records, its snapshot, and its new data version, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
import polars as pl
from adbc_driver_manager import Error
from adbc_driver_postgresql import dbapi
from sqlalchemy import URL

from models.tables import data_versions, property_sales
from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.engine import DATA_ERRORS, RETRYABLE, shared_dsn, without_password
from terrafusion.adapters.snapshots import write_snapshot
from terrafusion.analysis.api import CountyProfile
from terrafusion.analysis.frames import SALES_SCHEMA
from terrafusion.errors import Misconfigured, Unavailable, UnstorableData
from terrafusion.ingest.snapshot import encode

COLUMNS: Final = (*SALES_SCHEMA, "attributes")
LOAD_LOCK: Final = 7_251_002
"""With the county's hash, the advisory lock that makes a county's loads wait for each other."""


def _listed(columns: Iterable[str], form: str = "{}") -> str:
    return ", ".join(form.format(name) for name in columns)


STAGED: Final = _listed(SALES_SCHEMA, "s.{}") + ", s.attributes::jsonb AS attributes"
UPSERT: Final = f"""
WITH moved AS (
    INSERT INTO property_sales AS p (county_id, {_listed(COLUMNS)})
    SELECT $1, {_listed(COLUMNS, "s.{}")}
    FROM (SELECT {STAGED} FROM staged_sales s) s
    LEFT JOIN property_sales old ON old.county_id = $1 AND old.sale_id = s.sale_id
    WHERE old.sale_id IS NULL
       OR ({_listed(COLUMNS, "old.{}")}) IS DISTINCT FROM ({_listed(COLUMNS, "s.{}")})
    ON CONFLICT (county_id, sale_id) DO UPDATE SET {_listed(COLUMNS, "{0} = excluded.{0}")}
    RETURNING (xmax = 0) AS fresh
)
SELECT count(*) FILTER (WHERE fresh) AS new, count(*) FILTER (WHERE NOT fresh) AS changed FROM moved
"""  # noqa: S608 names of our own columns only
"""Rows that are as they stand already are not touched: a second load writes nothing."""
REMOVE: Final = """
WITH gone AS (
    DELETE FROM property_sales p
    WHERE p.county_id = $1 AND NOT EXISTS (SELECT FROM staged_sales s WHERE s.sale_id = p.sale_id)
    RETURNING 1
)
SELECT count(*) AS removed FROM gone
"""
SNAPSHOT: Final = f"SELECT {_listed(SALES_SCHEMA)} FROM {property_sales.name} WHERE county_id = $1"  # noqa: S608
IS_LOADED: Final = "SELECT EXISTS (SELECT FROM property_sales WHERE county_id = $1) AS is_loaded"
PROFILE: Final = """
WITH fresh AS (
    INSERT INTO county_profiles (county_id, profile) VALUES ($1, $2::jsonb) ON CONFLICT DO NOTHING RETURNING profile
)
SELECT profile::text AS profile FROM fresh
UNION ALL SELECT profile::text FROM county_profiles WHERE county_id = $1
"""
RETIRE: Final = "UPDATE data_versions SET current = false WHERE county_id = $1 AND current AND data_version <> $2"
PUBLISH: Final = f"""
INSERT INTO {data_versions.name}
    (county_id, data_version, snapshot_uri, profile, sales, first_sale, last_sale, current)
VALUES ($1, $2, $3, $4::jsonb, $5, $6::date, $7::date, true)
ON CONFLICT (county_id, data_version) DO UPDATE SET current = true, snapshot_uri = excluded.snapshot_uri
WHERE NOT data_versions.current OR data_versions.snapshot_uri <> excluded.snapshot_uri
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a load did to a county: rows by fate, and the data version that is current now."""

    new: int
    changed: int
    unchanged: int
    removed: int
    sales: int
    """How many the county has now."""
    data_version: str
    snapshot_uri: str
    is_new_version: bool


def load_sales(url: URL, objects: Objects, county_id: str, sales: pl.DataFrame, *, replace: bool = False) -> Loaded:
    """Bring ``sales`` (`SALES_SCHEMA` and ``attributes``; each ``sale_id`` once) into a county's records.

    With ``replace``, sales that are not among them go. The snapshot is written before the commit that makes the
    new data version current: a crash in between leaves the county as it was and a file that nobody reads.
    Blocks. Raises Unavailable where Postgres or the store cannot be reached.
    """
    with _connection(url) as connection, connection.cursor() as cursor:
        _lock(cursor, county_id)
        alone = replace or not _ask(cursor, IS_LOADED, county_id).item()
        counts = _merge(cursor, county_id, sales, replace=replace)
        profile = CountyProfile.model_validate_json(_profile(cursor, county_id))
        rows = sales if alone else _all_sales(cursor, county_id)
        version, location = write_snapshot(objects, county_id, encode(rows, profile))
        is_new = _publish(cursor, county_id, version, location, profile=profile, rows=rows)
        connection.commit()
    return Loaded(
        **counts,
        unchanged=sales.height - counts["new"] - counts["changed"],
        sales=rows.height,
        data_version=version,
        snapshot_uri=location,
        is_new_version=is_new,
    )


def _lock(cursor: dbapi.Cursor, county_id: str) -> None:
    cursor.execute("SET LOCAL lock_timeout = '60s'")
    _ask(cursor, "SELECT pg_advisory_xact_lock($1::int, hashtext($2))::text AS locked", LOAD_LOCK, county_id)


def _merge(cursor: dbapi.Cursor, county_id: str, sales: pl.DataFrame, *, replace: bool) -> dict[str, int]:
    cursor.adbc_ingest("staged_sales", sales.select(*COLUMNS), mode="create", temporary=True)
    cursor.execute("ANALYZE staged_sales")
    removed = _ask(cursor, REMOVE, county_id).item() if replace else 0
    new, changed = _ask(cursor, UPSERT, county_id).row(0)
    return {"new": new, "changed": changed, "removed": removed}


def _profile(cursor: dbapi.Cursor, county_id: str) -> str:
    default = CountyProfile().model_dump_json()
    return str(_ask(cursor, PROFILE, county_id, default).item(0, "profile"))


def _all_sales(cursor: dbapi.Cursor, county_id: str) -> pl.DataFrame:
    return _ask(cursor, SNAPSHOT, county_id).cast(pl.Schema(SALES_SCHEMA))


def _publish(
    cursor: dbapi.Cursor, county_id: str, version: str, location: str, *, profile: CountyProfile, rows: pl.DataFrame
) -> bool:
    """Make the version the current one; say whether it was not before."""
    current = "SELECT count(*) AS n FROM data_versions WHERE county_id = $1 AND data_version = $2 AND current"
    is_new = not _ask(cursor, current, county_id, version).item()
    meaning = orjson.dumps(profile.model_dump(mode="json")).decode()
    days = [str(day) if day else None for day in (rows["sale_date"].min(), rows["sale_date"].max())]
    cursor.execute(RETIRE, (county_id, version))
    cursor.execute(PUBLISH, (county_id, version, location, meaning, rows.height, *days))
    return is_new


def _ask(cursor: dbapi.Cursor, query: str, *parameters: Any) -> pl.DataFrame:
    cursor.execute(query, parameters)
    answer: pl.DataFrame = cursor.fetch_polars()
    return answer


@contextmanager
def _connection(url: URL) -> Iterator[dbapi.Connection]:
    """One connection and one transaction, rolled back unless committed; errors in our words, without secrets."""
    try:
        with dbapi.connect(shared_dsn(url, connect_timeout="5", application_name="terrafusion load")) as connection:
            yield connection
    except Error as error:
        raise _translated(error, url) from None


def _translated(error: Error, url: URL) -> Exception:
    message = without_password(str(error).partition("\n\nQuery was")[0].partition("\n")[0], url)
    state = error.sqlstate or ""
    if state.startswith(DATA_ERRORS):
        return UnstorableData(f"Postgres refuses the sales: {message}")
    if not state or state in RETRYABLE or state.startswith("08"):
        return Unavailable(f"Postgres cannot do this now: {message}")
    return Misconfigured(f"The database is not as it must be; has `terrafusion migrate` been run? {message}")
