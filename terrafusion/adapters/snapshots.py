"""Snapshots: one state of a county's records of one kind as a Parquet file, named after its content."""

from __future__ import annotations

from pathlib import PurePosixPath

from terrafusion.adapters.objects import Objects
from terrafusion.ingest.snapshot import digest


def write_snapshot(objects: Objects, county_id: str, kind: str, data: bytes) -> str:
    """Keep a snapshot and return its location."""
    return objects.put_new(f"snapshots/{county_id}/{kind}/{digest(data)}.parquet", data)


def digest_of(location: str) -> str:
    """Return the digest of the snapshot at a location: its name."""
    return PurePosixPath(location).stem
