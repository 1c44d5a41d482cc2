"""All of a county in Postgres: properties and listings beside sales, one data version over them, jobs that keep theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url, select
from sqlalchemy.ext.asyncio import AsyncEngine

from models.county_tables import listings, property_operational
from models.jobs import NewJob
from terrafusion.adapters.objects import Objects
from terrafusion.adapters.pool import PebblePool
from terrafusion.adapters.postgres import loading
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.loading import Loaded, load
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.adapters.snapshots import digest_of
from terrafusion.analysis.profile import CountyProfile
from terrafusion.errors import UnstorableData
from terrafusion.ingest.kinds import KINDS, SALES
from terrafusion.ingest.reading import read_records
from terrafusion.ingest.repeats import without_repeats
from terrafusion.ingest.snapshot import data_version
from terrafusion.ports.counties import DataVersion
from terrafusion.ports.jobs import Offer
from terrafusion.ports.pool import Outcome, Task
from terrafusion.samples import sample_file
from terrafusion.settings import Settings

LUCAS = without_repeats(read_records(sample_file("lucas_oh"), SALES)).records
SOLD = LUCAS.head(400)
PARCELS = pl.DataFrame(
    {"parcel_number": ["A", "B", "C"], "land_value": [1.0, 2.0, 3.0], "attributes": '{"roof": "tin"}'}
)
LISTED = pl.DataFrame(
    {
        "listing_id": ["A/2015-03-20/1", "B/2015-03-21/1"],
        "parcel_number": ["A", "B"],
        "list_date": [date(2015, 3, 20), date(2015, 3, 21)],
        "list_price": [425_000.0, 300_000.0],
        "off_market_date": [date(2015, 4, 1), None],
    }
)


def whole(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Give rows every column of their kind."""
    schema = {**KINDS[kind].schema, "attributes": pl.String()}
    there = [rows[name].cast(wanted) for name, wanted in schema.items() if name in rows.columns]
    missing = [
        pl.Series(name, [None], wanted).new_from_index(0, rows.height)
        for name, wanted in schema.items()
        if name not in rows.columns
    ]
    return pl.DataFrame([*there, *missing]).select(*schema)


YEARLY = {"period": "year", "index_method": "none"}
FRAMES = {"sales": SOLD, "properties": whole("properties", PARCELS), "listings": whole("listings", LISTED)}


class County:
    """One county of this test's database."""

    def __init__(self, database_url: str, engine: AsyncEngine, folder: Path) -> None:
        self.url = make_url(database_url)
        self.objects = Objects(str(folder / "results"))
        self.counties = PostgresCounties(engine)

    def load(self, kind: str, rows: pl.DataFrame | None = None, *, replace: bool = False) -> Loaded:
        records = FRAMES[kind] if rows is None else rows
        return load(self.url, self.objects, "lucas", records, kind=KINDS[kind], replace=replace)

    async def current(self) -> DataVersion:
        (version,) = await self.counties.current()
        return version


@pytest.fixture
def county(database_url: str, engine: AsyncEngine, tmp_path: Path) -> County:
    return County(database_url, engine, tmp_path)


async def test_each_kind_makes_a_version_that_covers_all(county: County) -> None:
    versions = [county.load(kind).data_version for kind in KINDS]
    current = await county.current()
    assert len(set(versions)) == 3
    assert current.data_version == versions[-1]
    assert (current.sales, current.properties, current.listings) == (400, 3, 2)
    digests = {kind: digest_of(current.uri(kind) or "") for kind in KINDS}
    assert current.data_version == data_version(digests, CountyProfile())
    first = await county.counties.version("lucas", versions[0])
    assert first is not None
    assert (first.snapshot_uri, first.properties_uri, first.listings_uri) == (current.snapshot_uri, None, None)


async def test_the_order_of_loads_does_not_matter(county: County) -> None:
    for kind in reversed(KINDS):
        county.load(kind)
    one = (await county.current()).data_version
    changed = county.load("sales", SOLD.head(10), replace=True).data_version
    assert changed != one
    assert county.load("sales").data_version == one


@pytest.mark.parametrize("kind", KINDS)
async def test_a_second_load_changes_nothing(county: County, kind: str) -> None:
    first = county.load(kind)
    before = await county.current()
    second = county.load(kind, FRAMES[kind].reverse())
    rows = FRAMES[kind].height
    assert (first.new, first.unchanged, second.new, second.changed, second.unchanged) == (rows, 0, 0, 0, rows)
    assert (second.is_new_version, await county.current()) == (False, before)


@pytest.mark.parametrize("kind", KINDS)
async def test_upsert_keeps_the_others_and_replace_removes_them(county: County, kind: str) -> None:
    rows = FRAMES[kind]
    county.load(kind, rows.head(1))
    added = county.load(kind, rows.tail(1))
    assert (added.new, getattr(added, kind)) == (1, 2)
    replaced = county.load(kind, rows.tail(1), replace=True)
    assert (replaced.unchanged, replaced.removed, getattr(replaced, kind)) == (1, 1, 1)
    snapshot = pl.read_parquet(county.objects.get((await county.current()).uri(kind) or ""))
    assert snapshot.schema == KINDS[kind].schema
    assert snapshot.equals(rows.tail(1).select(snapshot.columns))


