"""The snapshot: a county's sales as the bytes of one Parquet file, the same for the same content."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from typing import Final

import orjson
import polars as pl

from terrafusion.analysis.api import CountyProfile, Records
from terrafusion.analysis.frames import SALES_ORDER, SALES_SCHEMA

ROWS_A_GROUP: Final = 131_072
"""Small enough that a query for some years skips most of a large county."""


def encode(sales: pl.DataFrame, profile: CountyProfile) -> bytes:
    """Write sales in `SALES_ORDER` and the profile that belongs to them.

    Whatever the answer depends on is in the bytes, so that their digest names the data version.
    """
    ordered = sales.select(*SALES_SCHEMA).sort(*SALES_ORDER, *_rest(), maintain_order=True).rechunk()
    meaning = orjson.dumps(profile.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS).decode()
    file = BytesIO()
    ordered.write_parquet(file, row_group_size=ROWS_A_GROUP, statistics=True, metadata={"county_profile": meaning})
    return file.getvalue()


def _rest() -> list[str]:
    return [name for name in SALES_SCHEMA if name not in SALES_ORDER]


def data_version(snapshot: bytes) -> str:
    """Return the name of the state of the records that a snapshot holds: the SHA-256 of its bytes."""
    return sha256(snapshot).hexdigest()


def records(county_id: str, snapshot: bytes, profile: CountyProfile) -> Records:
    """Return the records of a snapshot that is at hand as bytes."""
    return Records(
        county_id=county_id,
        data_version=data_version(snapshot),
        sales=pl.scan_parquet(snapshot),
        profile=profile,
    )
