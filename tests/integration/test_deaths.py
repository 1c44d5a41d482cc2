"""Loads, purges, migrations and copies that die at their boundaries: what was there stays whole, and the next run ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import polars as pl
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url
from support.crashing import Victim
from support.database import Database
from support.doomed import PATIENCE_S, Mortal
from support.nursery import Nursery
from support.waiting import until

from terrafusion.adapters.objects import Objects
from terrafusion.adapters.postgres.migrate import newest_version
from terrafusion.adapters.snapshots import write_snapshot
from terrafusion.boundaries import Boundary
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.settings import Settings

pytestmark = pytest.mark.timeout(600)
OLD, NEW = 40, 60
STATEMENTS_A_LIFE = 7
SHAPE = """
    SELECT table_name, column_name, data_type, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT tablename, indexname, indexdef, NULL, NULL FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), NULL, NULL FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT indexrelid::regclass::text, 'is valid', indisvalid::text, NULL, NULL FROM pg_index
    WHERE NOT indisvalid
"""


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery") / "log") as made:
        yield made


@pytest.fixture
def mortal(nursery: Nursery, database_url: str, tmp_path: Path) -> Mortal:
    return Mortal(tmp_path, Settings(database_url=SecretStr(database_url), data_dir=tmp_path), nursery)


def dies(mortal: Mortal, boundary: Boundary, errand: str, *values: Any, after: int = 0) -> bool:
    """Run an errand that is to die at a boundary, and say whether it did."""
    mortal.arm(boundary, Victim.SELF, after=after)
    mortal.errand(errand, *values)
    return mortal.has_struck(boundary)


class County:
    """What stands of a county."""

    def __init__(self, mortal: Mortal) -> None:
        [row] = mortal.database.rows("SELECT * FROM data_versions WHERE county_id = 'lucas' AND current")
        self.version, self.told = row["data_version"], row["sales"]
        self.kept = mortal.database.value("SELECT count(*) FROM property_sales WHERE county_id = 'lucas'")
        self.snapshot = pl.read_parquet(unquote(urlsplit(row["snapshot_uri"]).path)).height


@pytest.mark.parametrize(
    ("boundary", "is_done"),
    [
        (Boundary.FILE_WRITTEN, False),
        (Boundary.FILE_NAMED, False),
        (Boundary.SNAPSHOT_STORED, False),
        (Boundary.VERSION_WRITTEN, False),
        (Boundary.VERSION_COMMITTED, True),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_load_that_dies_is_done_or_not(mortal: Mortal, boundary: Boundary, *, is_done: bool) -> None:
    mortal.errand("load_sales", "lucas", OLD)
    before = County(mortal)
    assert before.told == OLD
    assert dies(mortal, boundary, "load_sales", "lucas", NEW)
    after = County(mortal)
    assert {after.told, after.kept, after.snapshot} == {NEW if is_done else OLD}
    assert (after.version != before.version) == is_done
    mortal.errand("load_sales", "lucas", NEW)
    again = County(mortal)
    assert {again.told, again.kept, again.snapshot} == {NEW}
    snapshots = [path for path in (mortal.folder / "results").rglob("*") if path.is_file()]
    assert len(snapshots) == 2, "the two snapshots and nothing beside them"


@pytest.fixture
async def empty(postgres: EmbeddedPostgres, database_url: str) -> AsyncIterator[str]:
    """A database without a schema."""
    url = make_url(database_url)
    name = f"{url.database}_empty"
    Database(postgres.url).rows(f"CREATE DATABASE {name}")
    yield url.set(database=name).render_as_string(hide_password=False)
    Database(postgres.url).rows(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_migration_that_dies_again_and_again_arrives(mortal: Mortal, empty: str, database_url: str) -> None:
    lives = 0
    while dies(mortal, Boundary.MIGRATING, "migrate_to", empty, "head", after=STATEMENTS_A_LIFE * lives):
        lives += 1
    assert lives > 3
    assert Database(empty).value("SELECT version_num FROM alembic_version") == newest_version()
    assert shape(empty) == shape(database_url)


def shape(url: str) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in Database(url).rows(SHAPE)}


def test_a_copy_that_dies_is_no_copy(mortal: Mortal) -> None:
    cache = mortal.folder / "cache"
    assert dies(mortal, Boundary.COPY_WRITTEN, "copy", str(cache))
    assert [path.name for path in cache.iterdir() if not path.name.startswith(".")] == []
    mortal.errand("copy", str(cache))
    [copy] = [path for path in cache.iterdir() if not path.name.startswith(".")]
    assert copy.read_bytes() == b"content"


KEEP_LETTER = """
    INSERT INTO dead_letters
        (topic, timestamp, headers, stage, error_class, error_message, attempts, state, created_at, handled_at)
    SELECT 't', at, '', 'decode', 'MalformedMessage', 'bad', 1, 'discarded', at, at FROM (SELECT now() - interval '9 years') was(at)
