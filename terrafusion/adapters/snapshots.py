"""Snapshots: one state of a county's records as a Parquet file, named after its content."""

from __future__ import annotations

from terrafusion.adapters.objects import Objects
from terrafusion.ingest.snapshot import data_version


def write_snapshot(objects: Objects, county_id: str, data: bytes) -> tuple[str, str]:
    """Keep a snapshot; return its data version and its location."""
    version = data_version(data)
    return version, objects.put_new(f"snapshots/{county_id}/{version}.parquet", data)
