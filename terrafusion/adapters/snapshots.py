"""Snapshots: one state of a county's records as a Parquet file, named after its content."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from terrafusion.adapters.objects import Objects
from terrafusion.analysis.api import CountyProfile, Records
from terrafusion.ingest.snapshot import data_version
from terrafusion.ports import DataVersion


def write_snapshot(objects: Objects, county_id: str, data: bytes) -> tuple[str, str]:
    """Keep a snapshot; return its data version and its location."""
    version = data_version(data)
    return version, objects.put_new(f"snapshots/{county_id}/{version}.parquet", data)


def open_snapshot(objects: Objects, version: DataVersion, cache: Path) -> Records:
    """Return the records of one data version, to be scanned from a file on this machine.

    Raises NotFound where the snapshot is gone, Unavailable where the store cannot be reached.
    """
    return Records(
        county_id=version.county_id,
        data_version=version.data_version,
        sales=pl.scan_parquet(objects.local_copy(version.snapshot_uri, cache)),
        profile=CountyProfile.model_validate(version.profile),
    )