"""
KEEP_JOB = """
    INSERT INTO market_analysis_jobs
        (job_id, analysis_type, county_id, status, message, parameters_json, priority, digest, sequence, attempt,
         created_at, updated_at, completed_at, result_data_location, result_sha256)
    VALUES ($1, 'tabled', 'lucas', 'COMPLETED', 'Completed', '{}', 5, 'd', 3, 1,
            now() - interval '9 years', now() - interval '9 years', now() - interval '9 years', $2, 'd')
"""


KEEP_VERSION = """
    INSERT INTO data_versions (county_id, data_version, snapshot_uri, profile, sales, current, created_at)
    VALUES ('lucas', $1, $2, '{}', 1, $1 = '2', now() - interval '9 years' + $1::int * interval '1 day')
"""


def purged(mortal: Mortal, left: str) -> Any:
    """Purge and say what is left: nothing was done where Postgres has not seen yet that the one before is dead."""
    mortal.errand("purge")
    return mortal.database.value(left)


@pytest.mark.parametrize("boundary", [Boundary.FILES_REMOVED, Boundary.VERSIONS_PURGED], ids=lambda value: value.name)
def test_a_purge_of_data_that_dies_is_ended_by_the_next(mortal: Mortal, boundary: Boundary) -> None:
    mortal.database.rows("INSERT INTO county_profiles (county_id, profile) VALUES ('lucas', '{}')")
    for number in range(3):
        location = write_snapshot(Objects(mortal.settings.results), "lucas", "sales", b"rows of %d" % number)
        mortal.database.rows(KEEP_VERSION, str(number), location)
    left = "SELECT string_agg(data_version, ' ' ORDER BY data_version) FROM data_versions"
    assert dies(mortal, boundary, "purge")
    assert mortal.database.value(left) == ("0 1 2" if boundary is Boundary.FILES_REMOVED else "2")
    until(lambda: purged(mortal, left) == "2", what="all but the newest are gone", within=PATIENCE_S)
    assert len([path for path in (mortal.folder / "results").rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    "boundary", [Boundary.FILES_REMOVED, Boundary.JOBS_PURGED, Boundary.LETTERS_PURGED], ids=lambda value: value.name
)
def test_a_purge_that_dies_is_ended_by_the_next(mortal: Mortal, boundary: Boundary) -> None:
    objects = Objects(mortal.settings.results)
    ids = [uuid4() for _ in range(3)]
    for job_id in ids:
        mortal.database.rows(KEEP_JOB, job_id, objects.put_new(f"lucas/tabled/{job_id}.parquet", b"rows"))
    mortal.database.rows(KEEP_LETTER)
    assert dies(mortal, boundary, "purge")
    rows = {row["job_id"] for row in mortal.database.rows("SELECT job_id FROM market_analysis_jobs")}
    assert rows == (set(ids) if boundary is Boundary.FILES_REMOVED else set())
    left = "SELECT (SELECT count(*) FROM market_analysis_jobs) + (SELECT count(*) FROM dead_letters)"
    until(lambda: purged(mortal, left) == 0, what="all of it is gone", within=PATIENCE_S)
    assert [path for path in (mortal.folder / "results").rglob("*") if path.is_file()] == []
    told = mortal.database.value("SELECT string_agg(o::text, ' ') FROM outbox o")
    assert [told.count(str(job_id)) for job_id in ids] == [1, 1, 1], "one tombstone each"
