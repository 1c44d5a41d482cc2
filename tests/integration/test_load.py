"""Loading into a real Postgres: once, twice, with changes, and with a crash in the middle."""

from __future__ import annotations

import threading
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import func, insert, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from models.county_tables import county_profiles, property_sales
from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres import loading
from terrafusion.adapters.postgres.bulk import ask, changing
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.loading import Loaded, load
from terrafusion.analysis.frames import SALES_SCHEMA
from terrafusion.analysis.profile import CountyProfile
from terrafusion.errors import Misconfigured, Unavailable
from terrafusion.ingest.kinds import SALES as KIND
from terrafusion.ingest.reading import read_records
from terrafusion.ingest.repeats import without_repeats
from terrafusion.ingest.snapshot import data_version, digest, encode
from terrafusion.ports.counties import DataVersion
from terrafusion.samples import SAMPLES, load_samples, sample_file
from terrafusion.settings import Settings

WHOLE = without_repeats(read_records(sample_file("lucas_oh"), KIND)).records
SALES = WHOLE.head(500)


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(str(tmp_path / "results"))


class County:
    """One county of this test's database."""

    def __init__(self, database_url: str, engine: AsyncEngine, objects: Objects) -> None:
        self.url = make_url(database_url)
        self.objects = objects
        self.counties = PostgresCounties(engine)

    def load(self, sales: pl.DataFrame, county_id: str = "lucas", *, replace: bool = False) -> Loaded:
        return load(self.url, self.objects, county_id, sales, kind=KIND, replace=replace)

    async def current(self) -> DataVersion:
        (version,) = await self.counties.current()
        return version

    def snapshot(self, uri: str) -> pl.DataFrame:
        return pl.read_parquet(self.objects.get(uri))


@pytest.fixture
def county(database_url: str, engine: AsyncEngine, objects: Objects) -> County:
    return County(database_url, engine, objects)


def dearer(sales: pl.DataFrame, sale_id: str) -> pl.DataFrame:
    raised = pl.when(pl.col("sale_id") == sale_id).then(pl.col("sale_price") + 1).otherwise("sale_price")
    return sales.with_columns(sale_price=raised)


async def test_a_load_makes_the_county_visible(county: County, engine: AsyncEngine) -> None:
    loaded = county.load(SALES)
    current = await county.current()
    assert (loaded.new, loaded.changed, loaded.unchanged, loaded.removed) == (500, 0, 0, 0)
    assert (current.county_id, current.sales, current.data_version) == ("lucas", 500, loaded.data_version)
    assert (current.first_sale, current.last_sale) == (SALES["sale_date"].min(), SALES["sale_date"].max())
    assert CountyProfile.model_validate(current.profile) == CountyProfile()
    assert current.snapshot_uri.endswith(f"/snapshots/lucas/sales/{digest(encode(SALES, KIND))}.parquet")
    async with engine.connect() as connection:
        stored = (await connection.execute(select(property_sales).limit(1))).mappings().one()
    assert set(stored["attributes"]) >= {"rooms", "wall", "garage"}


async def test_a_second_load_changes_nothing(county: County, engine: AsyncEngine) -> None:
    first = county.load(SALES)
    before = await county.current()
    written = select(func.max(text("xmin::text::bigint"))).select_from(property_sales)
    async with engine.connect() as connection:
        untouched = await connection.scalar(written)
    second = county.load(SALES.sample(fraction=1, shuffle=True, seed=1))
    assert (second.new, second.changed, second.unchanged) == (0, 0, 500)
    assert (second.data_version, second.is_new_version) == (first.data_version, False)
    assert await county.current() == before
    async with engine.connect() as connection:
        assert await connection.scalar(written) == untouched


async def test_one_changed_row_is_a_new_version_and_the_old_one_stays(county: County) -> None:
    first = county.load(SALES)
    second = county.load(dearer(SALES, SALES["sale_id"][7]))
    assert (second.new, second.changed, second.unchanged, second.is_new_version) == (0, 1, 499, True)
    assert (await county.current()).data_version == second.data_version
    old = await county.counties.version("lucas", first.data_version)
    assert old is not None
    assert county.snapshot(old.snapshot_uri)["sale_price"].sum() == SALES["sale_price"].sum()
    assert county.snapshot(second.snapshot_uri)["sale_price"].sum() == SALES["sale_price"].sum() + 1


async def test_going_back_makes_the_old_version_current_again(county: County) -> None:
    first = county.load(SALES)
    county.load(dearer(SALES, SALES["sale_id"][7]))
    back = county.load(SALES)
    assert (back.data_version, back.is_new_version) == (first.data_version, True)
    assert (await county.current()).data_version == first.data_version


async def test_upsert_keeps_other_sales_and_replace_removes_them(county: County) -> None:
    county.load(SALES.head(300))
    added = county.load(SALES.tail(200))
    assert (added.new, added.sales) == (200, 500)
    replaced = county.load(SALES.head(10), replace=True)
    assert (replaced.new, replaced.unchanged, replaced.removed, replaced.sales) == (0, 10, 490, 10)
    assert county.snapshot(replaced.snapshot_uri).height == 10


