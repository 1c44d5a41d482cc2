"""The sample counties and how they get into a fresh system; where they come from says NOTICE.md."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.loading import load
from terrafusion.adapters.snapshots import digest_of
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import read_records
from terrafusion.ingest.repeats import without_repeats
from terrafusion.ingest.snapshot import digest, encode
from terrafusion.ports.counties import DataVersion
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
    objects = Objects.of(settings)
    sales = without_repeats(read_records(sample_file(county_id), SALES)).records
    if current is None or not _is_loaded(objects, current, digest(encode(sales, SALES))):
        load(settings.database, objects, county_id, sales, kind=SALES)


def _is_loaded(objects: Objects, current: DataVersion, wanted: str) -> bool:
    at_home = current.snapshot_uri.startswith(objects.url)
    return digest_of(current.snapshot_uri) == wanted and at_home and objects.exists(current.snapshot_uri)
