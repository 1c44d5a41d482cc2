"""What the first release wrote, seen by this one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine
from support.database import Database

from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.governing import profile_history
from terrafusion.adapters.postgres.loading import load
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.analysis.profile import CountyProfile
from terrafusion.ingest.kinds import SALES
from terrafusion.ingest.reading import read_records

OLD_PROFILE = '{"validity_codes": {"V": true}, "deed_types": {}, "assessment_level": 0.35, "roll_year": null}'
VERSION = """
INSERT INTO data_versions (county_id, data_version, snapshot_uri, profile, sales, current)
VALUES ('here', $1, $2, $3, 1, true)
"""


async def test_versions_and_profiles_of_the_first_release_stay(
    database_url: str, engine: AsyncEngine, tmp_path: Path
) -> None:
    url, database, objects = make_url(database_url), Database(database_url), Objects(str(tmp_path / "results"))
    await migrate(url, "0002")
    old = "a" * 64
    location = objects.put_new(f"snapshots/here/{old}.parquet", b"as it was")
    database.rows("INSERT INTO county_profiles (county_id, profile) VALUES ('here', $1)", OLD_PROFILE)
    database.rows(VERSION, old, location, OLD_PROFILE)

    await migrate(url)
    counties = PostgresCounties(engine)
    (before,) = await counties.current()
    assert (before.data_version, before.properties, before.properties_uri, before.listings) == (old, 0, None, 0)
    (known,) = profile_history(url, "here")
    assert known.profile == CountyProfile(validity_codes={"V": True}, assessment_level=0.35)
    assert (known.revision, known.set_by) == (1, None)

    file = tmp_path / "sales.csv"
    file.write_text("parcel_number,sale_date,sale_price\nA,2014-05-31,250000\n")
    loaded = load(url, objects, "here", read_records(file, SALES).records, kind=SALES)
    assert loaded.is_new_version
    (after,) = await counties.current()
    assert CountyProfile.model_validate(after.profile) == known.profile
    assert (await counties.version("here", old)) == before
    assert objects.get(before.snapshot_uri) == b"as it was"

    await migrate(url, "0002")
    assert database.value("SELECT count(*) FROM data_versions WHERE current") == 1
    await migrate(url)
    assert len(profile_history(url, "here")) == 1
