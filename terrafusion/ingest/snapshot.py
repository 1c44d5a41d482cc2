"""The snapshot: a county's records of one kind as the bytes of one Parquet file, the same for the same content."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from typing import Final

import orjson
import polars as pl

from terrafusion.analysis.api import Records
from terrafusion.analysis.profile import CountyProfile
from terrafusion.ingest.kinds import Kind

ROWS_A_GROUP: Final = 131_072
"""Small enough that a query for some years skips most of a large county."""


def encode(records: pl.DataFrame, kind: Kind) -> bytes:
    """Write records in their kind's order."""
    rest = [name for name in kind.schema if name not in kind.order]
    ordered = records.select(*kind.schema).sort(*kind.order, *rest, maintain_order=True).rechunk()
    file = BytesIO()
    ordered.write_parquet(file, row_group_size=ROWS_A_GROUP, statistics=True)
    return file.getvalue()


def digest(snapshot: bytes) -> str:
    """Return the SHA-256 of a snapshot, in hex: the name it is kept under."""
    return sha256(snapshot).hexdigest()


def data_version(digests: Mapping[str, str], profile: CountyProfile) -> str:
    """Return the name of a state of a county's records: a SHA-256 over the digest of each kind and the profile.

    Whatever an answer depends on is in it. What a profile leaves at its default is not: a release that knows more
    of counties leaves the versions as they are.
    """
    meaning = {"profile": profile.model_dump(mode="json", exclude_defaults=True), **digests}
    return sha256(orjson.dumps(meaning, option=orjson.OPT_SORT_KEYS)).hexdigest()


def records(county_id: str, snapshots: Mapping[str, bytes], profile: CountyProfile) -> Records:
    """Return the records of snapshots that are at hand as bytes, by kind."""
    scanned = {kind: pl.scan_parquet(data) for kind, data in snapshots.items()}
    return Records(
        county_id=county_id,
        data_version=data_version({kind: digest(data) for kind, data in snapshots.items()}, profile),
        profile=profile,
        sales=scanned["sales"],
        properties=scanned.get("properties"),
        listings=scanned.get("listings"),
    )
