"""The sample counties and how they get into a fresh system; where they come from says NOTICE.md."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.sales import load_sales
from terrafusion.analysis.api import CountyProfile
from terrafusion.ingest.sales import read_sales, without_repeats
from terrafusion.ingest.snapshot import data_version, encode
from terrafusion.ports import DataVersion
from terrafusion.settings import Settings

SAMPLES: Final = ("king_wa", "lucas_oh")


def sample_file(county_id: str) -> Path:
    """Return where a sample county's sales lie."""
    return Path(__file__).with_name(f"{county_id}_sales.parquet")


async def load_samples(settings: Settings) -> None:
    """Load the sample counties where they are not loaded as they are. Raises Unavailable."""
    engine = make_engine(settings.database, connections=1)
    try:
        current = {version.county_id: version for version in await PostgresCounties(engine).current()}
    finally:
        await engine.dispose()
    for county_id in SAMPLES:
        await asyncio.to_thread(_load, settings, county_id, current.get(county_id))


def _load(settings: Settings, county_id: str, current: DataVersion | None) -> None:
    objects = Objects(settings.results)
    sales = without_repeats(read_sales(sample_file(county_id))).sales
    if current is None or not _is_loaded(objects, current, data_version(encode(sales, CountyProfile()))):
        load_sales(settings.database, objects, county_id, sales)


def _is_loaded(objects: Objects, current: DataVersion, wanted: str) -> bool:
    at_home = current.snapshot_uri.startswith(objects.url)
    return current.data_version == wanted and at_home and objects.exists(current.snapshot_uri)
