"""A county's data version: its snapshots of each kind and its profile, made current in the transaction that changed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl
from adbc_driver_postgresql import dbapi
from sqlalchemy import Table

from models.county_tables import listings, property_operational, property_sales
from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.bulk import ask
from terrafusion.adapters.postgres.profiles import written
from terrafusion.adapters.snapshots import digest_of, write_snapshot
from terrafusion.analysis.profile import CountyProfile
from terrafusion.boundaries import Boundary, cross
from terrafusion.ingest.kinds import KINDS, Kind
from terrafusion.ingest.snapshot import data_version, encode

TABLES: Final[Mapping[str, Table]] = {
    "sales": property_sales,
    "properties": property_operational,
    "listings": listings,
}
STANDING: Final = """
SELECT snapshot_uri AS sales_uri, sales, first_sale::text, last_sale::text,
       properties_uri, properties, listings_uri, listings
FROM data_versions WHERE county_id = $1 AND current
"""
IS_CURRENT: Final = "SELECT count(*) AS n FROM data_versions WHERE county_id = $1 AND data_version = $2 AND current"
RETIRE: Final = "UPDATE data_versions SET current = false WHERE county_id = $1 AND current AND data_version <> $2"
PUBLISH: Final = """
INSERT INTO data_versions
    (county_id, data_version, profile, snapshot_uri, sales, first_sale, last_sale,
     properties_uri, properties, listings_uri, listings, current, created_at)
VALUES ($1, $2, $3::jsonb, $4, $5, nullif($6, '')::date, nullif($7, '')::date,
        nullif($8, ''), $9, nullif($10, ''), $11, true, clock_timestamp())
ON CONFLICT (county_id, data_version) DO UPDATE SET current = true, snapshot_uri = excluded.snapshot_uri,
    properties_uri = excluded.properties_uri, listings_uri = excluded.listings_uri, created_at = excluded.created_at
WHERE NOT data_versions.current OR data_versions.snapshot_uri <> excluded.snapshot_uri
   OR data_versions.properties_uri <> excluded.properties_uri OR data_versions.listings_uri <> excluded.listings_uri
"""
"""Empty text stands for what is not there: the driver cannot say null. One that comes back counts from now on."""


@dataclass(frozen=True, slots=True)
class Part:
    """A county's records of one kind: where their snapshot lies, how many they are, and from when to when."""

    uri: str
    rows: int
    first: str = ""
    last: str = ""
    """ISO dates; empty where it has none."""


NOTHING: Final = Part("", 0)


def keep(objects: Objects, county_id: str, records: pl.DataFrame, kind: Kind) -> Part:
    """Write the snapshot of a county's records of one kind."""
    uri = write_snapshot(objects, county_id, kind.name, encode(records, kind))
    cross(Boundary.SNAPSHOT_STORED)
    if kind.date is None:
        return Part(uri, records.height)
    first, last = (str(day or "") for day in (records[kind.date].min(), records[kind.date].max()))
    return Part(uri, records.height, first, last)


def all_records(cursor: dbapi.Cursor, county_id: str, kind: Kind) -> pl.DataFrame:
    """Read a county's records of one kind, as this transaction sees them."""
    statement = f"SELECT {', '.join(kind.schema)} FROM {TABLES[kind.name].name} WHERE county_id = $1"  # noqa: S608
    return ask(cursor, statement, county_id).cast(pl.Schema(kind.schema))


def parts_now(
    cursor: dbapi.Cursor, objects: Objects, county_id: str, *, changed: Mapping[str, Part] | None = None
) -> dict[str, Part]:
    """Return a county's parts by kind, those that ``changed`` and those that stand; sales always.

    A snapshot that the store has no more is written again.
    """
    parts = {name: part for name, part in _standing(cursor, county_id).items() if _is_kept(objects, part)}
    parts |= changed or {}
    for name, kind in KINDS.items():
        if name not in parts:
            records = all_records(cursor, county_id, kind)
            if name == "sales" or not records.is_empty():
                parts[name] = keep(objects, county_id, records, kind)
    return parts


def is_loaded(cursor: dbapi.Cursor, county_id: str) -> bool:
    """Say whether anything of a county was ever loaded."""
    return bool(_standing(cursor, county_id))


def _standing(cursor: dbapi.Cursor, county_id: str) -> dict[str, Part]:
    row = next(ask(cursor, STANDING, county_id).iter_rows(named=True), None)
    if row is None:
        return {}
    days = {"sales": (row["first_sale"] or "", row["last_sale"] or "")}
    parts = {name: Part(row[f"{name}_uri"], row[name], *days.get(name, ())) for name in KINDS}
    return {name: part for name, part in parts.items() if part.uri}


def _is_kept(objects: Objects, part: Part) -> bool:
    return part.uri.startswith(f"{objects.url}/") and objects.exists(part.uri)


def publish(
    cursor: dbapi.Cursor, county_id: str, parts: Mapping[str, Part], profile: CountyProfile
) -> tuple[str, bool]:
    """Make the version that these parts and this profile are the current one; return it, and whether it was not before."""
    version = data_version({name: digest_of(part.uri) for name, part in parts.items()}, profile)
    is_new = not ask(cursor, IS_CURRENT, county_id, version).item()
    sales, others = parts["sales"], [parts.get(name, NOTHING) for name in ("properties", "listings")]
    further = [value for part in others for value in (part.uri, part.rows)]
    cursor.execute(RETIRE, (county_id, version))
    told = (sales.uri, sales.rows, sales.first, sales.last, *further)
    cursor.execute(PUBLISH, (county_id, version, written(profile), *told))
    return version, is_new