async def test_a_changed_row_is_counted_and_stored(county: County, engine: AsyncEngine) -> None:
    county.load("properties")
    dearer = FRAMES["properties"].with_columns(
        pl.when(pl.col("parcel_number") == "B").then(9.0).otherwise("land_value").alias("land_value")
    )
    loaded = county.load("properties", dearer)
    assert (loaded.new, loaded.changed, loaded.unchanged) == (0, 1, 2)
    async with engine.connect() as connection:
        found = await connection.execute(select(property_operational).order_by("parcel_number"))
        rows = found.mappings().all()
    assert [row["land_value"] for row in rows] == [1.0, 9.0, 3.0]
    assert rows[0]["attributes"] == {"roof": "tin"}


async def test_a_county_may_begin_with_its_properties(county: County) -> None:
    loaded = county.load("properties")
    current = await county.current()
    assert (loaded.sales, loaded.properties, current.first_sale) == (0, 3, None)
    assert pl.read_parquet(county.objects.get(current.snapshot_uri)).schema == SALES.schema
    assert county.load("sales").properties == 3


@pytest.mark.parametrize("kind", ["properties", "listings"])
async def test_a_crash_before_the_commit_is_invisible(
    county: County, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    county.load("sales")
    before = await county.current()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "publish", crash)
    with pytest.raises(KeyboardInterrupt):
        county.load(kind)
    assert await county.current() == before
    async with engine.connect() as connection:
        for table in (property_operational, listings):
            assert (await connection.execute(select(table))).all() == []


async def test_a_value_that_postgres_refuses_leaves_the_county_as_it_was(county: County) -> None:
    county.load("sales")
    before = await county.current()
    with pytest.raises(UnstorableData, match="records"):
        county.load("properties", FRAMES["properties"].with_columns(attributes=pl.lit("{no json")))
    assert await county.current() == before


async def test_snapshots_that_the_store_lost_are_written_again(county: County, tmp_path: Path) -> None:
    for kind in KINDS:
        county.load(kind)
    before = await county.current()
    county.objects = Objects(str(tmp_path / "elsewhere"))
    assert county.load("sales").data_version == before.data_version
    for kind in KINDS:
        uri = (await county.current()).uri(kind) or ""
        assert uri != before.uri(kind)
        assert county.objects.exists(uri)


@pytest.fixture
async def pool(database_url: str, tmp_path: Path) -> AsyncIterator[PebblePool]:
    settings = Settings(
        database_url=SecretStr(database_url),
        data_dir=tmp_path,
        results_url=str(tmp_path / "results"),
        analysis_modules="support.analyses",
        pool_size=1,
    )
    made = PebblePool(settings, lambda *_: None)
    made.start()
    yield made
    await made.stop()


def wanted(kind: str = "trend_analysis", **parameters: Any) -> NewJob:
    return NewJob(job_id=uuid4(), analysis_type=kind, county_id="lucas", parameters=parameters, digest="d")


async def answer(pool: PebblePool, county: County, job: NewJob, version: str | None) -> Outcome:
    data = await county.counties.version("lucas", version or "")
    assert data is not None
    (outcome,) = await pool.run([Task(job.job_id, job.analysis_type, "lucas", job.parameters, data)], seconds=60)
    assert outcome.failure_reason is None, outcome.message
    return outcome


async def test_an_analysis_is_given_what_it_says_that_it_reads(county: County, pool: PebblePool) -> None:
    versions = [county.load(kind).data_version for kind in KINDS]
    told = [(await answer(pool, county, wanted("beside"), version)).result_summary for version in versions]
    assert told == [
        {"sales": 400, "properties": None, "listings": None},
        {"sales": 400, "properties": 3, "listings": None},
        {"sales": 400, "properties": 3, "listings": 2},
    ]
    alone = await answer(pool, county, wanted("only_sales"), versions[-1])
    assert alone.result_summary == {"sales": 400, "properties": None, "listings": None}


async def test_jobs_that_wait_during_a_load_keep_their_data_version(
    county: County, engine: AsyncEngine, pool: PebblePool
) -> None:
    store = PostgresJobStore(engine)
    first = county.load("sales")
    before, pinned = wanted(**YEARLY), wanted(**YEARLY)
    await store.accept([Offer(before), Offer(pinned)])
    told = await answer(pool, county, before, first.data_version)

    during, loaded = await asyncio.gather(
        answer(pool, county, pinned, first.data_version),
        asyncio.to_thread(county.load, "sales", LUCAS.head(20_000)),
    )
    late = wanted(**YEARLY)
    await store.accept([Offer(late)])
    claimed = {
        claim.job_id: claim for claim in await store.claim("w", slots=3, weights={}, lease=timedelta(seconds=30))
    }
    assert claimed[pinned.job_id].data_version == first.data_version
    assert claimed[late.job_id].data_version == loaded.data_version != first.data_version

    after = await answer(pool, county, wanted(**YEARLY), claimed[pinned.job_id].data_version)
    newer = await answer(pool, county, late, claimed[late.job_id].data_version)
    assert told.result_sha256 == during.result_sha256 == after.result_sha256 != newer.result_sha256
    assert told.result_summary == during.result_summary == after.result_summary
    locations = [outcome.result_data_location or "" for outcome in (told, during, after)]
    assert len({county.objects.get(location) for location in locations}) == 1