async def test_what_was_loaded_in_parts_is_what_is_loaded_at_once(county: County) -> None:
    county.load(WHOLE.head(9_000))
    read_back = county.load(WHOLE.tail(WHOLE.height - 8_000))
    assert read_back.data_version == data_version({"sales": digest(encode(WHOLE, KIND))}, CountyProfile())
    assert_frame_equal(
        county.snapshot(read_back.snapshot_uri),
        WHOLE.select(*SALES_SCHEMA).sort("sale_date", "parcel_number", "sale_id"),
    )


async def test_a_new_attribute_is_stored_but_makes_no_new_version(county: County) -> None:
    county.load(SALES)
    again = county.load(SALES.with_columns(attributes=pl.lit('{"wall": "straw"}')))
    assert (again.changed, again.is_new_version) == (500, False)


async def test_counties_do_not_touch_each_other(county: County) -> None:
    county.load(SALES, "one")
    county.load(SALES.head(3), "two", replace=True)
    assert [(each.county_id, each.sales) for each in await county.counties.current()] == [("one", 500), ("two", 3)]
    assert await county.counties.version("two", "none") is None


async def test_a_crash_before_the_new_version_is_told_leaves_the_old_one(
    county: County, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = county.load(SALES)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loading, "publish", crash)
        with pytest.raises(KeyboardInterrupt):
            county.load(dearer(SALES, SALES["sale_id"][7]))
    snapshots = county.objects.local_copy(first.snapshot_uri, Path()).parent
    assert len(list(snapshots.iterdir())) == 2
    assert (await county.current()).data_version == first.data_version
    async with engine.connect() as connection:
        assert await connection.scalar(select(func.sum(property_sales.c.sale_price))) == SALES["sale_price"].sum()
    assert county.load(dearer(SALES, SALES["sale_id"][7])).is_new_version


async def test_a_store_that_is_away_leaves_the_county_as_it_was(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = county.load(SALES)

    def away(*_: object) -> str:
        raise Unavailable("away")

    monkeypatch.setattr(Objects, "put_new", away)
    with pytest.raises(Unavailable, match="away"):
        county.load(SALES.head(1), replace=True)
    assert (await county.current()).data_version == first.data_version


async def test_the_countys_own_profile_stays_and_belongs_to_the_version(county: County, engine: AsyncEngine) -> None:
    own = CountyProfile(assessment_level=0.35, validity_codes={"1": True})
    async with engine.begin() as connection:
        await connection.execute(insert(county_profiles).values(county_id="lucas", profile=own.model_dump(mode="json")))
    loaded = county.load(SALES)
    assert CountyProfile.model_validate((await county.current()).profile) == own
    assert loaded.data_version == data_version({"sales": digest(encode(SALES, KIND))}, own)


async def test_loads_of_one_county_wait_for_each_other(county: County) -> None:
    halves = [SALES.head(250), SALES.tail(250)]
    threads = [threading.Thread(target=county.load, args=(half,)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (await county.current()).sales == 500


async def test_the_samples_load_once_and_fast_the_second_time(
    database_url: str, engine: AsyncEngine, tmp_path: Path
) -> None:
    settings = Settings(database_url=database_url, data_dir=tmp_path)  # type: ignore[arg-type]
    await load_samples(settings)
    counties = PostgresCounties(engine)
    before = await counties.current()
    assert [version.county_id for version in before] == list(SAMPLES)
    await load_samples(settings)
    assert await counties.current() == before


async def test_samples_whose_snapshots_are_gone_are_written_again(
    database_url: str, engine: AsyncEngine, tmp_path: Path
) -> None:
    await load_samples(Settings(database_url=database_url, data_dir=tmp_path / "one"))  # type: ignore[arg-type]
    elsewhere = Settings(database_url=database_url, data_dir=tmp_path / "two")  # type: ignore[arg-type]
    await load_samples(elsewhere)
    for version in await PostgresCounties(engine).current():
        assert Objects(elsewhere.results).exists(version.snapshot_uri)


def test_a_database_that_cannot_be_reached_is_unavailable_and_keeps_its_secret(objects: Objects) -> None:
    url = make_url("postgresql+asyncpg://county:s3cret@127.0.0.1:1/county")
    with pytest.raises(Unavailable, match="refused") as raised:
        load(url, objects, "lucas", SALES, kind=KIND)
    assert "s3cret" not in str(raised.value)


def test_a_session_that_is_ended_amid_a_statement_is_unavailable(database_url: str) -> None:
    with (
        pytest.raises(Unavailable, match="terminating connection"),
        changing(make_url(database_url), "lucas") as cursor,
    ):
        ask(cursor, "SELECT pg_terminate_backend(pg_backend_pid())::text AS ended, $1::text AS asked", "lucas")


async def test_a_database_without_tables_is_told_of(postgres: object, database_url: str, objects: Objects) -> None:
    empty = make_url(database_url).set(database="postgres")
    with pytest.raises(Misconfigured, match="terrafusion migrate"):
        load(empty, objects, "lucas", SALES, kind=KIND)
