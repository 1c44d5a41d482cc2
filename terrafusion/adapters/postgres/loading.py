"""Bulk load: a county's records of one kind, its snapshot, and its new data version, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl
from adbc_driver_postgresql import dbapi
from sqlalchemy import URL

from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.bulk import ask, changing
from terrafusion.adapters.postgres.profiles import profile_in_force
from terrafusion.adapters.postgres.publishing import TABLES, all_records, keep, parts_now, publish
from terrafusion.ingest.kinds import Kind

UPSERT: Final = """
WITH moved AS (
    INSERT INTO {table} AS p (county_id, {columns})
    SELECT $1, {of_staged}
    FROM (SELECT {typed} FROM staged_records s) s
    LEFT JOIN {table} old ON old.county_id = $1 AND old.{key} = s.{key}
    WHERE old.{key} IS NULL OR ({of_old}) IS DISTINCT FROM ({of_staged})
    ON CONFLICT (county_id, {key}) DO UPDATE SET {assigned}
    RETURNING (xmax = 0) AS fresh
)
SELECT count(*) FILTER (WHERE fresh) AS new, count(*) FILTER (WHERE NOT fresh) AS changed FROM moved
"""
"""Rows that are as they stand already are not touched: a second load writes nothing."""
REMOVE: Final = """
WITH gone AS (
    DELETE FROM {table} p
    WHERE p.county_id = $1 AND NOT EXISTS (SELECT FROM staged_records s WHERE s.{key} = p.{key})
    RETURNING 1
)
SELECT count(*) AS removed FROM gone
"""
IS_LOADED: Final = "SELECT EXISTS (SELECT FROM {table} WHERE county_id = $1) AS is_loaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a load did to a county: rows by fate, how many there are of each kind, and its data version now."""

    new: int
    changed: int
    unchanged: int
    removed: int
    sales: int
    properties: int
    listings: int
    data_version: str
    snapshot_uri: str
    """Where the snapshot of the kind that was loaded lies."""
    is_new_version: bool


def load(
    url: URL, objects: Objects, county_id: str, records: pl.DataFrame, *, kind: Kind, replace: bool = False
) -> Loaded:
    """Bring ``records`` (the kind's schema and ``attributes``; each key once) into a county's records.

    With ``replace``, records of the kind that are not among them go. The snapshot is written before the commit
    that makes the new data version current: a crash in between leaves the county as it was and a file that
    nobody reads. Blocks. Raises Unavailable where Postgres or the store cannot be reached.
    """
    with changing(url, county_id) as cursor:
        alone = replace or not ask(cursor, _sql(IS_LOADED, kind), county_id).item()
        fates = _merge(cursor, county_id, records, kind=kind, replace=replace)
        profile = profile_in_force(cursor, county_id)
        rows = records if alone else all_records(cursor, county_id, kind)
        part = keep(objects, county_id, rows, kind)
        parts = parts_now(cursor, objects, county_id, changed={kind.name: part})
        version, is_new = publish(cursor, county_id, parts, profile)
    counts = {name: parts[name].rows if name in parts else 0 for name in TABLES}
    return Loaded(**fates, **counts, data_version=version, snapshot_uri=part.uri, is_new_version=is_new)


def _merge(cursor: dbapi.Cursor, county_id: str, records: pl.DataFrame, *, kind: Kind, replace: bool) -> dict[str, int]:
    cursor.adbc_ingest("staged_records", records.select(*kind.columns), mode="create", temporary=True)
    cursor.execute("ANALYZE staged_records")
    removed = ask(cursor, _sql(REMOVE, kind), county_id).item() if replace else 0
    new, changed = ask(cursor, _sql(UPSERT, kind), county_id).row(0)
    return {"new": new, "changed": changed, "unchanged": records.height - new - changed, "removed": removed}


def _sql(statement: str, kind: Kind) -> str:
    """Fill in the names of a kind's own table and columns."""
    return statement.format(
        table=TABLES[kind.name].name,
        key=kind.key,
        columns=_listed(kind.columns),
        typed=_listed(kind.schema, "s.{}") + ", s.attributes::jsonb AS attributes",
        of_staged=_listed(kind.columns, "s.{}"),
        of_old=_listed(kind.columns, "old.{}"),
        assigned=_listed(kind.columns, "{0} = excluded.{0}"),
    )


def _listed(columns: Iterable[str], form: str = "{}") -> str:
    return ", ".join(form.format(name) for name in columns)
