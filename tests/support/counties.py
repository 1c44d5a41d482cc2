"""Data versions of counties that need no records."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from terrafusion.ports.counties import DataVersion

SOLD_ON = date(2014, 1, 1)


def version_of(county_id: str, data_version: str = "v1", **told: Any) -> DataVersion:
    """Return a version of one sale that stands nowhere; of it may be told something else."""
    usual: dict[str, Any] = {
        "snapshot_uri": "file:///nowhere",
        "profile": {},
        "sales": 1,
        "first_sale": SOLD_ON,
        "last_sale": SOLD_ON,
        "created_at": datetime(2026, 11, 24, 12, tzinfo=UTC),
    }
    return DataVersion(county_id=county_id, data_version=data_version, **(usual | told))
